import CVulkan
import TensorRuntime

/// Host memory for recordings' parameters, in blocks whose sizes are powers of two, cut from a few large buffers.
final class VulkanParameters: Sendable {
    struct Block: @unchecked Sendable {
        // Safety: memory that its holder alone uses.

        let buffer: VkBuffer
        let base: UnsafeMutableRawPointer
        /// Where in the buffer it lies.
        let offset: Int
        let byteCount: Int
    }

    private struct State: @unchecked Sendable {
        var chunks: [nt_vk_memory] = []
        var free: [Int: [Block]] = [:]
    }

    private static let smallest = 4 << 10
    private static let chunk = 1 << 20

    private let device: VulkanHandle
    private let memoryType: UInt32
    private let state = Lock(State())

    init(_ device: VulkanHandle, memoryType: UInt32) {
        self.device = device
        self.memoryType = memoryType
    }

    deinit { for chunk in state.withLock({ $0 }).chunks { nt_vk_free(device.pointer, chunk) } }

    func take(_ byteCount: Int, for owner: VulkanDevice) throws(TensorError) -> Block {
        var size = VulkanParameters.smallest
        while size < byteCount { size *= 2 }
        return try state.withLock { (state) throws(TensorError) in
            if let block = state.free[size]?.popLast() { return block }
            var memory = nt_vk_memory()
            let whole = max(size, VulkanParameters.chunk)
            try owner.check(
                nt_vk_allocate(device.pointer, UInt64(whole), memoryType, 1, &memory), "memory for parameters")
            state.chunks.append(memory)
            let blocks = stride(from: 0, to: whole, by: size).map { offset in
                Block(buffer: memory.buffer, base: memory.mapped + offset, offset: offset, byteCount: size)
            }
            state.free[size, default: []] += blocks.dropLast()
            return blocks.last!
        }
    }

    func give(_ block: Block) { state.withLock { $0.free[block.byteCount, default: []].append(block) } }
}
