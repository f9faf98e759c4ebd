import TensorConformance
import TensorRuntime

/// The reference device, or another, with kernels that ask for a workspace. Each launch fills it before and after its work, so that
/// whatever shares bytes with it comes out wrong.
final class WorkspaceDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: the places are locked, and the rest immutable.

    let byteCount: Int
    let dispatchCount: Int
    /// How many bytes behind the workspace each launch overwrites.
    let overrun: Int
    /// Where a workspace begins: in which buffer, and at which byte.
    struct Place: Equatable {
        let buffer: ObjectIdentifier
        let offset: Int
    }

    /// Those of the launches so far.
    let places = Lock<[Place]>([])

    init(byteCount: Int, dispatchCount: Int = 1, overrun: Int = 0, inner: any Device = ReferenceDevice()) {
        self.byteCount = byteCount
        self.dispatchCount = dispatchCount
        self.overrun = overrun
        super.init(inner)
    }

    override func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        WorkspaceKernel(
            try inner.makeKernel(spec), ownByteCount: byteCount, dispatchCount: dispatchCount)
    }

    override func makeStream() throws(TensorError) -> any DeviceStream {
        WorkspaceStream(device: self, inner: try inner.makeStream())
    }
}

private final class WorkspaceKernel: ForwardingKernel, @unchecked Sendable {
    // Safety: immutable.

    /// The part that nothing uses; where the inner kernel has a workspace, that lies behind it.
    let ownByteCount: Int
    private let dispatches: Int

    init(_ inner: any DeviceKernel, ownByteCount: Int, dispatchCount: Int) {
        self.ownByteCount = ownByteCount
        dispatches = dispatchCount
        super.init(inner)
    }

    var innerOffset: Int { (ownByteCount + 255) / 256 * 256 }
    override var workspaceByteCount: Int {
        inner.workspaceByteCount == 0 ? ownByteCount : innerOffset + inner.workspaceByteCount
    }
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
        guard last.offset % 256 == 0, last.offset + kernel.workspaceByteCount <= buffer.byteCount else {
            throw TensorError(.invalidArgument, "a workspace lies badly at \(last.offset)")
        }
        device.places.withLock { $0.append(.init(buffer: ObjectIdentifier(buffer), offset: last.offset)) }
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
}
