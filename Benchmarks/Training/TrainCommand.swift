import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailVision
import TensorRuntime

/// Times training steps: no dropout, no metrics, each batch gathered by a shuffled index inside the step.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train", abstract: "Times training steps on MNIST.",
        discussion: "The first losses have to be those of plain kernels; exits with 1 where a row failed.")

    @Option(help: ArgumentHelp(BenchmarkModel.summary)) var model = "mlp"
    @Option(name: [.long, .customLong("batch-size")], help: "Images in a step; several numbers separated by commas.")
    var batch = "64"
    @Option(help: "Threads of the CPU backend, several numbers separated by commas; as many as it takes by itself.")
    var threads: String?
    @Option(help: "Steps in a pass, of which five are timed; as many as take a second and a half together.") var steps:
        Int?
    @Option(help: "Directory of the MNIST files.") var data: String?
    @Flag(help: "Capture the step once and replay it.") var graph = false
    @Flag(help: "Print the plan of a step: its launches, operands and memory.") var plan = false
    @OptionGroup var rows: RowOptions

    func validate() throws {
        _ = try BenchmarkModel.list(model)
        _ = try Numbers.list(batch, option: "--batch")
        if let threads { _ = try Numbers.list(threads, option: "--threads") }
        if let steps, steps < 1 { throw ValidationError("--steps \(steps): give at least 1") }
    }

    func run() throws {
        let id = try DeviceSelection.resolve(rows.device)
        if threads != nil && id.backend != DeviceID.cpu.backend {
            throw ValidationError("--threads: \(id) has none to set; use --device cpu")
        }
        let counts: [Int?] = try threads.map { try Numbers.list($0, option: "--threads") } ?? [nil]
        let split = try withDevice(id) { try MNISTFiles.load(.train, from: try MNISTFiles.directory(data)) }
        let batches = try Numbers.list(batch, option: "--batch")
        if let large = batches.first(where: { $0 >= split.count }) {
            throw ValidationError("--batch \(large): give less than the \(split.count) images")
        }
        var steps: [SuiteStep] = []
        for model in try BenchmarkModel.list(model) {
            for batch in batches {
                for count in counts {
                    let bench = TrainingBench(
                        split: split, model: model, batch: batch, isCaptured: graph, steps: self.steps,
                        round: rows.round)
                    steps.append(
                        bench.step(on: id, threads: count) { if plan { try printPlan(bench) } })
                }
            }
        }
        try rows.run(steps, of: "train", on: deviceContext(id).device.description)
    }

    private func printPlan(_ bench: TrainingBench) throws {
        let step = try bench.makeStep(isCaptured: graph)
        for index in 0..<2 { _ = try step(index).item() }
        try StandardOutput.write(line: deviceContext().lastPlanDump)
    }
}

/// Lists of numbers in options.
enum Numbers {
    /// `1,2,4`, or a usage error.
    static func list(_ text: String, option: String) throws -> [Int] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let number = Int(part), number >= 1 else {
                throw ValidationError("\(option) \(text): '\(part)' is no number of at least 1")
            }
            return number
        }
    }
}
