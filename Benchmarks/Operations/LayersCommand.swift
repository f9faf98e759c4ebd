import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import TensorRuntime

/// Times layers forwards and backwards, and a few large operations, as the peers' `peer layers` does.
struct LayersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "layers", abstract: "Times layers forwards and backwards, and large scans and sorts.")

    @Option(help: "Only cases whose name contains this.") var filter: String?
    @OptionGroup var rows: RowOptions
    @OptionGroup var sampling: SamplingOptions

    func run() throws {
        try rows.onDevice { device in
            let cases = try OperationSelection(filter: filter).cases(of: Self.cases)
            let timing = OperationTiming(
                device: device, seconds: sampling.seconds, round: rows.round, suite: "layers")
            try rows.run(cases.map { timing.step($0, .float32) }, of: "layers", on: device)
        }
    }

    /// Of the published list, those that the peers' `layers` has.
    private static var cases: [OperationCase] {
        let large = ["cumsum 1048576", "sort 1048576", "topk 1048576 k100"]
        return OperationCase.all.filter { $0.family == .layer || large.contains($0.name) }
    }
}
