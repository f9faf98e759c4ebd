import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailVision
import TensorRuntime

/// What the cost of a step grows with.
enum ScalingAxis: String, CaseIterable, ExpressibleByArgument {
    case batch, threads, nodes, parameters, sequence

    /// What stands below a curve.
    var label: String {
        switch self {
        case .batch: "images in a step"
        case .threads: "threads"
        case .nodes: "operations in a trace"
        case .parameters: "parameters"
        case .sequence: "length of a sequence"
        }
    }
}

/// `needletail-bench scale`: curves of cost.
struct ScaleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: "Times what grows: batch, threads, operations of a trace, parameters, sequences.",
        discussion: "Each row says what it grows with, and how far. Exits with 1 where a row failed.")

    @Option(
        help: ArgumentHelp(
            "Only along this: " + ScalingAxis.allCases.map(\.rawValue).joined(separator: ", ") + "."))
    var axis: ScalingAxis?
    @Option(help: "Directory of the MNIST files.") var data: String?
    @Flag(help: "Fewer places, none of the largest.") var quick = false
    @OptionGroup var rows: RowOptions
    @OptionGroup var sampling: SamplingOptions

    func run() throws {
        let id = try DeviceSelection.resolve(rows.device)
        let split = try withDevice(id) { try MNISTFiles.load(.train, from: try MNISTFiles.directory(data)) }
        let curves = Scaling(
            device: id, split: split, seconds: sampling.seconds, round: rows.round, isQuick: quick)
        let axes = axis.map { [$0] } ?? ScalingAxis.allCases
        try rows.run(axes.flatMap { curves.steps(along: $0) }, of: "scale", on: deviceContext(id).device.description)
    }
}
