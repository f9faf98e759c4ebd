import CPUBackend
import TensorConformance
import TensorGraph
import TensorRuntime
import Testing

/// Operations with several results: each result is a value with a shape, a dtype and a life of its own.
@Suite struct SeveralResultTests {
    private func launches(_ context: DeviceContext) -> [SortKernel] {
        context.lastPlanLaunches.compactMap { $0.kernel.spec.body as? SortKernel }
    }

    @Test(arguments: ["fused", "unfused", "eager", "checking for NaN"])
    func bothResultsAreOneLaunchInEveryMode(_ mode: String) throws {
        let context = try makeContext {
            $0.fusion = mode != "unfused"
            $0.eager = mode == "eager"
            $0.checksNaN = mode == "checking for NaN"
        }
        let x = try Value.make([3, 1, 2, 6, 5, 4], [2, 3], in: context)
        let (values, indices) = x.sorted()
        #expect(try values.floats() == [1, 2, 3, 4, 5, 6])
        #expect(try indices.integers() == [1, 2, 0, 2, 1, 0])
        #expect(context.statistics.launches == 1)
    }

    @Test func aResultThatNobodyHoldsIsNotWritten() throws {
        let context = try makeContext()
        let x = try Value.make([3, 1, 2], [3], in: context)
        let values = x.sorted().values
        #expect(try values.floats() == [1, 2, 3])
        #expect(launches(context).map(\.results) == [[.values]])
        let indices = x.sorted().indices
        #expect(try indices.integers() == [1, 2, 0])
        #expect(launches(context).map(\.results) == [[.indices]])
        #expect(context.lastPlanDump.contains("arena 0, outputs [24]"))
    }

    /// What only other kernels read lies in the arena, and is gone with them.
    @Test func aResultThatOnlyAnotherKernelReadsHasNoBlock() throws {
        let context = try makeContext()
        let x = try Value.make([3, 1, 2], [3], in: context)
        func total() -> (sum: Value, indices: Value) {
            let (values, indices) = x.sorted()
            return (values.binary(.multiply, 2.0).reduce(.sum, axes: [0]), indices)
        }
        let (sum, indices) = total()
        #expect(try sum.floats() == [12])
        #expect(launches(context).map(\.results) == [[.values, .indices]])
        #expect(context.lastPlanDump.contains("arena 256, outputs [24, 4]"), "\(context.lastPlanDump)")
        #expect(try indices.integers() == [1, 2, 0])
    }

    @Test func resultsTracedApartAreMadeTogether() throws {
        let context = try makeContext()
        let x = try Value.make([3, 1, 2], [3], in: context)
        let y = x.binary(.add, 1.0)
        let places = y.sortedPart(.indices)
        let z = y.unary(.exp)
        let values = y.sortedPart(.values)
        let again = y.sorted()
        try context.evaluate([places, z, values, again.values, again.indices].map(\.handle))
        #expect(launches(context).map(\.results) == [[.values, .indices]])
        #expect(try places.integers() == [1, 2, 0])
        #expect(try again.indices.integers() == [1, 2, 0])
        #expect(try values.floats() == [2, 3, 4])
        #expect(try again.values.floats() == [2, 3, 4])
    }

    @Test func differentOperationsOnOneOperandStayApart() throws {
        let context = try makeContext()
        let x = try Value.make([3, 1, 2], [3], in: context).binary(.multiply, 1.0)
        let up = x.sorted()
        let down = x.sorted(descending: true)
        let part = x.sorted(descending: true, kept: 2)
        try context.evaluate([up.values, down.values, part.values].map(\.handle))
        #expect(launches(context).count == 3)
        #expect(try up.values.floats() == [1, 2, 3])
        #expect(try up.indices.integers() == [1, 2, 0])
        #expect(try down.values.floats() == [3, 2, 1])
        #expect(try down.indices.integers() == [0, 2, 1])
        #expect(try part.values.floats() == [3, 2])
        #expect(try part.indices.integers() == [0, 2])
    }

    @Test func theSignatureTellsOperationsAndResultsApart() throws {
        let context = try makeContext()
        let x = try Value.make([3, 1, 2], [3], in: context)
        for _ in 0..<2 {
            #expect(try x.sortedPart(.values).floats() == [1, 2, 3])
            #expect(try x.sortedPart(.values, descending: true).floats() == [3, 2, 1])
            #expect(try x.sortedPart(.indices).integers() == [1, 2, 0])
            #expect(try x.sortedPart(.indices, descending: true).integers() == [0, 2, 1])
            #expect(try x.sortedPart(.values, kept: 2).floats() == [1, 2])
        }
        #expect(context.statistics.plansBuilt == 5)
        #expect(context.statistics.planHits == 5)
    }

    /// A reader of both results, what is sorted being made by another kernel, and the results' makers in one plan.
    @Test(arguments: [true, false])
    func resultsAreReadBesideEachOther(fusion: Bool) throws {
        let context = try makeContext { $0.fusion = fusion }
        let x = try Value.make([3, 1, 2, 0], [4], in: context)
        let w = try Value.make([0, 1, 1, 0], [2, 2], in: context)
        let product = x.reshape([2, 2]).matmul(w)
        let (values, indices) = product.transposed().sorted(descending: true)
        let sum = values.binary(.add, indices.cast(to: .float32)).binary(.multiply, product)
        // [[1, 3], [0, 2]], transposed [[1, 0], [3, 2]].
        #expect(try sum.floats() == [1, 3, 0, 6])
    }

    /// Both results are in memory of their own: what overwrites one leaves the other.
    @Test(arguments: [SortKernel.Result.values, .indices])
    func oneResultIsOverwrittenWhileTheOtherLives(_ kept: SortKernel.Result) throws {
        let context = try makeContext()
        let numbers = (0..<1000).map { Float(($0 * 7) % 1000) }
        let x = try Value.make(numbers, [1000], in: context)
        let order = (0..<1000).sorted { numbers[$0] < numbers[$1] }.map { Int64($0) }
        var values: Value?
        var indices: Value?
        do {
            let both = x.sorted()
            try context.evaluate([both.values.handle])
            (values, indices) = (both.values, both.indices)
        }
        let before = context.statistics
        let spent: ExecutionStatistics
        if kept == .indices {
            let doubled = values!.binary(.multiply, 2.0)
            values = nil
            #expect(try doubled.floats() == (0..<1000).map { Float(2 * $0) })
            spent = context.statistics.since(before)
            #expect(try indices!.integers() == order)
        } else {
            let negated = Value(
                handle: context.trace(.pointwise(.negate), shape: [1000], dtype: .int64, indices!.handle))
            indices = nil
            #expect(try negated.integers() == order.map { -$0 })
            spent = context.statistics.since(before)
            #expect(try values!.floats() == (0..<1000).map(Float.init))
        }
        #expect(spent.blockRequests == 0, "the dead result's block serves the new value")
    }

    /// A sort reads all of its operand for each element that it writes.
    @Test func whatIsSortedIsNotOverwrittenByAResult() throws {
        let context = try makeContext()
        func make() throws -> Value {
            try Value.make((0..<500).map { Float(($0 * 3) % 500) }, [500], in: context).sortedPart(.values)
        }
        #expect(try make().floats() == (0..<500).map(Float.init))
        #expect(context.lastPlanDump.contains("donors [-1]"))
    }

    @Test func aLostLaunchPoisonsEveryResult() throws {
        let context = try DeviceContext(
            device: FragileDevice(launchesLeft: 0), configuration: RuntimeConfiguration())
        let (values, indices) = try Value.make([3, 1, 2], [3], in: context).sorted()
        #expect(throws: TensorError.self) { try values.floats() }
        let failure = indices.handle.failure
        #expect(failure?.kind == .deviceFailure && failure?.message.contains("lost") == true)
        #expect(values.handle.failure?.message == failure?.message)
    }

    @Test func aDeviceWithoutTheFamilySaysSoByName() throws {
        var description = ReferenceDevice().description
        description.families.remove(.sort)
        let context = try DeviceContext(
            device: ForwardingDevice(ReferenceDevice(), description: description), configuration: RuntimeConfiguration()
        )
        let x = try Value.make([3, 1, 2], [3], in: context)
        let (values, indices) = x.sorted()
        for result in [values, indices] {
            let error = #expect(throws: TensorError.self) { try context.evaluate([result.handle]) }
            #expect(error?.kind == .unsupported)
            #expect(error?.message.contains(": \(description.id) has no sort kernels; move") == true)
        }
        #expect(try x.floats() == [3, 1, 2])
        let results = ConformanceSuite.coverage(of: [], on: description)
        #expect(!results.contains { $0.contains("the device lacks") || $0.contains("family sort") })
    }

    @Test func theResultsOfAFailedOperandFail() throws {
        let context = try makeContext()
        let lost = Value(handle: context.failed(TensorError(.invalidArgument, "wrong"), shape: [3], dtype: .float32))
        let (values, indices) = lost.sorted()
        #expect(values.handle.failure?.message == "wrong" && indices.handle.failure?.message == "wrong")
    }

    @Test func emptyResultsTakeNoLaunch() throws {
        let context = try makeContext()
        let x = try Value.make([3, 1, 2], [3], in: context)
        #expect(try x.sorted(kept: 0).values.floats() == [])
        let (values, indices) = try Value.make([], [2, 0], in: context).sorted()
        #expect(try values.floats() == [])
        #expect(try indices.integers() == [])
        #expect(context.statistics.launches == 0)
    }

    /// Tasks that want different results of one operation at once, while it is in flight.
    @Test func tasksThatReadDifferentResultsGetThem() async throws {
        let configuration = RuntimeConfiguration()
        let context = try DeviceContext(
            device: try CPUBackend().open(index: 0, configuration: configuration), configuration: configuration)
        for round in 0..<20 {
            let count = 2000 + round
            let numbers = (0..<count).map { Float(($0 * 37) % count) }
            let (values, indices) = try Value.make(numbers, [count], in: context).binary(.add, 1.0).sorted()
            try await withThrowingTaskGroup(of: Bool.self) { group in
                let sorted = numbers.sorted().map { $0 + 1 }
                for _ in 0..<2 {
                    group.addTask { try values.floats() == sorted }
                    group.addTask { try indices.integers().map { numbers[Int($0)] + 1 } == sorted }
                    group.addTask { try values.binary(.subtract, 1.0).floats() == numbers.sorted() }
                }
                for try await isRight in group { #expect(isRight) }
            }
        }
    }
}

extension Value {
    func sortedPart(_ result: SortKernel.Result, descending: Bool = false, kept: Int? = nil) -> Value {
        var target = shape
        target[shape.rank - 1] = kept ?? shape[shape.rank - 1]
        return Value(
            handle: context.trace(
                .sort(descending: descending, result), shape: target, dtype: result == .values ? handle.dtype : .int64,
                handle))
    }

    func sorted(descending: Bool = false, kept: Int? = nil) -> (values: Value, indices: Value) {
        var target = shape
        target[shape.rank - 1] = kept ?? shape[shape.rank - 1]
        let handles = context.trace(
            [
                (.sort(descending: descending, .values), target, handle.dtype),
                (.sort(descending: descending, .indices), target, .int64),
            ], of: handle)
        return (Value(handle: handles[0]), Value(handle: handles[1]))
    }

    func cast(to dtype: DType) -> Value {
        Value(handle: context.trace(.pointwise(.cast), shape: shape, dtype: dtype, handle))
    }

    func integers() throws -> [Int64] {
        var result = [Int64](repeating: 0, count: shape.elementCount)
        try result.withUnsafeMutableBytes { try context.read(handle, into: $0) }
        return result
    }
}
