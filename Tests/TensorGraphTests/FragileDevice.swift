import TensorConformance
import TensorRuntime

/// The reference device, or another, with a small memory, with launches that fail from some number on, launches that wait, or
/// copies from the host that fail.
final class FragileDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: the count is locked, and the rest immutable.

    let launchesLeft: Lock<Int>
    /// Called by the thread that encodes a launch, before it.
    let beforeLaunch: @Sendable () -> Void
    /// Called by the thread that makes a kernel, before it.
    let beforeKernel: @Sendable () -> Void
    let refusesKernels = Lock(false)
    let refusesCopies = Lock(false)

    init(
        _ description: DeviceDescription = ReferenceDevice().description, inner: any Device = ReferenceDevice(),
        largestAllocation: Int = 1 << 30,
        launchesLeft: Int = .max, beforeLaunch: @escaping @Sendable () -> Void = {},
        beforeKernel: @escaping @Sendable () -> Void = {}
    ) {
        self.launchesLeft = Lock(launchesLeft)
        self.beforeLaunch = beforeLaunch
        self.beforeKernel = beforeKernel
        var description = description
        description.maximumAllocation = largestAllocation
        super.init(inner, description: description)
    }

    override func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        beforeKernel()
        if refusesKernels.withLock({ $0 }) { throw TensorError(.unsupported, "kernels are refused") }
        return try inner.makeKernel(spec)
    }

    override func makeStream() throws(TensorError) -> any DeviceStream {
        FragileStream(device: self, inner: try inner.makeStream())
    }
}

private final class FragileStream: ForwardingStream, @unchecked Sendable {
    // Safety: as of a forwarding stream.

    private let device: FragileDevice

    init(device: FragileDevice, inner: any DeviceStream) {
        self.device = device
        super.init(inner)
    }

    override func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        device.beforeLaunch()
        let isLost = device.launchesLeft.withLock { left in
            if left != .max { left -= 1 }
            return left < 0
        }
        if isLost { throw TensorError(.deviceFailure, "the device was lost") }
        try inner.encode(kernel, bindings: bindings, scalars: scalars)
    }

    override func copyIn(
        _ bytes: UnsafeRawBufferPointer, to buffer: any DeviceBuffer, offset: Int
    ) throws(TensorError) {
        if device.refusesCopies.withLock({ $0 }) { throw TensorError(.deviceFailure, "copies are refused") }
        try inner.copyIn(bytes, to: buffer, offset: offset)
    }
}
