import KernelIR
import Testing

/// How often the loops of a work-item turn, at most. That the bound holds, every row of the catalogue checks on the
/// interpreter (`InterpreterDevice`); here is that it is no larger than it has to be.
@Suite struct TurnBoundTests {
    private func bound(
        _ arguments: [String: Int] = [:], workgroups: Int = 1, _ body: @escaping (KernelBuilder) -> Void
    ) -> Int? {
        KernelBuilder.build("k", workgroupSize: [8, 1, 1], body)
            .turnBound(arguments: arguments, workgroups: [workgroups, 1, 1])
    }

    @Test func loopsOneAfterAnotherAddUpAndThoseInsideMultiply() {
        #expect(bound { k in k.loop(from: 0, to: k.int(10)) { _ in } } == 10)
        #expect(bound { k in k.loop(from: 3, to: k.int(10), by: 4) { _ in } } == 2)
        #expect(bound { k in k.loop(from: 10, to: k.int(3)) { _ in } } == 0)
        let nested = bound { k in
            k.loop(from: 0, to: k.int(10)) { _ in k.loop(from: 0, to: k.int(5)) { _ in } }
            k.loop(from: 0, to: k.int(7)) { _ in }
        }
        #expect(nested == 10 + 10 * 5 + 7)
    }

    @Test func aRunTurnsAsOftenAsItIsLongWhereverItStarts() {
        let found = bound(["run": 100, "count": 1_000_000], workgroups: 10_000) { k in
            let run = k.argument("run", .int32)
            let start = k.workgroupID(0) * run
            k.loop(from: start, to: (start + run).binary(.minimum, k.argument("count", .int32))) { _ in }
        }
        #expect(found == 100)
    }

    @Test func theWorkItemsOfATeamShareARow() {
        let found = bound(["count": 1000]) { k in
            k.loop(from: k.localID(0), to: k.argument("count", .int32), by: 8) { _ in }
        }
        #expect(found == 125)
    }

    @Test func whatABranchSaysOfItsBoundsCounts() {
        let found = bound(["count": 1_000_000], workgroups: 250_000) { k in
            let count = k.argument("count", .int32)
            let start = k.workgroupID(0) * 4
            k.if(start + 4 <= count) {
                k.loop(from: 0, to: k.int(2)) { _ in }
            } else: {
                k.loop(from: start, to: count) { _ in }
            }
        }
        #expect(found == 3)
    }

    @Test func aLoopWithinALoopEndsWhereTheOuterOnesNumbersEnd() {
        // At most 9 turns inside each of 10.
        let found = bound { k in
            k.loop(from: 0, to: k.int(10)) { i in k.loop(from: 0, to: i) { _ in } }
        }
        #expect(found == 10 + 10 * 9)
    }

    @Test func aRemainderOfFloatsIsALoopToo() throws {
        let found = bound { k in
            let x = k.buffer("x", .float32, .readWrite)
            x[k.localID(0)] = x[k.localID(0)].binary(.remainder, k.constant(3, .float32))
        }
        #expect(try #require(found) > 32)
    }

    @Test func whatDependsOnDataOrIsNotKnownHasNoBound() {
        let loaded = bound { k in
            let x = k.buffer("x", .int32, .read)
            k.loop(from: k.int(0), to: x[k.localID(0)]) { _ in }
        }
        #expect(loaded == nil)
        #expect(bound { k in k.loop(from: 0, to: k.argument("count", .int32)) { _ in } } == nil)
        let huge = bound(["count": 1 << 40]) { k in
            let count = k.argument("count", .int64)
            k.loop(from: k.constant(0, .int64), to: count) { _ in
                k.loop(from: k.constant(0, .int64), to: count) { _ in }
            }
        }
        #expect(huge == nil)
    }

    @Test func theInterpreterStopsAtTheFirstTurnTooMany() throws {
        let kernel = KernelBuilder.build("k", workgroupSize: [8, 1, 1]) { k in
            k.loop(from: 0, to: k.localID(0)) { _ in k.loop(from: 0, to: k.int(2)) { _ in } }
        }
        let interpreter = try KernelInterpreter(kernel)
        try interpreter.launch(workgroups: [1, 1, 1], turnLimit: 7 + 7 * 2)
        let error = expectError(.turns) { try interpreter.launch(workgroups: [1, 1, 1], turnLimit: 7 + 7 * 2 - 1) }
        #expect(error?.workItem?.local == [7, 0, 0])
    }
}
