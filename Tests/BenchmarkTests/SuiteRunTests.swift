import Foundation
import Needletail
import NeedletailBench
import NeedletailVision
import TensorGraph
import TensorRuntime
import TestSupport
import Testing

/// Steps that throw, rows on their way to a file, and what `all` holds.
@Suite struct SuiteRunTests {
    private static func step(_ name: String, _ error: (any Error)? = nil) throws -> SuiteStep {
        let device = try deviceContext(.cpu).device.description
        return SuiteStep(suite: "op", name: name, dtype: .float16, family: "matmul", threads: 3) {
            if let error { throw error }
            var row = BenchmarkRow(suite: "op", name: name, dtype: .float16, on: device, round: 1)
            row.samples = [1]
            return [row]
        }
    }

    private struct Odd: Error, CustomStringConvertible { let description = "it broke" }

    @Test func aStepThatThrowsIsARowAndTheOthersGoOn() throws {
        var written: [BenchmarkRow] = []
        let device = try deviceContext(.cpu).device.description
        var suite = SuiteRun(device: device, round: 1) { written.append($0) }
        try suite.run([
            SuiteRunTests.step("first"),
            SuiteRunTests.step("lost", TensorError(.deviceFailure, "the <device> is lost")),
            SuiteRunTests.step("odd", Odd()), SuiteRunTests.step("last"),
        ])
        #expect(written.map(\.name) == ["first", "lost", "odd", "last"] && suite.rows == written)
        #expect(written.map(\.failure) == [nil, "the <device> is lost", "it broke", nil])
        let lost = written[1]
        #expect(lost.device == "cpu" && lost.dtype == "float16" && lost.suite == "op" && lost.family == "matmul")
        #expect(lost.threads == 3 && lost.round == 1 && lost.samples.isEmpty && lost.machine != nil)
        let read = try JSONDecoder().decode(BenchmarkRow.self, from: Data(try lost.json().utf8))
        #expect(read == lost)
        let text = RowText.line(lost)
        #expect(text.contains("FAILED: the <device> is lost") && !text.contains("nan"))
        let html = BenchmarkPage(written).report().html()
        #expect(
            html.contains("<td>lost</td><td>float16</td><td>cpu</td><td>the &lt;device&gt; is lost</td>"), "\(html)")
        #expect(suite.failures.map(\.name) == ["lost", "odd"])
        #expect(throws: (any Error).self) { try suite.end("op") }
    }

    @Test func aRunWithoutFailuresEndsWell() throws {
        let device = try deviceContext(.cpu).device.description
        var suite = SuiteRun(device: device, round: 0) { _ in }
        #expect(throws: BenchmarkFailure.self) { try suite.end("op") }
        try suite.run([SuiteRunTests.step("first")])
        try suite.end("op")
        var late = SuiteRun(device: device, round: 0, minutes: 0) { _ in }
        try late.run([SuiteRunTests.step("first")])
        #expect(late.rows.isEmpty && late.leftOut == ["first float16"])
    }

    /// Rows that cannot be written are no rows that failed.
    @Test func whatCannotBeWrittenEndsTheRun() throws {
        let device = try deviceContext(.cpu).device.description
        var suite = SuiteRun(device: device, round: 0) { _ in throw TensorError(.file, "the disk is full") }
        #expect(throws: TensorError.self) { try suite.run([SuiteRunTests.step("first")]) }
    }

    private static func plan(_ device: DeviceDescription) throws -> SuitePlan {
        let split = try MNISTFiles.load(.test, from: try MNISTFiles.directory())
        return SuitePlan(device: device, split: split, seconds: 0.001, isQuick: true)
    }

    /// The copy of 64 MiB does not fit: the peaks are without a bandwidth, and all else is there.
    @Test func aProbeThatThrowsEndsNothing() throws {
        let context = try DeviceContext(device: SmallDevice(try deviceContext(.cpu).device), configuration: .init())
        try withDeviceContext(context) {
            let device = context.device.description
            let plan = try SuiteRunTests.plan(device)
            var suite = SuiteRun(device: device, round: 0) { _ in }
            try suite.run(plan.probe)
            // A guard of time may fail any other row on a busy machine.
            #expect(suite.rows.count == plan.probe.count && suite.rows.count > 5)
            #expect(suite.rows.filter(\.samples.isEmpty).map(\.name) == ["copy 64 MiB"])
            let copy = try #require(suite.failures.first { $0.name == "copy 64 MiB" }?.failure)
            #expect(copy.contains("memory"), "\(copy)")
            #expect(Peaks(suite.rows).bandwidth == 0)
            let steps = plan.parts(peaks: Peaks(suite.rows))[0].filter { $0.name == "gelu 10000" }
            try suite.run(steps)
            #expect(suite.rows.last?.name == "gelu 10000" && suite.rows.last?.samples.isEmpty == false)
        }
    }

    /// Each operation in each of its data types, with the plans, and with the emission where a driver is written to.
    @Test func allHoldsEverything() throws {
        let device = try deviceContext(.cpu).device.description
        let steps = try SuiteRunTests.plan(device).parts(peaks: Peaks([])).flatMap { $0 }
        for dtype in [DType.float32, .float16, .bfloat16] {
            let names = Set(steps.filter { $0.suite == "op" && $0.dtype == dtype }.map(\.name))
            let wanted = Set(OperationCase.all.filter { $0.dtypes.contains(dtype) && !$0.isLarge }.map(\.name))
            #expect(names == wanted && names.count > 80, "\(dtype)")
        }
        let suites = Set(steps.map(\.suite))
        #expect(suites == ["op", "train", "start", "scale", "plan", "accuracy"])
        var gpu = device
        gpu.id = DeviceID(backend: "vulkan", index: 0)
        let others = try SuiteRunTests.plan(gpu).parts(peaks: Peaks([])).flatMap { $0 }
        #expect(others.filter { $0.suite == "emission" }.map(\.name) == ["mlp batch 64", "cnn batch 64"])
    }

    /// What 16 bits lose is in the row, and no more than they lose.
    @Test(arguments: [DType.float16, .bfloat16])
    func rowsOf16BitsCarryTheirErrors(_ dtype: DType) throws {
        let names = ["gelu 10000", "matmul 64x128x10", "softmax 64x10", "sum 10000"]
        let cases = OperationCase.all.filter { names.contains($0.name) }
        try withDevice(.cpu, RuntimeConfiguration()) {
            let device = try deviceContext().device.description
            let timing = OperationTiming(device: device, seconds: 0.001)
            var suite = SuiteRun(device: device, round: 0) { _ in }
            try suite.run(cases.map { timing.step($0, dtype) })
            #expect(suite.rows.count == names.count)
            for row in suite.rows {
                let error = try #require(row.error)
                #expect(error > 1e-6 && error <= RowGuard.tolerance(dtype), "\(row.name): \(error)")
            }
        }
    }

    @Test func plansAreRows() throws {
        try withDevice(.cpu, RuntimeConfiguration()) {
            let device = try deviceContext().device.description
            var suite = SuiteRun(device: device, round: 0) { _ in }
            try suite.run(PlanMeasurement(device: device, losses: 16).steps)
            #expect(suite.failures.isEmpty, "\(suite.failures.map(\.failure))")
            #expect(
                suite.rows.filter { $0.family == "planning of chain" }.map(\.name) == [
                    "chain 2", "chain 4", "chain 8", "chain 16",
                ])
            for row in suite.rows {
                #expect(row.suite == "plan" && row.samples.count == 3 && (row.error ?? 1) < 1e-5, "\(row)")
                #expect(row.axis == "nodes" && row.place! > 0)
            }
            let chain = suite.rows.filter { $0.family == "planning of chain" }.compactMap(\.place)
            #expect(zip(chain, chain.dropFirst()).allSatisfy { $0 < $1 }, "\(chain)")
        }
    }

    @Test func threadsAreThoseOfTheDevice() throws {
        var configuration = RuntimeConfiguration()
        configuration.options[backend: "cpu"]["threads"] = "1"
        try withDevice(.cpu, configuration) {
            var device = try deviceContext().device.description
            #expect(Machine.threads(of: device) == 1)
            device.driver = "Mesa, 24 threads, 1"
            #expect(Machine.threads(of: device) == 24)
            device.driver = "Mesa"
            #expect(Machine.threads(of: device) == ProcessInfo.processInfo.activeProcessorCount)
        }
    }
}

/// A device on which nothing of more than 40 MiB fits.
private final class SmallDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: nothing of its own.

    override func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer {
        if byteCount > 40 << 20 { throw TensorError(.outOfMemory, "\(byteCount) bytes: this is a small device") }
        return try super.allocate(byteCount: byteCount)
    }
}

/// Files of rows while they are made.
@Suite struct RowFileTests {
    @Test func eachRowIsThereOnceItIsMade() throws {
        let place = TemporaryDirectory()
        let path = place.write("the last run\n", to: "cpu.jsonl")
        let file = try RowFile(path)
        let rows = [RowTests.row("a"), RowTests.row("b")]
        for count in 1...2 {
            try file.append(rows[count - 1])
            #expect(try lines("\(path).partial") == rows.prefix(count).map { try $0.json() })
        }
        #expect(try lines(path) == ["the last run"])
        try file.finish()
        #expect(try lines(path) == rows.map { try $0.json() } && place.contents == ["cpu.jsonl"])
    }

    @Test func twoRunsDoNotShareAFile() throws {
        let place = TemporaryDirectory()
        let file = try RowFile(place.path("cpu.jsonl"))
        try file.append(RowTests.row("a"))
        let error = #expect(throws: TensorError.self) { try RowFile(place.path("cpu.jsonl")) }
        #expect(error?.message.contains("another run is writing it") == true)
        #expect(try lines(file.partialPath).count == 1)
    }

    /// A run that ends between another's opening of its file and its lock keeps its result.
    @Test func aResultIsNotTakenForAFileToBegin() throws {
        let place = TemporaryDirectory()
        let path = place.path("cpu.jsonl")
        var first: RowFile? = try RowFile(path)
        try first?.append(RowTests.row("a"))
        let second = try RowFile(path) {
            #expect(throws: Never.self) { try first?.finish() }
            first = nil
        }
        #expect(try lines(path) == [RowTests.row("a").json()])
        #expect(try lines(second.partialPath).isEmpty)
        try second.append(RowTests.row("b"))
        try second.finish()
        #expect(try lines(path) == [RowTests.row("b").json()] && place.contents == ["cpu.jsonl"])
    }

    /// A killed run's rows stay until the next begins.
    @Test func anAbandonedFileIsBegunAnew() throws {
        let place = TemporaryDirectory()
        try RowFile(place.path("cpu.jsonl")).append(RowTests.row("a"))
        #expect(try lines(place.path("cpu.jsonl.partial")).count == 1)
        try RowFile(place.path("cpu.jsonl")).finish()
        #expect(place.contents == ["cpu.jsonl"])
        #expect(try lines(place.path("cpu.jsonl")).isEmpty)
    }

    @Test func aPlaceThatIsNoneIsSaidAtOnce() throws {
        let place = TemporaryDirectory()
        try FileManager.default.createDirectory(atPath: place.path("cpu.jsonl"), withIntermediateDirectories: true)
        for path in [place.path("cpu.jsonl"), "/proc/none/cpu.jsonl"] {
            #expect(throws: TensorError.self) { try RowFile(path) }
        }
    }

    private func lines(_ path: String) throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    }
}
