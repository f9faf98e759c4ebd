import ArgumentParser
import Needletail

/// `needletail kernels`
struct KernelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels", abstract: "Shows the kernels that a device runs.", subcommands: [Dump.self])

    /// `needletail kernels dump`
    struct Dump: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "dump", abstract: "Prints what a training step of a model runs, launch by launch.")

        @Option(help: "auto, cpu or a device such as opencl:0.") var device: String?
        @Option(help: ArgumentHelp("The model: " + MNISTModel.allCases.map(\.rawValue).joined(separator: ", ") + "."))
        var model: MNISTModel = .mlp
        @Option(help: "Images in the step.") var batchSize = 64

        func validate() throws {
            if batchSize < 1 { throw ValidationError("--batch-size \(batchSize): give at least 1") }
        }

        func run() throws {
            let id = try DeviceArgument.resolve(device)
            let launches = try model.sampleStep(batchSize: batchSize, on: id)
            print("a step of \(model.rawValue), batch \(batchSize), on \(id): \(launches.count) kernels")
            for (index, launch) in launches.enumerated() {
                print("\n\(index): \(launch.label)")
                for line in launch.kernel.listing.split(separator: "\n", omittingEmptySubsequences: false) {
                    print("    \(line)")
                }
            }
        }
    }
}
