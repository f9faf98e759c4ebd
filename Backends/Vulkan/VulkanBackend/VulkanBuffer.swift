import CVulkan
import Synchronization
import TensorRuntime

/// Device memory. Streams hold it while work that uses it is under way.
final class VulkanBuffer: DeviceBuffer, @unchecked Sendable {
    // Safety: nothing changes after `init`.

    let byteCount: Int
    /// What the buffer has: whole words, so that packed elements can be read and written by them.
    let size: Int
    let memory: nt_vk_memory
    /// Tells buffers apart also where a later one gets an earlier one's handle.
    let serial: UInt64
    private let device: VulkanDevice
    var isBoundExactly: Bool { device.bindsExactly }

    private static let serials = Atomic<UInt64>(0)

    init(byteCount: Int, device: VulkanDevice) throws(TensorError) {
        let limit = device.description.maximumAllocation
        guard byteCount <= limit, device.reserve(VulkanBuffer.size(byteCount)) else {
            throw TensorError(
                .outOfMemory,
                "\(device.description.id): no buffer of \(byteCount) bytes: the largest is \(limit), and "
                    + "\(device.reservedByteCount) of \(device.description.memory) are in use")
        }
        size = VulkanBuffer.size(byteCount)
        var made = nt_vk_memory()
        let status = nt_vk_allocate(
            device.handle, UInt64(size), device.memoryType.device, device.copiesInPlace ? 1 : 0, &made)
        guard status == VK_SUCCESS else {
            device.release(size)
            throw device.failure(status, "a buffer of \(byteCount) bytes")
        }
        self.byteCount = byteCount
        self.device = device
        memory = made
        serial = VulkanBuffer.serials.add(1, ordering: .relaxed).newValue
    }

    private static func size(_ byteCount: Int) -> Int { max((byteCount + 15) & ~15, 64) }

    deinit {
        nt_vk_free(device.handle, memory)
        device.release(size)
    }

    /// The part of it that a kernel is bound to, which holds the bytes that it touches.
    ///
    /// The whole where a binding may be as large, so that recordings do not depend on where in it an operand lies; else one
    /// from a coarse place on.
    func window(_ bytes: Range<Int>) -> (start: Int, count: Int) {
        let alignment = device.info.offsetAlignment
        // A buffer's end may be where an operand of no elements lies.
        let low = min(bytes.lowerBound, size - 4)
        if device.bindsExactly {
            let start = low & ~(alignment - 1)
            return (start, max(min(bytes.upperBound, size), low + 4) - start)
        }
        let limit = device.info.maximumRange
        if size <= limit { return (0, size) }
        // Coarse enough, and small enough for an element's number in 32 bits.
        let coarse = min(limit / 2, 1 << 30) / alignment * alignment
        var start = low / coarse * coarse
        if bytes.upperBound - start > limit { start = low & ~(alignment - 1) }
        return (start, min(size - start, limit))
    }
}
