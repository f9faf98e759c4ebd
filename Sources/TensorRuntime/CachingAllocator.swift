import Synchronization

/// A block from the caching allocator; it goes back when it is released.
public final class MemoryBlock: Sendable {
    public let buffer: any DeviceBuffer
    public let byteCount: Int
    private let allocator: CachingAllocator

    fileprivate init(buffer: any DeviceBuffer, byteCount: Int, allocator: CachingAllocator) {
        self.buffer = buffer
        self.byteCount = byteCount
        self.allocator = allocator
    }

    deinit { allocator.reclaim(buffer, byteCount: byteCount) }
}

/// Keeps freed blocks by size and hands the last freed one out first, so that a steady training step asks nothing of
/// the driver and sees the same addresses again.
///
/// Sizes are rounded to 512 bytes, and from 1 MiB up to 1/16 of their power of two, so that a cached block fits
/// requests that are close.
public final class CachingAllocator: Sendable {
    private struct State {
        var free: [Int: [any DeviceBuffer]] = [:]
        var statistics = ExecutionStatistics()
    }

    private let device: any Device
    private let state = Mutex(State())

    public init(device: any Device) { self.device = device }

    /// The size that a request of `byteCount` bytes gets.
    public static func roundedSize(_ byteCount: Int) -> Int {
        if byteCount <= 1 << 20 { return max((byteCount + 511) & ~511, 512) }
        let step = (1 << (Int.bitWidth - 1 - byteCount.leadingZeroBitCount)) >> 4
        return (byteCount + step - 1) / step * step
    }

    /// A block of at least `byteCount` bytes, its contents undefined.
    ///
    /// - Throws: `outOfMemory` after cached blocks were freed and the driver was asked again.
    public func allocate(_ byteCount: Int) throws(TensorError) -> MemoryBlock {
        let size = CachingAllocator.roundedSize(byteCount)
        let cached: (any DeviceBuffer)? = state.withLock { state in
            state.statistics.blockRequests += 1
            guard let buffer = state.free[size]?.popLast() else { return nil }
            CachingAllocator.use(size, &state)
            return buffer
        }
        if let cached { return MemoryBlock(buffer: cached, byteCount: size, allocator: self) }
        let buffer = try driverAllocation(size)
        state.withLock { state in
            state.statistics.driverAllocations += 1
            state.statistics.reservedBytes += size
            CachingAllocator.use(size, &state)
        }
        return MemoryBlock(buffer: buffer, byteCount: size, allocator: self)
    }

    private static func use(_ size: Int, _ state: inout State) {
        state.statistics.allocatedBytes += size
        state.statistics.peakAllocatedBytes = max(state.statistics.peakAllocatedBytes, state.statistics.allocatedBytes)
    }

    private func driverAllocation(_ size: Int) throws(TensorError) -> any DeviceBuffer {
        let limit = device.description.maximumAllocation
        if size <= limit {
            if let buffer = try attempt(size) { return buffer }
            emptyCache()
            if let buffer = try attempt(size) { return buffer }
        }
        let now = statistics
        throw TensorError(
            .outOfMemory,
            "\(device.description.id): out of memory: requested \(size) bytes, allocated \(now.allocatedBytes), "
                + "reserved \(now.reservedBytes), largest single allocation \(limit); use smaller batches")
    }

    /// The driver's block, or nil where it has no memory; any other failure is the caller's.
    private func attempt(_ size: Int) throws(TensorError) -> (any DeviceBuffer)? {
        do throws(TensorError) {
            return try device.allocate(byteCount: size)
        } catch {
            if error.kind == .outOfMemory { return nil }
            throw error
        }
    }

    /// Gives every unused block back to the driver.
    public func emptyCache() {
        let dropped = state.withLock { state in
            let dropped = state.free
            for (size, buffers) in dropped { state.statistics.reservedBytes -= size * buffers.count }
            state.free = [:]
            return dropped
        }
        withExtendedLifetime(dropped) {}
    }

    /// Sets the peak to what is in use now.
    public func resetPeak() {
        state.withLock { $0.statistics.peakAllocatedBytes = $0.statistics.allocatedBytes }
    }

    public var statistics: ExecutionStatistics { state.withLock { $0.statistics } }

    fileprivate func reclaim(_ buffer: any DeviceBuffer, byteCount: Int) {
        state.withLock { state in
            state.statistics.allocatedBytes -= byteCount
            state.free[byteCount, default: []].append(buffer)
        }
    }
}
