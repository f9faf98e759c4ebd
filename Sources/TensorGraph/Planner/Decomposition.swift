import TensorRuntime

/// Convolution and pooling in the operations that every device has, for devices without their families, and operations of
/// float16 and bfloat16 in float32, for devices whose kernels lack them.
///
/// Convolution and pooling read the input through the *taps* of a window: a small table of places, made from counters, by which a gather
/// takes the element under each tap of each window. Pooling folds the taps in the same kernel. A convolution stores them
/// as the columns of a matrix product, for so many images at a time as keep within ``columnByteLimit``. What goes back
/// from windows to the input is a scatter-add by the same table. Every sum has a fixed order.
extension SnapshotReader {
    /// The most bytes of columns that are stored at once, unless those of one image are more.
    static let columnByteLimit = 64 << 20

    /// The node that computes `node` in operations of other families; nil where the device has the node's own.
    mutating func decomposition(of node: PlanNode) -> Int? {
        if isWidened(node) {
            graph.decomposedOperations += 1
            return widened(node)
        }
        switch node.operation {
        case .convolution(let kind, let window, let groups) where !families.contains(.convolution):
            graph.decomposedOperations += 1
            return convolution(node, kind, window, groups: groups)
        case .pooling(let kind, let window, let countsPadding) where !families.contains(.pooling):
            graph.decomposedOperations += 1
            return pooling(node, kind, window, countsPadding: countsPadding)
        case .leaf, .fill, .index, .pointwise, .reduce, .gather, .scatterAdd, .scan, .sort, .matmul, .convolution,
            .pooling,
            .concatenate, .permute, .expand, .reshape, .slice, .flip:
            return nil
        }
    }

    // MARK: Dtypes

    /// Whether the node reads float16 or bfloat16, which the kernels that compute it lack.
    private func isWidened(_ node: PlanNode) -> Bool {
        guard node.operands.contains(where: { $0.node.map { graph.nodes[$0].dtype.isShortFloat } ?? false })
        else { return false }
        // Written in other operations, their sums would be rounded on the way.
        if case .pooling(let kind, _, _) = node.operation, !families.contains(.pooling),
            kind == .average || kind == .averageGradient
        {
            return true
        }
        if case .convolution(let kind, let window, _) = node.operation, !families.contains(.convolution) {
            switch kind {
            case .forward: break
            case .inputGradient: if window.stride != .one { return true }
            case .weightGradient: return true
            }
        }
        if float32Families.isEmpty { return false }
        let used: [KernelFamily]
        switch node.operation {
        case .matmul: used = [.matmul]
        case .scatterAdd: used = [.scatterAdd]
        case .scan: used = [.scan]
        case .sort: used = [.sort]
        case .convolution: used = families.contains(.convolution) ? [.convolution] : [.matmul, .scatterAdd]
        case .pooling: used = families.contains(.pooling) ? [.pooling] : [.scatterAdd]
        case .leaf, .fill, .index, .pointwise, .reduce, .gather, .concatenate, .permute, .expand, .reshape, .slice,
            .flip:
            return false
        }
        return used.contains(where: float32Families.contains)
    }

    /// The node in float32, and its result rounded to the node's dtype.
    private mutating func widened(_ node: PlanNode) -> Int {
        var wide = node
        for (position, operand) in node.operands.enumerated() {
            guard let source = operand.node, graph.nodes[source].dtype.isShortFloat else { continue }
            wide.operands[position] = .node(cast(source, to: .float32))
        }
        if node.dtype.isShortFloat { wide.dtype = .float32 }
        let result: Int
        switch node.operation {
        case .convolution(let kind, let window, let groups) where !families.contains(.convolution):
            result = convolution(wide, kind, window, groups: groups)
        case .pooling(let kind, let window, let countsPadding) where !families.contains(.pooling):
            result = pooling(wide, kind, window, countsPadding: countsPadding)
        case .leaf, .fill, .index, .pointwise, .reduce, .gather, .scatterAdd, .scan, .sort, .matmul, .convolution,
            .pooling, .concatenate, .permute, .expand, .reshape, .slice, .flip:
            result = add(wide)
        }
        return node.dtype.isShortFloat ? cast(result, to: node.dtype) : result
    }

    private mutating func cast(_ source: Int, to dtype: DType) -> Int {
        let node = graph.nodes[source]
        return add(
            PlanNode(
                operation: .pointwise(.cast), shape: node.shape, dtype: dtype, operands: [.node(source)]))
    }

    // MARK: Taps

    /// For each tap of a kernel and each place of the output, the row-major place within an input plane that lies under
    /// it, or -1 where that is padding: int64 `[kernel height, kernel width, output height, output width]`.
    mutating func taps(_ window: Window, input: SIMD2<Int>, output: SIMD2<Int>) -> Int {
        let shape: Shape = [window.kernel[0], window.kernel[1], output[0], output[1]]
        let rows = coordinate(0, window, over: shape)
        let columns = coordinate(1, window, over: shape)
        let places = pointwise(
            .add, [.node(pointwise(.multiply, [.node(rows), .int(input[1])])), .node(columns)])
        var inside: Int?
        for (axis, coordinate) in [rows, columns].enumerated() where window.padding[axis] > 0 {
            let first = pointwise(.greaterEqual, [.node(coordinate), .int(0)], .bool)
            let last = pointwise(.less, [.node(coordinate), .int(input[axis])], .bool)
            let both = pointwise(.logicalAnd, [.node(first), .node(last)])
            inside = inside.map { pointwise(.logicalAnd, [.node($0), .node(both)]) } ?? both
        }
        return inside.map { pointwise(.select, [.node($0), .node(places), .int(-1)], .int64) } ?? places
    }

    /// The row (axis 0) or column (axis 1) of the input under each tap: `tap * dilation + place * stride - padding`.
    private mutating func coordinate(_ axis: Int, _ window: Window, over shape: Shape) -> Int {
        let tap = counter(axis, over: shape)
        let place = counter(axis + 2, over: shape)
        let tapOffset = pointwise(.multiply, [.node(tap), .int(window.dilation[axis])])
        let placeOffset = pointwise(.multiply, [.node(place), .int(window.stride[axis])])
        let sum = pointwise(.add, [.node(tapOffset), .node(placeOffset)])
        return pointwise(.add, [.node(sum), .int(-window.padding[axis])])
    }

    /// The int64 coordinate of each element along `axis`.
    private mutating func counter(_ axis: Int, over shape: Shape) -> Int {
        var line = Shape(repeating: 1, rank: shape.rank)
        line[axis] = shape[axis]
        let numbers = add(PlanNode(operation: .index, shape: [shape[axis]], dtype: .int64, operands: []))
        return expand(reshape(numbers, line), shape)
    }

    /// What lies under each tap: `[outer..., kernel height, kernel width, inner..., output height, output width]`.
    ///
    /// The values are not shared with other operations: kept for a backward pass they would cost the kernel's size times
    /// the input.
    ///
    /// - Parameters:
    ///   - planes: `[outer..., height * width, inner...]`, with `outer` dimensions before the plane.
    ///   - table: from ``taps(_:input:output:)``.
    ///   - fill: what stands for padding; nil where there is none.
    mutating func windows(of planes: Int, outer: Int, table: Int, fill: Scalar?) -> (values: Int, places: Int) {
        var base = planes
        // A gather reads memory.
        if graph.nodes[graph.resolve(base).base].isFree { base = copy(of: base) }
        let source = graph.nodes[base].shape
        let tap = graph.nodes[table].shape
        let lead = Shape(source.prefix(outer))
        let inner = Shape(source.dropFirst(outer + 1))
        let shape = Shape(lead + [tap[0], tap[1]] + inner + [tap[2], tap[3]])
        let ones = Shape(lead.map { _ in 1 } + [tap[0], tap[1]] + inner.map { _ in 1 } + [tap[2], tap[3]])
        let unit = Shape(lead + [source[outer], 1] + inner + [1, 1])
        var whole = shape
        whole[outer] = source[outer]
        let places = expand(reshape(table, ones), shape)
        let data = expand(reshape(base, unit), whole)
        return (take(data, at: places, axis: outer, orElse: fill), places)
    }

    /// `data` gathered along `axis`, with `fill` where a place is -1; nil where none is. Nothing here is shared with other
    /// gathers, whose kernels would be joined with this one's and its values kept for them.
    mutating func take(_ data: Int, at places: Int, axis: Int, orElse fill: Scalar?) -> Int {
        let shape = graph.nodes[places].shape
        func node(_ operation: NodeOperation, _ operands: [PlanOperand], _ dtype: DType) -> PlanNode {
            PlanNode(operation: operation, shape: shape, dtype: dtype, operands: operands)
        }
        let dtype = graph.nodes[data].dtype
        let gather = NodeOperation.gather(axis: axis)
        guard let fill else { return addUnshared(node(gather, [.node(data), .node(places)], dtype)) }
        // Places stay inside, so that no NaN is made on the way.
        let inside = addUnshared(node(.pointwise(.maximum), [.node(places), .int(0)], .int64))
        let values = addUnshared(node(gather, [.node(data), .node(inside)], dtype))
        let isOutside = addUnshared(node(.pointwise(.less), [.node(places), .int(0)], .bool))
        return addUnshared(
            node(.pointwise(.select), [.node(isOutside), .scalar(.constant(fill)), .node(values)], dtype))
    }

    /// Sums `source`, `[n, planes, taps * places]`, into the planes of an input: `[n, planes, height * width]`.
    mutating func scatter(_ source: Int, table: Int, size: SIMD2<Int>) -> Int {
        let shape = graph.nodes[source].shape
        let places = expand(reshape(table, [1, 1, shape[2]]), shape)
        return add(
            PlanNode(
                operation: .scatterAdd(axis: 2), shape: [shape[0], shape[1], size[0] * size[1]],
                dtype: graph.nodes[source].dtype, operands: [.node(source), .node(places)]))
    }

    // MARK: Parts of a batch

    /// Ranges of `0..<count` whose members, of `byteCount` bytes each, keep within the limit; at least one range.
    func parts(of count: Int, byteCount: Int) -> [Range<Int>] {
        let size = Swift.max(SnapshotReader.columnByteLimit / Swift.max(byteCount, 1), 1)
        if count <= size { return [0..<count] }
        return stride(from: 0, to: count, by: size).map { $0..<Swift.min($0 + size, count) }
    }

    /// Elements `range` along axis 0.
    mutating func rows(_ range: Range<Int>, of source: Int) -> Int {
        let node = graph.nodes[source]
        if range == 0..<node.shape[0] { return source }
        var shape = node.shape
        shape[0] = range.count
        var starts = Shape(repeating: 0, rank: shape.rank)
        starts[0] = range.lowerBound
        var slice = PlanNode(
            operation: .slice(steps: Shape(repeating: 1, rank: shape.rank)), shape: shape, dtype: node.dtype,
            operands: [.node(source)])
        slice.fixedStarts = starts
        return add(slice)
    }

    /// Joins the results of parts along axis 0.
    mutating func joined(_ parts: [Int]) -> Int {
        if parts.count == 1 { return parts[0] }
        var shape = graph.nodes[parts[0]].shape
        shape[0] = parts.reduce(0) { $0 + graph.nodes[$1].shape[0] }
        return add(
            PlanNode(
                operation: .concatenate(axis: 0), shape: shape, dtype: graph.nodes[parts[0]].dtype,
                operands: parts.map { .node($0) }))
    }

    // MARK: Nodes

    /// - Parameter dtype: the result's type; nil is the first operand's.
    mutating func pointwise(_ operation: PointwiseOperation, _ operands: [PlanOperand], _ dtype: DType? = nil) -> Int {
        let first = graph.nodes[operands.lazy.compactMap(\.node).first!]
        return add(
            PlanNode(
                operation: .pointwise(operation), shape: first.shape, dtype: dtype ?? first.dtype, operands: operands))
    }

    /// Folds axes `axes` and `axes + 1`, which stay with extent 1.
    mutating func reduce(_ operation: ReductionOperation, _ source: Int, axes: Int) -> Int {
        let node = graph.nodes[source]
        var shape = node.shape
        shape[axes] = 1
        shape[axes + 1] = 1
        return add(
            PlanNode(
                operation: .reduce(operation, axes: 0b11 << UInt8(axes)), shape: shape, dtype: node.dtype,
                operands: [.node(source)]))
    }

    mutating func view(_ operation: NodeOperation, _ source: Int, _ shape: Shape) -> Int {
        add(
            PlanNode(
                operation: operation, shape: shape, dtype: graph.nodes[source].dtype, operands: [.node(source)]))
    }

    mutating func reshape(_ source: Int, _ shape: Shape) -> Int { view(.reshape, source, shape) }
    mutating func expand(_ source: Int, _ shape: Shape) -> Int { view(.expand, source, shape) }

    mutating func permute(_ source: Int, _ axes: Shape) -> Int {
        let shape = graph.nodes[source].shape
        return view(.permute(axes: axes), source, Shape(axes.map { shape[$0] }))
    }

    /// Swaps the last two dimensions.
    mutating func transpose(_ source: Int) -> Int {
        var axes = Shape(0..<graph.nodes[source].shape.rank)
        axes.swapAt(axes.rank - 1, axes.rank - 2)
        return permute(source, axes)
    }

    /// `[batch..., m, k] x [batch..., k, n]`.
    mutating func matmul(_ a: Int, _ b: Int) -> Int {
        var shape = graph.nodes[a].shape
        shape[shape.rank - 1] = graph.nodes[b].shape[shape.rank - 1]
        return add(
            PlanNode(
                operation: .matmul, shape: shape, dtype: graph.nodes[a].dtype, operands: [.node(a), .node(b)]))
    }
}

extension PlanOperand {
    /// An integer that follows from shapes.
    static func int(_ value: Int) -> PlanOperand { .scalar(.constant(.int(Int64(value)))) }
}
