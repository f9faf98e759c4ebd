import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailVision

/// `needletail kernels`
struct KernelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels", abstract: "Shows the kernels that a device runs.", subcommands: [Dump.self, Time.self])

    /// The training step whose kernels are asked for.
    struct Step: ParsableArguments {
        @Option(help: "auto, cpu or a device such as opencl:0.") var device: String?
        @Option(help: ArgumentHelp("The model: " + MNISTModel.allCases.map(\.rawValue).joined(separator: ", ") + "."))
        var model: MNISTModel = .mlp
        @Option(help: "Images in the step.") var batchSize = 64

        func validate() throws {
            guard (1...65_536).contains(batchSize) else {
                throw ValidationError("--batch-size \(batchSize): give 1 to 65536")
            }
        }

        func title(on id: DeviceID) -> String { "a step of \(model.rawValue), batch \(batchSize), on \(id)" }
    }

    /// `needletail kernels dump`
    struct Dump: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "dump", abstract: "Prints what a training step of a model runs, launch by launch.")

        @OptionGroup var step: Step

        func run() throws {
            let id = try DeviceArgument.resolve(step.device)
            let launches = try step.model.sampleStep(batchSize: step.batchSize, on: id)
            try StandardOutput.write(line: "\(step.title(on: id)): \(launches.count) kernels")
            for (index, launch) in launches.enumerated() {
                try StandardOutput.write(line: "\n\(index): \(launch.label)")
                for line in launch.kernel.listing.split(separator: "\n", omittingEmptySubsequences: false) {
                    try StandardOutput.write(line: "    \(line)")
                }
            }
        }
    }

    /// `needletail kernels time`
    struct Time: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "time",
            abstract: "Prints how long each kernel of a training step takes on the device, as medians over the steps.")

        @OptionGroup var step: Step
        @Option(help: "Steps to take the medians of.") var steps = 50

        func validate() throws {
            if steps < 1 { throw ValidationError("--steps \(steps): give at least 1") }
        }

        func run() throws {
            RuntimeConfiguration.current.profiles = true
            let id = try DeviceArgument.resolve(step.device)
            let dispatches = try step.model.sampleTimes(batchSize: step.batchSize, steps: steps, on: id)
            let sum = max(dispatches.reduce(0) { $0 + $1.time.nanoseconds }, 1)
            try StandardOutput.write(
                line: "\(step.title(on: id)): \(dispatches.count) dispatches, \(microseconds(sum)) us")
            for (label, time) in dispatches {
                let share = String(format: "%5.1f %%", 100 * Double(time.nanoseconds) / Double(sum))
                try StandardOutput.write(
                    line: "\(microseconds(time.nanoseconds)) us \(share)  \(label)  \(time.kernel)")
            }
        }

        private func microseconds(_ nanoseconds: Int) -> String { String(format: "%9.1f", Double(nanoseconds) / 1000) }
    }
}
