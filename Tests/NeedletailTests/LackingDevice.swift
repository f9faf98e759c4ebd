import Needletail
import TensorGraph
import TensorRuntime

/// Another device without its convolution and pooling kernels.
final class LackingDevice: Device {
    private let inner: any Device
    let description: DeviceDescription

    init(_ inner: any Device) {
        self.inner = inner
        var description = inner.description
        description.families.subtract([.convolution, .pooling])
        self.description = description
    }

    func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer { try inner.allocate(byteCount: byteCount) }
    func makeStream() throws(TensorError) -> any DeviceStream { try inner.makeStream() }

    func unsupportedReason(_ spec: KernelSpec) -> String? {
        description.families.contains(spec.family) ? inner.unsupportedReason(spec) : "no \(spec.family) here"
    }

    func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        if let reason = unsupportedReason(spec) { throw TensorError(.unsupported, reason) }
        return try inner.makeKernel(spec)
    }

    /// A context of the CPU without those kernels.
    static func makeContext(_ change: (inout RuntimeConfiguration) -> Void = { _ in }) throws -> DeviceContext {
        var configuration = RuntimeConfiguration()
        change(&configuration)
        return try DeviceContext(
            device: LackingDevice(try deviceContext(.cpu).device), configuration: configuration)
    }
}
