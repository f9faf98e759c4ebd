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
            Writes rows to NAME.jsonl.partial, each as soon as it is made, which becomes NAME.jsonl in the end, and NAME.html. What \
            does not fit into --minutes is left out and named. A step that fails is a row that says why; exits with 1 where there is \
            one.
            """)

    @Option(help: "Where to write: NAME.jsonl and NAME.html.") var output = "benchmark"
    @Option(help: "After so many minutes nothing new is begun.") var minutes = 30.0
    @Option(help: "Directory of the MNIST files.") var data: String?
    @Flag(help: "About three minutes: short samples, and none of the largest shapes.") var quick = false
    @OptionGroup var rows: DeviceOptions
    @OptionGroup var sampling: SamplingOptions

    func validate() throws {
        if !(minutes > 0 && minutes.isFinite) { throw ValidationError("--minutes \(minutes): give a number above 0") }
    }

    func run() throws {
        let id = try DeviceSelection.resolve(rows.device)
        let split = try withDevice(id) { try MNISTFiles.load(.train, from: try MNISTFiles.directory(data)) }
        let device = try deviceContext(id).device.description
        if device.kind == .software {
            NeedletailBench.tell("\(id) is software on the processor: its numbers say nothing of a GPU")
        }
        let plan = SuitePlan(
            device: device, split: split, seconds: quick ? sampling.seconds / 5 : sampling.seconds, round: rows.round,
            isQuick: quick, data: data)
        let file = try RowFile("\(output).jsonl")
        var suite = SuiteRun(
            device: device, round: rows.round, minutes: minutes, tellsProgress: true, write: file.append)
        try withDevice(id) {
            try suite.run(plan.probe)
            let peaks = Peaks(suite.rows)
            for part in plan.parts(peaks: peaks) { try suite.run(part) }
        }
        try file.finish()
        try BenchmarkPage(suite.rows).report().write(to: "\(output).html")
        try StandardOutput.write(
            line: "\(suite.rows.count) rows in \(file.path), read them in \(output).html; "
                + "\(suite.failures.count) failed, \(suite.leftOut.count) left out for want of time")
        for name in suite.leftOut { NeedletailBench.tell("left out for want of time: \(name)") }
        try suite.end("all")
    }
}
