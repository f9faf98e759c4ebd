import CVulkan
import TensorRuntime

/// A recorded submission, to be submitted as often as its key comes again, once at a time.
final class VulkanRecording {
    let key: [UInt64]
    let recording: nt_vk_recording
    /// They hold the pipelines.
    let dispatches: [VulkanDispatch]
    fileprivate(set) var isRunning = false
    fileprivate var lastUse = 0
    private let block: VulkanParameters.Block
    private let device: VulkanDevice

    /// Records what was encoded.
    init(_ work: VulkanWork, on device: VulkanDevice) throws(TensorError) {
        key = work.key
        dispatches = work.dispatches
        self.device = device
        let alignment = device.info.offsetAlignment
        let sizes = work.dispatches.map { VulkanRecording.blockSize($0, alignment) }
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
        let count = work.dispatches.count
        try device.check(
            nt_vk_begin(
                device.handle, UInt32(count), UInt32(work.bindings.count + count), device.tick == nil ? 0 : 1, &made),
            "beginning to record \(count) dispatches")
        do throws(TensorError) {
            var firstBinding = 0
            var offset = block.offset
            for (number, dispatch) in work.dispatches.enumerated() {
                var bindings = Array(work.bindings[firstBinding..<firstBinding + dispatch.buffers.count])
                firstBinding += dispatch.buffers.count
                bindings.append(
                    VkDescriptorBufferInfo(
                        buffer: block.buffer, offset: UInt64(offset), range: UInt64(max(dispatch.parameterByteCount, 4))
                    ))
                offset += sizes[number]
                let grid = (0..<3).map { dispatch.workgroups[$0] }
                try device.check(
                    nt_vk_dispatch(
                        device.handle, made, UInt32(number), dispatch.handle.program, bindings, UInt32(bindings.count),
                        grid, work.waits[number] ? 1 : 0), "recording \(dispatch.name)")
            }
            try device.check(nt_vk_end(device.handle, made), "recording \(count) dispatches")
        } catch {
            nt_vk_discard(device.handle, made)
            throw error
        }
        return made
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

/// A stream's recordings by what they depend on. Those that were not used for the longest time go where there are too many.
struct VulkanRecordings {
    /// Each takes some 10 KB of the driver; a plan has as many as its submissions in flight, for each set of addresses that
    /// come in turn.
    static let maximumCount = 256

    private var byHash: [UInt64: [VulkanRecording]] = [:]
    private var count = 0
    private var uses = 0
    /// How many were made.
    private(set) var made = 0

    /// A recording of the work that does not run: one made earlier, or a new one. It is taken as running from now on.
    mutating func take(_ work: VulkanWork, on device: VulkanDevice) throws(TensorError) -> VulkanRecording {
        let hash = work.hash
        uses += 1
        let known = byHash[hash]?.filter { $0.key == work.key } ?? []
        if !known.isEmpty {
            // What came twice comes again: from now on there is one for each submission that may be in flight, so that
            // nothing is recorded later only because the device is slower.
            for _ in known.count..<max(known.count, VulkanStream.maximumInFlight) {
                try add(work, hash, on: device)
            }
        }
        let idle = byHash[hash]?.first { !$0.isRunning && $0.key == work.key }
        let recording = if let idle { idle } else { try add(work, hash, on: device) }
        recording.isRunning = true
        recording.lastUse = uses
        return recording
    }

    @discardableResult
    private mutating func add(
        _ work: VulkanWork, _ hash: UInt64, on device: VulkanDevice
    ) throws(TensorError) -> VulkanRecording {
        if count >= VulkanRecordings.maximumCount { dropOldest() }
        let recording = try VulkanRecording(work, on: device)
        recording.lastUse = uses
        byHash[hash, default: []].append(recording)
        count += 1
        made += 1
        return recording
    }

    /// The recording's work is done.
    func give(_ recording: VulkanRecording) { recording.isRunning = false }

    private mutating func dropOldest() {
        let idle = byHash.lazy.flatMap { hash, list in list.map { (hash, $0) } }.filter { !$0.1.isRunning }
        guard let oldest = idle.min(by: { $0.1.lastUse < $1.1.lastUse }) else { return }
        byHash[oldest.0]!.removeAll { $0 === oldest.1 }
        if byHash[oldest.0]!.isEmpty { byHash[oldest.0] = nil }
        count -= 1
    }
}
