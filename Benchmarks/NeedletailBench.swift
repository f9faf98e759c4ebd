import ArgumentParser
import Foundation
import Needletail

/// The backend benchmark suite: the work of the peers' benchmark, so that every claim of speed is a ratio of one run.
@main
struct NeedletailBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "needletail-bench",
        abstract: "Times training steps, single operations, planning and the writing of kernels.",
        subcommands: [TrainCommand.self, OperationCommand.self, PlanCommand.self, EmissionCommand.self])

    /// The threads of a device's kernels, as the peers report theirs: what the CPU backend was given, or the processors
    /// that this process may run on (a cgroup's quota is not looked at).
    static func threadCount(on device: DeviceID) -> Int {
        let given = device.backend == "cpu" ? RuntimeConfiguration.current.threads : nil
        return given ?? ProcessInfo.processInfo.activeProcessorCount
    }
}
