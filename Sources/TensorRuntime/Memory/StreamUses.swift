/// Which streams' work uses memory, or used it: one bit for each stream, and the last submission of any of them.
///
/// Submissions of all streams of a device are numbered in one order. So two numbers say, of any number of streams, what has
/// to be done before others may write here: everything of these streams up to that submission.
public struct StreamUses: Hashable, Sendable {
    /// How many streams of a device can be told apart.
    public static let streamLimit = 32

    /// Bit `i` is stream `i` of the device.
    public var streams: UInt32
    /// The number of the last submission among them; 0 is none.
    public var last: UInt64

    /// By default: nothing uses the memory.
    public init(streams: UInt32 = 0, last: UInt64 = 0) {
        self.streams = streams
        self.last = last
    }

    /// Adds the streams of another, and takes the later of both submissions.
    public mutating func formUnion(_ other: StreamUses) {
        streams |= other.streams
        last = max(last, other.last)
    }
}

/// Which memory a request may have: such as all work is done with, or such as is used by work that comes before what the
/// request is for.
public struct MemoryReuse: Sendable {
    /// What a request for the device's first stream may have that asks nobody.
    public static let ordered = MemoryReuse(ordered: 1, done: 0)

    /// The streams behind whose work the memory's own use comes, a bit each.
    let ordered: UInt32
    /// The submission up to which the first stream has done all of its own, and those of the other streams.
    let done: UInt64
    let others: [UInt64]

    /// - Parameter others: of the second stream and those behind it; what is not known of a stream is not done.
    public init(ordered: UInt32, done: UInt64, others: [UInt64] = []) {
        self.ordered = ordered
        self.done = done
        self.others = others
    }

    /// Whether memory with these uses may be had.
    @inline(__always)
    func allows(_ uses: StreamUses) -> Bool {
        let foreign = uses.streams & ~ordered
        return foreign == 0 || isDone(foreign, uses.last)
    }

    @inline(never)
    private func isDone(_ streams: UInt32, _ submission: UInt64) -> Bool {
        var rest = streams
        while rest != 0 {
            let stream = rest.trailingZeroBitCount
            rest &= rest - 1
            let reached = stream == 0 ? done : stream <= others.count ? others[stream - 1] : 0
            if reached < submission { return false }
        }
        return true
    }
}
