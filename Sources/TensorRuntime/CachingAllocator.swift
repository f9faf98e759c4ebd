import Synchronization

/// A block from the caching allocator: bytes of a buffer. It goes back when it is released.
public final class MemoryBlock: Sendable {
    public let buffer: any DeviceBuffer
    /// Where the block begins in the buffer, in bytes: a multiple of 512.
    public let offset: Int
    /// The size of the request, rounded (``CachingAllocator/roundedSize(_:)``): it follows from the request alone.
    public let byteCount: Int
    // Two numbers that are written together under the core's lock, and read together when the block is released.
    private let last: Atomic<UInt64>
    private let streams: Atomic<UInt32>
    private let pool: CachingAllocator.Pool
    private let region: Int
    private let allocator: CachingAllocator

    fileprivate init(
        _ place: BlockPool.Placement, of pool: CachingAllocator.Pool, byteCount: Int, allocator: CachingAllocator
    ) {
        self.pool = pool
        last = Atomic(place.uses.last)
        streams = Atomic(place.uses.streams)
        buffer = place.buffer
        offset = place.offset
        region = place.region
        self.byteCount = byteCount
        self.allocator = allocator
    }

    deinit { allocator.reclaim(region, of: pool, byteCount: byteCount, uses) }

    /// The work that uses the block, or used its memory before it.
    public var uses: StreamUses {
        StreamUses(streams: streams.load(ordering: .relaxed), last: last.load(ordering: .relaxed))
    }

    /// Says that a submission reads the block, on a stream of this bit. The numbers of submissions grow.
    public func markUse(_ submission: UInt64, stream: UInt32) {
        last.store(submission, ordering: .relaxed)
        let before = streams.load(ordering: .relaxed)
        if before | stream != before { streams.store(before | stream, ordering: .relaxed) }
    }

    /// Says that a submission writes the block and comes behind all work that used it.
    public func markWrite(_ submission: UInt64, stream: UInt32) {
        last.store(submission, ordering: .relaxed)
        streams.store(stream, ordering: .relaxed)
    }
}

/// Asks the driver for segments and cuts blocks from them, so that a steady training step asks nothing of the driver and
/// sees the same addresses again.
///
/// Blocks of at most 1 MiB come from segments of 2 MiB, those of at most 10 MiB from segments of 22 MiB, and a larger one
/// makes a segment of its own size, which smaller ones use later. Blocks that are held for one submission only, the arenas
/// of plans, have segments apart, so that no result lies in the way of a larger arena. No segment is larger than the device
/// allows.
public final class CachingAllocator: Sendable {
    private static let granule = 512
    private static let smallLimit = 1 << 20
    private static let sharedLimit = 10 << 20
    /// What blocks that share a large segment are lengthened by, so that tensors of 4 MiB, say, do not all begin at the same
    /// place of a page and of the caches: adding two of them took a tenth longer then.
    private static let stagger = 9 * granule

    /// Which segments a block comes from.
    fileprivate enum Pool: Int {
        case small, large, transient

        init(_ size: Int, isTransient: Bool) {
            self = isTransient ? .transient : size <= smallLimit ? .small : .large
        }
    }

    private struct State {
        /// By ``Pool``. What is left of a large block is worth keeping if it serves a large request.
        var pools = [granule, smallLimit + granule, granule].map { BlockPool(smallestRest: $0) }
        var statistics = ExecutionStatistics()

        mutating func use(_ size: Int) {
            statistics.allocatedBytes += size
            statistics.peakAllocatedBytes = max(statistics.peakAllocatedBytes, statistics.allocatedBytes)
        }
    }

    /// What a test can make an allocator do wrong.
    package enum Fault: Sendable {
        /// A block is reused while streams that the request's own does not come behind may be using it.
        case reusedBeforeOtherStreamsAreDone
    }

    private let device: any Device
    private let fault: Fault?
    private let state = Mutex(State())

    public convenience init(device: any Device) { self.init(device: device, fault: nil) }

    package init(device: any Device, fault: Fault?) {
        self.device = device
        self.fault = fault
    }

    private static func granules(_ byteCount: Int) -> Int {
        max((byteCount + granule - 1) & ~(granule - 1), granule)
    }

    /// The size that a request of `byteCount` bytes gets, unless the block is transient.
    public static func roundedSize(_ byteCount: Int) -> Int {
        let size = granules(byteCount)
        return size > smallLimit && size + stagger <= sharedLimit ? size + stagger : size
    }

    /// A block of at least `byteCount` bytes, its contents undefined.
    ///
    /// Where there is no other memory, work that `reuse` does not allow may still use the block (``MemoryBlock/uses``): what uses
    /// the block has to wait for it.
    ///
    /// - Parameter isTransient: whether the block is held for one submission only.
    /// - Throws: `outOfMemory` after unused segments were freed and the driver was asked again.
    public func allocate(
        _ byteCount: Int, isTransient: Bool = false, _ reuse: MemoryReuse = .ordered
    ) throws(TensorError) -> MemoryBlock {
        try allocate(byteCount, isTransient: isTransient, reuse, orAny: true)
    }

    /// A block that no work uses but what `reuse` allows; nil where there is no memory for one.
    public func allocate(_ byteCount: Int, only reuse: MemoryReuse) throws(TensorError) -> MemoryBlock? {
        do throws(TensorError) {
            return try allocate(byteCount, isTransient: false, reuse, orAny: false)
        } catch {
            if error.kind == .outOfMemory { return nil }
            throw error
        }
    }

    private func allocate(
        _ byteCount: Int, isTransient: Bool, _ reuse: MemoryReuse, orAny: Bool
    ) throws(TensorError) -> MemoryBlock {
        let size = isTransient ? CachingAllocator.granules(byteCount) : CachingAllocator.roundedSize(byteCount)
        let pool = Pool(size, isTransient: isTransient)
        let cached = state.withLock { state in
            state.statistics.blockRequests += 1
            return take(size, pool, reuse, from: &state)
        }
        if let cached { return MemoryBlock(cached, of: pool, byteCount: size, allocator: self) }
        let buffer: any DeviceBuffer
        let segmentSize: Int
        do throws(TensorError) {
            (buffer, segmentSize) = try makeSegment(for: size, pool)
        } catch {
            guard orAny, error.kind == .outOfMemory,
                let place = state.withLock({ take(size, pool, nil, from: &$0) })
            else { throw error }
            return MemoryBlock(place, of: pool, byteCount: size, allocator: self)
        }
        let place = state.withLock { state in
            state.statistics.driverAllocations += 1
            state.statistics.reservedBytes += segmentSize
            state.use(size)
            return state.pools[pool.rawValue].take(size, from: buffer, segmentSize: segmentSize)
        }
        return MemoryBlock(place, of: pool, byteCount: size, allocator: self)
    }

    /// A block of the memory that is there. Where `reuse` allows it, what it is used by is told no more than by the streams that
    /// it comes behind.
    private func take(
        _ size: Int, _ pool: Pool, _ reuse: MemoryReuse?, from state: inout State
    ) -> BlockPool.Placement? {
        let isFaulty = fault == .reusedBeforeOtherStreamsAreDone
        guard var place = state.pools[pool.rawValue].take(size, isFaulty ? nil : reuse) else { return nil }
        if let reuse { place.uses.streams &= reuse.ordered }
        state.use(size)
        return place
    }

    // MARK: Segments

    /// A segment that holds `size` bytes: of its usual size, or where the driver has not that much, of just this one.
    private func makeSegment(
        for size: Int, _ pool: Pool
    ) throws(TensorError) -> (buffer: any DeviceBuffer, size: Int) {
        let limit = device.description.maximumAllocation
        if size <= limit {
            let usual = CachingAllocator.segmentSize(for: size, pool, limit: limit)
            makeRoom(for: usual, request: size, pool)
            if let buffer = try attempt(usual) { return (buffer, usual) }
            emptyCache()
            if let buffer = try attempt(usual) { return (buffer, usual) }
            if usual > size, let buffer = try attempt(size) { return (buffer, size) }
        }
        let now = statistics
        throw TensorError(
            .outOfMemory,
            "\(device.description.id): out of memory: requested \(size) bytes, allocated \(now.allocatedBytes), "
                + "reserved \(now.reservedBytes), largest single allocation \(limit); use smaller batches")
    }

    private static func segmentSize(for size: Int, _ pool: Pool, limit: Int) -> Int {
        let usual =
            pool == .large && size <= sharedLimit ? 22 << 20 : (size + (2 << 20) - 1) & ~((2 << 20) - 1)
        return max(size, min(usual, limit & ~(granule - 1)))
    }

    /// Before a segment for one block is made: frees the pool's unused ones, all of which are smaller, where with them more
    /// than 5/4 of the most ever in use would be held. Sizes that grow from step to step would otherwise add up.
    private func makeRoom(for segment: Int, request: Int, _ pool: Pool) {
        guard pool == .transient || request > CachingAllocator.sharedLimit else { return }
        let dropped = state.withLock { state in
            let now = state.statistics
            let bound = max(now.peakAllocatedBytes, now.allocatedBytes + request) / 4 * 5
            let excess = now.reservedBytes + segment - bound
            let dropped = state.pools[pool.rawValue].removeUnused(max(excess, 0))
            state.statistics.reservedBytes -= dropped.byteCount
            return dropped.buffers
        }
        withExtendedLifetime(dropped) {}
    }

    /// The driver's memory, or nil where it has none; any other failure is the caller's.
    private func attempt(_ size: Int) throws(TensorError) -> (any DeviceBuffer)? {
        do throws(TensorError) {
            return try device.allocate(byteCount: size)
        } catch {
            if error.kind == .outOfMemory { return nil }
            throw error
        }
    }

    /// Gives every segment without used blocks back to the driver.
    public func emptyCache() {
        let dropped = state.withLock { state in
            var dropped: [any DeviceBuffer] = []
            for pool in state.pools.indices {
                let unused = state.pools[pool].removeUnused()
                state.statistics.reservedBytes -= unused.byteCount
                dropped += unused.buffers
            }
            return dropped
        }
        withExtendedLifetime(dropped) {}
    }

    // MARK: Statistics

    /// Sets the peak to what is in use now.
    public func resetPeak() {
        state.withLock { $0.statistics.peakAllocatedBytes = $0.statistics.allocatedBytes }
    }

    public var statistics: ExecutionStatistics { state.withLock { $0.statistics } }

    fileprivate func reclaim(_ region: Int, of pool: Pool, byteCount: Int, _ uses: StreamUses) {
        state.withLock { state in
            state.statistics.allocatedBytes -= byteCount
            state.pools[pool.rawValue].release(region, uses)
        }
    }
}
