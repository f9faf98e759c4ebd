import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailVision
import TensorRuntime

/// `needletail-bench all`: everything for one device, into one file of rows and one page.
struct AllCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "all", abstract: "Measures everything on one device, and writes rows and a page.",
        discussion: """
            Writes NAME.jsonl, one row a line, after each part, and NAME.html in the end. What does not fit into --minutes is \
            left out and named. Exits with 1 where a guard fired.
            """)

    @Option(help: "Where to write: NAME.jsonl and NAME.html.") var output = "benchmark"
    @Option(help: "After so many minutes nothing new is begun.") var minutes = 30.0
    @Option(help: "Directory of the MNIST files.") var data: String?
    @Flag(help: "About three minutes: short samples, and none of the largest shapes.") var quick = false
    @OptionGroup var measuring: MeasuringOptions

    func validate() throws {
        if !(minutes > 0 && minutes.isFinite) { throw ValidationError("--minutes \(minutes): give a number above 0") }
    }

    func run() throws {
        let id = try DeviceSelection.resolve(measuring.device)
        let split = try withDevice(id) { try MNISTFiles.load(.train, from: try MNISTFiles.directory(data)) }
        let description = try deviceContext(id).device.description
        if description.kind == .software {
            NeedletailBench.tell("\(id) is software on the processor: its numbers say nothing of a GPU")
        }
        let seconds = quick ? measuring.seconds / 5 : measuring.seconds
        let plan = SuitePlan(
            device: description, split: split, seconds: seconds, round: measuring.round, isQuick: quick,
            data: data)
        var suite = SuiteRun(minutes: minutes)
        try withDevice(id) {
            let probe = Probe(device: description, seconds: seconds, round: measuring.round, isQuick: quick)
            let (rows, peaks) = try probe.run()
            suite.take(rows)
            for part in plan.parts(peaks: peaks) {
                try suite.run(part)
                try write(suite.rows)
            }
        }
        let page = BenchmarkPage(suite.rows)
        try page.report().write(to: "\(output).html")
        try StandardOutput.write(
            line: "\(suite.rows.count) rows in \(output).jsonl, read them in \(output).html; "
                + "\(suite.failures) failed, \(suite.leftOut.count) left out for want of time")
        for name in suite.leftOut { NeedletailBench.tell("left out for want of time: \(name)") }
        if suite.failures > 0 { throw ExitCode(EXIT_FAILURE) }
    }

    private func write(_ rows: [BenchmarkRow]) throws {
        let lines = try rows.map { try $0.json() + "\n" }.joined()
        try AtomicFile.write([Array(lines.utf8)], to: "\(output).jsonl")
    }
}
