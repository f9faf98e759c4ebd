import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import TensorRuntime

extension OperationFamily: ExpressibleByArgument {}

/// Times single operations: each iteration is an evaluation of its own, each sample ends with `synchronize()`, and what was timed last is
/// compared with Double arithmetic.
struct OperationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "op", abstract: "Times single operations on the published list of shapes.",
        discussion: """
            Each row carries the error of what was timed last: numbers spread over the result beside Double arithmetic on the \
            host, of layers the output and all gradients beside plain kernels in float64. Exits with 1 where a row failed.
            """)

    @Option(help: "Only cases whose name contains this.") var filter: String?
    @Option(
        help: ArgumentHelp(
            "Only cases of this family: " + OperationFamily.allCases.map(\.rawValue).joined(separator: ", ") + "."))
    var family: OperationFamily?
    @Option(help: "float32, float16, bfloat16, several of them separated by commas, or all.") var dtype = "float32"
    @Flag(help: "Short samples, and none of the largest shapes.") var quick = false
    @Flag(help: "Print the names of the cases, and time nothing.") var list = false
    @Flag(help: "Measure the device's peaks first, and say shares of them.") var peaks = false
    @OptionGroup var rows: RowOptions
    @OptionGroup var sampling: SamplingOptions

    func validate() throws { _ = try OperationCommand.dtypes(dtype) }

    func run() throws {
        if list {
            for test in try selection.cases(of: OperationCase.all) {
                let types = test.dtypes.map { "\($0)" }.joined(separator: ", ")
                try StandardOutput.write(line: "\(test.family.rawValue): \(test.name) (\(types))")
            }
            return
        }
        try rows.onDevice { device in
            let (work, leftOut) = OperationSelection.work(
                try selection.cases(of: OperationCase.all), try OperationCommand.dtypes(dtype), on: "\(device.id)",
                having: device.dtypes)
            for text in leftOut { NeedletailBench.tell(text) }
            if work.isEmpty { throw OperationSelection.nothing("op") }
            let seconds = quick ? sampling.seconds / 5 : sampling.seconds
            var suite = rows.suite(on: device)
            if peaks {
                try suite.run(Probe(device: device, seconds: seconds, round: rows.round, isQuick: quick).steps)
            }
            let timing = OperationTiming(
                device: device, seconds: seconds, round: rows.round, peaks: peaks ? Peaks(suite.rows) : nil)
            // The peaks are rows, and none of what was asked for.
            let probed = suite.rows.count
            try suite.run(work.map { timing.step($0.test, $0.dtype) })
            if suite.rows.count == probed { throw OperationSelection.nothing("op") }
            try suite.end("op")
        }
    }

    private var selection: OperationSelection {
        OperationSelection(filter: filter, family: family, isQuick: quick)
    }

    static func dtypes(_ text: String) throws -> [DType] {
        if text == "all" { return OperationCase.halves }
        return try text.split(separator: ",", omittingEmptySubsequences: false).map { name in
            guard let dtype = OperationCase.halves.first(where: { "\($0)" == name }) else {
                throw ValidationError("--dtype \(text): '\(name)' is none of float32, float16, bfloat16")
            }
            return dtype
        }
    }
}

/// Times cases on the current device.
package struct OperationTiming {
    let device: DeviceDescription
    let seconds: Double
    let round: Int
    var peaks: Peaks?
    var suite = "op"

    package init(
        device: DeviceDescription, seconds: Double, round: Int = 0, peaks: Peaks? = nil, suite: String = "op"
    ) {
        (self.device, self.seconds, self.round) = (device, seconds, round)
        (self.peaks, self.suite) = (peaks, suite)
    }

    /// A case as a step.
    package func step(_ test: OperationCase, _ dtype: DType) -> SuiteStep {
        SuiteStep(
            suite: suite, name: test.name, dtype: dtype, family: test.family.rawValue, weight: 1.5 * seconds + 0.1
        ) {
            try row(test, dtype).map { [$0] } ?? []
        }
    }

    /// The row of a case; nil where the device has no such operation, which is said.
    func row(_ test: OperationCase, _ dtype: DType) throws -> BenchmarkRow? {
        let prepared: OperationCase.Prepared
        var last: [Tensor] = []
        func reading() throws { _ = try last[0].flatten()[0].item() }
        let result: Sampler.Result
        do {
            prepared = try test.prepare(dtype)
            result = try Sampler(seconds: seconds).measure(reading: reading) {
                // Held no longer than the peers hold theirs: the next result may take its memory.
                last = []
                let results = prepared.run()
                try evaluate(results)
                last = results
            }
        } catch let error as TensorError where error.kind == .unsupported {
            NeedletailBench.tell("\(test.name) \(dtype) is left out: \(error.message)")
            return nil
        }
        var row = result.row(suite: suite, name: test.name, dtype: dtype, on: device, round: round)
        let (error, problem) = try prepared.check(last)
        row.family = test.family.rawValue
        row.error = error.isFinite ? error : nil
        (row.operations, row.bytes) = (test.operations, prepared.bytes)
        row.peakShare = peaks?.share(
            operations: test.operations, bytes: row.bytes, dtype: dtype, microseconds: row.median)
        let tooFast = RowGuard.rate(
            operations: test.operations, microseconds: row.median, peak: peaks?.arithmetic[dtype],
            saving: test.family.saving)
        row.failure = row.failure ?? problem ?? tooFast
        return row
    }
}
