/// Segments of device memory cut into blocks: a request gets the smallest free block that it fits in, among equal ones the
/// last freed; free neighbours are joined.
///
/// It has no lock: ``CachingAllocator`` keeps some pools under its own.
struct BlockPool {
    /// Where a block lies, and the number by which it is released.
    struct Placement: Sendable {
        let buffer: any DeviceBuffer
        let offset: Int
        let region: Int
        /// The work that may still use it.
        var uses = StreamUses()
    }

    /// Bytes of a segment between two neighbours, used or free. Numbers of regions are -1 for none.
    private struct Region {
        var segment: Int
        var offset: Int
        var size: Int
        var isFree = false
        /// The work that used any of a free region.
        var uses = StreamUses()
        /// Neighbours in the segment. The first region of a segment keeps its number as long as the segment lives.
        var previous = -1
        var next = -1
        /// Free regions of the same size that were freed before and after this one.
        var older = -1
        var newer = -1
    }

    /// The free regions of one size.
    private struct Bin {
        let size: Int
        var newest: Int
    }

    private struct Segment {
        let buffer: any DeviceBuffer
        let first: Int
    }

    /// What would be left of a free block is a block of its own from this size on.
    private let smallestRest: Int
    private var segments: [Segment?] = []
    private var regions: [Region] = []
    private var spareRegions: [Int] = []
    /// By size.
    private var bins: [Bin] = []
    /// Free regions with neighbours in their segment, which cannot be given back therefore, and their bytes.
    private(set) var splitCount = 0
    private(set) var splitBytes = 0

    init(smallestRest: Int) { self.smallestRest = smallestRest }

    /// A block of `size` bytes from the segments that are there.
    ///
    /// - Parameter reuse: which memory it may be; nil means any, whatever work uses it.
    mutating func take(_ size: Int, _ reuse: MemoryReuse?) -> Placement? {
        for bin in firstBin(atLeast: size)..<bins.count {
            var region = bins[bin].newest
            if let reuse {
                while region >= 0, !reuse.allows(regions[region].uses) { region = regions[region].older }
            }
            if region < 0 { continue }
            unlink(region, bin: bin)
            return use(region, size)
        }
        return nil
    }

    /// Adds a segment and takes a block of `size` bytes from it.
    mutating func take(_ size: Int, from buffer: any DeviceBuffer, segmentSize: Int) -> Placement {
        let slot = segments.firstIndex { $0 == nil } ?? segments.count
        let region = addRegion(Region(segment: slot, offset: 0, size: segmentSize))
        let segment = Segment(buffer: buffer, first: region)
        if slot == segments.count { segments.append(segment) } else { segments[slot] = segment }
        return use(region, size)
    }

    /// Frees a block and joins it with free neighbours.
    ///
    /// - Parameter uses: the work that used it.
    mutating func release(_ released: Int, _ uses: StreamUses = StreamUses()) {
        var region = released
        regions[region].uses = uses
        let next = regions[region].next
        if next >= 0, regions[next].isFree {
            unlink(next, bin: firstBin(atLeast: regions[next].size))
            absorb(next, into: region)
        }
        let previous = regions[region].previous
        if previous >= 0, regions[previous].isFree {
            unlink(previous, bin: firstBin(atLeast: regions[previous].size))
            absorb(region, into: previous)
            region = previous
        }
        link(region)
    }

    /// Gives up segments without used blocks until they hold `byteCount` bytes; the caller lets go of the buffers.
    ///
    /// - Parameter reuse: only such as this allows; nil means any, whatever work uses them.
    mutating func removeUnused(
        _ byteCount: Int = .max, _ reuse: MemoryReuse? = nil
    ) -> (buffers: [any DeviceBuffer], byteCount: Int) {
        var buffers: [any DeviceBuffer] = []
        var removed = 0
        for slot in segments.indices where removed < byteCount {
            guard let segment = segments[slot] else { continue }
            let region = regions[segment.first]
            guard region.isFree, region.next < 0, reuse?.allows(region.uses) ?? true else { continue }
            unlink(segment.first, bin: firstBin(atLeast: region.size))
            spareRegions.append(segment.first)
            segments[slot] = nil
            buffers.append(segment.buffer)
            removed += region.size
        }
        return (buffers, removed)
    }

    // MARK: Regions

    /// Marks the first `size` bytes of a region, which is in no bin, as used, and frees the rest.
    private mutating func use(_ region: Int, _ size: Int) -> Placement {
        regions[region].isFree = false
        let rest = regions[region].size - size
        if rest >= smallestRest {
            var tail = Region(
                segment: regions[region].segment, offset: regions[region].offset + size, size: rest)
            tail.uses = regions[region].uses
            tail.previous = region
            tail.next = regions[region].next
            let number = addRegion(tail)
            if tail.next >= 0 { regions[tail.next].previous = number }
            regions[region].next = number
            regions[region].size = size
            link(number)
        }
        return Placement(
            buffer: segments[regions[region].segment]!.buffer, offset: regions[region].offset, region: region,
            uses: regions[region].uses)
    }

    private mutating func addRegion(_ region: Region) -> Int {
        if let number = spareRegions.popLast() {
            regions[number] = region
            return number
        }
        regions.append(region)
        return regions.count - 1
    }

    private mutating func absorb(_ second: Int, into first: Int) {
        let next = regions[second].next
        regions[first].size += regions[second].size
        regions[first].uses.formUnion(regions[second].uses)
        regions[first].next = next
        if next >= 0 { regions[next].previous = first }
        spareRegions.append(second)
    }

    // MARK: Bins

    /// The place of the first bin of at least `size` bytes.
    private func firstBin(atLeast size: Int) -> Int {
        var low = 0
        var high = bins.count
        while low < high {
            let middle = (low + high) / 2
            if bins[middle].size < size { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func isSplit(_ region: Int) -> Bool { regions[region].previous >= 0 || regions[region].next >= 0 }

    /// Makes a region the newest of its bin.
    private mutating func link(_ region: Int) {
        let size = regions[region].size
        let bin = firstBin(atLeast: size)
        regions[region].isFree = true
        regions[region].newer = -1
        if isSplit(region) {
            splitCount += 1
            splitBytes += size
        }
        if bin < bins.count, bins[bin].size == size {
            let older = bins[bin].newest
            regions[region].older = older
            regions[older].newer = region
            bins[bin].newest = region
        } else {
            regions[region].older = -1
            bins.insert(Bin(size: size, newest: region), at: bin)
        }
    }

    /// Takes a free region out of its bin.
    private mutating func unlink(_ region: Int, bin: Int) {
        // A free region's neighbours change only together with it, when it is in no bin.
        if isSplit(region) {
            splitCount -= 1
            splitBytes -= regions[region].size
        }
        let older = regions[region].older
        let newer = regions[region].newer
        if older >= 0 { regions[older].newer = newer }
        if newer >= 0 {
            regions[newer].older = older
        } else if older >= 0 {
            bins[bin].newest = older
        } else {
            bins.remove(at: bin)
        }
    }
}
