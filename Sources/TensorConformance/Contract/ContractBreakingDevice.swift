import Foundation
import TensorRuntime

/// A device that does the work of another late (``DeferredDevice``) and breaks one promise, to show that the suite notices.
public final class ContractBreakingDevice: ForwardingDevice, @unchecked Sendable {
    // Safety: the fault is immutable, and the launch is locked.

    /// A launch as it is given.
    fileprivate struct Launch: Sendable {
        var kernel: any DeviceKernel
        var bindings: [BufferBinding]
        var scalars: [UInt64]
    }

    /// Nil breaks nothing.
    public let fault: ContractFault?
    fileprivate let lastLaunch = Lock<Launch?>(nil)

    /// - Parameters:
    ///   - inner: does the work; its streams do it at once.
    ///   - fault: the promise that is broken.
    public init(_ inner: any Device, fault: ContractFault?) {
        self.fault = fault
        super.init(DeferredDevice(inner, keepsBuffers: fault != .buffersNotKept))
    }

    public override func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer {
        do throws(TensorError) {
            return try inner.allocate(byteCount: byteCount)
        } catch {
            throw fault == .outOfMemoryIsAFailure ? TensorError(.deviceFailure, error.message) : error
        }
    }

    public override func unsupportedReason(_ spec: KernelSpec) -> String? {
        fault == .noReasonGiven ? nil : inner.unsupportedReason(spec)
    }

    public override func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        do throws(TensorError) {
            return try inner.makeKernel(spec)
        } catch {
            if fault == .everyKernelMade { return NoKernel(spec: spec) }
            throw error
        }
    }

    public override func makeStream() throws(TensorError) -> any DeviceStream {
        BreakingStream(try inner.makeStream(), device: self)
    }
}

/// A kernel of nothing.
private final class NoKernel: DeviceKernel {
    let spec: KernelSpec
    init(spec: KernelSpec) { self.spec = spec }
}

private final class BreakingStream: ForwardingStream, @unchecked Sendable {
    // Safety: used by one thread at a time.

    private let device: ContractBreakingDevice
    private var isSubmitted = false
    private var timedEvents = 0
    private var isSpoilt = false
    /// The launches of lists as they first came.
    private var lists: [ObjectIdentifier: [ContractBreakingDevice.Launch]] = [:]
    /// The event to wait for before the next work.
    private var awaited: (any DeviceEvent)?
    /// A copy whose source has not been read. Whoever asks for this fault keeps the source.
    private var late: (source: UnsafeRawBufferPointer, destination: any DeviceBuffer, offset: Int)?

    init(_ inner: any DeviceStream, device: ContractBreakingDevice) {
        self.device = device
        super.init(inner)
    }

    override func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        try catchUp()
        if isSpoilt || (device.fault == .oneSubmissionOnly && isSubmitted) { return }
        var launch = ContractBreakingDevice.Launch(
            kernel: kernel, bindings: Array(bindings), scalars: Array(scalars))
        if device.fault == .operandOffsetIgnored {
            for position in launch.bindings.indices { launch.bindings[position].offset = 0 }
        }
        if device.fault == .argumentsShared { launch = share(launch) }
        do throws(TensorError) {
            try launch.bindings.withUnsafeBufferPointer { (bindings) throws(TensorError) in
                try launch.scalars.withUnsafeBufferPointer { (scalars) throws(TensorError) in
                    try inner.encode(launch.kernel, bindings: bindings, scalars: scalars)
                }
            }
        } catch {
            if device.fault == .foreignLaunchTaken { return }
            isSpoilt = device.fault == .refusalSpoilsStream
            throw error
        }
    }

    override func encode(_ list: LaunchList) throws(TensorError) {
        let known = lists[ObjectIdentifier(list)]
        if device.fault == .listRunsOnce, known != nil { return }
        let launches = list.launches.map { launch in
            list.withOperands(of: launch) { bindings, scalars in
                ContractBreakingDevice.Launch(
                    kernel: launch.kernel, bindings: Array(bindings), scalars: Array(scalars))
            }
        }
        if known == nil { lists[ObjectIdentifier(list)] = launches }
        for launch in device.fault == .listRemembered ? known ?? launches : launches {
            try launch.bindings.withUnsafeBufferPointer { (bindings) throws(TensorError) in
                try launch.scalars.withUnsafeBufferPointer { (scalars) throws(TensorError) in
                    try encode(launch.kernel, bindings: bindings, scalars: scalars)
                }
            }
        }
    }

    /// The launch as it is in the one place where arguments are, some time after it was put there.
    private func share(_ launch: ContractBreakingDevice.Launch) -> ContractBreakingDevice.Launch {
        device.lastLaunch.withLock { $0 = launch }
        usleep(500)
        return device.lastLaunch.withLock { $0 ?? launch }
    }

    override func copyIn(_ source: UnsafeRawBufferPointer, to destination: any DeviceBuffer, offset: Int)
        throws(TensorError)
    {
        try catchUp()
        if device.fault == .sourceReadLate {
            late = (source, destination, offset)
            return
        }
        try inner.copyIn(source, to: destination, offset: device.fault == .copyInOffsetIgnored ? 0 : offset)
    }

    private func catchUp() throws(TensorError) {
        if let event = awaited {
            awaited = nil
            try inner.wait(for: event)
        }
        guard let (source, destination, offset) = late else { return }
        late = nil
        try inner.copyIn(source, to: destination, offset: offset)
    }

    override func copyOut(from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer)
        throws(TensorError)
    {
        try catchUp()
        isSubmitted = false
        let stream = device.fault == .copyOutDoesNotWait ? try device.inner.makeStream() : inner
        try stream.copyOut(
            from: source, offset: device.fault == .copyOutOffsetIgnored ? 0 : offset, to: destination)
    }

    override func submit() throws(TensorError) {
        try catchUp()
        isSubmitted = true
        try inner.submit()
    }

    override func synchronize() throws(TensorError) {
        try catchUp()
        isSubmitted = false
        if device.fault != .synchronizeDoesNothing { try inner.synchronize() }
    }

    override func record() throws(TensorError) -> any DeviceEvent {
        try catchUp()
        switch device.fault {
        case .recordThrows: throw TensorError(.deviceFailure, "there are no events here")
        case .recordDoesNothing: return BreakingEvent(nil, fault: .recordDoesNothing)
        default: return BreakingEvent(try inner.record(), fault: device.fault)
        }
    }

    override func recordTimed() throws(TensorError) -> any DeviceEvent {
        try catchUp()
        if device.fault == .timedRecordDoesNothing { return BreakingEvent(nil, fault: device.fault) }
        timedEvents += 1
        return BreakingEvent(
            try inner.recordTimed(), fault: device.fault, numberInStream: UInt64(timedEvents))
    }

    override func wait(for event: any DeviceEvent) throws(TensorError) {
        awaited = nil
        try catchUp()
        if device.fault == .waitThrows { throw TensorError(.deviceFailure, "there is no waiting here") }
        guard device.fault != .waitDoesNothing, let event = event as? BreakingEvent, let inner = event.inner else {
            return
        }
        if device.fault == .eventServesOnce, !event.serve(self) { return }
        if device.fault == .lastWaitOnly { awaited = inner } else { try self.inner.wait(for: inner) }
    }
}

private final class BreakingEvent: DeviceEvent {
    /// Nil for an event of nothing.
    let inner: (any DeviceEvent)?
    private let fault: ContractFault?
    private let numberInStream: UInt64
    /// The stream that waits for it.
    private let served = Lock<ObjectIdentifier?>(nil)

    init(_ inner: (any DeviceEvent)?, fault: ContractFault?, numberInStream: UInt64 = 0) {
        self.inner = inner
        self.fault = fault
        self.numberInStream = numberInStream
    }

    /// Whether no other stream waits for it.
    func serve(_ stream: BreakingStream) -> Bool {
        served.withLock { served in
            if served == nil { served = ObjectIdentifier(stream) }
            return served == ObjectIdentifier(stream)
        }
    }

    var isComplete: Bool { fault == .eventIsCompleteAtOnce || inner?.isComplete ?? true }
    func synchronize() throws(TensorError) {
        if fault != .eventSynchronizeDoesNothing { try inner?.synchronize() }
    }

    var nanoseconds: UInt64? {
        switch fault {
        case .timesRunBackwards: inner?.nanoseconds.map { .max - $0 }
        case .timeToldEarly: inner?.nanoseconds ?? 0
        case .timesOfEachStream: inner?.nanoseconds.map { _ in numberInStream }
        default: inner?.nanoseconds
        }
    }
}
