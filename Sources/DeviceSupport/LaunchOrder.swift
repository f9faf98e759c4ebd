/// Which of some launches wait for those before them: one that reads what another wrote, or writes what another touched,
/// waits for all. Launches that touch nothing of each other's may run side by side.
public struct LaunchOrder: Sendable {
    /// Bytes of a buffer that a launch touches.
    public struct Access: Sendable {
        /// No other buffer's number.
        public let buffer: UInt64
        public let bytes: Range<Int>
        public let isWritten: Bool

        public init(buffer: UInt64, bytes: Range<Int>, isWritten: Bool) {
            self.buffer = buffer
            self.bytes = bytes
            self.isWritten = isWritten
        }

        /// Whether two accesses must not come at the same time.
        public func conflicts(with other: Access) -> Bool {
            buffer == other.buffer && (isWritten || other.isWritten) && bytes.overlaps(other.bytes)
        }
    }

    /// What was touched since the last launch that waited.
    private var accesses: [Access] = []
    /// How many of them are of the launches before the next.
    private var before = 0
    private var hasLaunches = false

    public init() {}

    public mutating func removeAll() {
        accesses.removeAll(keepingCapacity: true)
        before = 0
        hasLaunches = false
    }

    /// Says what the next launch touches.
    public mutating func touch(_ access: Access) { accesses.append(access) }

    /// Ends what is said of a launch.
    ///
    /// - Parameter mustWait: whether it waits, where that does not follow from what it touches.
    /// - Returns: whether it waits for all before it.
    public mutating func launch(mustWait: Bool? = nil) -> Bool {
        var waits = false
        if hasLaunches {
            waits =
                mustWait
                ?? accesses[before...].contains { own in
                    accesses[..<before].contains { own.conflicts(with: $0) }
                }
        }
        if waits { accesses.removeFirst(before) }
        before = accesses.count
        hasLaunches = true
        return waits
    }
}
