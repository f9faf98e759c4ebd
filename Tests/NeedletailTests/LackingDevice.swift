import Needletail
import TensorGraph
import TensorRuntime

/// Another device without its convolution and pooling kernels.
final class LackingDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: nothing of its own.

    init(_ inner: any Device) {
        var description = inner.description
        description.families.subtract([.convolution, .pooling])
        super.init(inner, description: description)
    }

    /// A context of the CPU without those kernels.
    static func makeContext(_ change: (inout RuntimeConfiguration) -> Void = { _ in }) throws -> DeviceContext {
        var configuration = RuntimeConfiguration()
        change(&configuration)
        return try DeviceContext(
            device: LackingDevice(try deviceContext(.cpu).device), configuration: configuration)
    }
}
