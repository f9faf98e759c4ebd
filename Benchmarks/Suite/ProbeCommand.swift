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

    @OptionGroup var measuring: MeasuringOptions

    func run() throws {
        try measuring.onDevice { id in
            let device = try deviceContext(id).device.description
            let (rows, peaks) = try Probe(device: device, seconds: measuring.seconds, round: measuring.round).run()
            for row in rows { try measuring.write(row) }
            guard !measuring.json else { return }
            for (dtype, rate) in peaks.arithmetic.sorted(by: { "\($0.key)" < "\($1.key)" }) {
                try StandardOutput.write(line: String(format: "\(dtype): %.1f GFLOP/s in products", rate / 1e9))
            }
            try StandardOutput.write(line: String(format: "memory: %.1f GB/s in copies", peaks.bandwidth / 1e9))
        }
    }
}

/// What the commands that write rows are asked alike.
struct MeasuringOptions: ParsableArguments {
    @Option(help: "auto, cpu or a device such as vulkan:0.") var device = "auto"
    @Option(help: "Seconds for the samples of a row.") var seconds = 0.5
    @Option(help: "Which of several runs that are to be compared.") var round = 0
    @Flag(help: "Print one JSON object a line.") var json = false

    func validate() throws {
        if !(seconds > 0 && seconds.isFinite) { throw ValidationError("--seconds \(seconds): give a number above 0") }
    }

    /// Runs on the device that was asked for, with the same random numbers each time.
    func onDevice(_ body: (DeviceID) throws -> Void) throws {
        let id = try DeviceSelection.resolve(device)
        try withDevice(id) {
            manualSeed(0)
            try body(id)
        }
    }

    /// Writes a row for people or for programs.
    func write(_ row: BenchmarkRow) throws {
        if json { return try StandardOutput.write(line: row.json()) }
        try StandardOutput.write(line: RowText.line(row))
    }
}
