import CPUBackend
import CPUKernels
import TensorConformance
import TensorRuntime
import Testing

/// A long row is sorted by all threads of the pool, with the same result whatever their number.
@Suite struct LongRowTests {
    private static func device(threads: Int) throws -> CPUDevice {
        var configuration = RuntimeConfiguration()
        configuration.threads = threads
        return try CPUDevice(configuration: configuration)
    }

    /// Sorts whose rows are too few to be shared out.
    private static func cases() -> [ConformanceCase] {
        let fills: [Fill] = [
            .integers(-20, 20), .uniform(-1, 1), .values([3]),
            .mixed(values: [.nan, 0, -0.0], period: 3, low: -1, high: 1),
        ]
        return fills.enumerated().flatMap { number, fill in
            [(40_003, 40_003, false), (40_003, 40_003, true), (65_536, 100, false), (20_000, 3_000, true)].map {
                (length, kept, descending) -> ConformanceCase in
                let layout = Layout(contiguous: [1, length], offset: 1)
                let source = number == 1 ? layout.flipped(axis: 1) : layout
                let kernel = SortKernel(
                    dtype: .float32, shape: [1, length], strides: source.strides, kept: kept, descending: descending,
                    results: [.values, .indices])
                return ConformanceCase(
                    name: "sort/\(number) \(length) \(kept) \(descending)", spec: KernelSpec(kernel),
                    operands: [
                        ConformanceCase.Operand(
                            dtype: .float32, count: length + 1, offset: source.offset, fill: fill),
                        ConformanceCase.Operand(dtype: .float32, count: kept, offset: 0),
                        ConformanceCase.Operand(dtype: .int64, count: kept, offset: 0),
                    ], tolerances: [.signedZeros(ulp: 0), .exact], operations: length)
            }
        }
    }

    @Test func theResultIsTheSameWithAnyNumberOfThreads() throws {
        let cases = LongRowTests.cases()
        let suite = ConformanceSuite()
        let expected = suite.run(device: try Self.device(threads: 1), cases: cases)
        #expect(expected.count == 16 && expected.allSatisfy(\.passed), "\(expected.filter { !$0.passed })")
        for threads in [2, 3, 5, 8] {
            let device = try Self.device(threads: threads)
            let found = suite.run(device: device, cases: cases)
            #expect(found.map(\.digest) == expected.map(\.digest), "\(threads) threads")
        }
    }

    @Test func fewLongRowsAreSortedInPartsAndManyShared() {
        func plan(rows: Int64, length: Int64, threads: Int32) -> nt_sort {
            var sort = nt_sort()
            sort.rank = 1
            sort.rows.0 = rows
            (sort.length, sort.kept) = (length, length)
            _ = nt_sort_memory(&sort, threads)
            return sort
        }
        let expected: [(rows: Int64, length: Int64, threads: Int32, parts: Int64, tasks: Int64)] = [
            (1, 1_000_000, 5, 8, 1), (2, 20_000, 3, 4, 1), (3, 20_000, 3, 1, 3), (1, 1_000, 8, 1, 1),
            (1, 1_000_000, 1, 1, 1), (1, 1_000_000, 200, 64, 1),
        ]
        for (rows, length, threads, parts, tasks) in expected {
            let found = plan(rows: rows, length: length, threads: threads)
            #expect(found.parts == parts && found.tasks == tasks, "\(rows) x \(length) on \(threads): \(found)")
        }
    }
}
