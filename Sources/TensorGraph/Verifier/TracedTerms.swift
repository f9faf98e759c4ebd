import TensorRuntime

/// The terms of a traced graph's elements, by what its operations mean.
final class TracedTerms {
    /// A node as it was traced.
    struct TracedNode {
        var operation: NodeOperation
        var shape: Shape
        var dtype: DType
        var operands: [PlanOperand]
        /// First index along each axis, of a slice.
        var starts = Shape()
        /// Of a leaf: its storage, and where its first element begins.
        var leaf: (storage: Int, byte: Int, strides: Strides)?
        /// Another node that computes the same: an operation that the device runs in the form of others.
        var alias: Int?
    }

    private let nodes: [TracedNode]
    private let sampling: TermSampling
    private var tables: [TermTable?]
    /// Terms of whole lines, planes and tensors, by node, kind and where they begin.
    private var fibers: [FiberKey: Term] = [:]

    private struct FiberKey: Hashable {
        var node: Int
        var axis: Int
        var place: Int
    }

    init(_ nodes: [TracedNode], sampling: TermSampling) {
        self.nodes = nodes
        self.sampling = sampling
        tables = Array(repeating: nil, count: nodes.count)
    }

    /// The term of the element at row-major `place` of node `index`.
    func term(_ index: Int, _ place: Int) -> Term {
        let node = nodes[index]
        if let alias = node.alias { return term(alias, place) }
        if let leaf = node.leaf {
            let offset = node.shape.coordinates(of: place).dot(leaf.strides)
            return TermBuilder.leaf(
                storage: leaf.storage, byte: leaf.byte + offset * node.dtype.byteCount, dtype: node.dtype)
        }
        if node.operation.isView { return term(node.operands[0].node!, viewed(node, place)) }
        if tables[index] == nil {
            let count = node.shape.elementCount
            tables[index] = TermTable(count: count, isDense: sampling.isExact || count < 4096)
        }
        let known = tables[index]![place]
        if known != 0 { return known }
        let term = compute(node, index, place)
        tables[index]![place] = term
        return term
    }

    private func viewed(_ node: TracedNode, _ place: Int) -> Int {
        let source = nodes[node.operands[0].node!].shape
        var coordinates = node.shape.coordinates(of: place)
        switch node.operation {
        case .permute(let axes):
            var result = Shape(repeating: 0, rank: source.rank)
            for axis in 0..<source.rank { result[axes[axis]] = coordinates[axis] }
            return result.dot(source.contiguousStrides)
        case .expand:
            let lead = node.shape.rank - source.rank
            var result = Shape(repeating: 0, rank: source.rank)
            for axis in 0..<source.rank where source[axis] != 1 { result[axis] = coordinates[axis + lead] }
            return result.dot(source.contiguousStrides)
        case .reshape: return place
        case .slice(let steps):
            for axis in 0..<source.rank { coordinates[axis] = node.starts[axis] + coordinates[axis] * steps[axis] }
            return coordinates.dot(source.contiguousStrides)
        case .flip(let axes):
            for axis in 0..<source.rank where axes & (1 << UInt8(axis)) != 0 {
                coordinates[axis] = source[axis] - 1 - coordinates[axis]
            }
            return coordinates.dot(source.contiguousStrides)
        case .leaf, .fill, .index, .pointwise, .reduce, .gather, .scatterAdd, .matmul, .convolution, .pooling,
            .concatenate, .scan, .sort:
            preconditionFailure("a view")
        }
    }

    private func compute(_ node: TracedNode, _ index: Int, _ place: Int) -> Term {
        switch node.operation {
        case .fill: return operand(node.operands[0], place, as: node.dtype)
        case .index: return TermBuilder.index(place)
        case .pointwise(let operation): return pointwise(node, operation, place)
        case .reduce(let operation, let axes): return reduce(node, operation, axes, place)
        case .gather(let axis):
            let (data, picked) = (node.operands[0].node!, node.operands[1].node!)
            var coordinates = node.shape.coordinates(of: place)
            coordinates[axis] = 0
            return TermBuilder.gather(
                node.dtype, count: nodes[data].shape[axis], index: term(picked, place),
                data: line(data, along: axis, from: coordinates))
        case .scatterAdd(let axis):
            let (source, picked) = (node.operands[0].node!, node.operands[1].node!)
            var coordinates = node.shape.coordinates(of: place)
            let position = coordinates[axis]
            coordinates[axis] = 0
            return TermBuilder.scatterAdd(
                node.dtype, position: position, count: node.shape[axis],
                source: line(source, along: axis, from: coordinates),
                index: line(picked, along: axis, from: coordinates))
        case .matmul: return matmul(node, place)
        case .convolution(let kind, let window, let groups):
            let operands = node.operands.map(\.node!)
            return TermBuilder.convolution(
                kind, window, groups: groups, nodes[operands[0]].dtype,
                shapes: operands.map { nodes[$0].shape } + [node.shape], place: place,
                operands: operands.map { whole($0) })
        case .pooling(let kind, let window, let countsPadding):
            return pooling(node, kind, window, countsPadding: countsPadding, place)
        case .concatenate(let axis):
            var coordinates = node.shape.coordinates(of: place)
            for operand in node.operands {
                let source = nodes[operand.node!].shape
                if coordinates[axis] < source[axis] {
                    return term(operand.node!, coordinates.dot(source.contiguousStrides))
                }
                coordinates[axis] -= source[axis]
            }
            preconditionFailure("outside every operand")
        case .scan(let operation, let axis, let reverse, let result):
            let source = node.operands[0].node!
            var start = node.shape.coordinates(of: place)
            let position = start[axis]
            start[axis] = 0
            return TermBuilder.scan(
                operation, reverse: reverse, result, nodes[source].dtype, position: position,
                line: line(source, along: axis, from: start))
        case .sort(let descending, let result):
            let source = node.operands[0].node!
            let axis = node.shape.rank - 1
            var row = node.shape.coordinates(of: place)
            let position = row[axis]
            row[axis] = 0
            return TermBuilder.sort(
                result, descending: descending, nodes[source].dtype, position: position,
                source: line(source, along: axis, from: row))
        case .leaf, .permute, .expand, .reshape, .slice, .flip: preconditionFailure("no operation of its own")
        }
    }

    private func operand(_ operand: PlanOperand, _ place: Int, as dtype: DType) -> Term {
        switch operand {
        case .node(let index): term(index, place)
        case .scalar(let source): TermBuilder.scalar(source, dtype)
        }
    }

    private func pointwise(_ node: TracedNode, _ operation: PointwiseOperation, _ place: Int) -> Term {
        let compute = node.operands.lazy.compactMap(\.node).first.map { nodes[$0].dtype } ?? node.dtype
        let terms = node.operands.enumerated().map { position, source in
            let dtype: DType =
                switch operation.row.rule {
                case .random: .int64
                case .selection: position == 0 ? .bool : node.dtype
                case .comparison, .conversion: compute
                case .same, .sameNumber, .sameFloat, .sameInteger, .logical: node.dtype
                }
            return operand(source, place, as: dtype)
        }
        if operation == .identity || (operation == .cast && compute == node.dtype) { return terms[0] }
        return TermBuilder.pointwise(operation, node.dtype, terms)
    }

    private func reduce(_ node: TracedNode, _ operation: ReductionOperation, _ axes: UInt8, _ place: Int) -> Term {
        let source = node.operands[0].node!
        let shape = nodes[source].shape
        let strides = shape.contiguousStrides
        let base = node.shape.coordinates(of: place).dot(strides)
        var folded = Shape()
        var steps = Strides()
        for axis in 0..<shape.rank where axes & (1 << UInt8(axis)) != 0 {
            folded.append(shape[axis])
            steps.append(strides[axis])
        }
        return sampling.reduction(operation, node.dtype, of: nodes[source].dtype, count: folded.elementCount) {
            term(source, base + folded.coordinates(of: $0).dot(steps))
        }
    }

    private func matmul(_ node: TracedNode, _ place: Int) -> Term {
        let (a, b) = (node.operands[0].node!, node.operands[1].node!)
        let rank = node.shape.rank
        var row = node.shape.coordinates(of: place)
        var column = row
        row[rank - 1] = 0
        column[rank - 2] = 0
        return TermBuilder.matmul(
            node.dtype, k: nodes[a].shape[rank - 1], row: line(a, along: rank - 1, from: row),
            column: line(b, along: rank - 2, from: column))
    }

    private func pooling(
        _ node: TracedNode, _ kind: PoolingKernel.Kind, _ window: Window, countsPadding: Bool, _ place: Int
    ) -> Term {
        func size(_ shape: Shape) -> SIMD2<Int> { [shape[2], shape[3]] }
        let operands = node.operands.map(\.node!)
        let first = nodes[operands[0]].shape
        let sizes: [SIMD2<Int>] =
            switch kind {
            case .maximum, .maximumIndices, .average, .maximumGather: [size(first), size(node.shape)]
            case .maximumGradient: [size(first), size(nodes[operands[1]].shape)]
            case .averageGradient: [size(node.shape), size(first)]
            }
        let area = node.shape[2] * node.shape[3]
        return TermBuilder.pooling(
            kind, window, countsPadding: countsPadding, nodes[operands[0]].dtype, sizes: sizes, place: place % area,
            operands: operands.map { plane($0, place / area) })
    }

    // MARK: Many elements

    private func known(_ key: FiberKey, _ make: () -> Term) -> Term {
        if let term = fibers[key] { return term }
        let term = make()
        fibers[key] = term
        return term
    }

    private func line(_ index: Int, along axis: Int, from coordinates: Shape) -> Term {
        let strides = nodes[index].shape.contiguousStrides
        let place = coordinates.dot(strides)
        return known(FiberKey(node: index, axis: axis, place: place)) {
            sampling.fiber(nodes[index].shape[axis]) { term(index, place + $0 * strides[axis]) }
        }
    }

    /// Plane `number` of height times width elements.
    private func plane(_ index: Int, _ number: Int) -> Term {
        let area = nodes[index].shape[2] * nodes[index].shape[3]
        return known(FiberKey(node: index, axis: -1, place: number)) {
            sampling.fiber(area) { term(index, number * area + $0) }
        }
    }

    private func whole(_ index: Int) -> Term {
        known(FiberKey(node: index, axis: -2, place: 0)) {
            sampling.fiber(nodes[index].shape.elementCount) { term(index, $0) }
        }
    }
}
