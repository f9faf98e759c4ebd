import Synchronization
import TensorConformance
import TensorRuntime

/// The reference device with kernels that ask for a workspace. Each launch fills it before and after its work, so that
/// whatever shares bytes with it comes out wrong.
final class WorkspaceDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: the offsets are locked, and the rest immutable.

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
        super.init(ReferenceDevice())
    }

    override func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        WorkspaceKernel(
            try inner.makeKernel(spec), workspaceByteCount: byteCount, dispatchCount: dispatchCount)
    }

    override func makeStream() throws(TensorError) -> any DeviceStream {
        WorkspaceStream(device: self, inner: try inner.makeStream())
    }
}

private final class WorkspaceKernel: ForwardingKernel, @unchecked Sendable {
    // Safety: immutable.

    private let byteCount: Int
    private let dispatches: Int

    init(_ inner: any DeviceKernel, workspaceByteCount: Int, dispatchCount: Int) {
        byteCount = workspaceByteCount
        dispatches = dispatchCount
        super.init(inner)
    }

    override var workspaceByteCount: Int { byteCount }
    override var dispatchCount: Int { dispatches }
}

private final class WorkspaceStream: ForwardingStream, @unchecked Sendable {
    // Safety: as of a forwarding stream.

    private let device: WorkspaceDevice

    init(device: WorkspaceDevice, inner: any DeviceStream) {
        self.device = device
        super.init(inner)
    }

    override func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        guard let kernel = kernel as? WorkspaceKernel, let last = bindings.last, let buffer = last.buffer else {
            throw TensorError(.invalidArgument, "a launch came without its workspace")
        }
        guard last.offset % 256 == 0, last.offset + device.byteCount <= buffer.byteCount else {
            throw TensorError(.invalidArgument, "a workspace lies badly at \(last.offset)")
        }
        device.offsets.withLock { $0.append(last.offset) }
        try fill(last, with: 0xA5)
        try inner.encode(kernel.inner, bindings: UnsafeBufferPointer(rebasing: bindings.dropLast()), scalars: scalars)
        try fill(last, with: 0x7F)
    }

    private func fill(_ workspace: BufferBinding, with pattern: UInt8) throws(TensorError) {
        let bytes = [UInt8](repeating: pattern, count: device.byteCount + device.overrun)
        try bytes.withUnsafeBufferPointer { (bytes) throws(TensorError) in
            try inner.copyIn(UnsafeRawBufferPointer(bytes), to: workspace.buffer!, offset: workspace.offset)
        }
    }
}
