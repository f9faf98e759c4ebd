/// A number that goes up and down: what it is, the most it has been, and all that was added and taken away.
public struct MemoryCount: Hashable, Sendable {
    /// What it is now.
    public private(set) var current = 0
    /// The most it was since the beginning, or since the peak was reset.
    public private(set) var peak = 0
    /// All that was added since the beginning, or since this was reset.
    public private(set) var allocated = 0
    /// All that was taken away since the beginning, or since this was reset.
    public private(set) var freed = 0

    /// All 0.
    public init() {}

    mutating func add(_ amount: Int) {
        current += amount
        allocated += amount
        if current > peak { peak = current }
    }

    mutating func remove(_ amount: Int) {
        current -= amount
        freed += amount
    }

    /// Goes to a number that is known only as a whole.
    mutating func move(to value: Int) {
        if value > current { add(value - current) } else { remove(current - value) }
    }

    mutating func resetPeak() { peak = current }

    mutating func resetAccumulated() {
        allocated = 0
        freed = 0
    }
}

/// What a caching allocator did and holds, under the names of PyTorch's `memory_stats`.
public struct MemoryStatistics: Hashable, Sendable {
    /// One of the allocator's pools, or all together.
    public struct Pool: Hashable, Sendable {
        /// Blocks that are held. A block that is let go of can be handed out at once, so that those which
        /// are *active* are the same.
        public internal(set) var allocated = MemoryCount()
        /// The bytes of blocks that are held, as they were rounded.
        public internal(set) var allocatedBytes = MemoryCount()
        /// The bytes that these blocks were asked for with.
        public internal(set) var requestedBytes = MemoryCount()
        /// Segments held from the driver.
        public internal(set) var segment = MemoryCount()
        /// The bytes of segments held from the driver.
        public internal(set) var reservedBytes = MemoryCount()
        /// Free blocks beside others in a segment, so that it cannot be given back.
        public internal(set) var inactiveSplit = MemoryCount()
        /// The bytes of those free blocks.
        public internal(set) var inactiveSplitBytes = MemoryCount()

        /// By PyTorch's names.
        fileprivate var rows: [(name: String, count: MemoryCount)] {
            [
                ("allocated", allocated), ("allocated_bytes", allocatedBytes), ("segment", segment),
                ("reserved_bytes", reservedBytes), ("active", allocated), ("active_bytes", allocatedBytes),
                ("inactive_split", inactiveSplit), ("inactive_split_bytes", inactiveSplitBytes),
                ("requested_bytes", requestedBytes),
            ]
        }

        mutating func use(_ size: Int, requested: Int) {
            allocated.add(1)
            allocatedBytes.add(size)
            requestedBytes.add(requested)
        }

        mutating func release(_ size: Int, requested: Int) {
            allocated.remove(1)
            allocatedBytes.remove(size)
            requestedBytes.remove(requested)
        }

        mutating func addSegment(_ size: Int) {
            segment.add(1)
            reservedBytes.add(size)
        }

        mutating func removeSegments(_ count: Int, _ size: Int) {
            segment.remove(count)
            reservedBytes.remove(size)
        }

        fileprivate mutating func forEach(_ body: (inout MemoryCount) -> Void) {
            body(&allocated)
            body(&allocatedBytes)
            body(&requestedBytes)
            body(&segment)
            body(&reservedBytes)
            body(&inactiveSplit)
            body(&inactiveSplitBytes)
        }
    }

    /// Both pools together.
    public internal(set) var all = Pool()
    /// Blocks of more than 1 MiB, and the arenas of plans whatever their size.
    public internal(set) var large = Pool()
    /// Blocks of at most 1 MiB.
    public internal(set) var small = Pool()
    /// Requests for which the driver had no memory until cached segments were given back.
    public internal(set) var allocationRetries = 0
    /// Requests that failed for want of memory.
    public internal(set) var outOfMemoryCount = 0
    /// Segments asked of the driver.
    public internal(set) var deviceAllocations = 0
    /// Segments given back to the driver.
    public internal(set) var deviceFrees = 0

    /// All counts 0.
    public init() {}

    /// The pool of small blocks, or that of the rest.
    subscript(isSmall isSmall: Bool) -> Pool {
        get { isSmall ? small : large }
        _modify { if isSmall { yield &small } else { yield &large } }
    }

    mutating func resetPeaks() { forEach { $0.resetPeak() } }

    mutating func resetAccumulated() {
        forEach { $0.resetAccumulated() }
        allocationRetries = 0
        outOfMemoryCount = 0
    }

    private mutating func forEach(_ body: (inout MemoryCount) -> Void) {
        all.forEach(body)
        large.forEach(body)
        small.forEach(body)
    }

    /// Every number under PyTorch's name: `allocated_bytes.all.current`, ..., `num_ooms`.
    public var flat: [String: Int] {
        var result = [
            "num_alloc_retries": allocationRetries, "num_ooms": outOfMemoryCount,
            // The allocator waits for no stream: who gets a block that is in use works behind that use.
            "num_sync_all_streams": 0, "num_device_alloc": deviceAllocations, "num_device_free": deviceFrees,
        ]
        for (pool, name) in [(all, "all"), (large, "large_pool"), (small, "small_pool")] {
            for (row, count) in pool.rows {
                result["\(row).\(name).current"] = count.current
                result["\(row).\(name).peak"] = count.peak
                result["\(row).\(name).allocated"] = count.allocated
                result["\(row).\(name).freed"] = count.freed
            }
        }
        return result
    }
}

/// The memory of a device, whoever uses it, in bytes.
public struct DeviceMemory: Hashable, Sendable {
    /// What this process could still get.
    public var free: Int
    /// All that the device has.
    public var total: Int

    /// Both in bytes.
    public init(free: Int, total: Int) {
        self.free = free
        self.total = total
    }
}
