/// The pending nodes of one connected computation, in creation order.
///
/// Safety: touched only under the lock of its ``DeviceContext``.
final class Trace: @unchecked Sendable {
    @exclusivity(unchecked) var nodes: [NodeReference]
    @exclusivity(unchecked) var liveHandles = 0
    /// Bytes of all values traced into it, views not counted. Nothing is taken off before the evaluation, so that a bound on
    /// it falls at the same place each step, whenever handles go.
    @exclusivity(unchecked) var byteCount = 0
    /// Whether it is in its context's list of pending traces.
    var isPending = true
    /// Its place there.
    var slot = 0
    /// The task that began the trace.
    let task: Int

    /// - Parameter nodes: empty, with the room of an earlier trace's.
    init(task: Int, nodes: consuming [NodeReference]) {
        self.task = task
        self.nodes = nodes
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
    }
}
