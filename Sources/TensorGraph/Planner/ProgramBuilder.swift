import TensorRuntime

/// Writes the fused program of one group: steps, inputs with their strides over the iteration space, and outputs.
struct ProgramBuilder {
    /// A value cannot be computed in place of being loaded: strides cannot say its operand behind these views, or not over
    /// this iteration space.
    struct NotInlinable: Error { var node: Int }

    /// What the builder asks of the passes around it.
    struct Surroundings {
        var graph: PlanGraph
        /// Whether `node` belongs to the kernel that is being built.
        var contains: (Int) -> Bool
        /// The level of a node of this kernel.
        var level: (Int) -> FusedProgram.Level
        /// Whether a value made elsewhere is better computed again here than loaded.
        var inlines: (_ node: Int, _ broadcasts: Bool) -> Bool
    }

    private let around: Surroundings
    private var graph: PlanGraph { around.graph }
    /// Extents of the iteration space, outer dimensions first.
    private let extents: Shape
    private let outerRank: Int
    /// The place in `extents` of each dimension of the group's domain, and of each that is not reduced.
    private let elementPlaces: [Int]
    private let rowPlaces: [Int]

    private(set) var inputs: [DType] = []
    private(set) var inputAccess: [FusedKernel.Access] = []
    private(set) var inputBindings: [KernelDraft.Binding] = []
    private(set) var steps: [FusedProgram.Step] = []
    private(set) var scalars: [(source: ScalarSource, dtype: DType)] = []
    private var outputs: [FusedProgram.Output] = []
    private var outputAccess: [FusedKernel.Access] = []
    private(set) var outputBindings: [KernelDraft.Binding] = []
    private(set) var outputCounts: [Int] = []
    private var values: [Int: Int] = [:]
    private var knownSteps: [FusedProgram.Step: Int] = [:]
    private var knownInputs: [InputKey: Int] = [:]

    private struct InputKey: Hashable {
        var node: Int
        var access: FusedKernel.Access
        var offset: OffsetExpression
    }

    /// - Parameters:
    ///   - domain: the iteration space's extents without unit ones.
    ///   - reduced: the reduced dimensions as a bit mask, or nil.
    init(_ surroundings: Surroundings, domain: Shape, reduced: UInt8?) {
        around = surroundings
        var outer: [Int] = []
        var inner: [Int] = []
        for axis in 0..<domain.rank {
            if (reduced ?? 0) & (1 << UInt8(axis)) != 0 { inner.append(axis) } else { outer.append(axis) }
        }
        let order = outer + inner
        extents = Shape(order.map { domain[$0] })
        outerRank = outer.count
        var places = [Int](repeating: 0, count: domain.rank)
        for (place, axis) in order.enumerated() { places[axis] = place }
        elementPlaces = places
        rowPlaces = outer.map { places[$0] }
    }

    /// An epilogue, over its kernel's own iteration space.
    ///
    /// - Parameter places: the place in `extents` of each dimension of the kernel's result that is not 1. Two of them
    ///   may share a place: then only values that step evenly over both can be addressed.
    init(_ surroundings: Surroundings, extents: Shape, places: [Int]) {
        around = surroundings
        self.extents = extents
        outerRank = extents.rank
        elementPlaces = places
        rowPlaces = places
    }

    // MARK: Values

    /// Binds a node to the kernel's own result, which is input 0 (an epilogue).
    mutating func bindAccumulator(_ node: Int) {
        inputs.append(graph.nodes[node].dtype)
        inputAccess.append(.init(strides: extents.contiguousStrides))
        inputBindings.append(
            .init(target: .value(node), offset: .init(), dtype: graph.nodes[node].dtype, isOutput: false))
        values[node] = emit(.load(input: 0), [], graph.nodes[node].dtype, .element)
    }

    /// The step that computes a node of this kernel.
    mutating func value(of index: Int) throws(NotInlinable) -> Int {
        if let known = values[index] { return known }
        let node = graph.nodes[index]
        let level = around.level(index)
        let step: Int
        switch node.operation {
        case .reduce(let operation, _):
            let operandLevel = FusedProgram.Level(rawValue: level.rawValue - 1)!
            var operand = try valueOperand(node.operands[0], level: operandLevel, dtype: nil)
            if case .value(let value) = operand, steps[value].level != operandLevel {
                // Folded is each of its repetitions, also where it does not vary along what is folded.
                operand = .value(emit(.pointwise(.identity), [operand], steps[value].dtype, operandLevel))
            }
            step = emit(.reduce(operation), [operand], node.dtype, level)
        case .gather:
            step = try gather(node, level)
        case .pointwise(let operation):
            step = try pointwise(operation, node, views: [], level: level, fixed: level)
        case .leaf, .fill, .index, .scatterAdd, .scan, .sort, .matmul, .convolution, .pooling, .concatenate, .permute,
            .expand,
            .reshape, .slice, .flip:
            step = try valueStep(try external(index, views: [], level: level), node.dtype, level)
        }
        values[index] = step
        return step
    }

    /// A value of another node in the form that a consumer of `level` reads, as a step.
    mutating func valueStep(
        _ operand: FusedProgram.Operand, _ dtype: DType, _ level: FusedProgram.Level
    ) throws(NotInlinable) -> Int {
        if case .value(let step) = operand { return step }
        return emit(.fill, [operand], dtype, level)
    }

    private mutating func valueOperand(
        _ operand: PlanOperand, level: FusedProgram.Level, dtype: DType?
    ) throws(NotInlinable) -> FusedProgram.Operand {
        let result = try self.operand(operand, views: [], level: level, dtype: dtype)
        let type = operand.node.map { graph.nodes[$0].dtype } ?? dtype ?? .float32
        return .value(try valueStep(result, type, level))
    }

    /// An operand of a node: a scalar slot, a value of this kernel, or one made elsewhere.
    private mutating func operand(
        _ operand: PlanOperand, views: [Int], level: FusedProgram.Level, dtype: DType?
    ) throws(NotInlinable) -> FusedProgram.Operand {
        switch operand {
        case .scalar(let source): return .scalar(slot(source, dtype ?? .float32))
        case .node(let index):
            if views.isEmpty {
                var base = index
                while graph.nodes[base].operation.isView { base = graph.nodes[base].operands[0].node! }
                if around.contains(base) { return .value(try value(of: base)) }
            }
            return try external(index, views: views, level: level)
        }
    }

    private mutating func slot(_ source: ScalarSource, _ dtype: DType) -> Int {
        if let known = scalars.firstIndex(where: { $0.source == source && $0.dtype == dtype }) { return known }
        scalars.append((source, dtype))
        return scalars.count - 1
    }

    private mutating func pointwise(
        _ operation: PointwiseOperation, _ node: PlanNode, views: [Int], level: FusedProgram.Level,
        fixed: FusedProgram.Level?
    ) throws(NotInlinable) -> Int {
        var operands: [FusedProgram.Operand] = []
        let compute = node.operands.lazy.compactMap(\.node).first.map { graph.nodes[$0].dtype }
        for (position, source) in node.operands.enumerated() {
            let type: DType
            switch operation.row.rule {
            case .random: type = .int64
            case .selection: type = position == 0 ? .bool : node.dtype
            case .comparison, .conversion: type = compute ?? node.dtype
            case .same, .sameNumber, .sameFloat, .sameInteger, .logical: type = node.dtype
            }
            operands.append(try operand(source, views: views, level: level, dtype: type))
        }
        if operands.allSatisfy({ if case .scalar = $0 { true } else { false } }) {
            // Every operand turned out to be a scalar: a step needs one value to know its level.
            let type = compute ?? node.dtype
            operands[0] = .value(emit(.fill, [operands[0]], type, fixed ?? level))
        }
        if operation == .identity, case .value(let step) = operands[0], fixed == nil || steps[step].level == fixed {
            return step
        }
        return emit(.pointwise(operation), operands, node.dtype, fixed ?? lowestLevel(operands))
    }

    private func lowestLevel(_ operands: [FusedProgram.Operand]) -> FusedProgram.Level {
        var result = FusedProgram.Level.total
        for case .value(let step) in operands { result = min(result, steps[step].level) }
        return result
    }

    private mutating func gather(_ node: PlanNode, _ level: FusedProgram.Level) throws(NotInlinable) -> Int {
        guard case .gather(let axis) = node.operation else { preconditionFailure() }
        let index = try valueOperand(node.operands[1], level: level, dtype: .int64)
        let (base, layout) = graph.resolve(node.operands[0].node!)
        // Over the output's shape the data steps along every axis but the gathered one.
        var strides = layout.strides
        strides[axis] = 0
        guard let placed = place(strides, of: node.shape, level: level) else { throw NotInlinable(node: base) }
        var access = FusedKernel.Access(
            strides: placed, gatherStride: layout.strides[axis], gatherCount: layout.shape[axis])
        if layout.shape[axis] == 1 { access.gatherStride = 0 }
        let input = self.input(base, access, layout.offset, node.dtype)
        return emit(.gather(input: input), [index], node.dtype, level)
    }

    // MARK: Values made elsewhere

    /// A value made elsewhere behind views: a scalar, an index, a load, or the computation itself.
    ///
    /// - Parameter views: the views between `index` and the reader, the nearest to `index` first.
    mutating func external(
        _ index: Int, views: [Int], level: FusedProgram.Level
    ) throws(NotInlinable) -> FusedProgram.Operand {
        let node = graph.nodes[index]
        if node.operation.isView { return try external(node.operands[0].node!, views: [index] + views, level: level) }
        if node.operation == .fill {
            guard case .scalar(let source) = node.operands[0] else { preconditionFailure() }
            let scalar = FusedProgram.Operand.scalar(slot(source, node.dtype))
            if !node.dtype.isShortFloat { return scalar }
            // A scalar operand is as precise as the step that reads it; the value is not.
            let flat = Strides(repeating: 0, rank: extents.rank)
            return .value(emit(.fill, [scalar], node.dtype, self.level(of: flat, reader: level)))
        }
        var layout = node.operation == .index ? PlanLayout(contiguous: node.shape) : graph.storageLayout(index)
        var isSayable = true
        for view in views where isSayable {
            if let next = layout.applying(graph.nodes[view]) { layout = next } else { isSayable = false }
        }
        let target = views.last.map { graph.nodes[$0].shape } ?? node.shape
        if case .pointwise(let operation) = node.operation,
            around.inlines(index, target.elementCount > node.shape.elementCount)
        {
            // Whatever stands in the way further in, it is this value that is then loaded instead.
            do { return .value(try pointwise(operation, node, views: views, level: level, fixed: nil)) } catch {
                throw NotInlinable(node: index)
            }
        }
        guard isSayable, let strides = place(layout.strides, of: layout.shape, level: level) else {
            throw NotInlinable(node: index)
        }
        let access = FusedKernel.Access(strides: strides)
        let place = self.level(of: strides, reader: level)
        if node.operation == .index {
            let input = self.input(nil, access, layout.offset, .int64)
            return .value(emit(.index(input: input), [], .int64, place))
        }
        let input = self.input(index, access, layout.offset, node.dtype)
        return .value(emit(.load(input: input), [], node.dtype, place))
    }

    /// Strides over the iteration space, from strides over the shape of a value of `level`; nil where dimensions that
    /// share a place there are not stepped over evenly.
    private func place(_ strides: Strides, of shape: Shape, level: FusedProgram.Level) -> Strides? {
        var result = Strides(repeating: 0, rank: extents.rank)
        let places = level == .element ? elementPlaces : level == .row ? rowPlaces : []
        var next = 0
        var last = -1
        for axis in 0..<shape.rank where shape[axis] != 1 {
            let place = places[next]
            if last >= 0, places[next - 1] == place, strides[last] != strides[axis] * shape[axis] { return nil }
            result[place] = strides[axis]
            last = axis
            next += 1
        }
        return result
    }

    /// A load that does not vary along the inner dimensions is one for each row.
    private func level(of strides: Strides, reader: FusedProgram.Level) -> FusedProgram.Level {
        guard reader == .element, outerRank < extents.rank else { return reader }
        for axis in outerRank..<extents.rank where strides[axis] != 0 { return .element }
        return .row
    }

    private mutating func input(
        _ node: Int?, _ access: FusedKernel.Access, _ offset: OffsetExpression, _ dtype: DType
    ) -> Int {
        let key = InputKey(node: node ?? -1, access: access, offset: offset)
        if let known = knownInputs[key] { return known }
        inputs.append(dtype)
        inputAccess.append(access)
        inputBindings.append(
            .init(target: node.map { .value($0) } ?? .index, offset: offset, dtype: dtype, isOutput: false))
        knownInputs[key] = inputs.count - 1
        return inputs.count - 1
    }

    private mutating func emit(
        _ operation: FusedProgram.Operation, _ operands: [FusedProgram.Operand], _ dtype: DType,
        _ level: FusedProgram.Level
    ) -> Int {
        let step = FusedProgram.Step(operation, operands, dtype: dtype, level: level)
        if let known = knownSteps[step] { return known }
        steps.append(step)
        knownSteps[step] = steps.count - 1
        return steps.count - 1
    }

    // MARK: Results

    /// Stores a step's value as `node`, laid out by `layout` (over the node's shape).
    mutating func store(_ step: Int, as node: Int, shape: Shape, layout: PlanLayout, level: FusedProgram.Level) {
        outputs.append(.init(value: step))
        // A result is stored row-major, or in a region of the iteration space's own shape.
        outputAccess.append(.init(strides: place(layout.strides, of: shape, level: level)!))
        outputBindings.append(
            .init(target: .value(node), offset: layout.offset, dtype: graph.nodes[node].dtype, isOutput: true))
        outputCounts.append(shape.elementCount)
    }

    var operandCount: Int { inputs.count + outputs.count }

    /// The kernel, its dimensions joined where all operands step evenly.
    func kernel(collapses: Bool) -> FusedKernel {
        let program = FusedProgram(inputs: inputs, steps: steps, outputs: outputs, scalarCount: scalars.count)
        var kernel = FusedKernel(
            program: program, extents: extents, outerRank: outerRank, inputs: inputAccess, outputs: outputAccess)
        guard collapses else { return kernel }
        let joined = Layout.collapsed(
            extents: extents, strides: (inputAccess + outputAccess).map(\.strides), boundary: outerRank)
        kernel.extents = joined.extents
        kernel.outerRank = joined.boundary
        for index in inputAccess.indices { kernel.inputs[index].strides = joined.strides[index] }
        for index in outputAccess.indices {
            kernel.outputs[index].strides = joined.strides[inputAccess.count + index]
        }
        return kernel
    }
}
