import TensorGraph
import TensorRuntime
import Testing

/// What plans are kept.
@Suite struct PlanCacheTests {
    private static func evaluate(_ count: Int, in context: DeviceContext) throws {
        try context.evaluate([Value.fill(1, [count], in: context).unary(.exp).handle])
    }

    @Test func manyShapesInTurnAreFoundAgain() throws {
        let context = try makeContext()
        for _ in 0..<2 {
            for count in 1...600 { try Self.evaluate(count, in: context) }
        }
        #expect(context.statistics.plansBuilt == 600)
        #expect(context.statistics.planHits == 600)
    }

    @Test func whatWasUsedLongestAgoGoesWhereThereIsNoRoom() throws {
        let context = try makeContext { $0.planCacheByteLimit = 64_000 }
        try Self.evaluate(1, in: context)
        for count in 2...60 {
            try Self.evaluate(count, in: context)
            // Never the one that was used longest ago.
            try Self.evaluate(1, in: context)
        }
        #expect(context.statistics.plansBuilt == 60)
        try Self.evaluate(60, in: context)
        #expect(context.statistics.plansBuilt == 60)
        try Self.evaluate(2, in: context)
        #expect(context.statistics.plansBuilt == 61)
    }
}
