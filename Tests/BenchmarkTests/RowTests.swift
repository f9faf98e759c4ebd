import Foundation
import NeedletailBench
import TensorRuntime
import Testing

/// Rows and the guards that make them worthless.
@Suite struct RowTests {
    static func row(_ name: String = "matmul 2x2x2", suite: String = "op", samples: [Double] = [1, 2, 3])
        -> BenchmarkRow
    {
        BenchmarkRow(
            suite: suite, name: name, dtype: "float32", device: "cpu", driver: "Made up, 1.0", threads: 2, round: 0,
            firstMicroseconds: 9, samples: samples, hostMicroseconds: 0.5, launches: 1)
    }

    @Test func aRowOfTrainingReadsBackAndHasThePeersNames() throws {
        var row = RowTests.row("mlp batch 64", suite: "train", samples: [2000, 1000, 3000])
        row.training = BenchmarkRow.Training(
            model: "mlp", batch: 64, graph: false, nodes: 80, plansBuilt: 0, driverAllocations: 0)
        row.family = "mlp"
        (row.axis, row.place) = ("batch", 64)
        row.machine = "Processor, 2 processors"
        let text = try row.json()
        #expect(try JSONDecoder().decode(BenchmarkRow.self, from: Data(text.utf8)) == row)
        for part in [#""min_ms":1"#, #""median_ms":2"#, #""model":"mlp""#, #""batch":64"#, #""launches_per_step":1"#] {
            #expect(text.contains(part), "\(part) in \(text)")
        }
    }

    /// What was not measured has no median that JSON could not say.
    @Test func aRowThatFailedReadsBack() throws {
        var row = RowTests.row(samples: [])
        row.failure = "it was not computed"
        let text = try row.json()
        #expect(try JSONDecoder().decode(BenchmarkRow.self, from: Data(text.utf8)) == row)
        #expect(!text.contains("median_us"))
        #expect(RowText.line(row).contains("FAILED: it was not computed"))
    }

    /// Lines of an earlier version have no families.
    @Test func anOlderRowIsRead() throws {
        let text = """
            {"framework": "needletail", "suite": "op", "op": "add 10", "dtype": "float32", "device": "cpu", "driver": "d", \
            "threads": 2, "round": 1, "first_us": 3, "samples_us": [1, 2], "host_us": 0.5, "launches": 1, "warnings": []}
            """
        let row = try JSONDecoder().decode(BenchmarkRow.self, from: Data(text.utf8))
        #expect(row.median == 1.5 && row.family == nil && row.failure == nil)
    }

    @Test func aRowThatFailedIsNotCompared() {
        var broken = RowTests.row()
        broken.failure = "it was not computed"
        let comparison = Comparison([RowTests.row()], [broken])
        #expect(comparison.rows.isEmpty && comparison.unpaired.isEmpty)
        #expect(
            comparison.failed == [RowFailure(key: broken.key, isSecond: true, failure: "it was not computed")])
        #expect(Comparison([RowTests.row()], [RowTests.row()]).failed.isEmpty)
    }

    /// Of three rounds the second failed: the others are compared, and it is told once.
    @Test func aRoundThatFailedIsTold() {
        var rows = [RowTests.row(), RowTests.row(), RowTests.row(), RowTests.row("add 10")]
        for round in 0..<3 { rows[round].round = round }
        var broken = rows
        for place in [1, 3] { broken[place].failure = "it was not computed" }
        let comparison = Comparison(broken, rows)
        #expect(comparison.rows.map(\.ratios) == [[1, 1]] && comparison.unpaired.isEmpty)
        #expect(comparison.failed.map(\.key.name) == ["add 10", "matmul 2x2x2"])
        #expect(comparison.failed.allSatisfy { !$0.isSecond })
    }

    /// A row whose losses were NaN is written with what failed, not lost.
    @Test(arguments: [Double.nan, .infinity])
    func aRowOfWhatIsNotFiniteIsWritten(_ value: Double) throws {
        var row = RowTests.row("mlp batch 64", suite: "train")
        (row.error, row.peakShare) = (value, value)
        row.failure = "the first losses are [nan], not [2.3]"
        let read = try JSONDecoder().decode(BenchmarkRow.self, from: Data(try row.json().utf8))
        #expect(
            read.error == nil && read.peakShare == nil && read.failure == row.failure && read.samples == row.samples)
    }

    @Test func rowsOfOtherThreadsAreOthers() {
        var other = RowTests.row()
        other.threads = 1
        #expect(Comparison([RowTests.row()], [other]).rows.isEmpty)
    }

    @Test func rowsOfOtherFrameworksAreOthers() {
        var other = RowTests.row()
        other.framework = "torch"
        #expect(Comparison([RowTests.row()], [other]).rows.isEmpty)
        #expect(other.key.place == "torch, cpu" && RowTests.row().key.place == "cpu")
        #expect(Comparison.doubled([RowTests.row(), other]) == nil)
    }

    /// Which of two rows of one round counts cannot be told.
    @Test func aRowThatIsThereTwiceIsNamed() {
        var later = RowTests.row()
        later.round = 1
        #expect(Comparison.doubled([RowTests.row(), later]) == nil)
        let doubled = Comparison.doubled([RowTests.row(), later, later])
        #expect(doubled?.contains("matmul 2x2x2 float32 on cpu is there twice in round 1") == true)
    }
}

@Suite struct RowGuardTests {
    @Test func iterationsThatLaunchNothing() {
        #expect(RowGuard.launches(9, iterations: 10)?.contains("9 launches in 10 iterations") == true)
        #expect(RowGuard.launches(10, iterations: 10) == nil)
    }

    @Test func resultsThatAreTheSameThroughout() {
        #expect(RowGuard.constant([1, 1, 1], expected: [1, 2, 3])?.contains("1.0 throughout") == true)
        #expect(RowGuard.constant([1, 1, 1], expected: [1, 1, 1]) == nil)
        #expect(RowGuard.constant([1, 1, 2], expected: [1, 2, 3]) == nil)
        #expect(RowGuard.constant([], expected: []) == nil)
    }

    /// By hand: the size of 3 and 4 is the root of 12.5; an error of 0.01 at 4 is relative to 4.
    @Test func errorsAreRelativeToTheResultsSize() {
        let (error, problem) = RowGuard.error([3, 4.0001], expected: [3, 4], dtype: .float32)
        #expect(abs(error - 0.000025) < 1e-12 && problem == nil)
        let small = RowGuard.error([0.001, 0.0011], expected: [0.001, 0.001], dtype: .float32)
        #expect(abs(small.error - 0.1) < 1e-9 && small.problem?.contains("0.0011, not 0.001") == true)
        #expect(RowGuard.error([1.004], expected: [1], dtype: .float16).problem == nil)
        #expect(RowGuard.error([1.004], expected: [1], dtype: .float32).problem != nil)
        #expect(RowGuard.error([0.1], expected: [0], dtype: .float32, least: 1e6).problem == nil)
    }

    @Test func whatIsNotANumberIsWrong() {
        #expect(
            RowGuard.error([.nan, 1], expected: [0, 1], dtype: .float32).problem?.contains("nan, not 0.0") == true)
        #expect(RowGuard.error([1, 1], expected: [.nan, 1], dtype: .float32).problem != nil)
        #expect(RowGuard.error([.nan, .infinity], expected: [.nan, .infinity], dtype: .float32).problem == nil)
        #expect(RowGuard.error([1], expected: [1, 2], dtype: .float32).problem == "1 numbers came, not 2")
    }

    @Test func lossesThatAreNotThoseOfPlainKernels() {
        #expect(RowGuard.losses([2.002], expected: [2]).problem == nil)
        let wrong = RowGuard.losses([2, 1.1], expected: [2, 1])
        #expect(abs(wrong.error! - 0.1) < 1e-12 && wrong.problem == "the first losses are [2.0, 1.1], not [2.0, 1.0]")
        for losses in [[Double.nan, 1], [2, .nan], [.infinity, 1]] {
            let (error, problem) = RowGuard.losses(losses, expected: [2, 1])
            #expect(error == nil && problem != nil, "\(losses)")
        }
        #expect(RowGuard.losses([2], expected: [2, 1]).problem != nil)
    }

    /// The two rows 3, 1, 2 and 6, 5, 5 in order.
    @Test func indicesSayWhereValuesWere() {
        let x: [Float] = [3, 1, 2, 6, 5, 5]
        func problem(_ indices: [Int], _ values: [Float] = [1, 2, 3, 5, 5, 6]) -> String? {
            RowGuard.indices(indices, values: values, of: x, columns: 3)
        }
        #expect(problem([1, 2, 0, 1, 2, 0]) == nil)
        #expect(problem([1, 2, 0, 2, 1, 0]) == nil)
        #expect(problem([2, 1, 0, 1, 2, 0]) == "index 0 is 2, where 2.0 stands, not 1.0")
        #expect(problem([1, 2, 0, 1, 1, 0])?.contains("an earlier one") == true)
        #expect(problem([1, 2, 0, 1, 2, 3]) == "index 5 is 3, outside a row of 3")
        #expect(problem([1, 2, -1, 1, 2, 0]) == "index 2 is -1, outside a row of 3")
        #expect(problem([1, 2, 0]) == "3 indices came, not 6")
        // The two largest of each.
        #expect(problem([0, 2, 0, 2], [3, 2, 6, 5]) == nil)
    }

    @Test func aClockThatStopsBeforeTheWork() {
        #expect(RowGuard.synchronisation(settling: 900, sample: 1000)?.contains("without a synchronisation") == true)
        #expect(RowGuard.synchronisation(settling: 100, sample: 50) == nil)
        #expect(RowGuard.synchronisation(settling: 300, sample: 10_000) == nil)
    }

    /// What stands still once for a neighbour is no failure, what goes on each time is.
    @Test func aClockThatStopsBeforeTheWorkDoesSoAgain() {
        for (settlings, times, isProblem) in [
            ([900.0, 0, 900], 2, false), ([0, 900, 900], 1, false), ([900, 900, 900], 3, true),
        ] {
            var again: [Bool] = []
            let problem = RowGuard.synchronisation { isAgain in
                again.append(isAgain)
                return (settlings[again.count - 1], 1000)
            }
            #expect(again == [false, true, true].prefix(times) + [] && (problem != nil) == isProblem, "\(settlings)")
        }
    }

    /// 2 GFLOP in a millisecond are 2 TFLOP/s.
    @Test func arithmeticBeyondThePeak() {
        #expect(RowGuard.rate(operations: 2e9, microseconds: 1000, peak: 0.9e12)?.contains("2000 GFLOP/s") == true)
        #expect(RowGuard.rate(operations: 2e9, microseconds: 1000, peak: 1.1e12) == nil)
        #expect(RowGuard.rate(operations: 2e9, microseconds: 1000, peak: nil) == nil)
        #expect(RowGuard.rate(operations: nil, microseconds: 1000, peak: 1) == nil)
    }

    /// What computes in float32 is as fast as float32; what is faster has a peak of its own.
    @Test func thePeakOfShortFloatsIsNotBelowFloat32s() {
        func row(_ dtype: String, _ microseconds: Double) -> BenchmarkRow {
            var row = BenchmarkRow(
                suite: "probe", name: "matmul", dtype: dtype, device: "cpu", driver: "", threads: 1, round: 0,
                firstMicroseconds: 0, samples: [microseconds], hostMicroseconds: 0, launches: 1)
            row.operations = 1e6
            return row
        }
        let peaks = Peaks([row("float32", 10), row("float16", 25), row("bfloat16", 5), row("float64", 20)])
        #expect(peaks.arithmetic == [.float32: 1e11, .float16: 1e11, .bfloat16: 2e11, .float64: 5e10])
        #expect(Peaks([row("float16", 25)]).arithmetic == [.float16: 4e10])
    }

    /// Of a 3x3 convolution by Winograd a quarter of the products is done, of any other work all.
    @Test func arithmeticThatARightAlgorithmSaves() {
        for family in OperationFamily.allCases { #expect(family.saving == (family == .convolution ? 4 : 1)) }
        #expect(RowGuard.rate(operations: 2e9, microseconds: 1000, peak: 0.26e12, saving: 4) == nil)
        let problem = RowGuard.rate(operations: 2e9, microseconds: 1000, peak: 0.24e12, saving: 4)
        #expect(problem?.contains("more than 8 times") == true)
    }
}
