import CVulkan
import Synchronization
import TensorRuntime

/// A recorded submission, to be submitted as often as its key comes again, once at a time.
final class VulkanRecording {
    let key: [UInt64]
    let recording: nt_vk_recording
    /// They hold the pipelines.
    let dispatches: [VulkanDispatch]
    fileprivate(set) var isRunning = false
    fileprivate var lastUse = 0
    private var isMeasured = false
    private let block: VulkanParameters.Block
    private let device: VulkanDevice

    /// Records what was encoded.
    init(_ work: VulkanWork, on device: VulkanDevice) throws(TensorError) {
        key = work.key
        dispatches = work.steps.map(\.dispatch)
        self.device = device
        let alignment = device.info.offsetAlignment
        let sizes = dispatches.map { VulkanRecording.blockSize($0, alignment) }
        block = try device.parameters.take(sizes.reduce(0, +), for: device)
        do throws(TensorError) {
            recording = try VulkanRecording.record(work, block, sizes, on: device)
        } catch {
            device.parameters.give(block)
            throw error
        }
        var base = block.base
        for (dispatch, size) in zip(dispatches, sizes) {
            for (place, bits) in dispatch.constants { place.write(bits, to: base) }
            base += size
        }
    }

    deinit {
        nt_vk_discard(device.handle, recording)
        device.parameters.give(block)
    }

    private static func blockSize(_ dispatch: VulkanDispatch, _ alignment: Int) -> Int {
        (max(dispatch.parameterByteCount, 4) + alignment - 1) / alignment * alignment
    }

    private static func record(
        _ work: VulkanWork, _ block: VulkanParameters.Block, _ sizes: [Int], on device: VulkanDevice
    ) throws(TensorError) -> nt_vk_recording {
        var made = nt_vk_recording()
        let count = work.steps.count
        try device.check(
            nt_vk_begin(
                device.handle, UInt32(count), UInt32(work.bindings.count + count), device.timestampCount(count), &made),
            "beginning to record \(count) dispatches")
        do throws(TensorError) {
            var rest = work.bindings[...]
            var offset = block.offset
            for (number, step) in work.steps.enumerated() {
                let dispatch = step.dispatch
                let parameters = VkDescriptorBufferInfo(
                    buffer: block.buffer, offset: UInt64(offset), range: UInt64(max(dispatch.parameterByteCount, 4)))
                let bindings = rest.prefix(dispatch.buffers.count) + [parameters]
                rest = rest.dropFirst(dispatch.buffers.count)
                offset += sizes[number]
                let grid = (0..<3).map { dispatch.workgroups[$0] }
                try device.check(
                    nt_vk_dispatch(
                        device.handle, made, UInt32(number), dispatch.handle.program, Array(bindings),
                        UInt32(bindings.count), grid, step.waits ? 1 : 0), "recording \(dispatch.name)")
            }
            try device.check(nt_vk_end(device.handle, made), "recording \(count) dispatches")
        } catch {
            nt_vk_discard(device.handle, made)
            throw error
        }
        return made
    }

    /// Takes the time of a run that is done, for ``VulkanWork/isFull(for:)``: once, and not where a dispatch ran for the first
    /// time, which may be the time of a compiler.
    func measure() throws(TensorError) {
        if isMeasured { return }
        let isFirst = dispatches.contains { !$0.hasRun }
        for dispatch in dispatches { dispatch.hasRun = true }
        guard !isFirst, let time = try device.duration(of: self) else { return }
        isMeasured = true
        let estimates = dispatches.map { Double($0.estimate) }
        let factor = Double(max(time, 1)) / estimates.reduce(0, +)
        for (dispatch, estimate) in zip(dispatches, estimates) { dispatch.estimate = Int(estimate * factor) }
    }

    /// Writes what varies into the parameter blocks.
    func fill(_ values: [UInt64]) {
        let alignment = device.info.offsetAlignment
        var base = block.base
        var number = 0
        for dispatch in dispatches {
            for place in dispatch.varying {
                place.write(values[number], to: base)
                number += 1
            }
            base += VulkanRecording.blockSize(dispatch, alignment)
        }
    }
}

/// A list of launches as a stream recorded it: the next time, what changed is written, and the same is submitted.
final class VulkanReplay {
    /// Whose recordings they are.
    private(set) weak var stream: VulkanStream?
    private(set) var work: VulkanWork
    /// The launches' operands and scalars in `work`; see ``TensorRuntime/LaunchList/Launch/state``.
    private var states: [UInt64]
    /// One for each submission that may be in flight; none until the same comes a second time.
    var recordings: [VulkanRecording] = []

    init(_ list: LaunchList, _ work: VulkanWork, on stream: VulkanStream) {
        self.work = work
        self.stream = stream
        states = list.launches.map(\.state)
    }

    /// Takes what changed in the list; false where that is to be recorded in another way.
    func renew(_ list: LaunchList) -> Bool {
        if work.isLong || list.launches.count != states.count { return false }
        var first = 0
        for (number, launch) in list.launches.enumerated() {
            let own = first..<first + launch.kernel.dispatchCount
            first = own.upperBound
            if launch.state == states[number] { continue }
            let isSame = list.withOperands(of: launch) { operands, scalars in
                work.steps[own].allSatisfy { work.renew($0, operands, scalars) }
            }
            if !isSame { return false }
            states[number] = launch.state
        }
        return true
    }
}

/// A stream's recordings: of each plan some, one for each set of addresses that come in turn, more where those come again
/// before their last submission is done. Those that were not used for the longest time go where there are too many.
struct VulkanRecordings {
    /// Recordings of one sequence of dispatches that neither run nor are held by a list of launches.
    static let maximumOfPlan = 8
    /// The same of all; each takes some 10 KB of the driver.
    static let maximumCount = 256

    private var plans: [UInt64: [VulkanRecording]] = [:]
    private var count = 0
    private var uses = 0
    /// How many were made.
    private(set) var made = 0

    /// A recording of the work that does not run: one made earlier, or a new one. It is taken as running from now on.
    mutating func take(_ work: VulkanWork, on device: VulkanDevice) throws(TensorError) -> VulkanRecording {
        let plan = work.planHash
        var wanted = 1
        if let last = known(work, plan).map(\.lastUse).max() {
            // What came so many submissions ago comes again after as many. So there is one for each of those that may be in
            // flight then, and nothing is recorded later only because the device is slower.
            // One that was made beside another that could not be made has not been used.
            wanted = (VulkanStream.maximumInFlight - 1) / max(uses + 1 - last, 1) + 1
        }
        let own = try all(of: work, atLeast: wanted, on: device)
        let recording =
            if let idle = own.first(where: { !$0.isRunning }) { idle } else { try add(work, plan, on: device) }
        return use(recording)
    }

    /// The recordings of the work, so many at least.
    mutating func all(
        of work: VulkanWork, atLeast wanted: Int, on device: VulkanDevice
    ) throws(TensorError) -> [VulkanRecording] {
        device.recordingLookUps.add(1, ordering: .relaxed)
        let plan = work.planHash
        var own = known(work, plan)
        while own.count < wanted { own.append(try add(work, plan, on: device)) }
        return own
    }

    private func known(_ work: VulkanWork, _ plan: UInt64) -> [VulkanRecording] {
        plans[plan]?.filter { $0.key == work.key } ?? []
    }

    /// Takes a recording that does not run as running.
    mutating func use(_ recording: VulkanRecording) -> VulkanRecording {
        uses += 1
        recording.isRunning = true
        recording.lastUse = uses
        return recording
    }

    private mutating func add(
        _ work: VulkanWork, _ plan: UInt64, on device: VulkanDevice
    ) throws(TensorError) -> VulkanRecording {
        makeRoom(among: [plan], limit: VulkanRecordings.maximumOfPlan)
        if count >= VulkanRecordings.maximumCount {
            makeRoom(among: Array(plans.keys), limit: VulkanRecordings.maximumCount)
        }
        let recording = try VulkanRecording(work, on: device)
        recording.lastUse = uses + 1
        plans[plan, default: []].append(recording)
        count += 1
        made += 1
        return recording
    }

    /// The recording's work is done.
    func give(_ recording: VulkanRecording) { recording.isRunning = false }

    /// Drops, of what nobody else holds, what was not used for the longest time, until there is room for one more below `limit`.
    private mutating func makeRoom(among candidates: some Sequence<UInt64>, limit: Int) {
        var idle: [(use: Int, plan: UInt64, recording: ObjectIdentifier)] = []
        for plan in candidates {
            for place in (plans[plan] ?? []).indices where isKnownUniquelyReferenced(&plans[plan]![place]) {
                let recording = plans[plan]![place]
                idle.append((recording.lastUse, plan, ObjectIdentifier(recording)))
            }
        }
        idle.sort { $0.use < $1.use }
        for (_, plan, recording) in idle.prefix(max(idle.count - limit + 1, 0)) {
            plans[plan]!.removeAll { ObjectIdentifier($0) == recording }
            if plans[plan]!.isEmpty { plans[plan] = nil }
            count -= 1
        }
    }
}
