import TensorRuntime
import Testing

@Suite struct CachingAllocatorTests {
    private static let mebibyte = 1 << 20

    @Test func sizesAreRoundedToTheGranuleAndNeverDown() {
        for size in [0, 1, 511, 512, 513, 4096, 100_000, 1 << 20, (1 << 20) + 1, 3_000_001, 1 << 24, 123_456_789] {
            let rounded = CachingAllocator.roundedSize(size)
            #expect(rounded >= max(size, 512))
            #expect(rounded % 512 == 0)
            // Between 1 and 10 MiB, something on top.
            #expect(rounded < max(size, 1) + (size > 1 << 20 && size < 10 << 20 ? 5120 : 512))
        }
    }

    @Test func segmentsHaveASizeForEachClassOfRequests() throws {
        let device = FakeDevice()
        let allocator = CachingAllocator(device: device)
        var blocks: [MemoryBlock] = []
        for size in [1000, 1 << 20, (1 << 20) + 1, 10 << 20, 11 << 20, 33_000_000] {
            blocks.append(try allocator.allocate(size))
        }
        // The two small blocks share a segment, and so do the two middle ones.
        #expect(device.requests.map { $0 / Self.mebibyte } == [2, 22, 12, 32])
        #expect(device.requests.allSatisfy { $0 % (2 << 20) == 0 })
        #expect(blocks[0].buffer === blocks[1].buffer && blocks[2].buffer === blocks[3].buffer)
        #expect(allocator.statistics.driverAllocations == 4)
        #expect(allocator.statistics.reservedBytes == 68 << 20)
    }

    @Test func aFreedBlockIsHandedOutAgainWithoutAskingTheDriver() throws {
        let device = FakeDevice()
        let allocator = CachingAllocator(device: device)
        var blocks = [try allocator.allocate(1000)]
        let first = blocks[0].offset
        blocks.removeLast()
        let again = try allocator.allocate(900)
        #expect(again.offset == first)
        #expect(again.byteCount == 1024)
        #expect(device.requests.count == 1)
        #expect(allocator.statistics.blockRequests == 2)
        #expect(allocator.statistics.driverAllocations == 1)
    }

    @Test func amongEqualBlocksTheLastFreedComesFirst() throws {
        let allocator = CachingAllocator(device: FakeDevice())
        var blocks: [MemoryBlock?] = try (0..<6).map { _ in try allocator.allocate(512) }
        let offsets = blocks.map { $0!.offset }
        // Blocks with used neighbours: nothing is joined.
        for index in [0, 4, 2] { blocks[index] = nil }
        let again = try (0..<3).map { _ in try allocator.allocate(512) }
        #expect(again.map(\.offset) == [2, 4, 0].map { offsets[$0] })
    }

    @Test func theSmallestBlockThatFitsIsTaken() throws {
        let allocator = CachingAllocator(device: FakeDevice())
        var blocks: [MemoryBlock?] = try [4096, 512, 1024, 512, 2048, 512].map { try allocator.allocate($0) }
        let offsets = blocks.map { $0!.offset }
        for index in [0, 2, 4] { blocks[index] = nil }
        #expect(try allocator.allocate(1536).offset == offsets[4])
        let exact = try allocator.allocate(1024)
        #expect(exact.offset == offsets[2])
        let largest = try allocator.allocate(4000)
        #expect(largest.offset == offsets[0])
        withExtendedLifetime((exact, largest, blocks)) {}
    }

    @Test(arguments: [[0, 1, 2], [2, 1, 0], [0, 2, 1], [1, 0, 2]])
    func freeNeighboursAreJoined(order: [Int]) throws {
        let device = FakeDevice()
        let allocator = CachingAllocator(device: device)
        var blocks: [MemoryBlock?] = try (0..<3).map { _ in try allocator.allocate(512 << 10) }
        let last = try allocator.allocate(512 << 10)
        for index in order { blocks[index] = nil }
        // Three blocks in a row make one of 1 MiB, and half of it is left.
        let joined = try allocator.allocate(1 << 20)
        let rest = try allocator.allocate(512 << 10)
        #expect([joined.offset, rest.offset, last.offset] == [0, 1 << 20, 3 << 19])
        #expect(device.requests.count == 1)
    }

    @Test func statisticsFollowWhatIsInUseAndWhatIsHeld() throws {
        let allocator = CachingAllocator(device: FakeDevice())
        var blocks = [try allocator.allocate(512), try allocator.allocate(1024), try allocator.allocate(3 << 20)]
        blocks.removeLast(2)
        #expect(blocks[0].byteCount == 512)
        #expect(allocator.statistics.allocatedBytes == 512)
        #expect(allocator.statistics.reservedBytes == 24 << 20)
        #expect(allocator.statistics.peakAllocatedBytes == 1536 + CachingAllocator.roundedSize(3 << 20))
        allocator.resetPeak()
        #expect(allocator.statistics.peakAllocatedBytes == 512)
        // Only the segment without a used block goes.
        allocator.emptyCache()
        #expect(allocator.statistics.reservedBytes == 2 << 20)
        blocks.removeAll()
        allocator.emptyCache()
        #expect(allocator.statistics.reservedBytes == 0)
    }

    @Test func manyRandomBlocksNeverOverlap() throws {
        let device = FakeDevice(capacity: 1 << 34)
        let allocator = CachingAllocator(device: device)
        var random = SystemRandomNumberGenerator()
        var blocks: [MemoryBlock] = []
        // A byte for each granule of each buffer that has a used block.
        var shadows: [ObjectIdentifier: [UInt8]] = [:]
        func mark(_ block: MemoryBlock, _ value: UInt8) -> Bool {
            let granules = block.offset / 512..<(block.offset + block.byteCount) / 512
            let key = ObjectIdentifier(block.buffer)
            // A buffer may come to lie where one that was given back did.
            let count = block.buffer.byteCount / 512
            if shadows[key]?.count != count { shadows[key] = [UInt8](repeating: 0, count: count) }
            guard granules.upperBound <= count, !shadows[key]![granules].contains(value) else { return false }
            shadows[key]!.replaceSubrange(granules, with: repeatElement(value, count: granules.count))
            return true
        }
        for step in 0..<10_000 {
            if blocks.isEmpty || Int.random(in: 0..<100, using: &random) < 50 {
                let size = 1 << Int.random(in: 0..<24, using: &random)
                let block = try allocator.allocate(
                    size + Int.random(in: 0..<size, using: &random), isTransient: Bool.random(using: &random))
                #expect(block.offset % 512 == 0 && mark(block, 1), "step \(step)")
                blocks.append(block)
            } else {
                let block = blocks.remove(at: Int.random(in: blocks.indices, using: &random))
                #expect(mark(block, 0), "step \(step)")
            }
            if step % 1000 == 0 { allocator.emptyCache() }
        }
        #expect(allocator.statistics.allocatedBytes == blocks.reduce(0) { $0 + $1.byteCount })
        #expect(allocator.statistics.reservedBytes == device.bytesInUse)
        blocks.removeAll()
        allocator.emptyCache()
        #expect(allocator.statistics.allocatedBytes == 0)
        #expect(allocator.statistics.reservedBytes == 0)
        #expect(device.bytesInUse == 0)
    }

    /// Steps that hold parameters, take an arena and results in proportion to the batch, and keep the last results.
    private func train(_ batches: [Int], _ perExample: Int, _ allocator: CachingAllocator) throws {
        let parameters = try [470_000, 3_000_000, 40_000].map { try allocator.allocate($0) }
        var kept: [MemoryBlock] = []
        for batch in batches {
            let arena = try allocator.allocate(batch * perExample, isTransient: true)
            kept = try [4, batch * 40, batch * perExample / 8].map { try allocator.allocate($0) }
            withExtendedLifetime(arena) {}
        }
        withExtendedLifetime((parameters, kept)) {}
    }

    @Test(arguments: [2_000, 30_000, 200_000, 1_000_000])
    func batchesOfManySizesHoldLittleMoreThanTheLargest(perExample: Int) throws {
        let alone = CachingAllocator(device: FakeDevice(capacity: 1 << 40))
        try train([100, 100], perExample, alone)
        var generator = SystemRandomNumberGenerator()
        for batches in [Array(1...100), (1...100).reversed(), (1...100).shuffled(using: &generator)] {
            let allocator = CachingAllocator(device: FakeDevice(capacity: 1 << 40))
            try train(batches, perExample, allocator)
            #expect(Double(allocator.statistics.reservedBytes) <= 1.5 * Double(alone.statistics.reservedBytes))
            // Once the largest was there, the driver is hardly asked again.
            let before = allocator.statistics
            for _ in 0..<5 { try train((1...100).shuffled(using: &generator), perExample, allocator) }
            #expect(allocator.statistics.since(before).driverAllocations <= 5)
            #expect(Double(allocator.statistics.reservedBytes) <= 1.5 * Double(alone.statistics.reservedBytes))
        }
    }
}

@Suite struct StreamMemoryTests {
    /// A request that gets all 2 MiB of a device.
    private static let whole = (2 << 20) - 9 * 512

    /// The whole memory of a device, released by the streams of some bits, the last of them with submission 5.
    private func released(by streams: UInt32) throws -> CachingAllocator {
        let allocator = CachingAllocator(device: FakeDevice(capacity: 2 << 20))
        let block = try allocator.allocate(Self.whole)
        block.markWrite(3, stream: 1 << UInt32(streams.trailingZeroBitCount))
        for stream in 0..<UInt32(3) where streams & 1 << stream != 0 { block.markUse(5, stream: 1 << stream) }
        #expect(block.uses == StreamUses(streams: streams, last: 5))
        return allocator
    }

    @Test func memoryIsHadByWhoComesBehindItsUsesOrWhenTheyAreDone() throws {
        for streams in UInt32(1)..<8 {
            for ordered in UInt32(0)..<8 {
                for done in UInt32(0)..<8 {
                    func reached(_ stream: UInt32) -> UInt64 { done & 1 << stream != 0 ? 5 : 4 }
                    let reuse = MemoryReuse(ordered: ordered, done: reached(0), others: [reached(1), reached(2)])
                    let allocator = try released(by: streams)
                    let block = try allocator.allocate(Self.whole, only: reuse)
                    #expect((block != nil) == (streams & ~ordered & ~done == 0), "\(streams) \(ordered) \(done)")
                    // Who has it need not wait for the streams that are done.
                    if let block { #expect(block.uses.streams == streams & ordered) }
                }
            }
        }
    }

    @Test func aStreamOfWhichNothingIsKnownIsNotDone() throws {
        let allocator = try released(by: 0b100)
        let block = try allocator.allocate(Self.whole, only: MemoryReuse(ordered: 0b11, done: 9, others: [9]))
        #expect(block == nil)
    }

    @Test func whereThereIsNoOtherMemoryItIsHadWithItsUses() throws {
        let allocator = try released(by: 0b110)
        let block = try allocator.allocate(Self.whole, .ordered)
        #expect(block.uses == StreamUses(streams: 0b110, last: 5))
        #expect(allocator.statistics.allocatedBytes == 2 << 20)
    }

    @Test func whoWritesMemoryIsItsOnlyUser() throws {
        let allocator = try released(by: 0b110)
        do {
            let block = try allocator.allocate(Self.whole, .ordered)
            block.markWrite(6, stream: 1)
        }
        let block = try allocator.allocate(Self.whole, only: .ordered)
        #expect(block?.uses == StreamUses(streams: 1, last: 6))
    }
}

@Suite struct FullDeviceTests {
    @Test func aFullDeviceIsAskedAgainAfterUnusedSegmentsWereFreed() throws {
        let device = FakeDevice(capacity: 4 << 20)
        let allocator = CachingAllocator(device: device)
        do { _ = try allocator.allocate(1000) }
        let larger = try allocator.allocate(3 << 20)
        #expect(larger.byteCount == CachingAllocator.roundedSize(3 << 20))
        #expect(device.requests == [2 << 20, 4 << 20, 4 << 20])
        #expect(allocator.statistics.reservedBytes == 4 << 20)
    }

    @Test func whereTheUsualSegmentIsTooLargeOneOfTheRequestIsTaken() throws {
        let device = FakeDevice(capacity: 4 << 20)
        let allocator = CachingAllocator(device: device)
        let small = try allocator.allocate(1000)
        let larger = try allocator.allocate(3 << 19)
        let request = CachingAllocator.roundedSize(3 << 19)
        #expect(device.requests == [2 << 20, 4 << 20, 4 << 20, request])
        #expect(allocator.statistics.reservedBytes == 2 << 20 + request)
        withExtendedLifetime((small, larger)) {}
    }

    @Test func runningOutSaysWhatWasRequestedAllocatedReservedAndTheLimit() throws {
        let device = FakeDevice(capacity: 4096)
        let allocator = CachingAllocator(device: device)
        let held = try allocator.allocate(3072)
        let error = #expect(throws: TensorError.self) { try allocator.allocate(2048) }
        #expect(error?.kind == .outOfMemory)
        #expect(
            error?.message
                == "fake:0: out of memory: requested 2048 bytes, allocated 3072, reserved 4096, largest single "
                + "allocation 4096; use smaller batches")
        #expect(device.requests == [4096, 4096, 4096, 2048])
        #expect(held.byteCount == 3072)
        #expect(allocator.statistics.allocatedBytes == 3072)
        #expect(try allocator.allocate(1024).buffer === held.buffer)
    }

    @Test func noSegmentIsLargerThanTheDeviceAllows() throws {
        let device = FakeDevice(capacity: 1 << 30, maximumAllocation: 5000)
        let allocator = CachingAllocator(device: device)
        let blocks = try (0..<20).map { try allocator.allocate($0 * 200) }
        #expect(device.requests.allSatisfy { $0 <= 5000 })
        #expect(throws: TensorError.self) { try allocator.allocate(5001) }
        #expect(Set(blocks.map { ObjectIdentifier($0.buffer) }).count == device.requests.count)
    }

    @Test func aRequestAboveTheLimitIsRefusedWithoutAskingTheDriver() {
        let device = FakeDevice(capacity: 4096)
        let allocator = CachingAllocator(device: device)
        #expect(throws: TensorError.self) { try allocator.allocate(8192) }
        #expect(device.requests.isEmpty)
    }

    // MARK: Statistics

    @Test func everythingIsCountedByPool() throws {
        let allocator = CachingAllocator(device: FakeDevice())
        var blocks: [MemoryBlock?] = [
            try allocator.allocate(1000), try allocator.allocate(700), try allocator.allocate(3 << 20),
            try allocator.allocate(600, isTransient: true),
        ]
        let full = allocator.memoryStatistics
        #expect(full.small.allocated.current == 2 && full.large.allocated.current == 2)
        #expect(full.small.allocatedBytes.current == 2048 && full.small.requestedBytes.current == 1700)
        #expect(full.small.reservedBytes.current == 2 << 20 && full.large.reservedBytes.current == 24 << 20)
        #expect(full.all.segment.current == 3 && full.deviceAllocations == 3 && full.deviceFrees == 0)
        // What is free behind the blocks of each segment.
        #expect(full.all.inactiveSplit.current == 3)
        #expect(
            full.all.inactiveSplitBytes.current
                == full.all.reservedBytes.current - full.all.allocatedBytes.current)
        blocks[0] = nil
        let less = allocator.memoryStatistics
        #expect(less.small.allocated.current == 1 && less.small.allocated.freed == 1 && less.small.allocated.peak == 2)
        #expect(less.small.requestedBytes.current == 700 && less.small.allocated.allocated == 2)
        #expect(less.small.inactiveSplit.current == 2)
        blocks.removeAll()
        let none = allocator.memoryStatistics
        #expect(none.all.allocatedBytes.current == 0 && none.all.inactiveSplitBytes.current == 0)
        #expect(none.all.requestedBytes.current == 0 && none.all.requestedBytes.freed == 1700 + (3 << 20) + 600)
        #expect(none.all.reservedBytes.current == 26 << 20)
        allocator.emptyCache()
        let empty = allocator.memoryStatistics
        #expect(empty.all.reservedBytes.current == 0 && empty.all.reservedBytes.peak == 26 << 20)
        #expect(empty.all.segment.freed == 3 && empty.deviceFrees == 3 && empty.large.segment.current == 0)
        for pool in [empty.small, empty.large] { #expect(pool.inactiveSplitBytes.current == 0) }
    }

    @Test func peaksAndSumsAreResetApart() throws {
        let allocator = CachingAllocator(device: FakeDevice())
        var block: MemoryBlock? = try allocator.allocate(5000)
        let kept = try allocator.allocate(1000)
        block = nil
        allocator.resetPeak()
        #expect(allocator.memoryStatistics.all.allocatedBytes.peak == 1024)
        #expect(
            allocator.statistics.peakAllocatedBytes == 1024 && allocator.memoryStatistics.all.allocated.allocated == 2)
        allocator.resetAccumulated()
        let found = allocator.memoryStatistics
        #expect(
            found.all.allocated.allocated == 0 && found.all.allocated.freed == 0 && found.all.allocated.current == 1)
        // Other counts go on.
        #expect(allocator.statistics.blockRequests == 2 && found.deviceAllocations == 1)
        withExtendedLifetime((block, kept)) {}
    }

    @Test func retriesAndFailuresAreCounted() throws {
        let allocator = CachingAllocator(device: FakeDevice(capacity: 23 << 20))
        // A segment of 22 MiB stays, and leaves no room for another.
        _ = try allocator.allocate(5 << 20)
        let small = try allocator.allocate(1000)
        #expect(allocator.memoryStatistics.flat["num_alloc_retries"] == 1)
        #expect(throws: TensorError.self) { try allocator.allocate(22 << 20) }
        #expect(allocator.memoryStatistics.flat["num_ooms"] == 1)
        #expect(allocator.memoryStatistics.flat["num_alloc_retries"] == 2)
        withExtendedLifetime(small) {}
    }
}
