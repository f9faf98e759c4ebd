import Synchronization
import TensorRuntime

/// One device in use: its pending traces, plans, memory and streams.
///
/// One lock guards all traces of a device, for as long as a node or a snapshot takes; nothing is waited for under it. An
/// evaluation takes its trace off the pending ones (it is *in flight*), finds or makes the plan, makes kernels and
/// reserves memory without the lock, gives the values their places under it, and takes a *ticket*: its work goes to its
/// trace's stream when its turn there comes. So others trace, make tensors and plan while work runs.
///
/// Safety: `pending`, `inFlight`, `nextID`, `epoch`, `counters`, `snapshots`, the free nodes, all nodes' mutable fields,
/// the plan cache, `streams` and `nextTicket` are touched only under `lock`.
public final class DeviceContext: @unchecked Sendable {
    public let device: any Device
    public let deviceID: DeviceID
    public let allocator: CachingAllocator
    /// The modes that belong to tracing and planning, fixed when the context is made.
    public let configuration: RuntimeConfiguration

    let lock = RawLock()
    @exclusivity(unchecked) var pending: [Trace] = []
    @exclusivity(unchecked) var inFlight: [Trace] = []
    @exclusivity(unchecked) var nextID: UInt64 = 1
    @exclusivity(unchecked) var epoch: UInt64 = 0
    @exclusivity(unchecked) var counters = ExecutionStatistics()
    /// Those that are not in use, with their room.
    @exclusivity(unchecked) var snapshots: [SnapshotBox] = []
    @exclusivity(unchecked) var freeNodes = FreeNodes()
    /// The list of an evaluated trace, empty, for the next one: its room is about what is needed.
    @exclusivity(unchecked) var spareList: [NodeReference] = []
    @exclusivity(unchecked) var nextTicket: UInt64 = 1
    /// Whether any value was ever guarded: programs without computed indices ask nothing more.
    @exclusivity(unchecked) var makesGuards = false
    let planCache: PlanCache
    var lastPlan: Plan?
    /// The codes of all kernels made; asked, never iterated.
    var programs: Set<KernelCode> = []

    /// The stream that work goes to unless somebody says otherwise.
    public let main: StreamContext
    /// All streams, by number.
    @exclusivity(unchecked) var streams: [StreamContext]
    var streamsGiven = 0
    /// Whether there is any beside the first: programs without streams ask nothing more.
    let hasStreams = Atomic<Bool>(false)
    /// Copies from and to the host that have not to wait for what runs.
    let copies: HostCopies

    /// The bytes of pending values that have to be stored above which a trace is evaluated unasked.
    let traceByteLimit: Int

    /// - Throws: `invalidArgument` where the configuration has problems, and what the device throws.
    public convenience init(
        device: any Device, configuration: RuntimeConfiguration = .current
    ) throws(TensorError) {
        try self.init(device: device, configuration: configuration, allocatorFault: nil)
    }

    /// - Parameter allocatorFault: what memory is to do wrong, for tests.
    package init(
        device: any Device, configuration: RuntimeConfiguration, allocatorFault: CachingAllocator.Fault?
    ) throws(TensorError) {
        try configuration.check()
        self.device = device
        traceByteLimit = configuration.traceByteLimit ?? device.description.memory / 4
        self.deviceID = device.description.id
        self.configuration = configuration
        allocator = CachingAllocator(device: device, fault: allocatorFault)
        planCache = PlanCache(byteLimit: configuration.planCacheByteLimit)
        main = StreamContext(try device.makeStream(), number: 0)
        streams = [main]
        copies = HostCopies(try device.makeStream())
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
        result.replays = counters.replays
        result.launches = counters.launches
        result.recordings = streams.reduce(0) { $0 + $1.stream.recordingCount }
        result.decomposedOperations = counters.decomposedOperations
        result.kernelsMade = counters.kernelsMade
        result.programsMade = programs.count
        result.nodes = counters.nodes
        result.hostNanoseconds = counters.hostNanoseconds
        result.evaluationNanoseconds = counters.evaluationNanoseconds
        return result
    }
}
