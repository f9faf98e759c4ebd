import ArgumentParser
import Foundation
import Needletail

/// The backend benchmark suite: the work of the peers' benchmark, so that every claim of speed is a ratio of one run.
@main
struct NeedletailBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "needletail-bench",
        abstract: "Times training steps, single operations and planning.",
        subcommands: [TrainCommand.self, OperationCommand.self, PlanCommand.self])

    /// The threads of a device's kernels, as the peers report theirs: what the CPU backend was given, or the processors
    /// that this process may run on (a cgroup's quota is not looked at).
    static func threadCount(on device: DeviceID) -> Int {
        let options = BackendRegistry.shared.backends.flatMap(\.acceptedOptions)
        let threads = options.first { $0.backend == device.backend && $0.name == "threads" }
        let given = threads.flatMap { RuntimeConfiguration.current.options[$0] }
        return given.flatMap { Int($0) } ?? ProcessInfo.processInfo.activeProcessorCount
    }
}
