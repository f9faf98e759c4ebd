import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import TensorRuntime

/// What the commands that write rows are asked alike.
struct DeviceOptions: ParsableArguments {
    @Option(help: "auto, cpu or a device such as vulkan:0.") var device = "auto"
    @Option(help: "Which of several runs that are to be compared.") var round = 0
}

/// Of commands that write rows on standard output.
struct RowOptions: ParsableArguments {
    @OptionGroup private var options: DeviceOptions
    @Flag(help: "Print one JSON object a line.") var json = false

    var device: String { options.device }
    var round: Int { options.round }

    /// Runs on the device that was asked for, with the same random numbers each time.
    func onDevice(_ body: (DeviceDescription) throws -> Void) throws {
        let id = try DeviceSelection.resolve(device)
        try withDevice(id) {
            manualSeed(0)
            try body(try deviceContext().device.description)
        }
    }

    /// Writes a row for people or for programs.
    func write(_ row: BenchmarkRow) throws {
        if json { return try StandardOutput.write(line: row.json()) }
        try StandardOutput.write(line: RowText.line(row))
    }

    /// Steps whose rows are written as they are made.
    func suite(on device: DeviceDescription) -> SuiteRun {
        SuiteRun(device: device, round: round) { try write($0) }
    }

    /// Takes steps one after the other.
    ///
    /// - Throws: exit code 1 after all of them where a row failed.
    func run(_ steps: [SuiteStep], of command: String, on device: DeviceDescription) throws {
        var suite = suite(on: device)
        try suite.run(steps)
        try suite.end(command)
    }
}

/// Of commands whose rows have as many samples as fit into a time.
struct SamplingOptions: ParsableArguments {
    @Option(help: "Seconds for the samples of a row.") var seconds = 0.5

    func validate() throws {
        if !(seconds > 0 && seconds.isFinite) { throw ValidationError("--seconds \(seconds): give a number above 0") }
    }
}

/// How a command ends that has said all that there is to say.
enum BenchmarkExit {
    /// A guard fired, or a step threw.
    static let failed = ExitCode(EXIT_FAILURE)
}
