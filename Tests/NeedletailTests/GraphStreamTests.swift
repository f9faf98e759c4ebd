import Needletail
import TensorConformance
import TensorGraph
import Testing

/// Replays on several streams of a device that does nothing before somebody waits for it.
@Suite struct GraphStreamTests {
    private static func onLateDevice(_ body: () throws -> Void) throws {
        let context = try DeviceContext(device: DeferredDevice(ReferenceDevice()))
        try withDeviceContext(context) { () throws(any Error) in try body() }
    }

    /// Inputs from one stream, replays on two others in turn, results read on the first and on the host.
    @Test func aReplayWaitsForItsInputsForItsReadersAndForTheReplayBefore() throws {
        try Self.onLateDevice {
            let streams = try (0..<2).map { _ in try Accelerator.Stream() }
            let loader = try Accelerator.Stream()
            let graph = Accelerator.Graph()
            let input = try graph.input(like: Tensor([0, 0, 0] as [Float]))
            let result = try graph.capture { ((input.value * 3).exp().log() + 1).sum() }
            var sums: [Tensor] = []
            for step in 0..<8 {
                let next = Accelerator.Stream.with(loader) { Tensor([Float(step), 1, 2]) / 2 }
                try input.set(next)
                try Accelerator.Stream.with(streams[step % 2]) { () throws(any Error) in try graph.replay() }
                sums.append(
                    try Accelerator.Stream.with(loader) { () throws(any Error) in
                        let sum = result * 2
                        try sum.evaluate()
                        return sum
                    })
            }
            // The replays' streams first: nothing but their own waits brings inputs and readers before them.
            for stream in streams.reversed() { try stream.synchronize() }
            for (step, sum) in sums.enumerated() {
                let found = try sum.item()
                #expect(abs(found - (3 * Double(step + 3) + 6)) < 1e-4, "step \(step)")
            }
            #expect(abs(try result.item() - (3 * 10 / 2 + 3)) < 1e-4)
        }
    }

    @Test func ofTwoReplaysWithoutAReaderTheLaterOnesResultStays() throws {
        try Self.onLateDevice {
            let streams = try (0..<2).map { _ in try Accelerator.Stream() }
            let graph = Accelerator.Graph()
            let input = try graph.input(like: Tensor([0, 0] as [Float]))
            let result = try graph.capture { input.value * 2 }
            for (step, stream) in streams.enumerated() {
                try input.set([Float(step), 5])
                try Accelerator.Stream.with(stream) { () throws(any Error) in try graph.replay() }
            }
            for stream in streams.reversed() { try stream.synchronize() }
            #expect(try result.scalars(as: Float.self) == [2, 10])
        }
    }

    @Test func whatAGraphKeepsGoesOnFromStreamToStream() throws {
        try Self.onLateDevice {
            let streams = try (0..<3).map { _ in try Accelerator.Stream() }
            let plain = SmallTraining(features: 12, hidden: 6, batchSize: 8)
            try plain.run(9)
            let captured = try CapturedTraining(SmallTraining(features: 12, hidden: 6, batchSize: 8))
            for step in 0..<9 {
                try Accelerator.Stream.with(streams[step % 3]) { () throws(any Error) in
                    try captured.run(1, from: step)
                }
            }
            #expect(try TrainingNumbers(captured.training) == TrainingNumbers(plain))
        }
    }

    @Test func streamsAndEventsAreNoPartOfACapture() throws {
        try Self.onLateDevice {
            let stream = try Accelerator.Stream()
            let x = Tensor([1] as [Float])
            for body: @Sendable () throws -> Void in [
                { try stream.synchronize() }, { try stream.record() }, { _ = try stream.query() },
            ] {
                let error = #expect(throws: TensorError.self) {
                    try Accelerator.Graph().capture {
                        let y = x + 1
                        try body()
                        return y
                    }
                }
                #expect(error?.message.contains("while a graph is captured") == true)
            }
            #expect(try (x + 1).item() == 2)
        }
    }
}
