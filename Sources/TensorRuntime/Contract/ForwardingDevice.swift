/// A device that passes everything on to another: what a device that watches, narrows or spoils one thing is made from.
///
/// Buffers, kernels, streams and events are the inner device's own, unless a subclass hands out others. A description of
/// its own narrows it: what that lacks is refused here, with the reason.
///
/// A requirement added to ``Device``, ``DeviceStream`` or ``DeviceKernel`` with a default is added here too: otherwise the
/// default would answer in place of the inner object, and a subclass could not say otherwise.
open class ForwardingDevice: Device, @unchecked Sendable {
    // Safety: both properties are immutable; a subclass says why its own are safe.

    /// Where everything goes that a subclass does not take for itself.
    public let inner: any Device
    public let description: DeviceDescription

    /// - Parameter description: nil means the inner device's.
    public init(_ inner: any Device, description: DeviceDescription? = nil) {
        self.inner = inner
        self.description = description ?? inner.description
    }

    open var quirks: [String] { inner.quirks }
    open var memoryInfo: DeviceMemory? { inner.memoryInfo }

    open func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer {
        try inner.allocate(byteCount: byteCount)
    }

    open func unsupportedReason(_ spec: KernelSpec) -> String? {
        description.reasonAgainst(spec) ?? inner.unsupportedReason(spec)
    }

    open func prepareKernels(_ specs: [KernelSpec]) { inner.prepareKernels(specs) }

    open func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        if let reason = description.reasonAgainst(spec) { throw TensorError(.unsupported, reason) }
        return try inner.makeKernel(spec)
    }

    open func makeStream() throws(TensorError) -> any DeviceStream { try inner.makeStream() }
}

/// A kernel with the properties of another. The inner device's streams do not know it: who makes it has streams of its
/// own, whose `encode` passes on ``inner``.
open class ForwardingKernel: DeviceKernel, @unchecked Sendable {
    // Safety: immutable; a subclass says why its own properties are safe.

    /// The kernel that does the work.
    public let inner: any DeviceKernel

    /// - Parameter inner: made by the device that the streams below belong to.
    public init(_ inner: any DeviceKernel) { self.inner = inner }

    open var spec: KernelSpec { inner.spec }
    open var workspaceByteCount: Int { inner.workspaceByteCount }
    open var dispatchCount: Int { inner.dispatchCount }
    open var listing: String { inner.listing }
}

/// A stream that passes everything on to another; of a list, each launch by itself: its kernels may be others than the inner
/// stream's.
open class ForwardingStream: DeviceStream, @unchecked Sendable {
    // Safety: immutable, and a stream is called from one thread at a time.

    /// The stream that does the work.
    public let inner: any DeviceStream

    /// - Parameter inner: of the device below.
    public init(_ inner: any DeviceStream) { self.inner = inner }

    open func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        try inner.encode(kernel, bindings: bindings, scalars: scalars)
    }

    /// Each launch by ``encode(_:bindings:scalars:)``, so that a subclass that minds launches misses none; one that does not
    /// may pass the list on to ``inner``.
    open func encode(_ list: LaunchList) throws(TensorError) {
        for launch in list.launches {
            try list.withOperands(of: launch) { (bindings, scalars) throws(TensorError) in
                try encode(launch.kernel, bindings: bindings, scalars: scalars)
            }
        }
    }

    open func copyIn(_ source: UnsafeRawBufferPointer, to destination: any DeviceBuffer, offset: Int)
        throws(TensorError)
    {
        try inner.copyIn(source, to: destination, offset: offset)
    }

    open func copyOut(from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer)
        throws(TensorError)
    {
        try inner.copyOut(from: source, offset: offset, to: destination)
    }

    open func submit() throws(TensorError) { try inner.submit() }
    open func synchronize() throws(TensorError) { try inner.synchronize() }
    open func record() throws(TensorError) -> any DeviceEvent { try inner.record() }
    open func recordTimed() throws(TensorError) -> any DeviceEvent { try inner.recordTimed() }
    open func wait(for event: any DeviceEvent) throws(TensorError) { try inner.wait(for: event) }
    open var recordingCount: Int { inner.recordingCount }
}
