import Synchronization
import TensorRuntime

/// One device in use: its pending traces, plans, memory and stream.
///
/// One lock guards all traces of a device. Tracing a node holds it for some tens of nanoseconds; an evaluation holds it
/// while it takes its snapshot, looks up the plan and reserves memory, and then passes on to the stream's lock, so that
/// work runs in the order in which it was planned while other tasks go on tracing.
///
/// Safety: `pending`, `nextID`, `epoch`, `snapshot`, the free nodes and all nodes' mutable fields are touched only under
/// `lock`.
public final class DeviceContext: @unchecked Sendable {
    public let device: any Device
    public let deviceID: DeviceID
    public let allocator: CachingAllocator
    /// The modes that belong to tracing and planning, fixed when the context is made.
    public let configuration: RuntimeConfiguration

    let lock = RawLock()
    @exclusivity(unchecked) var pending: [Trace] = []
    @exclusivity(unchecked) var nextID: UInt64 = 1
    @exclusivity(unchecked) var epoch: UInt64 = 0
    @exclusivity(unchecked) var counters = ExecutionStatistics()
    @exclusivity(unchecked) var snapshot = Snapshot()
    @exclusivity(unchecked) var freeNodes = FreeNodes()
    /// The list of an evaluated trace, empty, for the next one: its room is about what is needed.
    @exclusivity(unchecked) var spareList: [NodeReference] = []
    let planCache = PlanCache()
    var lastPlan: Plan?
    /// The codes of all kernels made; asked, never iterated.
    var programs: Set<KernelCode> = []

    let streamLock = RawLock()
    let stream: any DeviceStream

    /// The bytes of pending values at which a trace is evaluated unasked.
    let traceByteLimit: Int

    /// - Throws: `invalidArgument` where the configuration has problems, and what the device throws.
    public init(device: any Device, configuration: RuntimeConfiguration = .current) throws(TensorError) {
        try configuration.check()
        self.device = device
        traceByteLimit = configuration.traceByteLimit ?? device.description.memory / 4
        self.deviceID = device.description.id
        self.configuration = configuration
        allocator = CachingAllocator(device: device)
        stream = try device.makeStream()
    }

    deinit {
        freeNodes.deallocate()
    }

    /// What was done on this device since it was opened.
    public var statistics: ExecutionStatistics {
        var result = allocator.statistics
        lock.lock()
        defer { lock.unlock() }
        result.plansBuilt = counters.plansBuilt
        result.planHits = counters.planHits
        result.launches = counters.launches
        result.recordings = counters.recordings
        result.decomposedOperations = counters.decomposedOperations
        result.kernelsMade = counters.kernelsMade
        result.programsMade = programs.count
        result.nodes = counters.nodes
        result.hostNanoseconds = counters.hostNanoseconds
        result.evaluationNanoseconds = counters.evaluationNanoseconds
        return result
    }
}
