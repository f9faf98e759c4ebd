import Needletail
import TensorGraph
import TensorRuntime

/// Another device without some of its kernels and types.
final class LackingDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: nothing of its own.

    /// - Parameter float32Families: those that lack float16 and bfloat16.
    init(
        _ inner: any Device, families: Set<KernelFamily> = [.convolution, .pooling], dtypes: Set<DType> = [],
        float32Families: Set<KernelFamily> = []
    ) {
        var description = inner.description
        description.float32Families = float32Families
        description.families.subtract(families)
        description.dtypes.subtract(dtypes)
        super.init(inner, description: description)
    }

    /// A context of the CPU without those kernels and types.
    static func makeContext(
        families: Set<KernelFamily> = [.convolution, .pooling], dtypes: Set<DType> = [],
        float32Families: Set<KernelFamily> = [], _ change: (inout RuntimeConfiguration) -> Void = { _ in }
    ) throws -> DeviceContext {
        var configuration = RuntimeConfiguration()
        change(&configuration)
        return try DeviceContext(
            device: LackingDevice(
                try deviceContext(.cpu).device, families: families, dtypes: dtypes, float32Families: float32Families),
            configuration: configuration)
    }
}
