import TensorGraph
import TensorRuntime

/// The accelerator of this process, after [torch.accelerator](https://pytorch.org/docs/stable/accelerator.html).
///
/// Where there is no accelerator, numbers are 0 and actions do nothing, so that code which only reports or cleans up
/// needs no test for one.
public enum Accelerator {
    /// Whether a GPU or another accelerator was found. Software devices do not count.
    public static var isAvailable: Bool { deviceCount > 0 }

    /// The number of accelerators, each physical device once.
    public static var deviceCount: Int { DeviceSelection.accelerators().count }

    /// The accelerator in use here: the current device where it is one, else the best; nil where there is none.
    public static var current: DeviceID? {
        let found = DeviceSelection.accelerators()
        if let chosen = try? DeviceSelection.current, found.contains(where: { $0.id == chosen }) { return chosen }
        return found.first?.id
    }

    /// Evaluates what is pending on the accelerator and waits until it is done.
    ///
    /// - Throws: `deviceFailure`, `outOfMemory`.
    public static func synchronize() throws(TensorError) {
        guard let context = openedContext else { return }
        try context.flushAll()
        try context.synchronize()
    }

    /// Bytes that tensors and running work hold.
    public static var memoryAllocated: Int { statistics.allocatedBytes }
    /// The most that ``memoryAllocated`` has been since the start or ``resetPeakMemoryStatistics()``.
    public static var maximumMemoryAllocated: Int { statistics.peakAllocatedBytes }
    /// Bytes held from the driver, cached blocks included.
    public static var memoryReserved: Int { statistics.reservedBytes }

    /// What the runtime did on the accelerator; all 0 where there is none or it has not been used.
    public static var statistics: ExecutionStatistics { openedContext?.statistics ?? ExecutionStatistics() }

    /// Gives cached blocks back to the driver.
    public static func emptyCache() { openedContext?.allocator.emptyCache() }

    /// Makes the present use the peak.
    public static func resetPeakMemoryStatistics() { openedContext?.allocator.resetPeak() }

    private static var openedContext: DeviceContext? { current.flatMap(DeviceContexts.openedContext(for:)) }
}

/// Evaluates what this task left pending on a device and waits until it is done; nil is the current device.
///
/// - Throws: `deviceFailure`, `outOfMemory`.
public func synchronize(_ device: DeviceID? = nil) throws(TensorError) {
    let context = try deviceContext(device)
    try context.flushAll()
    try context.synchronize()
}

/// Evaluates tensors, each device's together, and all that is pending with them.
///
/// - Throws: `deviceFailure`, `outOfMemory`, and the error of a tensor that failed inside ``checked(_:)``.
public func evaluate(_ tensors: [Tensor]) throws(TensorError) {
    var rest = tensors
    while let first = rest.first {
        let context = first.context
        try context.evaluate(rest.filter { $0.context === context }.map(\.handle))
        rest.removeAll { $0.context === context }
    }
}

/// Evaluates tensors, each device's together.
public func evaluate(_ tensors: Tensor...) throws(TensorError) { try evaluate(tensors) }

/// What the runtime did on a device since it was opened; nil is the current device.
public func executionStatistics(_ device: DeviceID? = nil) -> ExecutionStatistics {
    (try? deviceContext(device).statistics) ?? ExecutionStatistics()
}
