import Synchronization
import TensorConformance
import TensorRuntime

/// The reference device with kernels that ask for a workspace. Each launch fills it before and after its work, so that
/// whatever shares bytes with it comes out wrong.
final class WorkspaceDevice: Device {
    let inner = ReferenceDevice()
    let byteCount: Int
    let dispatchCount: Int
    /// How many bytes behind the workspace each launch overwrites.
    let overrun: Int
    /// Where the workspaces of the launches so far began, in bytes.
    let offsets = Mutex<[Int]>([])

    init(byteCount: Int, dispatchCount: Int = 1, overrun: Int = 0) {
        self.byteCount = byteCount
        self.dispatchCount = dispatchCount
        self.overrun = overrun
    }

    var description: DeviceDescription { inner.description }
    func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer { try inner.allocate(byteCount: byteCount) }
    func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        WorkspaceKernel(inner: try inner.makeKernel(spec), ownByteCount: byteCount, dispatchCount: dispatchCount)
    }
    func makeStream() throws(TensorError) -> any DeviceStream {
        WorkspaceStream(device: self, inner: try inner.makeStream())
    }
}

private final class WorkspaceKernel: DeviceKernel {
    let inner: any DeviceKernel
    /// The part that nothing uses; where the inner kernel has a workspace, that lies behind it.
    let ownByteCount: Int
    let dispatchCount: Int

    init(inner: any DeviceKernel, ownByteCount: Int, dispatchCount: Int) {
        self.inner = inner
        self.ownByteCount = ownByteCount
        self.dispatchCount = dispatchCount
    }

    var innerOffset: Int { (ownByteCount + 255) / 256 * 256 }
    var workspaceByteCount: Int {
        inner.workspaceByteCount == 0 ? ownByteCount : innerOffset + inner.workspaceByteCount
    }

    var spec: KernelSpec { inner.spec }
}

private final class WorkspaceStream: DeviceStream {
    let device: WorkspaceDevice
    let inner: any DeviceStream

    init(device: WorkspaceDevice, inner: any DeviceStream) {
        self.device = device
        self.inner = inner
    }

    func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        guard let kernel = kernel as? WorkspaceKernel, let last = bindings.last, let buffer = last.buffer else {
            throw TensorError(.invalidArgument, "a launch came without its workspace")
        }
        guard last.offset % 256 == 0, last.offset + kernel.workspaceByteCount <= buffer.byteCount else {
            throw TensorError(.invalidArgument, "a workspace lies badly at \(last.offset)")
        }
        device.offsets.withLock { $0.append(last.offset) }
        try fill(last, with: 0xA5)
        var own = Array(bindings.dropLast())
        if kernel.inner.workspaceByteCount > 0 {
            own.append(BufferBinding(buffer: buffer, offset: last.offset + kernel.innerOffset))
        }
        try own.withUnsafeBufferPointer { (own) throws(TensorError) in
            try inner.encode(kernel.inner, bindings: own, scalars: scalars)
        }
        try fill(last, with: 0x7F)
    }

    private func fill(_ workspace: BufferBinding, with pattern: UInt8) throws(TensorError) {
        let bytes = [UInt8](repeating: pattern, count: device.byteCount + device.overrun)
        try bytes.withUnsafeBufferPointer { (bytes) throws(TensorError) in
            try inner.copyIn(UnsafeRawBufferPointer(bytes), to: workspace.buffer!, offset: workspace.offset)
        }
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
