import TensorRuntime

/// A scalar operand of a planned node.
typealias ScalarSource = PlanStep.ScalarSource

/// An operand: another node, or a scalar.
enum PlanOperand: Hashable {
    case node(Int)
    case scalar(ScalarSource)

    var node: Int? { if case .node(let index) = self { index } else { nil } }
}

/// A node as the planner sees it: a value, freely copied and rewritten.
struct PlanNode {
    var operation: NodeOperation
    var shape: Shape
    var dtype: DType
    var operands: [PlanOperand]
    /// Index of the first slice start, for a slice.
    var firstStart = 0
    /// The starts of a slice that follow from shapes alone, in place of the snapshot's.
    var fixedStarts: Shape?
    /// Large and soon dead: its kernel is not joined with others that read the same.
    var isTransient = false
    /// Places in the snapshot that hold this value alive.
    var liveAs: [Int] = []
    /// For a leaf: its place in the snapshot, its storage and its strides.
    var leaf: Leaf?

    struct Leaf {
        var node: Int
        var storage: Int
        var strides: Strides
        /// Whether it begins at its block's first element; part of the signature only where the storage is donatable.
        var isAtStart: Bool
    }

    var isLeaf: Bool { leaf != nil }
    var isLive: Bool { !liveAs.isEmpty }

    /// Whether the node can be part of a fused program.
    var isFusible: Bool {
        switch operation {
        case .fill, .index, .pointwise, .reduce, .gather: true
        case .leaf, .scatterAdd, .scan, .sort, .matmul, .convolution, .pooling, .concatenate, .permute, .expand,
            .reshape,
            .slice,
            .flip:
            false
        }
    }

    /// Whether the node's kernel takes an epilogue.
    var isAnchor: Bool {
        switch operation {
        case .matmul, .convolution, .pooling: true
        case .leaf, .fill, .index, .pointwise, .reduce, .gather, .scatterAdd, .scan, .sort, .concatenate, .permute,
            .expand,
            .reshape,
            .slice, .flip:
            false
        }
    }

    /// Computed anew wherever it is used: it reads nothing.
    var isFree: Bool { operation == .fill || operation == .index }
}

/// A layout whose offset is known only when the plan is bound.
struct PlanLayout: Hashable {
    var shape: Shape
    var strides: Strides
    var offset = OffsetExpression()

    init(contiguous shape: Shape) {
        self.shape = shape
        strides = shape.contiguousStrides
    }

    init(shape: Shape, strides: Strides) {
        self.shape = shape
        self.strides = strides
    }

    var isContiguous: Bool { Layout(shape: shape, strides: strides).isContiguous }

    /// The layout after the view `node`, or nil where strides cannot say it.
    func applying(_ node: PlanNode) -> PlanLayout? {
        if case .slice(let steps) = node.operation {
            var result = self
            result.shape = node.shape
            for axis in 0..<shape.rank {
                result.strides[axis] = strides[axis] * steps[axis]
                // A slice of a whole dimension starts at 0.
                let isWhole = node.shape[axis] == shape[axis] && steps[axis] == 1
                if let starts = node.fixedStarts {
                    result.offset.constant += starts[axis] * strides[axis]
                } else if strides[axis] != 0 && !isWhole {
                    result.offset.terms.append(.init(start: node.firstStart + axis, stride: strides[axis]))
                }
            }
            return result
        }
        let plain = Layout(shape: shape, strides: strides, offset: offset.constant)
        guard let applied = plain.applying(node.operation, shape: node.shape) else { return nil }
        var result = PlanLayout(shape: applied.shape, strides: applied.strides)
        result.offset = offset
        result.offset.constant = applied.offset
        return result
    }
}

/// The graph that one plan computes, in topological order, with what its passes ask of it.
struct PlanGraph {
    var nodes: [PlanNode] = []
    /// How many operations were written in others because the device lacks their family.
    var decomposedOperations = 0
    /// Their places in the snapshot, and the nodes that compute them.
    var decompositions: [(place: Int, node: Int)] = []

    /// The nodes that read each node.
    func consumers() -> [[Int]] {
        var result = [[Int]](repeating: [], count: nodes.count)
        for (index, node) in nodes.enumerated() {
            for operand in node.operands {
                guard let source = operand.node, result[source].last != index else { continue }
                result[source].append(index)
            }
        }
        return result
    }

    /// The nearest node behind `index` that is no view, and the value's layout in that node's storage.
    ///
    /// Simplification has seen to it that strides can say it.
    func resolve(_ index: Int) -> (base: Int, layout: PlanLayout) {
        var views: [Int] = []
        var base = index
        while nodes[base].operation.isView {
            views.append(base)
            base = nodes[base].operands[0].node!
        }
        var layout = storageLayout(base)
        for view in views.reversed() { layout = layout.applying(nodes[view])! }
        return (base, layout)
    }

    /// How a value that is no view lies in memory once it is stored.
    func storageLayout(_ base: Int) -> PlanLayout {
        if let leaf = nodes[base].leaf { return PlanLayout(shape: nodes[base].shape, strides: leaf.strides) }
        return PlanLayout(contiguous: nodes[base].shape)
    }
}
