/// How long one dispatch ran on its device.
public struct KernelTime: Hashable, Sendable {
    public var kernel: String
    public var nanoseconds: Int

    public init(kernel: String, nanoseconds: Int) {
        self.kernel = kernel
        self.nanoseconds = nanoseconds
    }
}

/// A device that can time its dispatches, where ``RuntimeConfiguration/profiles`` asks for it.
public protocol KernelTiming: Device {
    /// Waits for the dispatches so far and gives each one's time, in order, since the last call; nothing where times were
    /// not asked for.
    func takeKernelTimes() -> [KernelTime]
}
