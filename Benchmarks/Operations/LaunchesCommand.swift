import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import TensorRuntime

/// Where the time of an operation goes: its launches, each with the time that the device kept of it.
struct LaunchesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "launches",
        abstract: "Prints how long each launch of single operations takes, as medians.")

    @Option(help: "Only cases whose name contains this.") var filter: String?
    @Option(help: "auto, cpu or a device such as vulkan:0.") var device = "auto"
    @Option(help: "Evaluations to take the medians of.") var count = 50
    @Flag(help: "Prints each launch's program and operands too.") var plan = false

    func validate() throws {
        if count < 1 { throw ValidationError("--count \(count): give at least 1") }
    }

    func run() throws {
        RuntimeConfiguration.current.profiles = true
        let cases = try OperationSelection(filter: filter).cases(of: OperationCase.all)
        if cases.isEmpty { throw OperationSelection.nothing("launches") }
        try withDevice(DeviceSelection.resolve(device)) {
            for test in cases { try write(test) }
        }
    }

    private func write(_ test: OperationCase) throws {
        let context = try deviceContext()
        guard let timing = context.device as? any KernelTiming else {
            throw ValidationError("\(context.device.description.id) keeps no times of its kernels")
        }
        let prepared = try test.prepare(.float32)
        if plan { try writePlans(of: prepared.run()) }
        let unmeasured = 4
        var taken: [[KernelTime]] = []
        var labels: [String] = []
        // Of an evaluation in several plans the last one's labels are known alone: the kernels' names stand for them.
        for _ in 0..<count + unmeasured {
            _ = timing.takeKernelTimes()
            try evaluate(prepared.run())
            try synchronize()
            labels = context.lastPlanLaunches.flatMap { launch in
                Array(repeating: launch.label, count: launch.kernel.dispatchCount)
            }
            taken.append(timing.takeKernelTimes())
        }
        guard let names = taken.last?.map(\.kernel), !names.isEmpty else {
            throw TensorError(.deviceFailure, "\(test.name): the device kept no times of its launches")
        }
        let measured = taken.dropFirst(unmeasured).filter { $0.map(\.kernel) == names }
        if labels.count != names.count { labels = names }
        try StandardOutput.write(line: "\(test.name): \(labels.count) dispatches")
        for position in labels.indices {
            let times = measured.map { $0[position].nanoseconds }.sorted()
            let microseconds = String(format: "%9.1f", Double(times[times.count / 2]) / 1000)
            try StandardOutput.write(line: "\(microseconds) us  \(labels[position])  \(names[position])")
        }
    }

    /// A result that another one's plan makes too is there already, and has none.
    private func writePlans(of results: [Tensor]) throws {
        for result in results {
            let dump = try result.planDump()
            if dump == "evaluated" { continue }
            try StandardOutput.write(line: dump)
            try evaluate([result])
        }
    }
}
