import ArgumentParser

/// The backend benchmark suite: the work of the peers' benchmark, so that every claim of speed is a ratio of one run.
@main
struct NeedletailBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "needletail-bench",
        abstract: "Times training steps and single operations.",
        subcommands: [TrainCommand.self, OperationCommand.self])
}
