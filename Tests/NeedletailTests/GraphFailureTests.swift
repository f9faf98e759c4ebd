import Needletail
import Synchronization
import TensorGraph
import TensorRuntime
import Testing

/// A device whose launches fail on demand.
private final class StoppingDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: the number is atomic.

    let isStopped = Atomic<Bool>(false)

    override func makeStream() throws(TensorError) -> any DeviceStream {
        StoppingStream(try inner.makeStream(), of: self)
    }
}

private final class StoppingStream: ForwardingStream, @unchecked Sendable {
    // Safety: as of a forwarding stream.

    private let device: StoppingDevice

    init(_ inner: any DeviceStream, of device: StoppingDevice) {
        self.device = device
        super.init(inner)
    }

    override func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        if device.isStopped.load(ordering: .relaxed) { throw TensorError(.deviceFailure, "the device stopped") }
        try inner.encode(kernel, bindings: bindings, scalars: scalars)
    }
}

/// A replay that the device refuses leaves its cause with all that it should have made.
@Suite struct GraphFailureTests {
    @Test func aReplayThatFailsSpoilsItsResults() throws {
        let device = StoppingDevice(try deviceContext(.cpu).device)
        let context = try DeviceContext(device: device)
        try withDeviceContext(context) { () throws(any Error) in
            let captured = try CapturedTraining(SmallTraining(features: 20, hidden: 8, batchSize: 16))
            try captured.run(2)
            device.isStopped.store(true, ordering: .relaxed)
            expectError(.deviceFailure, containing: "the device stopped") { () throws(TensorError) in
                try captured.graph.replay()
            }
            device.isStopped.store(false, ordering: .relaxed)
            for _ in 0..<2 {
                expectError(.deviceFailure, containing: "the device stopped") { () throws(TensorError) in
                    try captured.graph.replay()
                }
            }
            expectError(.deviceFailure, containing: "the device stopped") { () throws(TensorError) in
                try captured.loss.item()
            }
            expectError(.deviceFailure, containing: "the device stopped") { () throws(TensorError) in
                try captured.training.first.parameters[0].value.scalars(as: Float.self)
            }
        }
    }

    @Test func aCaptureThatFailsInThePlannerChangesNothing() throws {
        let inner = try deviceContext(.cpu).device
        var description = inner.description
        description.families.remove(.sort)
        let context = try DeviceContext(device: ForwardingDevice(inner, description: description))
        try withDeviceContext(context) { () throws(any Error) in
            let buffer = Buffer(Tensor([3, 1, 2] as [Float]))
            let graph = Accelerator.Graph()
            #expect(throws: TensorError.self) {
                try graph.capture {
                    buffer.assign(buffer.value + 1)
                    try buffer.value.evaluate()
                    buffer.assign(buffer.value.sort().values)
                }
            }
            #expect(try buffer.value.scalars(as: Float.self) == [3, 1, 2])
            try graph.capture { buffer.assign(buffer.value + 1) }
            for _ in 0..<3 { try graph.replay() }
            #expect(try buffer.value.scalars(as: Float.self) == [6, 4, 5])
        }
    }
}
