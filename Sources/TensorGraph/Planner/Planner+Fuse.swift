import TensorRuntime

/// Joins nodes into groups, each of which becomes one kernel.
///
/// Nodes are visited in topological order; each begins a group of its own, which is then joined with the groups that make
/// its operands wherever one kernel can compute both: the iteration spaces agree, every value that passes between them is
/// read at the same place or broadcast from a row, no path leads out of one and into the other, and the limits of a
/// kernel hold. Live nodes change nothing here: they only add stores later.
struct Fuser {
    let graph: PlanGraph
    let consumers: [[Int]]
    let isFusing: Bool
    /// Most buffers, and most nodes, of one kernel.
    let maximumOperands: Int
    let maximumNodes = 96
    /// Groups never reach over a boundary of this many nodes, which bounds the search for paths.
    let window = 1024

    private(set) var groups: [Group?] = []
    /// The group of each node; -1 for leaves, views and free nodes.
    private(set) var groupOf: [Int]
    /// The level of each grouped node.
    private(set) var levels: [FusedProgram.Level]
    /// The group that makes the results of an operation; looked up, never iterated.
    private var makers: [Maker: Int] = [:]

    /// An operation with several results. Equal ones read the same, so that no path leads from one result to another.
    private struct Maker: Hashable {
        var operation: NodeOperation
        var shape: Shape
        var operands: [PlanOperand]
    }

    init(graph: PlanGraph, isFusing: Bool, maximumOperands: Int) {
        self.graph = graph
        self.isFusing = isFusing
        self.maximumOperands = maximumOperands
        consumers = graph.consumers()
        groupOf = Array(repeating: -1, count: graph.nodes.count)
        levels = Array(repeating: .element, count: graph.nodes.count)
    }

    mutating func run() {
        for index in graph.nodes.indices {
            let node = graph.nodes[index]
            if node.isLeaf || node.operation.isView || node.isFree { continue }
            begin(index)
            guard isFusing, node.isFusible else { continue }
            // A kernel's epilogue first: its operand is still in registers. Of two kernels the later one, so that a sum of
            // gradients is added to as they come and none waits for the last.
            let sources = sourceGroups(of: index).sorted {
                let a = groups[$0]!
                let b = groups[$1]!
                return (a.anchor ?? -1, a.nodes.last!) > (b.anchor ?? -1, b.nodes.last!)
            }
            for source in sources where groups[source]!.anchor == nil || takesEpilogue(index, from: source) {
                join(source, groupOf[index])
            }
        }
        guard isFusing else { return }
        joinRows()
        joinSiblings()
    }

    /// Whether a node should be computed where its operand is made. A value that is reduced too has to be stored for the
    /// reduction, and then its other readers do better in the reduction's kernel.
    private func takesEpilogue(_ index: Int, from group: Int) -> Bool {
        graph.nodes[index].operands.allSatisfy { operand in
            guard let source = operand.node, groupOf[base(source)] == group else { return true }
            return !isReduced(base(source))
        }
    }

    private func isReduced(_ index: Int) -> Bool {
        consumers[index].contains { consumer in
            if case .reduce = graph.nodes[consumer].operation { return true }
            return graph.nodes[consumer].operation.isView && isReduced(consumer)
        }
    }

    /// Once a group reduces, what is broadcast into it can be one of its rows: labels, say, in a loss.
    private mutating func joinRows() {
        for c in groups.indices {
            guard let group = groups[c], group.reduced != nil else { continue }
            for index in group.nodes {
                for source in sourceGroups(of: index) where groups[source]!.anchor == nil {
                    join(source, groupOf[index])
                }
            }
        }
    }

    private mutating func begin(_ index: Int) {
        let node = graph.nodes[index]
        if let operation = node.operation.severalResults {
            let maker = Maker(operation: operation, shape: node.shape, operands: node.operands)
            if let known = makers[maker], groups[known]!.nodes[0] / window == index / window {
                groups[known]!.nodes.append(index)
                groupOf[index] = known
                return
            }
            makers[maker] = groups.count
        }
        var group = Group(nodes: [index], domain: node.shape.squeezed)
        group.isTransient = node.isTransient
        levels[index] = .element
        if case .reduce(_, let axes) = node.operation {
            let source = graph.nodes[node.operands[0].node!].shape
            group.domain = source.squeezed
            var mask: UInt8 = 0
            var place: UInt8 = 0
            for axis in 0..<source.rank where source[axis] != 1 {
                if axes & (1 << UInt8(axis)) != 0 { mask |= 1 << place }
                place += 1
            }
            group.reduced = mask
            levels[index] = .row
        } else if node.isAnchor {
            group.anchor = index
        } else if !node.isFusible {
            group.isOpaque = true
        }
        groupOf[index] = groups.count
        groups.append(group)
    }

    /// The groups that compute the operands of a node, behind views, in order of the operands.
    private func sourceGroups(of index: Int) -> [Int] {
        var result: [Int] = []
        for operand in graph.nodes[index].operands {
            guard let source = operand.node else { continue }
            let group = groupOf[base(source)]
            if group >= 0, group != groupOf[index], !result.contains(group) { result.append(group) }
        }
        return result
    }

    private func base(_ index: Int) -> Int {
        var index = index
        while graph.nodes[index].operation.isView { index = graph.nodes[index].operands[0].node! }
        return index
    }

    // MARK: Joining

    /// Joins group `p` with group `c`, which reads it, if one kernel can compute both.
    private mutating func join(_ p: Int, _ c: Int) {
        guard p != c, let frame = frame(p, c), belongTogether(p, c), fits(p, c), !hasPath(from: p, to: c) else {
            return
        }
        merge(p, c, frame)
    }

    /// Two reductions that meet only in their results are one kernel if they read something in common. Otherwise the first
    /// would wait for the second and keep its inputs alive: bias gradients of many micro-batches, say.
    private func belongTogether(_ p: Int, _ c: Int) -> Bool {
        guard groups[p]!.reduced != nil, groups[c]!.reduced != nil else { return true }
        for reader in groups[c]!.nodes {
            for operand in graph.nodes[reader].operands {
                guard let source = operand.node, groupOf[base(source)] == p else { continue }
                if levels[base(source)] == .element || levels[reader] == .element { return true }
                if case .reduce = graph.nodes[reader].operation { return true }
            }
        }
        return sharesInput(p, c, leaves: true)
    }

    /// The joined iteration space, and by how many levels each group's values move up in it.
    private struct Frame {
        var domain: Shape
        var reduced: UInt8?
        var shiftP: UInt8
        var shiftC: UInt8
    }

    private func frame(_ p: Int, _ c: Int) -> Frame? {
        let a = groups[p]!
        let b = groups[c]!
        if a.isOpaque || b.isOpaque || (a.anchor != nil && b.anchor != nil) { return nil }
        if a.nodes[0] / window != b.nodes[0] / window { return nil }
        let anchored = a.anchor != nil || b.anchor != nil
        for (shiftP, shiftC) in [(UInt8(0), UInt8(0)), (0, 1), (1, 0), (0, 2), (2, 0)] {
            guard let frame = fit(a, b, shiftP, shiftC) else { continue }
            if anchored && (frame.reduced != nil || shiftP != 0 || shiftC != 0) { continue }
            if !poolingTakes(a, b) || !poolingTakes(b, a) { continue }
            if edgesHold(p, c, frame) { return frame }
        }
        return nil
    }

    /// The frame in which both groups, moved up by their shifts, have their shapes.
    private func fit(_ a: Group, _ b: Group, _ shiftA: UInt8, _ shiftB: UInt8) -> Frame? {
        if shiftA == 0 && shiftB == 0 {
            guard a.domain == b.domain else { return nil }
            if let x = a.reduced, let y = b.reduced, x != y { return nil }
            return Frame(domain: a.domain, reduced: a.reduced ?? b.reduced, shiftP: 0, shiftC: 0)
        }
        let (outer, moved, shift) = shiftA == 0 ? (a, b, shiftB) : (b, a, shiftA)
        guard outer.reduced != nil, let level = FusedProgram.Level(rawValue: shift),
            outer.shape(of: level) == moved.domain
        else { return nil }
        if let reduced = moved.reduced {
            // Rows of the moved group become totals, which nothing but totals may use: it must reduce everything, and no
            // element of it may read a row.
            guard shift == 1, reduced == UInt8((1 << moved.domain.rank) - 1),
                moved.nodes.allSatisfy({ levels[$0] != .total && !readsRow($0) })
            else { return nil }
        }
        return Frame(domain: outer.domain, reduced: outer.reduced, shiftP: shiftA, shiftC: shiftB)
    }

    /// Whether an element of a group is computed from one of its rows.
    private func readsRow(_ index: Int) -> Bool {
        levels[index] == .element
            && graph.nodes[index].operands.contains { operand in
                guard let source = operand.node else { return false }
                return groupOf[base(source)] == groupOf[index] && levels[base(source)] == .row
            }
    }

    /// Whether every value that passes from `p` to `c` can stay in registers.
    private func edgesHold(_ p: Int, _ c: Int, _ frame: Frame) -> Bool {
        for reader in groups[c]!.nodes {
            let node = graph.nodes[reader]
            for (position, operand) in node.operands.enumerated() {
                guard let source = operand.node else { continue }
                let made = base(source)
                guard groupOf[made] == p else { continue }
                // Memory is read by anchors, and by a gather its data.
                if node.isAnchor || (position == 0 && node.isGather) { return false }
                var readLevel = levels[reader].rawValue + frame.shiftC
                if case .reduce = node.operation { readLevel -= 1 }
                let madeLevel = levels[made].rawValue + frame.shiftP
                guard readLevel <= 2, madeLevel <= 2 else { return false }
                switch relation(of: source, made: made) {
                case .broadcast(over: 0): if readLevel != madeLevel { return false }
                case .broadcast(let mask):
                    if !(readLevel == 0 && madeLevel == 1 && mask == frame.reduced) { return false }
                case .other: return false
                }
            }
        }
        return true
    }

    /// How a reader of `view` addresses its base `made`.
    func relation(of view: Int, made: Int) -> Relation {
        let layout = graph.resolve(view).layout
        if layout.offset != OffsetExpression() { return .other }
        var mask: UInt8 = 0
        var place: UInt8 = 0
        var expected = graph.nodes[made].shape.squeezed
        let target = layout.shape
        var kept = Shape()
        for axis in 0..<target.rank where target[axis] != 1 {
            if layout.strides[axis] == 0 { mask |= 1 << place } else { kept.append(target[axis]) }
            place += 1
        }
        guard kept == expected else { return .other }
        expected = expected.contiguousStrides
        var next = 0
        for axis in 0..<target.rank where target[axis] != 1 && layout.strides[axis] != 0 {
            if layout.strides[axis] != expected[next] { return .other }
            next += 1
        }
        return .broadcast(over: mask)
    }

    /// Whether the joined group keeps to a kernel's limits.
    private func fits(_ p: Int, _ c: Int) -> Bool {
        let a = groups[p]!
        let b = groups[c]!
        if a.nodes.count + b.nodes.count > maximumNodes { return false }
        var read: [Int] = []
        var stored = 0
        for index in a.nodes + b.nodes {
            for operand in graph.nodes[index].operands {
                guard let source = operand.node else { continue }
                let made = base(source)
                if groupOf[made] != p && groupOf[made] != c && !read.contains(source) { read.append(source) }
            }
            let leaves = graph.nodes[index].isLive || consumers[index].contains { !isInside($0, p, c) }
            if leaves { stored += 1 }
        }
        return read.count + stored <= maximumOperands
    }

    private func isInside(_ index: Int, _ p: Int, _ c: Int) -> Bool {
        if graph.nodes[index].operation.isView {
            return !graph.nodes[index].isLive && consumers[index].allSatisfy { isInside($0, p, c) }
        }
        return groupOf[index] == p || groupOf[index] == c
    }

    /// Whether a value leaves `p`, passes through another group, and comes into `c`.
    private func hasPath(from p: Int, to c: Int) -> Bool {
        let chunk = groups[p]!.nodes[0] / window
        var seen: Set<Int> = [p]
        var stack: [Int] = []
        func visit(_ group: Int, isFirst: Bool) -> Bool {
            for index in groups[group]!.nodes {
                var readers = consumers[index]
                while let reader = readers.popLast() {
                    if reader / window != chunk { continue }
                    if graph.nodes[reader].operation.isView {
                        readers.append(contentsOf: consumers[reader])
                        continue
                    }
                    let next = groupOf[reader]
                    if next < 0 { continue }
                    if next == c {
                        if !isFirst { return true }
                        continue
                    }
                    if seen.insert(next).inserted { stack.append(next) }
                }
            }
            return false
        }
        _ = visit(p, isFirst: true)
        while let group = stack.popLast() {
            if visit(group, isFirst: false) { return true }
        }
        return false
    }

    private mutating func merge(_ p: Int, _ c: Int, _ frame: Frame) {
        var joined = groups[p]!
        let other = groups[c]!
        for index in joined.nodes { levels[index] = .init(rawValue: levels[index].rawValue + frame.shiftP)! }
        for index in other.nodes {
            levels[index] = .init(rawValue: levels[index].rawValue + frame.shiftC)!
        }
        joined.nodes = (joined.nodes + other.nodes).sorted()
        joined.domain = frame.domain
        joined.reduced = frame.reduced
        joined.anchor = joined.anchor ?? other.anchor
        joined.isTransient = joined.isTransient || other.isTransient
        for index in joined.nodes { groupOf[index] = c }
        groups[c] = joined
        groups[p] = nil
    }

    // MARK: Siblings

    /// Joins groups over one iteration space that do not depend on each other, where that saves a launch without holding
    /// more memory: they read a value in common, or all that they make is live.
    private mutating func joinSiblings() {
        let count = groups.count
        guard count <= 4096 else { return }
        for c in 0..<count {
            guard let group = groups[c], group.anchor == nil, !group.isOpaque, !group.isTransient else { continue }
            for p in max(0, c - 256)..<c {
                guard let other = groups[p], other.anchor == nil, !other.isOpaque, !other.isTransient,
                    other.domain == group.domain,
                    let current = groups[c], other.reduced == current.reduced, current.domain.elementCount > 0,
                    sharesInput(p, c) || (makesOnlyLive(p) && makesOnlyLive(c)),
                    let frame = fit(other, current, 0, 0), other.nodes[0] / window == current.nodes[0] / window,
                    edgesHold(p, c, frame), edgesHold(c, p, frame), fits(p, c),
                    !hasPath(from: p, to: c), !hasPath(from: c, to: p)
                else { continue }
                merge(p, c, frame)
            }
        }
    }

    /// Whether both read the same value: one that some kernel computed, or with `leaves` any.
    private func sharesInput(_ p: Int, _ c: Int, leaves: Bool = false) -> Bool {
        func read(_ group: Int) -> [Int] {
            var result: [Int] = []
            for index in groups[group]!.nodes {
                for operand in graph.nodes[index].operands {
                    guard let source = operand.node else { continue }
                    let made = base(source)
                    if groupOf[made] != group, groupOf[made] >= 0 || (leaves && graph.nodes[made].isLeaf) {
                        result.append(made)
                    }
                }
            }
            return result
        }
        let first = read(p)
        return read(c).contains { first.contains($0) }
    }

    private func makesOnlyLive(_ group: Int) -> Bool {
        groups[group]!.nodes.allSatisfy { index in
            isHeld(index) || consumers[index].allSatisfy { isInside($0, group, group) }
        }
    }

    /// Whether the value, or a view of it, is live.
    private func isHeld(_ index: Int) -> Bool {
        graph.nodes[index].isLive
            || consumers[index].contains { graph.nodes[$0].operation.isView && isHeld($0) }
    }
}

extension PlanNode {
    var isGather: Bool { if case .gather = operation { true } else { false } }
}
