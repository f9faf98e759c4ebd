import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import TensorRuntime

/// `needletail-bench probe`
struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Measures what a device reaches at best: arithmetic, bandwidth, launches, copies.")

    @OptionGroup var rows: RowOptions
    @OptionGroup var sampling: SamplingOptions

    func run() throws {
        try rows.onDevice { device in
            var suite = rows.suite(on: device)
            try suite.run(Probe(device: device, seconds: sampling.seconds, round: rows.round).steps)
            let peaks = Peaks(suite.rows)
            if !rows.json {
                for (dtype, rate) in peaks.arithmetic.sorted(by: { "\($0.key)" < "\($1.key)" }) {
                    try StandardOutput.write(line: String(format: "\(dtype): %.1f GFLOP/s in products", rate / 1e9))
                }
                try StandardOutput.write(line: String(format: "memory: %.1f GB/s in copies", peaks.bandwidth / 1e9))
            }
            try suite.end("probe")
        }
    }
}
