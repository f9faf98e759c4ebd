import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import TensorRuntime

/// Times single operations: each iteration is an evaluation of its own, and the clock stops after `synchronize()`.
struct OperationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "op", abstract: "Times single operations.")

    @Option(help: "Only cases whose name contains this.") var filter: String?
    @Option(help: "auto, cpu or a device such as vulkan:0.") var device = "auto"
    @Flag(help: "Print one JSON object a line.") var json = false

    func run() throws {
        let id = try DeviceSelection.resolve(device)
        try withDevice(id) {
            manualSeed(0)
            let cases = OperationCase.all.filter { test in filter.map { test.name.contains($0) } ?? true }
            if cases.isEmpty { throw ValidationError("--filter \(filter ?? ""): no case has this in its name") }
            for make in cases {
                let microseconds = try time(make)
                if json {
                    try StandardOutput.write(
                        line: #"{"framework": "needletail", "device": "\#(id)", "op": "\#(make.name)", "#
                            + #""threads": \#(NeedletailBench.threadCount(on: id)), "#
                            + #""min_us": \#(String(format: "%.1f", microseconds))}"#)
                } else {
                    let name = make.name.padding(toLength: 40, withPad: " ", startingAt: 0)
                    try StandardOutput.write(line: "\(name) \(rounded(microseconds)) us")
                }
            }
        }
    }

    /// The best of five rounds, in microseconds an iteration; the peers' benchmark does the same.
    private func time(_ test: OperationCase) throws -> Double {
        let run = try test.prepare()
        try check(run(), test)
        let once = try milliseconds(1) { try evaluate(run()) }
        let count = max(3, min(2000, Int(300 / max(once, 1e-3))))
        let before = executionStatistics()
        var best = Double.infinity
        var last: Tensor?
        for _ in 0..<5 {
            let elapsed = try milliseconds(count) {
                for _ in 0..<count {
                    // Held no longer than the peers hold theirs: the next result may take its memory.
                    last = nil
                    let result = run()
                    try evaluate(result)
                    last = result
                }
                try synchronize()
            }
            best = min(best, elapsed * 1000)
        }
        let launches = (executionStatistics() - before).launches
        guard launches >= 5 * count else {
            throw BenchmarkFailure("\(test.name): \(launches) launches of \(5 * count)")
        }
        // What was timed last is right too.
        if let last { try check(last, test) }
        return best
    }

    /// Compares elements spread over the result with Double arithmetic on the host.
    private func check(_ result: Tensor, _ test: OperationCase) throws {
        let values = try result.scalars(as: Float.self)
        let stride = max(1, values.count / 97)
        for index in Swift.stride(from: 0, to: values.count, by: stride) {
            let expected = test.expected(index)
            let got = Double(values[index])
            guard abs(got - expected) <= 1e-4 * max(1, abs(expected)) else {
                throw BenchmarkFailure("\(test.name): element \(index) is \(got), not \(expected)")
            }
        }
    }
}
