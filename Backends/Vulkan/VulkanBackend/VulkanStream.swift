import CVulkan
import DeviceSupport
import Synchronization
import TensorRuntime

/// An in-order stream of work on a device's one queue. Launches are collected and become one submission; at most three are
/// in flight, and what follows waits for the oldest.
final class VulkanStream: DeviceStream, @unchecked Sendable {
    // Safety: the core calls a stream from one thread at a time; the number of recordings is read from others.

    static let maximumInFlight = 3
    /// Host data up to this size is copied aside, so that a copy to a busy device need not wait for it.
    static let stagingLimit = 1 << 20

    /// What was submitted and may not be done, with what must stay until it is.
    private struct InFlight {
        let submission: VulkanSubmission
        var recording: VulkanRecording?
        var copy: nt_vk_recording?
        let buffers: [VulkanBuffer]
    }

    private let device: VulkanDevice
    private var work = VulkanWork()
    private var recordings = VulkanRecordings()
    private var inFlight: [InFlight] = []
    /// Recordings of copies that are done.
    private var idleCopies: [nt_vk_recording] = []
    private var staging: StagingRing<VulkanStagingMemory>?
    private var launched = LaunchedPrograms<VulkanProgramDriver>()
    private let recorded = Atomic(0)

    init(device: VulkanDevice) { self.device = device }

    deinit {
        // The last of them is done after the others; an error is the device's, and told by whoever asks it next.
        do throws(TensorError) { try inFlight.last?.submission.synchronize() } catch {}
        for one in inFlight { if let copy = one.copy { nt_vk_discard(device.handle, copy) } }
        inFlight = []
        for copy in idleCopies { nt_vk_discard(device.handle, copy) }
        staging = nil
        launched.store(in: device.programs)
    }

    var recordingCount: Int { recorded.load(ordering: .relaxed) }

    // MARK: Launches

    func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        guard let kernel = kernel as? VulkanKernel else { throw device.strange(kernel) }
        try device.checkAlive()
        let isSerial = device.isSerial || device.tick != nil
        for dispatch in kernel.dispatches {
            if work.isFull(for: dispatch) { try submit() }
            work.append(dispatch, bindings, scalars, isSerial: isSerial)
            if dispatch.program.isUnstored(1) { launched.add(dispatch.program, variant: 1) }
        }
    }

    /// A list that comes again as it was, but for scalars and the places of what is only read, is one submission of what it was
    /// recorded as: from the third time on nothing is looked up or recorded.
    func encode(_ list: LaunchList) throws(TensorError) {
        try submit()
        if let replay = list.kept as? VulkanReplay, replay.stream === self, replay.renew(list) {
            try makeRoom()
            if replay.recordings.isEmpty {
                replay.recordings = try recordings.all(
                    of: replay.work, atLeast: VulkanStream.maximumInFlight, on: device)
            }
            let idle = replay.recordings.first { !$0.isRunning }!
            return try start(recordings.use(idle), replay.work)
        }
        list.kept = nil
        let dispatchCount = list.launches.reduce(0) { $0 + $1.kernel.dispatchCount }
        for launch in list.launches {
            try list.withOperands(of: launch) { (bindings, scalars) throws(TensorError) in
                try encode(launch.kernel, bindings: bindings, scalars: scalars)
            }
        }
        // Else it was cut.
        if dispatchCount > 0, work.steps.count == dispatchCount { list.kept = VulkanReplay(list, work, on: self) }
        try submit()
    }

    func submit() throws(TensorError) {
        if work.isEmpty { return }
        defer { work.removeAll() }
        try makeRoom()
        try start(recordings.take(work, on: device), work)
    }

    private func makeRoom() throws(TensorError) {
        try device.checkAlive()
        try reap()
        while inFlight.count(where: { $0.recording != nil }) >= VulkanStream.maximumInFlight {
            try inFlight[0].submission.synchronize()
            try reap()
        }
    }

    /// Submits a recording that was taken.
    private func start(_ recording: VulkanRecording, _ work: VulkanWork) throws(TensorError) {
        recorded.store(recordings.made, ordering: .relaxed)
        recording.fill(work.values)
        do throws(TensorError) {
            let submission = try device.queue.submit(recording.recording, on: device)
            inFlight.append(InFlight(submission: submission, recording: recording, buffers: work.buffers))
            launched.wereSubmitted(to: device.programs, behind: submission)
            guard let tick = device.tick else { return }
            try submission.synchronize()
            try device.recordTimes(of: recording, tick: tick)
        } catch {
            if inFlight.last?.recording !== recording { recordings.give(recording) }
            throw error
        }
    }

    /// Lets go of what is done.
    private func reap() throws(TensorError) {
        while let first = inFlight.first, first.submission.isComplete {
            inFlight.removeFirst()
            if let copy = first.copy { idleCopies.append(copy) }
            guard let recording = first.recording else { continue }
            recordings.give(recording)
            try recording.measure()
        }
    }

    // MARK: Waiting

    func synchronize() throws(TensorError) {
        try submit()
        try device.checkAlive()
        // The queue is in order.
        try inFlight.last?.submission.synchronize()
        try reap()
        staging?.reset()
        launched.store(in: device.programs)
    }

    func record() throws(TensorError) -> any DeviceEvent {
        try submit()
        try device.checkAlive()
        return inFlight.last?.submission ?? PastEvent()
    }

    func recordTimed() throws(TensorError) -> any DeviceEvent {
        try submit()
        try device.checkAlive()
        guard let clock = try VulkanClock(device) else { return try record() }
        let submission = try device.queue.submit(clock.recording, on: device, clock: clock)
        inFlight.append(InFlight(submission: submission, buffers: []))
        return submission
    }

    /// The work before the event is in the queue, where each submission waits for those before it. What the host does itself,
    /// though, has to wait for it as for the stream's own work.
    func wait(for event: any DeviceEvent) throws(TensorError) {
        if event is PastEvent { return }
        guard let event = event as? VulkanSubmission, event.belongs(to: device) else { throw device.strangeEvent }
        try device.checkAlive()
        if event.number > inFlight.last?.submission.number ?? 0, !event.isComplete {
            inFlight.append(InFlight(submission: event, buffers: []))
        }
    }

    // MARK: Copies

    func copyIn(_ source: UnsafeRawBufferPointer, to destination: any DeviceBuffer, offset: Int) throws(TensorError) {
        guard let base = source.baseAddress, source.count > 0 else { return }
        try submit()
        try device.checkAlive()
        let buffer = unsafeDowncast(destination, to: VulkanBuffer.self)
        if let mapped = buffer.memory.mapped {
            try reap()
            if source.count > VulkanStream.stagingLimit { try synchronize() }
            if inFlight.isEmpty { return mapped.advanced(by: offset).copyMemory(from: base, byteCount: source.count) }
        }
        try stage().write(source, to: buffer, offset: offset)
    }

    func copyOut(from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer)
        throws(TensorError)
    {
        guard let base = destination.baseAddress, destination.count > 0 else { return }
        try submit()
        try device.checkAlive()
        let buffer = unsafeDowncast(source, to: VulkanBuffer.self)
        if let mapped = buffer.memory.mapped {
            try synchronize()
            return base.copyMemory(from: mapped.advanced(by: offset), byteCount: destination.count)
        }
        try stage().read(from: buffer, offset: offset, to: destination)
        try synchronize()
    }

    private func stage() throws(TensorError) -> StagingRing<VulkanStagingMemory> {
        if let staging { return staging }
        let made = StagingRing(try VulkanStagingMemory(device: device, stream: self))
        staging = made
        return made
    }

    /// Starts a copy between two buffers.
    fileprivate func copy(
        from source: VkBuffer, _ sourceOffset: Int, to destination: VkBuffer, _ offset: Int, count: Int,
        keeping buffer: VulkanBuffer
    ) throws(TensorError) -> VulkanSubmission {
        try reap()
        var recording = nt_vk_recording()
        if let idle = idleCopies.popLast() {
            recording = idle
            try device.check(nt_vk_begin_again(device.handle, recording), "recording a copy")
        } else {
            try device.check(nt_vk_begin(device.handle, 0, 0, 0, &recording), "recording a copy")
        }
        do throws(TensorError) {
            nt_vk_copy(
                device.handle, recording, source, UInt64(sourceOffset), destination, UInt64(offset), UInt64(count))
            try device.check(nt_vk_end(device.handle, recording), "recording a copy of \(count) bytes")
            let submission = try device.queue.submit(recording, on: device)
            inFlight.append(InFlight(submission: submission, copy: recording, buffers: [buffer]))
            return submission
        } catch {
            nt_vk_discard(device.handle, recording)
            throw error
        }
    }
}

/// Memory of the host through which a stream's copies go that the host cannot make in the device's memory.
final class VulkanStagingMemory: StagingPort {
    let base: UnsafeMutableRawPointer
    private let device: VulkanDevice
    private let memory: nt_vk_memory
    private unowned let stream: VulkanStream

    init(device: VulkanDevice, stream: VulkanStream) throws(TensorError) {
        let count = StagingRing<VulkanStagingMemory>.byteCount
        var made = nt_vk_memory()
        try device.check(
            nt_vk_allocate(device.handle, UInt64(count), device.memoryType.staging, 1, &made),
            "a staging buffer of \(count) bytes")
        self.device = device
        self.stream = stream
        memory = made
        base = made.mapped
    }

    deinit { nt_vk_free(device.handle, memory) }

    func copyIn(
        _ place: UnsafeMutableRawPointer, count: Int, to destination: VulkanBuffer, offset: Int
    ) throws(TensorError) -> VulkanSubmission {
        try stream.copy(
            from: memory.buffer, place - base, to: destination.memory.buffer, offset, count: count, keeping: destination
        )
    }

    func copyOut(
        from source: VulkanBuffer, offset: Int, to place: UnsafeMutableRawPointer, count: Int
    ) throws(TensorError) -> VulkanSubmission {
        try stream.copy(
            from: source.memory.buffer, offset, to: memory.buffer, place - base, count: count, keeping: source)
    }

    /// Each copy is a submission of its own.
    func flush() {}
}
