import Needletail
import TensorGraph
import TensorRuntime

/// Another device without some of its kernels and types.
final class LackingDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: nothing of its own.

    init(_ inner: any Device, families: Set<KernelFamily> = [.convolution, .pooling], dtypes: Set<DType> = []) {
        var description = inner.description
        description.families.subtract(families)
        description.dtypes.subtract(dtypes)
        super.init(inner, description: description)
    }

    /// A context of the CPU without those kernels and types.
    static func makeContext(
        families: Set<KernelFamily> = [.convolution, .pooling], dtypes: Set<DType> = [],
        _ change: (inout RuntimeConfiguration) -> Void = { _ in }
    ) throws -> DeviceContext {
        var configuration = RuntimeConfiguration()
        change(&configuration)
        return try DeviceContext(
            device: LackingDevice(try deviceContext(.cpu).device, families: families, dtypes: dtypes),
            configuration: configuration)
    }
}
