import TensorRuntime

extension Planner {
    /// Reads the snapshot, writes operations of families and dtypes that the device lacks in those it has, joins common
    /// subexpressions, and puts a copy wherever strides cannot say a view or a kernel cannot read one.
    static func simplify(_ snapshot: Snapshot, device: DeviceDescription) -> PlanGraph {
        var reader = SnapshotReader(snapshot: snapshot, device: device)
        return reader.read()
    }
}

/// Builds the plan graph node by node, in traversal order.
struct SnapshotReader {
    let snapshot: Snapshot
    /// The kernel families of the device.
    let families: Set<KernelFamily>
    /// Those of them that lack float16 and bfloat16.
    let float32Families: Set<KernelFamily>
    var graph = PlanGraph()
    /// New index of each snapshot node.
    private var renamed: [Int] = []
    private var nextScalar = 0
    private var nextStart = 0
    /// Nodes by what they compute; looked up, never iterated.
    private var known: [Key: Int] = [:]
    /// Copies of views, by what is copied.
    private var copies: [Int: Int] = [:]

    private struct Key: Hashable {
        var operation: NodeOperation
        var shape: Shape
        var dtype: DType
        var operands: [PlanOperand]
        var firstStart: Int
        var fixedStarts: Shape?
    }

    init(snapshot: Snapshot, device: DeviceDescription) {
        self.snapshot = snapshot
        families = device.families
        float32Families = device.float32Families
    }

    mutating func read() -> PlanGraph {
        for (place, node) in snapshot.records.enumerated() {
            if let leaf = node.leaf {
                renamed.append(addLeaf(node, place: place, leaf))
            } else {
                let planned = planNode(node)
                let decomposed = decomposition(of: planned)
                if let decomposed { graph.decompositions.append((place, decomposed)) }
                let index = decomposed ?? add(planned)
                if node.isLive { graph.nodes[index].liveAs.append(place) }
                renamed.append(index)
            }
        }
        return graph
    }

    private mutating func addLeaf(_ node: SnapshotRecord, place: Int, _ record: SnapshotRecord.Leaf) -> Int {
        var leaf = PlanNode(operation: .leaf, shape: node.shape, dtype: node.dtype, operands: [])
        leaf.leaf = .init(
            node: place, storage: record.storage, strides: record.strides, isAtStart: record.offset == 0)
        graph.nodes.append(leaf)
        return graph.nodes.count - 1
    }

    /// The node with its operands by position; scalars and starts are numbered in the order the snapshot listed them.
    private mutating func planNode(_ node: SnapshotRecord) -> PlanNode {
        var operands: [PlanOperand] = []
        switch node.operation {
        case .concatenate:
            operands = node.inputs.map { .node(renamed[$0!]) }
        case .fill:
            operands = [.scalar(.traced(nextScalar))]
            nextScalar += 1
        case .pointwise(let operation):
            for position in 0..<operation.arity {
                if let input = node.inputs[position] {
                    operands.append(.node(renamed[input]))
                } else {
                    operands.append(.scalar(.traced(nextScalar)))
                    nextScalar += 1
                }
            }
        case .leaf, .index, .reduce, .gather, .scatterAdd, .scan, .sort, .matmul, .convolution, .pooling, .permute,
            .expand,
            .reshape,
            .slice, .flip:
            for case .some(let input) in node.inputs { operands.append(.node(renamed[input])) }
        }
        var result = PlanNode(operation: node.operation, shape: node.shape, dtype: node.dtype, operands: operands)
        if case .slice = node.operation {
            result.firstStart = nextStart
            nextStart += node.shape.rank
        }
        return result
    }

    /// Adds a node in the form that later passes expect, or finds the one that computes the same.
    mutating func add(_ node: PlanNode) -> Int {
        var node = node
        if case .reduce(let operation, let axes) = node.operation { node = unitReduction(node, operation, axes) }
        if node.operation == .reshape || node.operation == .expand,
            let source = node.operands[0].node, graph.nodes[source].shape == node.shape
        {
            return source
        }
        legalizeOperands(&node)
        let key = Key(
            operation: node.operation, shape: node.shape, dtype: node.dtype, operands: node.operands,
            firstStart: node.firstStart, fixedStarts: node.fixedStarts)
        if let index = known[key] { return index }
        graph.nodes.append(node)
        known[key] = graph.nodes.count - 1
        return graph.nodes.count - 1
    }

    /// Adds a node that later ones of its kind do not share: one too large to be kept for them.
    mutating func addUnshared(_ node: PlanNode) -> Int {
        var node = node
        legalizeOperands(&node)
        graph.nodes.append(node)
        return graph.nodes.count - 1
    }

    /// A reduction over axes of one element changes nothing (and the index of its only element is 0).
    private func unitReduction(_ node: PlanNode, _ operation: ReductionOperation, _ axes: UInt8) -> PlanNode {
        let source = graph.nodes[node.operands[0].node!]
        for axis in 0..<source.shape.rank where axes & (1 << UInt8(axis)) != 0 && source.shape[axis] != 1 {
            return node
        }
        var result = node
        if operation.yieldsIndex {
            result.operation = .fill
            result.operands = [.scalar(.constant(.int(0)))]
        } else {
            result.operation = .pointwise(source.dtype == node.dtype ? .identity : .cast)
        }
        return result
    }

    /// Copies operands that the node's kernel could not address.
    private mutating func legalizeOperands(_ node: inout PlanNode) {
        switch node.operation {
        case .permute, .expand, .reshape, .slice, .flip:
            let source = node.operands[0].node!
            if graph.resolve(source).layout.applying(node) == nil { node.operands[0] = .node(copy(of: source)) }
        case .matmul:
            for position in 0..<2 {
                let source = node.operands[position].node!
                if !isMatrix(graph.resolve(source).layout) { node.operands[position] = .node(copy(of: source)) }
            }
        case .convolution, .pooling:
            for position in node.operands.indices {
                let source = node.operands[position].node!
                if !graph.resolve(source).layout.isContiguous { node.operands[position] = .node(copy(of: source)) }
            }
        case .gather:
            // The gathered operand is read in memory, so free values are stored first.
            let source = node.operands[0].node!
            if graph.nodes[graph.resolve(source).base].isFree { node.operands[0] = .node(copy(of: source)) }
        case .leaf, .fill, .index, .pointwise, .reduce, .scatterAdd, .scan, .sort, .concatenate: break
        }
    }

    /// Whether rows or columns of the last two dimensions lie without gaps between elements.
    private func isMatrix(_ layout: PlanLayout) -> Bool {
        let rank = layout.shape.rank
        let rows = layout.shape[rank - 2]
        let columns = layout.shape[rank - 1]
        let rowStride = layout.strides[rank - 2]
        let columnStride = layout.strides[rank - 1]
        let isRowMajor = (columnStride == 1 || columns == 1) && (rowStride >= columns || rows == 1)
        let isColumnMajor = (rowStride == 1 || rows == 1) && (columnStride >= rows || columns == 1)
        return isRowMajor || isColumnMajor
    }

    /// A stored row-major copy of a value.
    mutating func copy(of index: Int) -> Int {
        if let known = copies[index] { return known }
        let source = graph.nodes[index]
        graph.nodes.append(
            PlanNode(
                operation: .pointwise(.identity), shape: source.shape, dtype: source.dtype, operands: [.node(index)]))
        copies[index] = graph.nodes.count - 1
        return graph.nodes.count - 1
    }
}
