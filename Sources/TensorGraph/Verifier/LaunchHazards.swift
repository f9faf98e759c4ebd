import TensorRuntime

/// What one launch does to memory, looked at by itself.
struct LaunchHazards {
    private let launch: PlanLaunch
    private let memory: PlanMemory
    private let writableLeaves: Set<Int>

    /// At most so many elements of an access are compared one by one.
    private static let comparedElements = 1 << 18

    init(_ launch: PlanLaunch, memory: PlanMemory, writableLeaves: Set<Int>) {
        self.launch = launch
        self.memory = memory
        self.writableLeaves = writableLeaves
    }

    /// What is wrong, if something is.
    var problem: String? {
        let reads = launch.reads
        var writes = launch.writes
        for (number, write) in writes.enumerated() where !write.isEmpty && !write.isOneToOne {
            return "output \(number) has several values for one place"
        }
        if let workspace = launch.workspace { writes.append(workspace) }
        for access in reads.map(\.access) + writes where !access.isEmpty {
            let size = memory.sizes[access.space]
            if access.low < 0 || access.high > size {
                return
                    "bytes \(access.low)..<\(access.high) of \(memory.name(access.space)) are touched, which has \(size)"
            }
        }
        for (number, write) in writes.enumerated() {
            if memory.isLeaf(write.space) && !writableLeaves.contains(write.space) {
                return "\(memory.name(write.space)) is written, which others may read"
            }
            for other in writes.prefix(number) where meet(other, write) { return "two outputs share bytes" }
            for read in reads where read.access.mayMeet(write) {
                if read.isPlaceByPlace && isSame(read.access, write) { continue }
                if meet(read.access, write) {
                    return "an operand in \(memory.name(write.space)) is overwritten while it is read"
                }
            }
        }
        return nil
    }

    /// Whether both are at the same element at each place of the iteration space.
    private func isSame(_ read: MemoryAccess, _ write: MemoryAccess) -> Bool {
        read.low == write.low && read.dtype.byteCount == write.dtype.byteCount
            && read.dimensions.count == write.dimensions.count
            && zip(read.dimensions, write.dimensions).allSatisfy {
                $0.axis == $1.axis && $0.step == $1.step && $0.isReversed == $1.isReversed && $0.extent == $1.extent
            }
    }

    /// Whether a byte belongs to elements of both. `write` is one to one.
    private func meet(_ access: MemoryAccess, _ write: MemoryAccess) -> Bool {
        guard access.mayMeet(write) else { return false }
        return access.contains(limit: LaunchHazards.comparedElements) {
            write.element(at: $0, width: access.dtype.byteCount) != .outside
        }
    }
}
