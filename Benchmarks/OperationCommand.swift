import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import TensorRuntime

/// Times single operations: each iteration is an evaluation of its own, each sample ends with `synchronize()`, and what was timed last is
/// compared with Double arithmetic.
struct OperationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "op", abstract: "Times single operations.")

    @Option(help: "Only cases whose name contains this.") var filter: String?
    @Flag(help: "Measure the device's peaks first, and say shares of them.") var peaks = false
    @OptionGroup var measuring: MeasuringOptions

    func run() throws {
        try measuring.onDevice { id in
            let device = try deviceContext(id).device.description
            let cases = OperationCase.all.filter { test in filter.map { test.name.contains($0) } ?? true }
            if cases.isEmpty { throw ValidationError("--filter \(filter ?? ""): no case has this in its name") }
            var found: Peaks?
            if peaks {
                let probe = try Probe(device: device, seconds: measuring.seconds, round: measuring.round).run()
                for row in probe.rows { try measuring.write(row) }
                found = probe.peaks
            }
            for test in cases { try measuring.write(row(test, device, found)) }
        }
    }

    private func row(_ test: OperationCase, _ device: DeviceDescription, _ peaks: Peaks?) throws -> BenchmarkRow {
        let run = try test.prepare()
        var last: Tensor?
        let result = try Sampler(seconds: measuring.seconds).measure(test.name, on: device.id) {
            // Held no longer than the peers hold theirs: the next result may take its memory.
            last = nil
            let result = run()
            try evaluate(result)
            last = result
        }
        let end = try last.map { try error(of: $0, test) }
        var row = result.row(suite: "op", name: test.name, dtype: .float32, on: device, round: measuring.round)
        row.error = end
        (row.operations, row.bytes) = (test.operations, test.bytes)
        row.peakShare = peaks?.share(
            operations: test.operations, bytes: test.bytes, dtype: .float32, microseconds: row.median)
        return row
    }

    /// The largest difference of elements spread over the result from Double arithmetic on the host, relative where that is above 1.
    private func error(of result: Tensor, _ test: OperationCase) throws -> Double {
        let values = try result.scalars(as: Float.self)
        var largest = 0.0
        for index in Swift.stride(from: 0, to: values.count, by: max(1, values.count / 97)) {
            let expected = test.expected(index)
            let got = Double(values[index])
            let error = abs(got - expected) / max(1, abs(expected))
            guard error <= 1e-4 else {
                throw BenchmarkFailure("\(test.name): element \(index) is \(got), not \(expected)")
            }
            largest = max(largest, error)
        }
        return largest
    }
}
