/// What the runtime did on a device, since it was opened or since an earlier snapshot (subtract them).
///
/// Counted only in the core's encoder and allocator, so that backends cannot disagree.
public struct ExecutionStatistics: Hashable, Sendable {
    /// Plans made because no cached one fitted.
    public var plansBuilt = 0
    /// Evaluations that found their plan in the cache.
    public var planHits = 0
    /// Replays of captured graphs: they trace nothing and look for no plan.
    public var replays = 0
    /// Dispatches encoded.
    public var launches = 0
    /// Submissions recorded by the device's stream, where it keeps them to submit them again: the one count that is a
    /// backend's own.
    public var recordings = 0
    /// Segments asked of the driver.
    public var driverAllocations = 0
    /// Blocks asked of the caching allocator.
    public var blockRequests = 0
    /// Bytes in use, bytes held from the driver, and the most ever in use.
    public var allocatedBytes = 0
    /// Bytes held from the driver, in use or kept for later.
    public var reservedBytes = 0
    /// The most bytes that were ever in use.
    public var peakAllocatedBytes = 0
    /// Operations run through their decomposition because the device lacks their family.
    public var decomposedOperations = 0
    /// Kernels made by the device, and how many different programs (``KernelSpec/code``) were among them.
    public var kernelsMade = 0
    /// Different programs among the kernels made: what a driver had to compile or find on disk.
    public var programsMade = 0
    /// Nodes evaluated.
    public var nodes = 0
    /// Nanoseconds spent on signature, look-up and binding.
    public var hostNanoseconds = 0
    /// Nanoseconds spent in evaluations from beginning to end: beside the above, encoding, which on a device that computes
    /// on the calling thread is the work itself. What a step takes beyond it is tracing.
    public var evaluationNanoseconds = 0

    /// All counts 0.
    public init() {}

    /// Tracing, signature, look-up and binding of steps that took so long until their work was given to the device.
    package func hostNanoseconds(ofSteps duration: Duration) -> Int {
        hostNanoseconds + duration.nanoseconds - evaluationNanoseconds
    }

    /// The counts since an earlier snapshot; byte figures are this one's.
    public func since(_ earlier: ExecutionStatistics) -> ExecutionStatistics {
        var result = self
        result.plansBuilt -= earlier.plansBuilt
        result.planHits -= earlier.planHits
        result.replays -= earlier.replays
        result.launches -= earlier.launches
        result.recordings -= earlier.recordings
        result.driverAllocations -= earlier.driverAllocations
        result.blockRequests -= earlier.blockRequests
        result.decomposedOperations -= earlier.decomposedOperations
        result.kernelsMade -= earlier.kernelsMade
        result.programsMade -= earlier.programsMade
        result.nodes -= earlier.nodes
        result.hostNanoseconds -= earlier.hostNanoseconds
        result.evaluationNanoseconds -= earlier.evaluationNanoseconds
        return result
    }
}

extension Duration {
    /// Whole nanoseconds.
    package var nanoseconds: Int { Int(self / .nanoseconds(1)) }
}
