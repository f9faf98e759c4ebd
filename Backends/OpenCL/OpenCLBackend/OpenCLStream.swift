import COpenCL
import DeviceSupport
import TensorRuntime

/// An in-order queue. Work is appended without events and flushed once a submission; at most three submissions are in
/// flight, and what follows waits for the oldest.
final class OpenCLStream: DeviceStream, @unchecked Sendable {
    // Safety: the core calls a stream from one thread at a time.

    static let maximumInFlight = 3
    /// Host data up to this size is copied aside, so that a copy to a busy device need not wait for it.
    static let stagingLimit = 1 << 20

    private let device: OpenCLDevice
    private let library: OpaquePointer
    private let queue: cl_command_queue
    /// A marker behind each submission that may not be done.
    private var inFlight: [OpenCLEvent] = []
    /// Whether something was appended since the last submission.
    private var isOpen = false
    /// Whether something may be running or waiting.
    private var isBusy = false
    /// Whether memory was unmapped since the last submission: a command that no marker stands behind.
    private var hasUnmapped = false
    /// Made when a copy first needs it; mapping it waits, once, for the work before.
    private var staging: StagingRing<OpenCLStagingMemory>?
    private var launched = LaunchedPrograms<OpenCLProgramDriver>()
    /// Keeps times, of markers alone: a queue that keeps them of all work is slower. Made for the first event with a time.
    private var clock: cl_command_queue?

    init(device: OpenCLDevice) throws(TensorError) {
        self.device = device
        library = device.library.pointer
        queue = try OpenCLStream.makeQueue(of: device, keepsTimes: device.profiles)
    }

    private static func makeQueue(of device: OpenCLDevice, keepsTimes: Bool) throws(TensorError) -> cl_command_queue {
        var status: cl_int = 0
        let properties = cl_command_queue_properties(keepsTimes ? CL_QUEUE_PROFILING_ENABLE : 0)
        let made = nt_clCreateCommandQueue(
            device.library.pointer, device.context, device.info.device, properties, &status)
        guard let made else { throw device.failure(status, "making a queue") }
        return made
    }

    deinit {
        if isBusy { _ = nt_clFinish(library, queue) }
        if device.takesTurns { OpenCLTurns.pocl.leave(queue) }
        staging = nil
        launched.store(in: device.programs)
        if let clock {
            _ = nt_clFinish(library, clock)
            _ = nt_clReleaseCommandQueue(library, clock)
        }
        _ = nt_clReleaseCommandQueue(library, queue)
    }

    // MARK: Launches

    func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        try encode(kernel, bindings, scalars, state: 0)
    }

    func encode(_ list: LaunchList) throws(TensorError) {
        for launch in list.launches {
            try list.withOperands(of: launch) { (bindings, scalars) throws(TensorError) in
                try encode(launch.kernel, bindings, scalars, state: launch.state)
            }
        }
    }

    private func encode(
        _ kernel: any DeviceKernel, _ bindings: UnsafeBufferPointer<BufferBinding>,
        _ scalars: UnsafeBufferPointer<UInt64>, state: UInt64
    ) throws(TensorError) {
        guard let kernel = kernel as? OpenCLKernel else { throw device.strange(kernel) }
        try open()
        for dispatch in kernel.dispatches {
            let status =
                device.takesTurns
                ? OpenCLTurns.pocl.take(queue, device.library) { enqueue(dispatch, bindings, scalars, state) }
                : enqueue(dispatch, bindings, scalars, state)
            try device.check(status, "launching \(dispatch.name)")
            if dispatch.program.isUnstored(dispatch.variant) {
                launched.add(dispatch.program, variant: dispatch.variant)
            }
        }
    }

    private func enqueue(
        _ dispatch: OpenCLDispatch, _ bindings: UnsafeBufferPointer<BufferBinding>,
        _ scalars: UnsafeBufferPointer<UInt64>, _ state: UInt64
    ) -> cl_int {
        guard device.profiles else {
            return dispatch.enqueue(queue, bindings: bindings, scalars: scalars, state: state, event: nil)
        }
        var event: cl_event?
        let status = dispatch.enqueue(queue, bindings: bindings, scalars: scalars, state: state, event: &event)
        if let event { device.recordTime(of: dispatch.name, event) }
        return status
    }

    /// Makes room for a submission at its first command.
    private func open() throws(TensorError) {
        try device.checkAlive()
        if isOpen { return }
        if inFlight.count == OpenCLStream.maximumInFlight { try inFlight.removeFirst().synchronize() }
        isOpen = true
        isBusy = true
    }

    func submit() throws(TensorError) {
        guard isOpen else { return }
        try device.checkAlive()
        let end = try mark()
        inFlight.append(end)
        launched.wereSubmitted(to: device.programs, behind: end)
        try device.check(nt_clFlush(library, queue), "flushing")
        hasUnmapped = false
        isOpen = false
    }

    private func mark() throws(TensorError) -> OpenCLEvent {
        var event: cl_event?
        try device.check(nt_clEnqueueMarkerWithWaitList(library, queue, 0, nil, &event), "placing a marker")
        return OpenCLEvent(event!, device: device)
    }

    // MARK: Waiting

    func synchronize() throws(TensorError) {
        try device.checkAlive()
        try device.check(nt_clFinish(library, queue), waits: true, "waiting for all work")
        try settle()
    }

    /// What follows once all work is done.
    private func settle() throws(TensorError) {
        hasUnmapped = false
        isOpen = false
        isBusy = false
        let done = inFlight
        inFlight = []
        staging?.reset()
        for event in done { try event.checkStatus() }
        launched.store(in: device.programs)
    }

    func record() throws(TensorError) -> any DeviceEvent {
        try device.checkAlive()
        if !isOpen && !hasUnmapped {
            // A submission ends in a marker, and nothing came behind it.
            if let last = inFlight.last { return last }
            return PastEvent()
        }
        let event = try mark()
        // An event is asked and waited for elsewhere: the work behind it must be under way.
        try device.check(nt_clFlush(library, queue), "flushing")
        return event
    }

    /// The event is the clock's, behind the stream's own.
    func recordTimed() throws(TensorError) -> any DeviceEvent {
        let clock: cl_command_queue
        if let made = self.clock {
            clock = made
        } else {
            clock = try OpenCLStream.makeQueue(of: device, keepsTimes: true)
            self.clock = clock
        }
        let end = try record()
        var event: cl_event?
        let status: cl_int
        if let end = end as? OpenCLEvent {
            var before: cl_event? = end.event
            status = nt_clEnqueueMarkerWithWaitList(library, clock, 1, &before, &event)
        } else {
            status = nt_clEnqueueMarkerWithWaitList(library, clock, 0, nil, &event)
        }
        try device.check(status, "placing a marker")
        try device.check(nt_clFlush(library, clock), "flushing")
        return OpenCLEvent(event!, device: device, isTimed: true)
    }

    func wait(for event: any DeviceEvent) throws(TensorError) {
        if event is PastEvent { return }
        try open()
        guard let event = event as? OpenCLEvent else { throw device.strangeEvent }
        var handle: cl_event? = event.event
        try device.check(nt_clEnqueueBarrierWithWaitList(library, queue, 1, &handle, nil), "waiting for an event")
    }

    // MARK: Copies

    func copyIn(_ source: UnsafeRawBufferPointer, to destination: any DeviceBuffer, offset: Int) throws(TensorError) {
        guard let base = source.baseAddress, source.count > 0 else { return }
        try device.checkAlive()
        let memory = unsafeDowncast(destination, to: OpenCLBuffer.self).memory
        if !device.copiesInPlace || (isBusy && source.count <= OpenCLStream.stagingLimit) {
            try open()
            return try stage().write(source, to: memory, offset: offset)
        }
        let mapped = try map(memory, CL_MAP_WRITE_INVALIDATE_REGION, offset, source.count)
        mapped.copyMemory(from: base, byteCount: source.count)
        try unmap(memory, mapped)
        hasUnmapped = true
    }

    private func stage() throws(TensorError) -> StagingRing<OpenCLStagingMemory> {
        if let staging { return staging }
        let made = StagingRing(try OpenCLStagingMemory(device: device, queue: queue))
        staging = made
        return made
    }

    func copyOut(from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer)
        throws(TensorError)
    {
        guard let base = destination.baseAddress, destination.count > 0 else { return }
        try device.checkAlive()
        let memory = unsafeDowncast(source, to: OpenCLBuffer.self).memory
        if device.copiesInPlace {
            let mapped = try map(memory, CL_MAP_READ, offset, destination.count)
            base.copyMemory(from: mapped, byteCount: destination.count)
            try unmap(memory, mapped)
        } else {
            try stage().read(from: memory, offset: offset, to: destination)
        }
        // The queue is in order, so that all before the copy is done too.
        try settle()
    }

    /// Waits for the work so far and gives the host's view of a part of a buffer.
    private func map(
        _ memory: cl_mem, _ flags: Int32, _ offset: Int, _ count: Int
    ) throws(TensorError) -> UnsafeMutableRawPointer {
        var status: cl_int = 0
        let mapped = nt_clEnqueueMapBuffer(
            library, queue, memory, cl_bool(CL_TRUE), cl_map_flags(flags), offset, count, 0, nil, nil, &status)
        guard let mapped else { throw device.failure(status, waits: true, "mapping \(count) bytes") }
        return mapped
    }

    private func unmap(_ memory: cl_mem, _ mapped: UnsafeMutableRawPointer) throws(TensorError) {
        try device.check(nt_clEnqueueUnmapMemObject(library, queue, memory, mapped, 0, nil, nil), "unmapping")
    }
}
