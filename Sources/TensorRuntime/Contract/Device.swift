/// A device that runs tensor kernels: the whole contract between the runtime and a backend.
///
/// A backend implements this protocol, ``DeviceBuffer``, ``DeviceKernel`` and ``DeviceStream``, and registers a
/// ``Backend``. It holds no shape logic: outputs are allocated by the core, and every kernel is fully described by its
/// ``KernelSpec``.
public protocol Device: AnyObject, Sendable {
    /// What the device is and has; it stays as it was when the device was opened.
    var description: DeviceDescription { get }

    /// The names of the driver's faults that the backend works around. (optional: none by default)
    var quirks: [String] { get }

    /// Its memory as the system counts it now, whoever uses it. (optional: nil, where nobody can be asked)
    var memoryInfo: DeviceMemory? { get }

    /// Asks the driver for `byteCount` bytes (at least 64-byte aligned). The core's allocator caches what it gets.
    ///
    /// - Throws: `outOfMemory` where there are not so many: the allocator then frees what it can and asks again.
    func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer

    /// Why the device cannot run `spec`, or nil. (optional: by default what its description says of family and dtypes, and
    /// what no device can run)
    func unsupportedReason(_ spec: KernelSpec) -> String?

    /// Told which kernels will be made next, before the first of them. (optional: nothing by default)
    func prepareKernels(_ specs: [KernelSpec])

    /// Makes a kernel. Programs are cached by the device by the *code* of the spec.
    ///
    /// - Throws: `unsupported` for what ``unsupportedReason(_:)`` has a reason against.
    func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel

    /// Makes one more order of work, which is empty. The core makes one for each stream of a program.
    func makeStream() throws(TensorError) -> any DeviceStream
}

/// A block of device memory, freed when it is released. The core may release it while encoded work still uses it: a
/// backend whose work runs later keeps it until that is done.
public protocol DeviceBuffer: AnyObject, Sendable {
    /// The size that was asked for, in bytes.
    var byteCount: Int { get }
}

/// A kernel made for one spec; immutable, and used by several streams at once.
public protocol DeviceKernel: AnyObject, Sendable {
    /// What the kernel was made for.
    var spec: KernelSpec { get }

    /// Bytes of device memory that one launch needs for partial results. (optional: none by default)
    ///
    /// Where it is not 0, `encode` gets one binding more, behind the family's: a part of a buffer that nothing else uses
    /// during the launch, its contents undefined, at an offset in bytes that is a multiple of 256.
    var workspaceByteCount: Int { get }

    /// How many dispatches one `encode` is: 2 for a reduction in two passes. (optional: 1 by default)
    var dispatchCount: Int { get }

    /// What the device runs, as text for people. (optional: what it computes by default)
    var listing: String { get }
}

/// A buffer, and where in it an operand starts, in elements of the operand's type.
///
/// An operand that is only an index (``FusedProgram/Operation/index(input:)``) has no buffer.
public struct BufferBinding: Sendable {
    /// Nil of an operand that is only an index.
    public var buffer: (any DeviceBuffer)?
    /// In elements; of an index, what is added to it. A kernel's workspace has it in bytes.
    public var offset: Int

    /// - Parameter offset: in elements of the operand's type.
    public init(buffer: (any DeviceBuffer)?, offset: Int = 0) {
        self.buffer = buffer
        self.offset = offset
    }
}

/// An in-order queue of work on a device. The core calls one stream from one thread at a time.
public protocol DeviceStream: AnyObject, Sendable {
    /// Appends one launch. `bindings` stand in the family's order, the kernel's workspace last where it has one;
    /// `scalars` are the 64-bit scalar slots. What is refused, a kernel of another device, leaves the stream as it was.
    func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>)
        throws(TensorError)

    /// Appends the launches of a list, which comes again. A backend may keep beside the list what it made of it.
    /// (optional: each by ``encode(_:bindings:scalars:)``)
    func encode(_ list: LaunchList) throws(TensorError)

    /// Copies host bytes to `destination` from byte `offset` on; `source` may be reused on return.
    func copyIn(_ source: UnsafeRawBufferPointer, to destination: any DeviceBuffer, offset: Int) throws(TensorError)

    /// Waits for all encoded work, then copies bytes from byte `offset` of `source` to the host.
    func copyOut(from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer)
        throws(TensorError)

    /// Starts what was encoded. (optional: nothing where `encode` runs at once)
    func submit() throws(TensorError)

    /// Waits until everything submitted is done.
    func synchronize() throws(TensorError)

    /// Places an event behind all work encoded so far, and starts that work: who waits for the event needs no `submit`.
    func record() throws(TensorError) -> any DeviceEvent

    /// As ``record()``, with a time. (optional: an event without one by default)
    func recordTimed() throws(TensorError) -> any DeviceEvent

    /// Work encoded from now on waits for `event`, of this stream or another of the same device.
    func wait(for event: any DeviceEvent) throws(TensorError)

    /// How many submissions were recorded so far, of those that can be submitted again. May be asked from any thread.
    /// (optional: 0 where nothing is recorded)
    var recordingCount: Int { get }
}

/// A point in a stream's work.
public protocol DeviceEvent: AnyObject, Sendable {
    /// Whether the work before it is done; asking does not wait.
    var isComplete: Bool { get }
    /// Waits until the work before it is done.
    ///
    /// - Throws: `deviceFailure` where it failed.
    func synchronize() throws(TensorError)

    /// When the work before an event that is complete was done, in nanoseconds from a moment that is the device's own; nil where
    /// it has no clock, or was not asked for the time. (optional: none by default)
    var nanoseconds: UInt64? { get }
}

extension Device {
    public var quirks: [String] { [] }
    public var memoryInfo: DeviceMemory? { nil }

    public func unsupportedReason(_ spec: KernelSpec) -> String? {
        description.reasonAgainst(spec) ?? spec.typeComplaint
    }

    public func prepareKernels(_ specs: [KernelSpec]) {}
}

extension DeviceEvent {
    public var nanoseconds: UInt64? { nil }
}

extension DeviceKernel {
    public var workspaceByteCount: Int { 0 }
    public var dispatchCount: Int { 1 }
    public var listing: String { spec.listing }
}

extension DeviceStream {
    public func encode(_ list: LaunchList) throws(TensorError) {
        for launch in list.launches {
            try list.withOperands(of: launch) { (bindings, scalars) throws(TensorError) in
                try encode(launch.kernel, bindings: bindings, scalars: scalars)
            }
        }
    }

    public func submit() throws(TensorError) {}
    public func recordTimed() throws(TensorError) -> any DeviceEvent { try record() }
    public var recordingCount: Int { 0 }
}
