import TensorRuntime

/// The extents of a pooling that is written in other operations.
private struct PoolingExtents {
    /// The dimensions before height and width.
    let lead: Shape
    let inputSize: SIMD2<Int>
    let outputSize: SIMD2<Int>
    let window: Window

    var area: Int { inputSize[0] * inputSize[1] }
    var taps: Int { window.kernel[0] * window.kernel[1] }
    var isPadded: Bool { window.padding != .zero }
    var outputShape: Shape { Shape(lead + [outputSize[0], outputSize[1]]) }
    /// The input's shape with each plane as one dimension.
    var planes: Shape { Shape(lead + [area]) }
}

extension SnapshotReader {
    /// A pooling, or one of its gradients, as gathers, reductions over a window's taps, and scatter-adds.
    mutating func pooling(
        _ node: PlanNode, _ kind: PoolingKernel.Kind, _ window: Window, countsPadding: Bool
    ) -> Int {
        let first = node.operands[0].node!
        let source = kind == .maximumGradient ? node.operands[1].node! : first
        let isGradient = kind == .maximumGradient || kind == .averageGradient
        let input = isGradient ? node.shape : graph.nodes[first].shape
        let output = isGradient ? graph.nodes[source].shape : node.shape
        let rank = input.rank
        let e = PoolingExtents(
            lead: Shape(input.dropLast(2)), inputSize: [input[rank - 2], input[rank - 1]],
            outputSize: [output[rank - 2], output[rank - 1]], window: window)
        let table = taps(window, input: e.inputSize, output: e.outputSize)
        let result: Int
        switch kind {
        case .maximum:
            let under = windows(of: reshape(first, e.planes), outer: e.lead.rank, table: table, fill: e.lowest)
            result = reduce(.maximum, under.values, axes: e.lead.rank)
        case .maximumIndices:
            let places = firstLargest(first, table, e)
            result = e.isPadded ? pointwise(.maximum, [.node(places), .int(0)]) : places
        case .maximumGradient:
            let places = reshape(firstLargest(first, table, e), e.flat(e.outputSize[0] * e.outputSize[1]))
            let gradients = reshape(source, graph.nodes[places].shape)
            result = add(
                PlanNode(
                    operation: .scatterAdd(axis: 1), shape: e.flat(e.area), dtype: node.dtype,
                    operands: [.node(gradients), .node(places)]))
        case .maximumGather:
            result = gatherLargest(first, tangent: node.operands[1].node!, table, e)
        case .average:
            let under = windows(
                of: reshape(first, e.planes), outer: e.lead.rank, table: table, fill: e.isPadded ? .int(0) : nil)
            let sums = reshape(reduce(.sum, under.values, axes: e.lead.rank), e.outputShape)
            result = mean(of: sums, table, e, countsPadding: countsPadding)
        case .averageGradient:
            result = averageGradient(mean(of: first, table, e, countsPadding: countsPadding), table, e)
        }
        return reshape(result, node.shape)
    }

    /// The int64 place within its plane of each window's first largest element, or of its first NaN; -1 in a window over
    /// nothing but padding. Shape: the output's.
    private mutating func firstLargest(_ input: Int, _ table: Int, _ e: PoolingExtents) -> Int {
        let axis = e.lead.rank
        let (values, places) = windows(of: reshape(input, e.planes), outer: axis, table: table, fill: e.lowest)
        let largest = expand(reduce(.maximum, values, axes: axis), graph.nodes[values].shape)
        let isLargest = pointwise(.equal, [.node(values), .node(largest)], .bool)
        let isNaN = pointwise(.isNaN, [.node(values)], .bool)
        var wins = pointwise(.logicalOr, [.node(isLargest), .node(isNaN)])
        if e.isPadded {
            let isInside = pointwise(.greaterEqual, [.node(places), .int(0)], .bool)
            wins = pointwise(.logicalAnd, [.node(wins), .node(isInside)])
        }
        // Taps stand in the order of their places, so the first is the least.
        let candidates = pointwise(.select, [.node(wins), .node(places), .int(e.area)], .int64)
        var result = reduce(.minimum, candidates, axes: axis)
        if e.isPadded {
            let isFound = pointwise(.less, [.node(result), .int(e.area)], .bool)
            result = pointwise(.select, [.node(isFound), .node(result), .int(-1)], .int64)
        }
        return reshape(result, e.outputShape)
    }

    /// The tangent at each window's first largest element; 0 in a window over nothing but padding.
    private mutating func gatherLargest(_ input: Int, tangent: Int, _ table: Int, _ e: PoolingExtents) -> Int {
        let places = firstLargest(input, table, e)
        var data = tangent
        if graph.nodes[graph.resolve(data).base].isFree { data = copy(of: data) }
        data = reshape(data, Shape(e.lead + [e.area, 1]))
        data = expand(data, Shape(e.lead + [e.area, e.outputSize[1]]))
        return take(data, at: places, axis: e.lead.rank, orElse: e.isPadded ? .int(0) : nil)
    }

    /// Divides values of the output's shape by the number of taps, or of those inside the input.
    private mutating func mean(of sums: Int, _ table: Int, _ e: PoolingExtents, countsPadding: Bool) -> Int {
        if countsPadding || !e.isPadded { return pointwise(.divide, [.node(sums), .int(e.taps)]) }
        let isInside = pointwise(.greaterEqual, [.node(table), .int(0)], .bool)
        let counts = reduce(.sum, pointwise(.cast, [.node(isInside)], graph.nodes[sums].dtype), axes: 0)
        let divisor = expand(reshape(counts, [e.outputSize[0], e.outputSize[1]]), e.outputShape)
        return pointwise(.divide, [.node(sums), .node(divisor)])
    }

    /// Adds each window's share to the elements under its taps, for as many planes at a time as columns may be stored.
    private mutating func averageGradient(_ shares: Int, _ table: Int, _ e: PoolingExtents) -> Int {
        let planes = e.lead.elementCount
        let dtype = graph.nodes[shares].dtype
        let places = e.outputSize[0] * e.outputSize[1]
        let flat = reshape(shares, [planes, 1, 1, places])
        var results: [Int] = []
        for part in parts(of: planes, byteCount: e.taps * places * dtype.byteCount) {
            let spread = expand(rows(part, of: flat), [part.count, 1, e.taps, places])
            let stored = addUnshared(
                PlanNode(
                    operation: .pointwise(.identity), shape: graph.nodes[spread].shape, dtype: dtype,
                    operands: [.node(spread)]))
            graph.nodes[stored].isTransient = true
            let source = reshape(stored, [part.count, 1, e.taps * places])
            results.append(scatter(source, table: table, size: e.inputSize))
        }
        return joined(results)
    }
}

extension PoolingExtents {
    /// What padding counts as in a maximum; nil where there is none.
    fileprivate var lowest: Scalar? { isPadded ? .float(-.infinity) : nil }

    /// `[planes, extent]`.
    fileprivate func flat(_ extent: Int) -> Shape { [lead.elementCount, extent] }
}
