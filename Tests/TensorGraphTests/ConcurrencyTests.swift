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

    /// While one thread's launch runs, another plans one that reads a leaf for the last time: until its work is in the
    /// stream, nobody may be given the leaf's block.
    @Test func aLeafsBlockIsReusedOnlyBehindTheWorkThatReadsIt() throws {
        let gate = Gate()
        let context = try DeviceContext(
            device: FragileDevice(beforeLaunch: { gate.pass() }), configuration: RuntimeConfiguration())
        let x = try Value.make([1], [1], in: context).unary(.negate)
        let y = try Value.make([Float](repeating: 3, count: 1000), [1000], in: context).reduce(.sum, axes: [0])
        gate.close()
        let first = Thread { _ = try? x.floats() }
        first.start()
        gate.awaitArrival()

        let before = context.allocator.statistics
        let second = Thread { _ = try? y.floats() }
        second.start()
        while context.allocator.statistics.blockRequests == before.blockRequests { usleep(1000) }
        usleep(50_000)
        #expect(context.allocator.statistics.allocatedBytes > before.allocatedBytes)
        gate.open()
        #expect(try y.floats() == [3000])
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
}

/// Holds up the threads that pass it while it is closed.
private final class Gate: @unchecked Sendable {
    // Safety: fields are touched only under `condition`.
    private let condition = NSCondition()
    private var isClosed = false
    private var arrivals = 0

    func close() { change { isClosed = true } }
    func open() { change { isClosed = false } }

    func pass() {
        condition.lock()
        defer { condition.unlock() }
        guard isClosed else { return }
        arrivals += 1
        condition.broadcast()
        while isClosed { condition.wait() }
    }

    func awaitArrival() {
        condition.lock()
        defer { condition.unlock() }
        while arrivals == 0 { condition.wait() }
    }

    private func change(_ body: () -> Void) {
        condition.lock()
        defer { condition.unlock() }
        body()
        condition.broadcast()
    }
}
