import CPUBackend
import TensorConformance
import TensorGraph
import TensorRuntime
import Testing

@Suite struct TraceTests {
    @Test func aChainOfPointwiseOperationsIsOneLaunch() throws {
        let context = try makeContext()
        let x = try Value.make([1, -2, 3], [3], in: context)
        let y = x.binary(.multiply, x).binary(.add, x).unary(.relu).unary(.sigmoid)
        let values = try y.floats()
        #expect(context.statistics.launches == 1)
        #expect(difference(values, [0.8807971, 0.8807971, 0.9999939]) < 1e-6)
    }

    @Test func liveHandlesAddStoresAndNoLaunches() throws {
        let context = try makeContext()
        let x = try Value.make([1, -2, 3], [3], in: context)
        let a = x.binary(.multiply, 2.0)
        let b = a.unary(.relu)
        let c = b.unary(.exp)
        _ = try c.floats()
        #expect(context.statistics.launches == 1)
        #expect(try a.floats() == [2, -4, 6])
        #expect(try b.floats() == [2, 0, 6])
        #expect(context.statistics.launches == 1)
    }

    @Test func softmaxAndItsLossAreOneLaunch() throws {
        let context = try makeContext()
        let x = try Value.make([1, 2, 3, 3, 2, 1], [2, 3], in: context)
        let shifted = x.binary(.subtract, x.reduce(.maximum, axes: [1]).expand([2, 3]))
        let exponentials = shifted.unary(.exp)
        let sums = exponentials.reduce(.sum, axes: [1])
        let softmax = exponentials.binary(.divide, sums.expand([2, 3]))
        let loss = sums.unary(.log).reduce(.sum, axes: [0, 1]).binary(.multiply, 0.5)
        #expect(difference(try loss.floats(), [0.40760595]) < 1e-6)
        #expect(difference(Array(try softmax.floats().prefix(3)), [0.09003057, 0.24472848, 0.66524094]) < 1e-6)
        #expect(context.statistics.launches == 1)
    }

    @Test func theSameStepBuildsOnePlanAndThenFindsIt() throws {
        let context = try makeContext()
        var p = try Value.make([1, 2, 3, 4], [4], in: context)
        for step in 0..<5 {
            p = p.binary(.subtract, p.binary(.multiply, 0.1 + Double(step)))
            try context.evaluate([p.handle])
        }
        #expect(context.statistics.plansBuilt == 1)
        #expect(context.statistics.planHits == 4)
    }

    @Test func anUpdateReusesTheDeadInputsBuffer() throws {
        let context = try makeContext()
        var p = try Value.make([Float](repeating: 1, count: 1000), [1000], in: context)
        let before = context.statistics
        for _ in 0..<4 {
            p = p.binary(.subtract, p.binary(.multiply, 0.5))
            try context.evaluate([p.handle])
        }
        let spent = context.statistics.since(before)
        #expect(spent.blockRequests == 0)
        #expect(try p.floats() == [Float](repeating: 0.0625, count: 1000))
    }

    @Test func valuesHeldAcrossStepsAreNeverOverwritten() throws {
        let context = try makeContext()
        var p = try Value.make([1, 2, 3], [3], in: context)
        let old = p
        let view = p.slice(axis: 0, start: 1, count: 2)
        for _ in 0..<3 {
            p = p.binary(.multiply, 2.0)
            try context.evaluate([p.handle])
        }
        #expect(try old.floats() == [1, 2, 3])
        #expect(try view.floats() == [2, 3])
        #expect(try p.floats() == [8, 16, 24])
    }

    @Test func aLeafReadByAnotherPendingTraceIsNotOverwritten() throws {
        let context = try makeContext()
        var p: Value? = try Value.make([1, 2, 3], [3], in: context)
        let other = p!.binary(.add, 1.0)
        let next = p!.binary(.multiply, 2.0)
        p = nil
        _ = (other, next)
        // Both are in traces of their own; evaluating one must leave the leaf for the other.
        #expect(try next.floats() == [2, 4, 6])
        #expect(try other.floats() == [2, 3, 4])
    }

    @Test func nineHundredSlicesOfAnArrayShareOnePlan() throws {
        let context = try makeContext()
        let x = try Value.make((0..<3600).map(Float.init), [900, 4], in: context)
        for row in 0..<900 {
            let y = x.slice(axis: 0, start: row, count: 1).binary(.multiply, 2.0)
            #expect(try y.floats() == (0..<4).map { Float(row * 4 + $0) * 2 })
        }
        #expect(context.statistics.plansBuilt == 1)
        let pending = x.binary(.add, 0.0)
        _ = pending
        var built = 0
        for row in 0..<5 {
            let before = context.statistics
            let y = x.binary(.add, 1.0).slice(axis: 0, start: row * 3, count: 2)
            #expect(try y.floats().first == Float(row * 12) + 1)
            built += context.statistics.since(before).plansBuilt
        }
        #expect(built <= 2)
    }

    @Test func gradientsAreWrittenStraightIntoTheFlatBuffer() throws {
        let context = try makeContext()
        let x = try Value.make([1, 2, 3, 4], [2, 2], in: context)
        let a = x.matmul(x)
        let b = x.matmul(x.transposed())
        let flat = Value.concatenate([a.reshape([4]), b.reshape([4])], axis: 0)
        let updated = flat.binary(.multiply, 2.0)
        #expect(try updated.floats() == [14, 20, 30, 44, 10, 22, 22, 50])
        #expect(try a.floats() == [7, 10, 15, 22])
        #expect(try b.floats() == [5, 11, 11, 25])
        #expect(context.statistics.launches == 3)
    }

    @Test func epiloguesJoinTheirMatmul() throws {
        let context = try makeContext()
        let x = try Value.make([1, -2, 3, 4], [2, 2], in: context)
        let bias = try Value.make([0.5, -100], [2], in: context)
        let y = x.matmul(x).binary(.add, bias.reshape([1, 2]).expand([2, 2])).unary(.relu)
        #expect(try y.floats() == [0, 0, 15.5, 0])
        #expect(context.statistics.launches == 1)
    }

    @Test func aSliceOfAWholeDimensionReadsTheSamePlace() throws {
        let context = try makeContext()
        let x = try Value.make([1, 2, 3], [3], in: context)
        let y = x.binary(.multiply, 2.0)
        let z = y.slice(axis: 0, start: 0, count: 3).binary(.add, y)
        #expect(try z.floats() == [4, 8, 12])
        #expect(context.statistics.launches == 1)
        #expect(try y.floats() == [2, 4, 6])
    }

    @Test func viewsAreFreeAndReadBackRowMajor() throws {
        let context = try makeContext()
        let x = try Value.make([1, 2, 3, 4, 5, 6], [2, 3], in: context)
        let t = x.transposed()
        #expect(context.statistics.launches == 0)
        #expect(try t.floats() == [1, 4, 2, 5, 3, 6])
        let doubled = x.binary(.multiply, 2.0).transposed().reshape([6])
        #expect(try doubled.floats() == [2, 8, 4, 10, 6, 12])
    }

    @Test func aMillionOperationsNeitherOverflowTheStackNorLeak() throws {
        let context = try makeContext()
        var x = try Value.make([0], [1], in: context)
        for _ in 0..<1_000_000 { x = x.binary(.add, 1.0) }
        #expect(try x.floats() == [1_000_000])
        var dropped = try Value.make([0], [1], in: context)
        for _ in 0..<40_000 { dropped = dropped.binary(.add, 1.0) }
        dropped = x
        #expect(context.statistics.allocatedBytes <= 8 * 512)
    }

    @Test func theBoundOfATraceByMemoryFallsAtTheSamePlaceEachStep() throws {
        let context = try makeContext { $0.traceByteLimit = 4000 }
        let x = try Value.make([Float](repeating: 1, count: 100), [10, 10], in: context)
        let same = try Value.make((0..<100).map { $0 % 11 == 0 ? 1 : 0 }, [10, 10], in: context)
        var kept: [Value] = []
        for step in 0..<6 {
            var value = x
            var places: [Int] = []
            for place in 1...25 {
                let before = context.statistics.launches
                // What is fused with something that is stored does not count; nor does it matter which values are kept.
                value = value.reshape([100]).reshape([10, 10]).binary(.add, 1.0).matmul(same)
                if step % 2 == 1 && place % 3 == 0 { kept.append(value) }
                if context.statistics.launches > before { places.append(place) }
            }
            #expect(places == [11, 21], "step \(step)")
            #expect(try value.floats() == [Float](repeating: 26, count: 100))
        }
        #expect(try kept.last!.floats() == [Float](repeating: 25, count: 100))
        #expect(context.statistics.plansBuilt <= 6)
    }

    @Test func aTraceOfMoreThanAQuarterOfTheDevicesMemoryIsEvaluated() throws {
        var description = ReferenceDevice().description
        description.memory = 16_000
        let context = try DeviceContext(device: FragileDevice(description), configuration: RuntimeConfiguration())
        let x = try Value.make([Float](repeating: 1, count: 100), [10, 10], in: context)
        let same = try Value.make((0..<100).map { $0 % 11 == 0 ? 1 : 0 }, [10, 10], in: context)
        // Two traces that meet count together.
        var a = x
        var b = x
        for _ in 0..<5 {
            a = a.binary(.add, 1.0).matmul(same)
            b = b.binary(.add, 2.0).matmul(same)
        }
        let sum = a.binary(.add, b)
        #expect(context.statistics.launches == 0)
        let product = sum.matmul(same)
        #expect(context.statistics.launches > 0)
        #expect(sum.handle.isEvaluated && !product.handle.isEvaluated)
        #expect(try product.floats()[0] == 17)
    }

    /// A sum of bytes in int64 needs eight times their memory where they are not added up as they are cast.
    @Test func theBoundByMemoryStoresNothingThatFusionWouldNot() throws {
        let context = try makeContext { $0.traceByteLimit = 4096 }
        let bytes = [UInt8](repeating: 3, count: 8192)
        let x = try bytes.withUnsafeBytes { try context.makeValue(shape: [8192], dtype: .uint8, bytes: $0) }
        let held = context.statistics.peakAllocatedBytes
        // Held in the middle of an expression.
        var wide: Handle? = context.trace(.pointwise(.cast), shape: [8192], dtype: .int64, x)
        let sum = context.trace(.reduce(.sum, axes: 1), shape: [1], dtype: .int64, wide)
        wide = nil
        #expect(context.statistics.launches == 0)
        var result: Int64 = 0
        try withUnsafeMutableBytes(of: &result) { try context.read(sum, into: $0) }
        #expect(result == 3 * 8192)
        #expect(context.statistics.launches == 1)
        #expect(context.statistics.peakAllocatedBytes - held < 4096)
    }

    /// Before a product its operands are evaluated, which it reads from memory: not the product, whose epilogue is to come.
    @Test func theBoundByMemoryLeavesEpiloguesWhole() throws {
        func launches(_ limit: Int?) throws -> Int {
            let context = try makeContext { $0.traceByteLimit = limit }
            let w = try Value.make((0..<100).map { Float($0 % 7) - 3 }, [10, 10], in: context)
            var x = w
            for _ in 0..<30 { x = x.matmul(w).unary(.tanh).binary(.multiply, 2.0) }
            _ = try x.floats()
            return context.statistics.launches
        }
        #expect(try launches(1000) == launches(nil))
        #expect(try launches(nil) == 30)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func tracesThatMeetInAnyOrderAreEvaluatedInOrderOfCreation(seed: UInt64) throws {
        let context = try makeContext()
        var random = TestRandom(state: seed)
        var chains = (0..<8).map { (value: Value.fill(Double($0), [2], in: context), expected: Float($0)) }
        while chains.count > 1 {
            for _ in 0..<6 {
                let index = Int.random(in: chains.indices, using: &random)
                chains[index].value = chains[index].value.binary(.multiply, 2.0).binary(.add, 1.0)
                chains[index].expected = chains[index].expected * 2 + 1
            }
            let other = chains.remove(at: Int.random(in: chains.indices, using: &random))
            let index = Int.random(in: chains.indices, using: &random)
            chains[index].value = chains[index].value.binary(.subtract, other.value)
            chains[index].expected -= other.expected
        }
        #expect(try chains[0].value.floats() == [Float](repeating: chains[0].expected, count: 2))
        #expect(context.statistics.plansBuilt == 1)
    }

    @Test func theBoundFlushesOlderTracesToo() throws {
        let context = try makeContext { $0.traceLimit = 8 }
        let x = try Value.make([1], [1], in: context)
        // Small traces of their own, none of them full.
        let small = (0..<5).map { Value.fill(Double($0), [1], in: context) }
        var sum = x
        for _ in 0..<8 { sum = sum.binary(.add, 1.0) }
        #expect(small.allSatisfy { $0.handle.isEvaluated })
        #expect(try sum.floats() == [9])
    }

    @Test func unreadValuesAreNeverComputed() throws {
        let context = try makeContext()
        let x = try Value.make([1, 2], [2], in: context)
        do { _ = x.unary(.exp).unary(.log) }
        let y = x.binary(.add, 1.0)
        #expect(try y.floats() == [2, 3])
        #expect(context.statistics.launches == 1)
    }

    @Test func twoContextsMakeTheSamePlan() throws {
        let dumps = try (0..<2).map { _ in
            let context = try makeContext()
            let graph = try RandomGraph(seed: 77, in: context)
            return try context.planDump(of: graph.live[0].handle)
        }
        #expect(dumps[0] == dumps[1])
    }
}

@Suite struct ProgramTests {
    @Test func batchesOfManySizesHoldLittleMoreMemoryThanTheLargest() throws {
        /// A step of a product, a softmax and an update, whose results are kept until the next; how much it reserved.
        func run(_ counts: [Int]) throws -> Int {
            let configuration = RuntimeConfiguration()
            let context = try DeviceContext(
                device: try CPUBackend().open(index: 0, configuration: configuration), configuration: configuration)
            var weight = try Value.make([Float](repeating: 0.01, count: 4 * 20_000), [4, 20_000], in: context)
            for count in counts {
                let x = Value.fill(1, [count, 4], in: context)
                let hidden = x.matmul(weight).unary(.exp)
                let sums = hidden.reduce(.sum, axes: [1]).expand([count, 20_000])
                let slope = hidden.binary(.divide, sums)
                weight = weight.binary(.subtract, x.transposed().matmul(slope.binary(.multiply, hidden)))
                try context.evaluate([weight.handle])
            }
            return context.statistics.reservedBytes
        }
        let alone = try run([100, 100])
        for counts in [Array(1...100), (1...100).reversed(), (1...100).map { $0 * 37 % 101 }] {
            #expect(try run(counts) * 2 <= alone * 3)
        }
    }

    @Test func aHundredBatchSizesShareTheProgramsOfAFew() throws {
        /// A forward pass, its loss and a weight gradient over `count` examples.
        func step(_ count: Int, in context: DeviceContext) throws {
            let x = try Value.make([Float](repeating: 0.5, count: count * 6), [count, 6], in: context)
            let weight = try Value.make([Float](repeating: 0.1, count: 24), [6, 4], in: context)
            let bias = try Value.make([1, 2, 3, 4], [1, 4], in: context)
            let logits = x.matmul(weight).binary(.add, bias.expand([count, 4])).unary(.relu)
            let shifted = logits.binary(.subtract, logits.reduce(.maximum, axes: [1]).expand([count, 4]))
            let sums = shifted.unary(.exp).reduce(.sum, axes: [1])
            let loss = sums.unary(.log).reduce(.sum, axes: [0, 1])
            let slope = shifted.unary(.exp).binary(.divide, sums.expand([count, 4]))
            let gradient = x.transposed().matmul(slope)
            let biasGradient = slope.reduce(.sum, axes: [0])
            try context.evaluate([loss.handle, gradient.handle, biasGradient.handle])
        }
        let one = try makeContext()
        try step(64, in: one)
        let many = try makeContext()
        for count in 1...100 { try step(count, in: many) }
        #expect(many.statistics.plansBuilt == 100)
        #expect(many.statistics.programsMade <= 3 * one.statistics.programsMade)
    }
}
