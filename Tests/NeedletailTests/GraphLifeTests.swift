import Foundation
import Needletail
import TensorGraph
import TensorRuntime
import Testing

/// Graphs, their tensors and their memory, whoever goes first.
@Suite(.serialized) struct GraphLifeTests {
    @Test func resultsReadAsTheLastReplays() throws {
        try withOwnDevice { _ in
            let graph = Accelerator.Graph()
            let x = try graph.input(like: Tensor([1, 2] as [Float]))
            let doubled = try graph.capture { x.value * 2 }
            expectError(.invalidArgument, containing: "call replay() first") { () throws(TensorError) in
                try doubled.scalars(as: Float.self)
            }
            try graph.replay()
            #expect(try doubled.scalars(as: Float.self) == [2, 4])
            // Traced before the next replay, evaluated after it: of the values at which it was traced.
            let more = doubled + 1
            try x.set([5, 6] as [Float])
            try graph.replay()
            #expect(try doubled.scalars(as: Float.self) == [10, 12])
            #expect(try more.scalars(as: Float.self) == [3, 5])
            // A view's elements are moved, since it does not lie row-major.
            try x.set(Tensor([1, 2, 3, 4] as [Float], shape: [2, 2]).permute([1, 0])[0])
            try graph.replay()
            #expect(try doubled.scalars(as: Float.self) == [2, 6])
        }
    }

    @Test func noEvaluationOverwritesWhatAGraphReadsOrMakes() throws {
        try withOwnDevice { _ in
            var weight: Tensor? = Tensor(sampleNumbers(256))
            let numbers = try weight!.scalars(as: Float.self)
            let graph = Accelerator.Graph()
            let x = try graph.input(like: Tensor.ones([256]))
            var product: Tensor? = try graph.capture { x.value * weight! }
            try graph.replay()
            // The last tensors that hold the memory go into sums of the same size.
            let first = weight! + 1
            weight = nil
            try first.evaluate()
            let second = product! + 3
            product = nil
            try second.evaluate()
            let expected = try second.scalars(as: Float.self)
            try graph.replay()
            #expect(try second.scalars(as: Float.self) == expected)
            #expect(expected == numbers.map { $0 + 3 })
            #expect(try first.scalars(as: Float.self) == numbers.map { $0 + 1 })
            graph.reset()
            let last = Accelerator.Graph()
            let again = try last.capture { x.value + 1 }
            try last.replay()
            #expect(try again.scalars(as: Float.self) == [Float](repeating: 2, count: 256))
        }
    }

    @Test func aResetGivesTheMemoryBack() throws {
        try withOwnDevice { context in
            let x = Tensor(sampleNumbers(1 << 16))
            try x.evaluate()
            let before = context.statistics.allocatedBytes
            let graph = Accelerator.Graph()
            var result: Tensor? = try graph.capture { (x * 2).reshape([256, 256]).sum(axes: [0]).exp() }
            try graph.replay()
            #expect(context.statistics.allocatedBytes > before)
            let numbers = try result!.scalars(as: Float.self)
            graph.reset()
            // A result outlives its graph.
            #expect(try result!.scalars(as: Float.self) == numbers)
            expectError(.invalidArgument, containing: "nothing was captured") { () throws(TensorError) in
                try graph.replay()
            }
            result = nil
            #expect(context.statistics.allocatedBytes == before)
        }
    }

    @Test func aStepWithoutWorkCanBeReplayed() throws {
        try withOwnDevice { context in
            let graph = Accelerator.Graph()
            try graph.capture {}
            try graph.replay()
            #expect(context.statistics.replays == 1)
            #expect(context.statistics.launches == 0)
        }
    }

    @Test func beginAndEndCaptureAsTheScopeDoes() throws {
        try withOwnDevice { _ in
            let x = Tensor([1, 2, 3] as [Float])
            let graph = Accelerator.Graph(keepGraph: true)
            expectError(.invalidArgument, containing: "no capture was begun") { () throws(TensorError) in
                try graph.captureEnd()
            }
            try graph.captureBegin()
            let sum = (x * 3).sum()
            try graph.captureEnd()
            try graph.instantiate()
            try graph.replay()
            #expect(try sum.item() == 18)
            expectError(.invalidArgument, containing: "call reset() first") { () throws(TensorError) in
                try graph.captureBegin()
            }
            expectError(.invalidArgument, containing: "keepGraph: true") { () throws(TensorError) in
                try Accelerator.Graph().instantiate()
            }
            let path = NSTemporaryDirectory() + "graph-\(UUID().uuidString).txt"
            defer { unlink(path) }
            try graph.debugDump(to: path)
            let text = try String(contentsOfFile: path, encoding: .utf8)
            #expect(text.contains("1 plans") && text.contains("writes"))
            expectError(.file, containing: "/no/such/folder") { () throws(TensorError) in
                try graph.debugDump(to: "/no/such/folder/graph.txt")
            }
        }
    }

    @Test func tasksCaptureAtOnceAndReplayEachOthersGraphs() async throws {
        let context = try DeviceContext(device: try deviceContext(.cpu).device)
        /// A training, with what its steps come to.
        final class Run: @unchecked Sendable {
            let captured: CapturedTraining
            init(seed: UInt64) throws {
                captured = try CapturedTraining(SmallTraining(seed: seed, features: 20, hidden: 8, batchSize: 16))
            }
        }
        let expected = try withDeviceContext(context) { () throws(any Error) in
            try (0..<4).map { seed in
                let plain = SmallTraining(seed: UInt64(seed), features: 20, hidden: 8, batchSize: 16)
                try plain.run(6)
                return try TrainingNumbers(plain)
            }
        }
        let runs = try await withThrowingTaskGroup(of: (Int, Run).self) { group in
            for seed in 0..<4 {
                group.addTask {
                    try withDeviceContext(context) { () throws(any Error) in (seed, try Run(seed: UInt64(seed))) }
                }
            }
            var runs = [Run?](repeating: nil, count: 4)
            for try await (seed, run) in group { runs[seed] = run }
            return runs.map { $0! }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for run in runs { group.addTask { try run.captured.run(6) } }
            try await group.waitForAll()
        }
        for (run, numbers) in zip(runs, expected) {
            #expect(try TrainingNumbers(run.captured.training) == numbers)
        }
    }
}
