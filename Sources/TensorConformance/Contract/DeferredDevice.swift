import Foundation
import TensorRuntime

/// The slowest device that the contract allows: it does nothing before somebody waits for it. What a test forgot to wait
/// for is then not there, at every run.
///
/// Work runs on another device whose streams do it at once, such as ``ReferenceDevice``. Its clock counts pieces of work.
public final class DeferredDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: whatever runs, of any stream, runs under one lock.

    /// Taken again by work that waits for another stream's.
    fileprivate let lock = NSRecursiveLock()
    /// Pieces of work done, of all streams.
    fileprivate var clock: UInt64 = 0
    /// Whether work keeps the buffers that it uses. Where it does not, work whose buffers are gone is left out.
    fileprivate let keepsBuffers: Bool

    /// - Parameters:
    ///   - inner: does the work; its streams do it at once.
    ///   - keepsBuffers: whether work keeps the buffers that it uses, as the contract demands.
    public init(_ inner: any Device, keepsBuffers: Bool = true) {
        self.keepsBuffers = keepsBuffers
        super.init(inner)
    }

    public override func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        DeferredKernel(try super.makeKernel(spec))
    }

    public override func makeStream() throws(TensorError) -> any DeviceStream {
        DeferredStream(try inner.makeStream(), device: self)
    }
}

/// A kernel of a deferred device: a stream refuses others when they are encoded.
private final class DeferredKernel: ForwardingKernel, @unchecked Sendable {
    // Safety: nothing of its own.
}

/// A binding of work that has not run.
private struct DeferredBinding: @unchecked Sendable {
    // Safety: a weak reference may be read from any thread.

    private let kept: (any DeviceBuffer)?
    private weak var buffer: (any DeviceBuffer)?
    private let hasBuffer: Bool
    private let offset: Int

    init(_ binding: BufferBinding, isKept: Bool) {
        kept = isKept ? binding.buffer : nil
        buffer = binding.buffer
        hasBuffer = binding.buffer != nil
        offset = binding.offset
    }

    /// Nil where the buffer is gone.
    var binding: BufferBinding? {
        hasBuffer && buffer == nil ? nil : BufferBinding(buffer: buffer, offset: offset)
    }
}

private final class DeferredStream: ForwardingStream, @unchecked Sendable {
    // Safety: used by one thread at a time, and run under the device's lock.

    private let device: DeferredDevice
    private var work: [() throws(TensorError) -> Void] = []
    /// How many of them are done.
    private var done = 0

    init(_ inner: any DeviceStream, device: DeferredDevice) {
        self.device = device
        super.init(inner)
    }

    override func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        guard let kernel = kernel as? DeferredKernel else {
            throw TensorError(.invalidArgument, "deferred: a \(kernel.spec.family) kernel of another device")
        }
        let bindings = bindings.map { DeferredBinding($0, isKept: device.keepsBuffers) }
        let scalars = Array(scalars)
        let inner = inner
        append { () throws(TensorError) in
            let bound = bindings.compactMap(\.binding)
            guard bound.count == bindings.count else { return }
            try bound.withUnsafeBufferPointer { (bound) throws(TensorError) in
                try scalars.withUnsafeBufferPointer { (scalars) throws(TensorError) in
                    try inner.encode(kernel.inner, bindings: bound, scalars: scalars)
                }
            }
        }
    }

    override func copyIn(_ source: UnsafeRawBufferPointer, to destination: any DeviceBuffer, offset: Int)
        throws(TensorError)
    {
        let bytes = Array(source)
        let place = DeferredBinding(BufferBinding(buffer: destination, offset: offset), isKept: device.keepsBuffers)
        let inner = inner
        append { () throws(TensorError) in
            guard let place = place.binding, let destination = place.buffer else { return }
            try bytes.withUnsafeBufferPointer { (bytes) throws(TensorError) in
                try inner.copyIn(UnsafeRawBufferPointer(bytes), to: destination, offset: place.offset)
            }
        }
    }

    override func copyOut(from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer)
        throws(TensorError)
    {
        device.lock.lock()
        defer { device.lock.unlock() }
        try run()
        try inner.copyOut(from: source, offset: offset, to: destination)
    }

    override func submit() throws(TensorError) {}

    override func synchronize() throws(TensorError) { try run() }

    override func record() throws(TensorError) -> any DeviceEvent {
        device.lock.lock()
        defer { device.lock.unlock() }
        return DeferredEvent(self, of: device, count: done + work.count)
    }

    override func recordTimed() throws(TensorError) -> any DeviceEvent {
        device.lock.lock()
        defer { device.lock.unlock() }
        let event = DeferredEvent(self, of: device, count: done + work.count + 1)
        append { [device] () throws(TensorError) in event.reached.withLock { $0 = device.clock } }
        return event
    }

    override func wait(for event: any DeviceEvent) throws(TensorError) {
        guard let event = event as? DeferredEvent, event.device === device else {
            throw TensorError(.invalidArgument, "deferred: cannot wait for an event of another device")
        }
        append { () throws(TensorError) in try event.synchronize() }
    }

    private func append(_ command: @escaping () throws(TensorError) -> Void) {
        device.lock.lock()
        defer { device.lock.unlock() }
        work.append(command)
    }

    /// Whether so many pieces of work are done.
    fileprivate func hasRun(_ count: Int) -> Bool {
        device.lock.lock()
        defer { device.lock.unlock() }
        return done >= count
    }

    /// Runs the work up to the `count`th.
    fileprivate func run(upTo count: Int = .max) throws(TensorError) {
        device.lock.lock()
        defer { device.lock.unlock() }
        while done < count, !work.isEmpty {
            let next = work.removeFirst()
            // What it waits for may wait for what was done before it.
            done += 1
            device.clock += 1
            try next()
        }
    }
}

private final class DeferredEvent: DeviceEvent {
    let device: DeferredDevice
    private let stream: DeferredStream
    /// How many pieces of the stream's work it stands behind.
    private let count: Int
    /// The device's clock when it was reached.
    fileprivate let reached = Lock<UInt64?>(nil)

    init(_ stream: DeferredStream, of device: DeferredDevice, count: Int) {
        self.stream = stream
        self.device = device
        self.count = count
    }

    var isComplete: Bool { stream.hasRun(count) }
    func synchronize() throws(TensorError) { try stream.run(upTo: count) }
    var nanoseconds: UInt64? { reached.withLock { $0 } }
}
