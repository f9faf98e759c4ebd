import Foundation
import Needletail
import TensorGraph
import TensorRuntime
import TestSupport
import Testing

/// Several tasks and threads that train on one device.
@Suite struct ParallelTrainingTests {
    @Test func gradientsOfOneParameterFromSeveralTasksAddUpExactly() async throws {
        let parameter = Parameter(Tensor([Float(1)]))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask { for _ in 0..<20_000 { parameter.value.sum().backward() } }
            }
        }
        #expect(try parameter.grad?.scalars(as: Float.self) == [80_000])
    }

    /// Plain threads count as tasks of their own: no thread evaluates another's half a step.
    @Test func plainThreadsThatTrainDoNotDisturbEachOther() throws {
        @Sendable func train(_ seed: UInt64) throws -> [Float] {
            let training = SmallTraining(seed: seed, examples: 64, features: 20, hidden: 16, batchSize: 16)
            try training.run(12)
            return try training.weights()
        }
        var alone: [[Float]] = []
        let plansAlone = try withOwnDevice { context in
            alone.append(try train(0))
            let plans = context.statistics.plansBuilt
            for seed in 1..<8 { alone.append(try train(UInt64(seed))) }
            #expect(context.statistics.plansBuilt == plans)
            return plans
        }
        try withOwnDevice { context in
            let found = Lock([Int: [Float]]())
            let threads = (0..<8).map { seed in
                Thread {
                    do {
                        let weights = try withDeviceContext(context) { () throws(any Error) in try train(UInt64(seed)) }
                        found.withLock { $0[seed] = weights }
                    } catch { Issue.record(error) }
                }
            }
            for thread in threads { thread.start() }
            while threads.contains(where: { !$0.isFinished }) { usleep(1000) }
            for seed in 0..<8 { #expect(found.withLock { $0[seed] } == alone[seed]) }
            #expect(context.statistics.plansBuilt == plansAlone)
        }
    }

    /// Eight models at once, on the first stream of a device and each on one of its own, have the bits that they have one after
    /// another.
    @Test(arguments: GraphDevice.wanted)
    func eightTasksThatTrainEqualModelsAtOnceGetTheBitsOfOneAfterAnother(_ kind: GraphDevice) async throws {
        let steps = kind == .cpu ? 12 : 4
        @Sendable func train(_ seed: UInt64) throws -> [Float] {
            let training = SmallTraining(seed: seed, examples: 64, features: 20, hidden: 16, batchSize: 16)
            try training.run(steps)
            return try training.weights()
        }
        let device = try Self.open(kind)
        @Sendable func makeContext() throws -> DeviceContext { try DeviceContext(device: device) }
        let first = try makeContext()
        let expected = try withDeviceContext(first) { () throws(any Error) in try train(3) }
        for hasStreams in [false, true] {
            let context = try makeContext()
            let found = try await withThrowingTaskGroup(of: [Float].self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        try withDeviceContext(context) { () throws(any Error) in
                            let stream = try hasStreams ? Accelerator.Stream() : Accelerator.Stream.current()
                            return try Accelerator.Stream.with(stream) { () throws(any Error) in try train(3) }
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(found.count == 8 && !found.contains { $0 != expected })
            // The plans are the device's, whatever the stream.
            #expect(context.statistics.plansBuilt == first.statistics.plansBuilt)
        }
    }

    static func open(_ device: GraphDevice) throws -> any Device {
        if device == .vulkan { return try VulkanTesting.open(.lavapipe).device }
        return try deviceContext(DeviceID(backend: device.rawValue)).device
    }
}
