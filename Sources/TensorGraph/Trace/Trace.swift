import Glibc

/// The pending nodes of one connected computation, in creation order.
///
/// Safety: touched only under the lock of its ``DeviceContext``.
final class Trace: @unchecked Sendable {
    enum State {
        /// In its context's list of pending traces: it takes nodes.
        case pending
        /// Being planned and placed, outside of the context's lock: its nodes are what they are, and what is traced on them
        /// waits for them in a trace of its own.
        case inFlight
        case ended
    }

    @exclusivity(unchecked) var nodes: [NodeReference]
    @exclusivity(unchecked) var liveHandles = 0
    /// Bytes of the values traced into it that are stored in every plan. Nothing is taken off before the evaluation, so that a
    /// bound on it falls at the same place each step, whenever handles go.
    @exclusivity(unchecked) var byteCount = 0
    @exclusivity(unchecked) var guards: [PendingGuard] = []
    @exclusivity(unchecked) var state = State.pending
    /// Its place in the list of its state.
    var slot = 0
    /// The task, or else the thread, that began the trace.
    let task: Int
    /// Where it is evaluated: the stream that was current when its nodes were traced.
    let stream: StreamContext
    /// Traces in flight, some of whose nodes it reads.
    @exclusivity(unchecked) private var awaited: [Trace] = []
    /// Opened when the flight ends; there once somebody waits for it.
    private var landing: Landing?

    /// - Parameter nodes: empty, with the room of an earlier trace's.
    init(task: Int, stream: StreamContext, nodes: consuming [NodeReference]) {
        self.task = task
        self.stream = stream
        self.nodes = nodes
    }

    /// Says whose traces are whose: the running task, or on a plain thread that.
    static var currentTask: Int {
        // A task is a pointer to it; its hash value is no other name, and dearer.
        withUnsafeCurrentTask { $0.map { unsafeBitCast($0, to: Int.self) } } ?? Int(bitPattern: UInt(pthread_self()))
    }

    /// Takes over another trace's nodes, each at its place in creation order.
    func absorb(_ other: Trace) {
        let home = Unmanaged.passUnretained(self)
        var mine = nodes.count - 1
        nodes.append(contentsOf: other.nodes)
        var place = nodes.count - 1
        for node in other.nodes.reversed() {
            node.pointee.trace = home
            while mine >= 0, nodes[mine].pointee.id > node.pointee.id {
                nodes[place] = nodes[mine]
                mine -= 1
                place -= 1
            }
            nodes[place] = node
            place -= 1
        }
        liveHandles += other.liveHandles
        byteCount += other.byteCount
        awaited += other.awaited
        other.awaited = []
        if !other.guards.isEmpty {
            guards += other.guards
            other.guards = []
        }
    }

    // MARK: Flights

    func await(_ flight: Trace) {
        if awaited.last !== flight { awaited.append(flight) }
    }

    /// Whether it reads nodes of `flight`.
    func awaits(_ flight: Trace) -> Bool { awaited.contains { $0 === flight } }

    /// What has to end before this trace can be evaluated: its own flight, or one whose values it reads.
    var obstacle: Trace? {
        if state == .inFlight { return self }
        if awaited.isEmpty { return nil }
        awaited.removeAll { $0.state != .inFlight }
        return awaited.first
    }

    /// For those who wait for the end of this trace's flight.
    var landingToAwait: Landing {
        if let landing { return landing }
        let made = Landing()
        landing = made
        return made
    }

    /// Ends the flight.
    func land(as state: State) {
        self.state = state
        landing?.open()
        landing = nil
    }
}
