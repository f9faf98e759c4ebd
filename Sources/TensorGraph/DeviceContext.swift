import Synchronization
import TensorRuntime

/// One device in use: its pending traces, plans, memory and stream.
///
/// One lock guards all traces of a device. Tracing a node holds it for some tens of nanoseconds; an evaluation holds it
/// while it takes its snapshot, looks up the plan and reserves memory, and then passes on to the stream's lock, so that
/// work runs in the order in which it was planned while other tasks go on tracing.
///
/// Safety: `pending`, `nextID`, `epoch`, `snapshot` and all nodes' mutable fields are touched only under `lock`.
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
    let planCache = PlanCache()
    var lastPlan: Plan?
    /// The codes of all kernels made; asked, never iterated.
    var programs: Set<KernelCode> = []

    let streamLock = RawLock()
    let stream: any DeviceStream

    /// The bytes of pending values at which a trace is evaluated unasked.
    private let traceByteLimit: Int

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

// MARK: - Tracing

extension DeviceContext {
    /// Adds an operation to the trace of its inputs and gives a claim on its value. No device work is done.
    ///
    /// The caller has checked shapes and types; operands that are scalars are nil among the inputs.
    public func trace(
        _ operation: NodeOperation, shape: Shape, dtype: DType, _ input0: Handle? = nil, _ input1: Handle? = nil,
        _ input2: Handle? = nil, more: [Handle] = [], scalar0: Scalar = .int(0), scalar1: Scalar = .int(0),
        starts: SIMD8<Int> = .zero, tag: (any AnyObject & Sendable)? = nil
    ) -> Handle {
        if operation.isView, let source = input0?.node, let view = evaluatedView(operation, shape, source, starts) {
            return Handle(counted: view, tag: tag)
        }
        lock.lock()
        let node = Node(
            operation, shape: shape, dtype: dtype, context: self, input0: input0?.node, input1: input1?.node,
            input2: input2?.node, moreInputs: more.isEmpty ? [] : more.map(\.node), scalar0: scalar0, scalar1: scalar1,
            starts: starts, id: nextID)
        nextID += 1
        node.handles = 1
        join(node)
        let full = node.trace.map(isFull) ?? false
        lock.unlock()
        let handle = Handle(counted: node, tag: tag)
        if full || configuration.eager {
            flush(node)
            if full { flushOlder() }
        }
        return handle
    }

    /// A value that failed: everything computed from it fails with the same cause.
    public func failed(_ error: TensorError, shape: Shape, dtype: DType) -> Handle {
        let node = Node(.leaf, shape: shape, dtype: dtype, context: self)
        node.failure = Failure(error)
        node.handles = 1
        return Handle(counted: node, tag: nil)
    }

    /// Puts a new node into its inputs' trace, joining traces that meet in it. Under the lock.
    private func join(_ node: Node) {
        var trace: Trace?
        node.forEachInput { input in
            input.consumers += 1
            if let failure = input.failure { node.failure = failure }
            guard let other = input.trace, other !== trace else { return }
            trace = trace.map { merge($0, other) } ?? other
        }
        if node.failure != nil {
            node.forEachInput { $0.consumers -= 1 }
            clearInputs(node)
            return
        }
        let home = trace ?? begin()
        home.nodes.append(node)
        home.liveHandles += 1
        if !node.operation.isView { home.byteCount += node.shape.elementCount * node.dtype.byteCount }
        node.trace = home
    }

    private func isFull(_ trace: Trace) -> Bool {
        trace.nodes.count >= configuration.traceLimit || trace.byteCount >= traceByteLimit
    }

    private func begin() -> Trace {
        let task = withUnsafeCurrentTask { $0?.hashValue ?? 0 }
        let trace = Trace(task: task)
        trace.slot = pending.count
        pending.append(trace)
        return trace
    }

    private func merge(_ a: Trace, _ b: Trace) -> Trace {
        let (large, small) = a.nodes.count >= b.nodes.count ? (a, b) : (b, a)
        for node in small.nodes { node.trace = large }
        large.nodes.append(contentsOf: small.nodes)
        large.liveHandles += small.liveHandles
        large.byteCount += small.byteCount
        large.isMerged = true
        small.nodes = []
        forget(small)
        return large
    }

    /// Takes a trace off the pending list. Under the lock.
    func forget(_ trace: Trace) {
        let last = pending.removeLast()
        if last !== trace {
            pending[trace.slot] = last
            last.slot = trace.slot
        }
    }

    func clearInputs(_ node: Node) {
        node.input0 = nil
        node.input1 = nil
        node.input2 = nil
        node.moreInputs = []
    }

    /// A view of an evaluated value is one too, unless no strides say it.
    private func evaluatedView(
        _ operation: NodeOperation, _ shape: Shape, _ source: Node, _ starts: SIMD8<Int>
    ) -> Node? {
        lock.lock()
        defer { lock.unlock() }
        guard let storage = source.storage, source.trace == nil, source.failure == nil,
            let layout = source.layout.applying(operation, shape: shape, starts: starts)
        else { return nil }
        let node = Node(.leaf, shape: shape, dtype: source.dtype, context: self)
        node.settle(storage, strides: layout.strides, offset: layout.offset)
        node.handles = 1
        return node
    }

    func retain(_ node: Node) {
        lock.lock()
        node.handles += 1
        node.trace?.liveHandles += 1
        lock.unlock()
    }

    /// Drops a claim; a trace without any is dropped whole, its chain of inputs cut first so that nothing recurses.
    func release(_ node: Node) {
        lock.lock()
        node.handles -= 1
        var dead: [Node] = []
        if let trace = node.trace {
            trace.liveHandles -= 1
            if trace.liveHandles == 0 {
                dead = trace.nodes
                trace.nodes = []
                detach(dead)
                forget(trace)
            }
        }
        lock.unlock()
        withExtendedLifetime(dead) {}
    }

    /// Cuts nodes off their inputs and trace, iteratively. Under the lock; release the array after it.
    func detach(_ nodes: [Node]) {
        for node in nodes {
            node.forEachInput { $0.consumers -= 1 }
            clearInputs(node)
            node.trace = nil
        }
    }
}

extension Layout {
    /// The layout after a view operation, or nil where strides cannot say it.
    func applying(_ operation: NodeOperation, shape target: Shape, starts: SIMD8<Int>) -> Layout? {
        switch operation {
        case .permute(let axes): return permuted(axes)
        case .expand: return expanded(to: target)
        case .reshape: return reshaped(to: target)
        case .slice(let steps):
            var result = self
            for axis in 0..<shape.rank {
                result.offset += starts[axis] * strides[axis]
                result.strides[axis] *= steps[axis]
            }
            result.shape = target
            return result
        case .flip(let axes):
            var result = self
            for axis in 0..<shape.rank where axes & (1 << UInt8(axis)) != 0 { result = result.flipped(axis: axis) }
            return result
        default: return nil
        }
    }
}
