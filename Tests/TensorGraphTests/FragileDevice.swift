import Synchronization
import TensorConformance
import TensorRuntime

/// The reference device with a small memory, with launches that fail from some number on, or launches that wait.
final class FragileDevice: Device {
    let inner = ReferenceDevice()
    let description: DeviceDescription
    let launchesLeft: Mutex<Int>
    /// Called by the thread that encodes a launch, before it.
    let beforeLaunch: @Sendable () -> Void
    /// Called by the thread that makes a kernel, before it.
    let beforeKernel: @Sendable () -> Void
    let refusesKernels = Mutex(false)

    init(
        _ description: DeviceDescription = ReferenceDevice().description, largestAllocation: Int = 1 << 30,
        launchesLeft: Int = .max, beforeLaunch: @escaping @Sendable () -> Void = {},
        beforeKernel: @escaping @Sendable () -> Void = {}
    ) {
        var description = description
        description.maximumAllocation = largestAllocation
        self.description = description
        self.launchesLeft = Mutex(launchesLeft)
        self.beforeLaunch = beforeLaunch
        self.beforeKernel = beforeKernel
    }

    func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer { try inner.allocate(byteCount: byteCount) }
    func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        beforeKernel()
        if refusesKernels.withLock({ $0 }) { throw TensorError(.unsupported, "kernels are refused") }
        return try inner.makeKernel(spec)
    }
    func makeStream() throws(TensorError) -> any DeviceStream {
        FragileStream(device: self, inner: try inner.makeStream())
    }
}

final class FragileStream: DeviceStream {
    let device: FragileDevice
    let inner: any DeviceStream

    init(device: FragileDevice, inner: any DeviceStream) {
        self.device = device
        self.inner = inner
    }

    func encode(
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

    func copyIn(_ source: UnsafeRawBufferPointer, to destination: any DeviceBuffer, offset: Int) throws(TensorError) {
        try inner.copyIn(source, to: destination, offset: offset)
    }

    func copyOut(
        from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer
    ) throws(TensorError) {
        try inner.copyOut(from: source, offset: offset, to: destination)
    }

    func synchronize() throws(TensorError) { try inner.synchronize() }
    func record() throws(TensorError) -> any DeviceEvent { try inner.record() }
    func wait(for event: any DeviceEvent) throws(TensorError) { try inner.wait(for: event) }
}
