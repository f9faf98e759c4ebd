/// How long one dispatch ran on its device.
public struct KernelTime: Hashable, Sendable {
    /// What ran, as its backend names it.
    public var kernel: String
    /// On the device's own clock, from the dispatch's beginning to its end.
    public var nanoseconds: Int

    /// Made by streams that time their dispatches.
    public init(kernel: String, nanoseconds: Int) {
        self.kernel = kernel
        self.nanoseconds = nanoseconds
    }

    /// How many dispatches a device keeps at most, where nobody takes their times.
    public static let maximumKept = 1 << 16

    /// Appends to what a device keeps; the older half goes where there are too many.
    ///
    /// - Returns: what went.
    public static func keep<Element>(_ element: Element, in kept: inout [Element]) -> ArraySlice<Element> {
        var dropped: ArraySlice<Element> = []
        if kept.count == maximumKept {
            dropped = kept.prefix(maximumKept / 2)
            kept.removeFirst(maximumKept / 2)
        }
        kept.append(element)
        return dropped
    }
}

/// A device that can time its dispatches, where ``RuntimeConfiguration/profiles`` asks for it.
public protocol KernelTiming: Device {
    /// Waits for the dispatches so far and gives each one's time, in order, since the last call; nothing where times were
    /// not asked for. Of very many, ``KernelTime/maximumKept``, the earlier ones are forgotten.
    func takeKernelTimes() -> [KernelTime]
}
