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
    @OptionGroup var measuring: MeasuringOptions

    func run() throws {
        try measuring.onDevice { _ in
            let cases = try OperationSelection(filter: filter).cases(of: Self.cases)
            let timing = OperationTiming(
                device: try deviceContext().device.description, seconds: measuring.seconds, round: measuring.round,
                suite: "layers")
            var (written, failures) = (0, 0)
            for test in cases {
                guard let row = try timing.row(test, .float32) else { continue }
                written += 1
                if row.failure != nil { failures += 1 }
                try measuring.write(row)
            }
            if written == 0 { throw OperationSelection.nothing("layers") }
            if failures > 0 { throw ExitCode(EXIT_FAILURE) }
        }
    }

    /// Of the published list, those that the peers' `layers` has.
    private static var cases: [OperationCase] {
        let large = ["cumsum 1048576", "sort 1048576", "topk 1048576 k100"]
        return OperationCase.all.filter { $0.family == .layer || large.contains($0.name) }
    }
}
