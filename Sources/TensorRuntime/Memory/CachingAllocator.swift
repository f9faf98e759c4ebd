import Synchronization

/// A block from the caching allocator: bytes of a buffer. It goes back when it is released.
public final class MemoryBlock: Sendable {
    /// The driver's, of which the block is a part.
    public let buffer: any DeviceBuffer
    /// Where the block begins in the buffer, in bytes: a multiple of 512.
    public let offset: Int
    /// The size of the request, rounded (``CachingAllocator/roundedSize(_:)``): it follows from the request alone.
    public let byteCount: Int
    private let requested: Int
    // Two numbers that are written together under the core's lock, and read together when the block is released.
    private let last: Atomic<UInt64>
    private let streams: Atomic<UInt32>
    private let pool: CachingAllocator.Pool
    private let region: Int
    private let allocator: CachingAllocator

    fileprivate init(
        _ place: BlockPool.Placement, of pool: CachingAllocator.Pool, byteCount: Int, requested: Int,
        allocator: CachingAllocator
    ) {
        self.requested = requested
        self.pool = pool
        last = Atomic(place.uses.last)
        streams = Atomic(place.uses.streams)
        buffer = place.buffer
        offset = place.offset
        region = place.region
        self.byteCount = byteCount
        self.allocator = allocator
    }

    deinit { allocator.reclaim(region, of: pool, byteCount: byteCount, requested: requested, uses) }

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
    fileprivate enum Pool: Int, CaseIterable {
        case small, large, transient

        init(_ size: Int, isTransient: Bool) {
            self = isTransient ? .transient : size <= smallLimit ? .small : .large
        }
    }

    private struct State {
        /// By ``Pool``. What is left of a large block is worth keeping if it serves a large request.
        var pools = [granule, smallLimit + granule, granule].map { BlockPool(smallestRest: $0) }
        var memory = MemoryStatistics()
        var blockRequests = 0

        /// A block of `size` bytes, asked for with `requested`.
        mutating func take(
            _ size: Int, of pool: Pool, requested: Int, _ reuse: MemoryReuse?
        ) -> BlockPool.Placement? {
            guard let place = pools[pool.rawValue].take(size, reuse) else { return nil }
            count(size, of: pool, requested: requested)
            return place
        }

        /// Adds a segment, and takes a block from it.
        mutating func take(
            _ size: Int, of pool: Pool, requested: Int, from buffer: any DeviceBuffer, segmentSize: Int
        ) -> BlockPool.Placement {
            memory.deviceAllocations += 1
            memory.all.addSegment(segmentSize)
            memory[isSmall: pool == .small].addSegment(segmentSize)
            let place = pools[pool.rawValue].take(size, from: buffer, segmentSize: segmentSize)
            count(size, of: pool, requested: requested)
            return place
        }

        private mutating func count(_ size: Int, of pool: Pool, requested: Int) {
            memory.all.use(size, requested: requested)
            memory[isSmall: pool == .small].use(size, requested: requested)
            countSplits()
        }

        mutating func release(_ region: Int, of pool: Pool, _ size: Int, requested: Int, _ uses: StreamUses) {
            memory.all.release(size, requested: requested)
            memory[isSmall: pool == .small].release(size, requested: requested)
            pools[pool.rawValue].release(region, uses)
            countSplits()
        }

        /// Gives up unused segments of a pool until they hold `byteCount` bytes.
        ///
        /// - Parameter reuse: only such as this allows.
        mutating func removeUnused(
            of pool: Pool, _ byteCount: Int = .max, _ reuse: MemoryReuse? = nil
        ) -> [any DeviceBuffer] {
            let (buffers, size) = pools[pool.rawValue].removeUnused(byteCount, reuse)
            memory.deviceFrees += buffers.count
            memory.all.removeSegments(buffers.count, size)
            memory[isSmall: pool == .small].removeSegments(buffers.count, size)
            return buffers
        }

        private mutating func countSplits() {
            // Read where they lie: a copy of a pool counts references.
            let (small, large, rest) = (Pool.small.rawValue, Pool.large.rawValue, Pool.transient.rawValue)
            let (smallCount, smallBytes) = (pools[small].splitCount, pools[small].splitBytes)
            let count = pools[large].splitCount + pools[rest].splitCount
            let bytes = pools[large].splitBytes + pools[rest].splitBytes
            memory.small.inactiveSplit.move(to: smallCount)
            memory.small.inactiveSplitBytes.move(to: smallBytes)
            memory.large.inactiveSplit.move(to: count)
            memory.large.inactiveSplitBytes.move(to: bytes)
            memory.all.inactiveSplit.move(to: smallCount + count)
            memory.all.inactiveSplitBytes.move(to: smallBytes + bytes)
        }
    }

    /// What a test can make an allocator do wrong.
    package enum Fault: Sendable {
        /// A block is reused while streams that the request's own does not come behind may be using it.
        case reusedBeforeOtherStreamsAreDone
    }

    private let device: any Device
    private let fault: Fault?
    private let state = Lock(State())

    /// Nothing is asked of the driver yet.
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
        if let block = try allocate(byteCount, isTransient: isTransient, reuse, orAny: true) { return block }
        let now = statistics
        state.withLock { $0.memory.outOfMemoryCount += 1 }
        throw TensorError(
            .outOfMemory,
            "\(device.description.id): out of memory: requested \(size(byteCount, isTransient: isTransient)) bytes, "
                + "allocated \(now.allocatedBytes), reserved \(now.reservedBytes), largest single allocation "
                + "\(device.description.maximumAllocation); use smaller batches")
    }

    /// A block that no work uses but what `reuse` allows; nil where there is no memory for one.
    public func allocate(_ byteCount: Int, only reuse: MemoryReuse) throws(TensorError) -> MemoryBlock? {
        try allocate(byteCount, isTransient: false, reuse, orAny: false)
    }

    private func size(_ byteCount: Int, isTransient: Bool) -> Int {
        isTransient ? CachingAllocator.granules(byteCount) : CachingAllocator.roundedSize(byteCount)
    }

    private func allocate(
        _ byteCount: Int, isTransient: Bool, _ reuse: MemoryReuse, orAny: Bool
    ) throws(TensorError) -> MemoryBlock? {
        let size = size(byteCount, isTransient: isTransient)
        let pool = Pool(size, isTransient: isTransient)
        func block(_ place: BlockPool.Placement) -> MemoryBlock {
            MemoryBlock(place, of: pool, byteCount: size, requested: byteCount, allocator: self)
        }
        func made(_ segment: (buffer: any DeviceBuffer, size: Int)) -> BlockPool.Placement {
            state.withLock {
                $0.take(size, of: pool, requested: byteCount, from: segment.buffer, segmentSize: segment.size)
            }
        }
        let first = state.withLock { state in
            state.blockRequests += 1
            return take(size, of: pool, requested: byteCount, reuse, from: &state)
        }
        if let first { return block(first) }
        if let segment = try makeSegment(for: size, pool, reuse) { return block(made(segment)) }
        guard orAny else { return nil }
        // Behind other streams' work rather than not at all.
        let late = state.withLock { take(size, of: pool, requested: byteCount, nil, from: &$0) }
        if let late { return block(late) }
        if dropUnused(nil), let segment = try askAgain(for: size, pool) { return block(made(segment)) }
        return nil
    }

    /// A block of the memory that is there. Where `reuse` allows it, what it is used by is told no more than by the streams that
    /// it comes behind.
    private func take(
        _ size: Int, of pool: Pool, requested: Int, _ reuse: MemoryReuse?, from state: inout State
    ) -> BlockPool.Placement? {
        let isFaulty = fault == .reusedBeforeOtherStreamsAreDone
        guard var place = state.take(size, of: pool, requested: requested, isFaulty ? nil : reuse) else { return nil }
        if let reuse { place.uses.streams &= reuse.ordered }
        return place
    }

    // MARK: Segments

    /// A segment that holds `size` bytes: of its usual size, or where the driver has not that much, of just this one; nil where it
    /// has not even that after unused segments were given back, of those that `reuse` allows.
    private func makeSegment(
        for size: Int, _ pool: Pool, _ reuse: MemoryReuse
    ) throws(TensorError) -> (buffer: any DeviceBuffer, size: Int)? {
        let limit = device.description.maximumAllocation
        guard size <= limit else { return nil }
        let usual = CachingAllocator.segmentSize(for: size, pool, limit: limit)
        makeRoom(for: usual, request: size, pool)
        if let buffer = try attempt(usual) { return (buffer, usual) }
        dropUnused(reuse)
        state.withLock { $0.memory.allocationRetries += 1 }
        return try askAgain(for: size, pool)
    }

    private func askAgain(for size: Int, _ pool: Pool) throws(TensorError) -> (buffer: any DeviceBuffer, size: Int)? {
        let usual = CachingAllocator.segmentSize(for: size, pool, limit: device.description.maximumAllocation)
        if let buffer = try attempt(usual) { return (buffer, usual) }
        if usual > size, let buffer = try attempt(size) { return (buffer, size) }
        return nil
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
            let used = state.memory.all.allocatedBytes
            let bound = max(used.peak, used.current + request) / 4 * 5
            let excess = state.memory.all.reservedBytes.current + segment - bound
            return state.removeUnused(of: pool, max(excess, 0))
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
    public func emptyCache() { dropUnused(nil) }

    /// Whether there was anything to drop, of what `reuse` allows.
    @discardableResult
    private func dropUnused(_ reuse: MemoryReuse?) -> Bool {
        let dropped = state.withLock { state in Pool.allCases.flatMap { state.removeUnused(of: $0, .max, reuse) } }
        return withExtendedLifetime(dropped) { !dropped.isEmpty }
    }

    // MARK: Statistics

    /// Sets the peaks to what is in use now.
    public func resetPeak() { state.withLock { $0.memory.resetPeaks() } }

    /// Sets to 0 what only grows: all that was ever allocated and freed, retries and failures.
    public func resetAccumulated() { state.withLock { $0.memory.resetAccumulated() } }

    /// What is held, and what was done since the last reset.
    public var memoryStatistics: MemoryStatistics { state.withLock { $0.memory } }

    /// The allocator's part of the device's counts.
    public var statistics: ExecutionStatistics {
        let (memory, requests) = state.withLock { ($0.memory, $0.blockRequests) }
        var result = ExecutionStatistics()
        result.blockRequests = requests
        result.driverAllocations = memory.deviceAllocations
        result.allocatedBytes = memory.all.allocatedBytes.current
        result.peakAllocatedBytes = memory.all.allocatedBytes.peak
        result.reservedBytes = memory.all.reservedBytes.current
        return result
    }

    fileprivate func reclaim(_ region: Int, of pool: Pool, byteCount: Int, requested: Int, _ uses: StreamUses) {
        state.withLock { $0.release(region, of: pool, byteCount, requested: requested, uses) }
    }
}
