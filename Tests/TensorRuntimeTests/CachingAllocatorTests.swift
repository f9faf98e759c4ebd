import TensorRuntime
import Testing

@Suite struct CachingAllocatorTests {
    @Test func sizesAreRoundedToFewClassesAndNeverDown() {
        for size in [0, 1, 511, 512, 513, 4096, 100_000, 1 << 20, (1 << 20) + 1, 3_000_001, 1 << 24, 123_456_789] {
            let rounded = CachingAllocator.roundedSize(size)
            #expect(rounded >= max(size, 512))
            #expect(rounded % 512 == 0)
            #expect(Double(rounded) <= Double(max(size, 1)) * 1.125 + 512)
            #expect(CachingAllocator.roundedSize(rounded) == rounded)
        }
    }

    @Test func aFreedBlockIsHandedOutAgainWithoutAskingTheDriver() throws {
        let device = FakeDevice()
        let allocator = CachingAllocator(device: device)
        var blocks = [try allocator.allocate(1000)]
        let first = blocks[0].buffer
        blocks.removeLast()
        let again = try allocator.allocate(900)
        #expect(again.buffer === first)
        #expect(device.requests == [1024])
        #expect(allocator.statistics.blockRequests == 2)
        #expect(allocator.statistics.driverAllocations == 1)
    }

    @Test func theLastFreedBlockComesFirst() throws {
        let allocator = CachingAllocator(device: FakeDevice())
        var blocks = [try allocator.allocate(512), try allocator.allocate(512)]
        let (first, second) = (blocks[0].buffer, blocks[1].buffer)
        blocks.removeLast()
        blocks.removeLast()
        let next = try allocator.allocate(512)
        let afterNext = try allocator.allocate(512)
        #expect(next.buffer === first)
        #expect(afterNext.buffer === second)
    }

    @Test func statisticsFollowWhatIsInUseAndWhatIsHeld() throws {
        let allocator = CachingAllocator(device: FakeDevice())
        var blocks = [try allocator.allocate(512), try allocator.allocate(1024)]
        blocks.removeLast()
        #expect(blocks[0].byteCount == 512)
        #expect(allocator.statistics.allocatedBytes == 512)
        #expect(allocator.statistics.reservedBytes == 1536)
        #expect(allocator.statistics.peakAllocatedBytes == 1536)
        allocator.resetPeak()
        #expect(allocator.statistics.peakAllocatedBytes == 512)
        allocator.emptyCache()
        #expect(allocator.statistics.reservedBytes == 512)
        withExtendedLifetime(blocks) {}
    }

    @Test func aFullDeviceIsAskedAgainAfterTheCacheWasFreed() throws {
        let device = FakeDevice(capacity: 4096)
        let allocator = CachingAllocator(device: device)
        var blocks = [try allocator.allocate(3072)]
        blocks.removeLast()
        let larger = try allocator.allocate(4096)
        #expect(larger.byteCount == 4096)
        #expect(device.requests == [3072, 4096, 4096])
        #expect(allocator.statistics.reservedBytes == 4096)
    }

    @Test func runningOutSaysWhatWasRequestedAllocatedReservedAndTheLimit() throws {
        let device = FakeDevice(capacity: 4096)
        let allocator = CachingAllocator(device: device)
        let held = try allocator.allocate(3072)
        let error = #expect(throws: TensorError.self) { try allocator.allocate(2048) }
        #expect(error?.kind == .outOfMemory)
        #expect(
            error?.message
                == "fake:0: out of memory: requested 2048 bytes, allocated 3072, reserved 3072, largest single "
                + "allocation 4096; use smaller batches")
        #expect(device.requests == [3072, 2048, 2048])
        #expect(held.byteCount == 3072)
        #expect(allocator.statistics.allocatedBytes == 3072)
    }

    @Test func aRequestAboveTheLimitIsRefusedWithoutAskingTheDriver() {
        let device = FakeDevice(capacity: 4096)
        let allocator = CachingAllocator(device: device)
        #expect(throws: TensorError.self) { try allocator.allocate(8192) }
        #expect(device.requests.isEmpty)
    }
}
