import CPUBackend
import Foundation
import TensorGraph
import TensorRuntime
import Testing

@Suite struct ConcurrencyTests {
    private func makeCPU() throws -> DeviceContext {
        let configuration = RuntimeConfiguration()
        return try DeviceContext(
            device: try CPUBackend().open(index: 0, configuration: configuration), configuration: configuration)
    }

    @Test func tasksOnOneDeviceDoNotDisturbEachOther() async throws {
        let context = try makeCPU()
        try await withThrowingTaskGroup(of: Float.self) { group in
            for seed in 0..<8 {
                group.addTask {
                    var p = try Value.make([Float](repeating: Float(seed + 1), count: 1000), [1000], in: context)
                    for _ in 0..<50 {
                        p = p.binary(.multiply, 2.0).binary(.subtract, p)
                        try context.flushAll()
                    }
                    return try p.reduce(.sum, axes: [0]).floats()[0] / Float(seed + 1)
                }
            }
            for try await sum in group { #expect(sum == 1000) }
        }
    }

    @Test func aValueReadByManyTasksIsComputedOnce() async throws {
        let context = try makeCPU()
        let x = try Value.make((0..<4096).map { Float($0) }, [64, 64], in: context)
        let y = x.matmul(x).unary(.relu)
        try await withThrowingTaskGroup(of: [Float].self) { group in
            for _ in 0..<8 { group.addTask { try y.floats() } }
            var first: [Float]?
            for try await values in group {
                #expect(first == nil || first == values)
                first = values
            }
        }
        #expect(context.statistics.launches == 1)
    }

    @Test func tracesThatMeetAreJoined() async throws {
        let context = try makeCPU()
        let x = try Value.make([1, 2, 3], [3], in: context)
        async let a = Task.detached { x.binary(.add, 1.0) }.value
        async let b = Task.detached { x.binary(.multiply, 2.0) }.value
        let sum = await a.binary(.add, await b)
        #expect(try sum.floats() == [4, 7, 10])
        #expect(context.statistics.launches == 1)
    }

    /// A leaf that work reads for the last time is nobody's any more once that work has its place in the stream: its block
    /// may be used by work behind, but not by the host, which copies at once.
    @Test func theHostIsNotGivenABlockThatWorkStillReads() throws {
        let gate = Gate()
        let context = try DeviceContext(
            device: FragileDevice(beforeLaunch: { gate.pass() }), configuration: RuntimeConfiguration())
        let y = try Value.make([Float](repeating: 3, count: 1000), [1000], in: context).reduce(.sum, axes: [0])
        gate.close()
        let first = Thread { _ = try? y.floats() }
        first.start()
        gate.awaitArrival()
        let others = try (0..<8).map { _ in
            try Value.make([Float](repeating: 9, count: 1000), [1000], in: context)
        }
        gate.open()
        #expect(try y.floats() == [3000])
        for other in others { #expect(try other.floats() == [Float](repeating: 9, count: 1000)) }
    }

    /// A value is in its place before the work that computes it has run; what is traced from it then must fail with it.
    @Test func whatIsTracedFromWorkThatThenFailsFailsToo() throws {
        let gate = Gate()
        let device = FragileDevice(launchesLeft: 0, beforeLaunch: { gate.pass() })
        let context = try DeviceContext(device: device, configuration: RuntimeConfiguration())
        let x = try Value.make([1], [1], in: context).unary(.negate)
        gate.close()
        // Its error is what is waited for below.
        let first = Thread { _ = try? x.floats() }
        first.start()
        gate.awaitArrival()
        let y = x.binary(.add, 1.0)
        gate.open()
        while x.handle.failure == nil { usleep(1000) }
        device.launchesLeft.withLock { $0 = .max }
        let launches = context.statistics.launches
        for _ in 0..<2 {
            do {
                _ = try y.floats()
                Issue.record("a value computed from a lost one was read")
            } catch let error as TensorError {
                #expect(error.kind == .deviceFailure)
            }
        }
        #expect(context.statistics.launches == launches)
    }

    // MARK: Nothing waits for what runs

    /// While one launch is held, others trace, make tensors, read what is computed, and plan: no lock is held meanwhile.
    @Test func whileALaunchRunsOthersTraceMakeTensorsReadAndPlan() throws {
        let gate = Gate(holds: 1)
        let context = try DeviceContext(
            device: FragileDevice(beforeLaunch: { gate.pass() }), configuration: RuntimeConfiguration())
        let done = try Value.make([1, 2], [2], in: context).unary(.negate)
        _ = try done.floats()
        gate.close()
        let held = try Value.make([1], [1], in: context).unary(.negate)
        let first = Thread { _ = try? held.floats() }
        first.start()
        gate.awaitArrival()

        // Traced on values that are there, and on the one that is being computed.
        var x = held
        for _ in 0..<10_000 { x = x.binary(.add, 1.0) }
        for number in 0..<100 {
            _ = try Value.make([Float](repeating: Float(number), count: 4096), [4096], in: context)
        }
        #expect(try done.floats() == [-1, -2])
        // Another context of the device is not held up at all.
        let other = try DeviceContext(device: context.device, configuration: RuntimeConfiguration())
        #expect(try Value.make([5], [1], in: other).unary(.negate).floats() == [-5])
        // A new plan is made; its launch waits for its turn.
        let plans = context.statistics.plansBuilt
        let y = try Value.make([3], [1], in: context).unary(.square).unary(.sqrt)
        let second = Thread { _ = try? y.floats() }
        second.start()
        while context.statistics.plansBuilt == plans { usleep(500) }
        #expect(gate.isHolding)
        gate.open()
        #expect(try y.floats() == [3])
        #expect(try x.floats() == [9_999])
    }

    /// A kernel that is being made holds up whoever needs its plan, and nobody else; the plan is made once.
    @Test func whileAKernelIsMadeOthersTraceAndEvaluate() throws {
        let gate = Gate(holds: 1)
        let context = try DeviceContext(
            device: FragileDevice(beforeKernel: { gate.pass() }), configuration: RuntimeConfiguration())
        let known = try Value.make([1], [1], in: context).unary(.negate)
        _ = try known.floats()
        gate.close()
        func slow(_ number: Float) throws -> Value {
            try Value.make([number, 2], [2], in: context).unary(.square).reduce(.sum, axes: [0])
        }
        let values = try (0..<4).map { try slow(Float($0)) }
        let plans = context.statistics.plansBuilt
        let threads = values.map { value in Thread { _ = try? value.floats() } }
        threads[0].start()
        gate.awaitArrival()
        for thread in threads.dropFirst() { thread.start() }
        let next = values[0].binary(.add, 1.0)
        #expect(try Value.make([7], [1], in: context).unary(.negate).floats() == [-7])
        #expect(gate.isHolding && context.statistics.plansBuilt == plans)
        gate.open()
        for (number, value) in values.enumerated() { #expect(try value.floats() == [Float(number * number) + 4]) }
        #expect(try next.floats() == [5])
        // One for all four, and one for the addition.
        #expect(context.statistics.plansBuilt == plans + 2)
    }

    /// A plan that cannot be made leaves its values pending, and what was traced on them meanwhile with them.
    @Test func whatIsTracedOnAPlanThatCannotBeMadeCanBeEvaluatedLater() throws {
        let gate = Gate(holds: 1)
        let device = FragileDevice(beforeKernel: { gate.pass() })
        let context = try DeviceContext(device: device, configuration: RuntimeConfiguration())
        let x = try Value.make([1, 2], [2], in: context).unary(.square)
        device.refusesKernels.withLock { $0 = true }
        gate.close()
        let first = Thread { _ = try? x.floats() }
        first.start()
        gate.awaitArrival()
        let y = x.binary(.add, 1.0)
        let waiting = Thread { _ = try? y.floats() }
        waiting.start()
        gate.open()
        #expect(throws: TensorError.self) { try y.floats() }
        device.refusesKernels.withLock { $0 = false }
        #expect(try y.floats() == [2, 5])
        #expect(try x.floats() == [1, 4])
    }

    @Test func eachPlainThreadHasTracesOfItsOwn() throws {
        let context = try makeCPU()
        let mine = try Value.make([1], [1], in: context).unary(.negate)
        let other = Thread {
            do {
                let theirs = try Value.make([2], [1], in: context).unary(.negate)
                try context.flushAll()
                #expect(theirs.handle.isEvaluated)
            } catch { Issue.record(error) }
        }
        other.start()
        while !other.isFinished { usleep(500) }
        #expect(!mine.handle.isEvaluated)
        try context.flushAll()
        #expect(mine.handle.isEvaluated)
    }
}
