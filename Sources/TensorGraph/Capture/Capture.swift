import Synchronization
import TensorRuntime

/// A capture in progress: the plans that a task evaluates are kept here instead of being run.
///
/// Nothing is computed while it lasts, so that whatever goes wrong, all values are as they were: then carriers get back what
/// they kept.
///
/// Safety: used by the task that captures, whose evaluations touch it under the context's lock.
package final class Capture: @unchecked Sendable {
    /// What a carrier kept when the capture first met it.
    struct Entry {
        let carrier: any Carrier
        /// Nil where there was nothing.
        var homes: [ValuePlace?]
        /// The values that it keeps now, by number.
        var now: [UInt64?]
        var isChanged = false
        /// Whether its values are another carrier's to replace.
        var isObserved = false
        /// Whether what it kept was dropped before it was read.
        var isReset = false
        /// Whether replays read what it keeps, and leave the next value at the same place.
        var isCarried = false
    }

    package let context: DeviceContext
    let pool: GraphPool
    let task: Int
    /// Whether values that were there before may be read on the host.
    let isRelaxed: Bool

    private(set) var plans: [CapturedPlan] = []
    private(set) var sources: [any CaptureSource] = []
    var entries: [Entry] = []
    private var entryOf: [ObjectIdentifier: Int] = [:]
    private var sourceOf: [ObjectIdentifier: any CaptureSource] = [:]
    /// For each node with scalars from a source: which, and the first one's number there.
    private var sourced: [UInt64: (source: Int, value: Int)] = [:]
    /// The results' storages: what a replay computes.
    private(set) var made: [ObjectIdentifier: Storage] = [:]
    private(set) var inputs: [GraphInput] = []
    private var restorers: [() -> Void] = []
    /// Why there will be no graph.
    package private(set) var problem: TensorError?
    /// Whether nothing is captured any more.
    package private(set) var hasEnded = false
    /// While the capture itself computes something.
    var isSuspended = false
    /// While what carriers keep is copied to its place: the place of the next plan's only result.
    var copyTarget: ValuePlace?

    private init(_ context: DeviceContext, pool: GraphPool, isRelaxed: Bool) {
        self.context = context
        self.pool = pool
        self.isRelaxed = isRelaxed
        task = Trace.currentTask
    }

    // MARK: Whose capture is going on

    private static let count = Atomic<Int>(0)
    private static let running = Lock<[Int: Capture]>([:])

    /// The capture of the running task; nil where it has none, or computes something itself.
    package static var current: Capture? {
        if count.load(ordering: .relaxed) == 0 { return nil }
        return find().flatMap { $0.isSuspended ? nil : $0 }
    }

    private static func find() -> Capture? {
        let task = Trace.currentTask
        return running.withLock { $0[task] }
    }

    /// Begins a capture by the running task. What it left pending is evaluated before.
    ///
    /// - Throws: `invalidArgument` inside of another capture.
    package static func begin(
        on context: DeviceContext, pool: GraphPool, isRelaxed: Bool
    ) throws(TensorError) -> Capture {
        if let outer = find() {
            throw outer.refuse("a graph is captured inside the capture of another; end that one first")
        }
        try context.synchronize()
        let made = Capture(context, pool: pool, isRelaxed: isRelaxed)
        running.withLock { $0[made.task] = made }
        count.add(1, ordering: .relaxed)
        return made
    }

    /// No evaluation is captured from now on.
    package func stop() {
        hasEnded = true
        let found = Capture.running.withLock { $0.removeValue(forKey: task) }
        if found != nil { Capture.count.subtract(1, ordering: .relaxed) }
    }

    // MARK: What cannot be captured

    /// Notes the first thing that cannot be captured, and gives its error.
    @discardableResult
    package func refuse(_ reason: String) -> TensorError {
        let error = TensorError(.invalidArgument, "Accelerator.Graph.capture: \(reason)")
        if problem == nil { problem = error }
        return error
    }

    func refuse(_ error: TensorError) { if problem == nil { problem = error } }

    /// - Throws: where a value may not be read by the host.
    func checkRead(of handle: Handle) throws(TensorError) {
        if isRelaxed, let place = context.place(of: handle), made[ObjectIdentifier(place.storage)] == nil { return }
        throw refuse(
            "the result of \(handle.operationName), \(handle.dtype)\(handle.shape), is read on the host, but nothing is "
                + "computed while a graph is captured; return the tensor and read it after replay()")
    }

    // MARK: Carriers

    /// Says that a carrier's values are read or will be replaced, and that nobody else may be at their places.
    ///
    /// - Parameter drops: whether the values will be dropped, not read.
    package func own(_ carrier: any Carrier, drops: Bool = false) {
        if entryOf[ObjectIdentifier(carrier)] != nil { return }
        if drops { return add(carrier, homes: carrier.allCarried.map { $0.flatMap(context.place) }) }
        isSuspended = true
        defer { isSuspended = false }
        do throws(TensorError) {
            var handles = carrier.allCarried
            var isMoved = false
            for index in handles.indices {
                guard let handle = handles[index] else { continue }
                guard handle.context === context else {
                    throw refuse(
                        "\(carrier.carrierName) are on \(handle.context.deviceID), and \(context.deviceID) is "
                            + "captured; capture a graph for each device")
                }
                // Another task may have left it pending; that is no part of the step.
                if context.task(of: handle).map({ $0 != task }) == true { try context.evaluate([handle]) }
                guard let place = context.place(of: handle), made[ObjectIdentifier(place.storage)] == nil else {
                    throw refuse("\(carrier.carrierName) are made inside of the step; make them before the capture")
                }
                let isMovable = carrier.isMovable(index)
                // What cannot be moved has views of its own.
                let isAlone = !isMovable || context.tensorCount(of: place.storage) == 1
                if place.isWholeBlock, isAlone, home(of: place.storage.block) == nil { continue }
                guard isMovable else {
                    throw refuse(
                        "\(carrier.carrierName) share their memory with other tensors; run one step before the capture")
                }
                handles[index] = try context.copied(handle)
                isMoved = true
            }
            if isMoved { carrier.setCarried(handles) }
            add(carrier, homes: handles.map { $0.flatMap(context.place) })
        } catch {
            refuse(error)
        }
    }

    /// Says that a carrier's values have been replaced.
    ///
    /// - Parameter resets: whether they were dropped, not read.
    package func didChange(_ carrier: any Carrier, resets: Bool = false) {
        guard let index = entryOf[ObjectIdentifier(carrier)], !entries[index].isObserved else { return }
        if resets, !entries[index].isChanged { entries[index].isReset = true }
        entries[index].isChanged = true
        entries[index].now = carrier.allCarried.map { $0?.valueID }
    }

    /// Says that a carrier is read whose places are another's.
    package func observe(_ carrier: any Carrier) {
        if entryOf[ObjectIdentifier(carrier)] != nil { return }
        add(carrier, homes: carrier.allCarried.map { $0.flatMap(context.place) })
        entries[entries.count - 1].isObserved = true
    }

    private func add(_ carrier: any Carrier, homes: [ValuePlace?]) {
        entryOf[ObjectIdentifier(carrier)] = entries.count
        entries.append(Entry(carrier: carrier, homes: homes, now: carrier.allCarried.map { $0?.valueID }))
    }

    /// The entry, and the number among its values, whose place is a block.
    func home(of block: MemoryBlock) -> (entry: Int, index: Int)? {
        for entry in entries.indices where !entries[entry].isObserved {
            for (index, home) in entries[entry].homes.enumerated() where home?.storage.block === block {
                return (entry, index)
            }
        }
        return nil
    }

    // MARK: Host state

    /// Adds what brings the host's state of an object back to what it was before the capture.
    package func atEnd(_ restore: @escaping () -> Void) { restorers.append(restore) }

    /// Adds what each replay does, in the order of these calls.
    package func append(_ source: any CaptureSource) { sources.append(source) }

    /// Takes back the source that was added last.
    package func remove(_ source: any CaptureSource) { if sources.last === source { sources.removeLast() } }

    /// The source of an object, made at the first call.
    package func source<Source: CaptureSource>(of object: AnyObject, _ make: () -> Source) -> Source {
        if let known = sourceOf[ObjectIdentifier(object)] as? Source { return known }
        let made = make()
        sourceOf[ObjectIdentifier(object)] = made
        sources.append(made)
        return made
    }

    /// Says where the scalars of a pending value come from.
    package func attach(_ scalars: [Scalar], of source: any CaptureSource, to handle: Handle) {
        guard let index = sources.firstIndex(where: { $0 === source }) else { return }
        sourced[handle.valueID] = (index, source.values.count)
        source.values += scalars
    }

    /// Says that the scalars of all values traced since `first`, in the trace of `handle`, come from a source, in their order.
    ///
    /// - Parameter expected: what the source says that they are; nil where it takes what they are.
    /// - Returns: the scalars; nil where they are not what is expected, and nothing was attached.
    package func attach(
        _ source: any CaptureSource, toValuesSince first: UInt64, with handle: Handle, expected: [Scalar]?
    ) -> [Scalar]? {
        if context.place(of: handle) != nil {
            refuse("an optimizer's update is too long for one plan; give the parameters to several groups")
            return []
        }
        let found = context.scalars(since: first, with: handle)
        let scalars = found.flatMap(\.scalars)
        if let expected, scalars.map(\.doubleValue) != expected.map(\.doubleValue) { return nil }
        var next = source.values.count
        source.values += scalars
        guard let index = sources.firstIndex(where: { $0 === source }) else { return nil }
        for node in found {
            sourced[node.id] = (index, next)
            next += node.scalars.count
        }
        return scalars
    }

    // MARK: Plans

    /// Where the scalars of a node come from.
    func source(ofNode id: UInt64) -> (source: Int, value: Int)? { sourced[id] }

    func append(_ plan: CapturedPlan) {
        plans.append(plan)
        for storage in plan.outputs { made[ObjectIdentifier(storage)] = storage }
    }

    package func append(_ input: GraphInput) { if !inputs.contains(where: { $0 === input }) { inputs.append(input) } }

    /// What a snapshot may overwrite: results of this capture, and a carrier's value by its next one.
    ///
    /// - Returns: nil where it may not be overwritten; else the value that alone may, or 0 for any.
    func successor(of storage: Storage) -> UInt64? {
        if let home = home(of: storage.block) {
            let entry = entries[home.entry]
            return entry.isChanged ? entry.now[home.index] : nil
        }
        return made[ObjectIdentifier(storage)] == nil ? nil : 0
    }

    // MARK: The end

    /// Brings the host's state back, the latest change first.
    func restoreHost() {
        for restore in restorers.reversed() { restore() }
        restorers = []
    }

    /// Gives carriers back what they kept, and leaves the cause with what was captured.
    package func abandon(_ error: TensorError) {
        stop()
        for entry in entries where entry.isChanged {
            entry.carrier.setCarried(entry.homes.map { $0.map(context.settled) })
        }
        restoreHost()
        context.fail(made.values.map { $0 }, with: error)
        plans = []
    }
}

/// Memory that several graphs share: what holds intermediate values while a replay runs.
///
/// Replays on one device run one after another, so that what one leaves there is nobody's when the next begins.
package final class GraphPool: Sendable {
    private let arenas = Lock<[(context: ObjectIdentifier, arena: MemoryBlock)]>([])

    package init() {}

    /// At least so many bytes, the largest that was asked for before where it serves.
    func arena(_ byteCount: Int, of context: DeviceContext) throws(TensorError) -> MemoryBlock {
        let id = ObjectIdentifier(context)
        let known = arenas.withLock { $0.first { $0.context == id && $0.arena.byteCount >= byteCount }?.arena }
        if let known { return known }
        let made = try context.allocator.allocate(byteCount, isTransient: true)
        arenas.withLock { arenas in
            arenas.removeAll { $0.context == id }
            arenas.append((id, made))
        }
        return made
    }

    /// Lets go of the memory; graphs that use it keep theirs.
    package func reset() { arenas.withLock { $0 = [] } }
}
