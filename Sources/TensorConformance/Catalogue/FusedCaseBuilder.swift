import TensorRuntime

/// Writes a fused program step by step, together with the operands that it is run on.
struct FusedCaseBuilder {
    typealias Operand = FusedProgram.Operand
    typealias Level = FusedProgram.Level

    let extents: Shape
    let outerRank: Int
    private(set) var program = FusedProgram(inputs: [], steps: [], outputs: [])
    private(set) var inputs: [FusedKernel.Access] = []
    private(set) var outputs: [FusedKernel.Access] = []
    private(set) var inputOperands: [ConformanceCase.Operand] = []
    private(set) var outputOperands: [ConformanceCase.Operand] = []
    private(set) var scalars: [Scalar] = []
    private(set) var tolerances: [Tolerance] = []
    private(set) var tags: Set<ConformanceCase.Tag> = []

    /// - Parameter outerRank: how many of `extents` are outer; all where the program has no reduction.
    init(_ extents: Shape, outerRank: Int? = nil) {
        self.extents = extents
        self.outerRank = outerRank ?? extents.rank
        if extents.elementCount == 0 { tags.insert(.layout(.empty)) }
        if extents.rank == 0 { tags.insert(.layout(.rankZero)) }
    }

    /// The row-major layout over the dimensions of `level`, with stride 0 along the others.
    func contiguous(_ level: Level = .element) -> Layout {
        if level == .element { return Layout(contiguous: extents) }
        var shape = Shape()
        for axis in 0..<extents.rank { shape.append(level == .row && axis < outerRank ? extents[axis] : 1) }
        return Layout(contiguous: shape).expanded(to: extents)
    }

    mutating func load(_ dtype: DType, _ fill: Fill, _ layout: Layout? = nil, level: Level = .element) -> Operand {
        let layout = layout ?? contiguous(level)
        let operand = ConformanceCase.Operand(
            dtype: dtype, count: extents.elementCount == 0 ? layout.offset : layout.extent.upperBound,
            offset: layout.offset, fill: fill)
        let input = add(operand, FusedKernel.Access(strides: layout.strides))
        return step(.load(input: input), [], dtype: dtype, level: level)
    }

    /// Loads input `input` again, at another level.
    mutating func reload(_ input: Int, level: Level) -> Operand {
        step(.load(input: input), [], dtype: program.inputs[input], level: level)
    }

    /// Input 0 of an epilogue: the family's result, which has no buffer.
    mutating func loadResult(_ dtype: DType) -> Operand {
        precondition(inputs.isEmpty)
        let operand = ConformanceCase.Operand(dtype: dtype, count: 0, hasBuffer: false)
        let input = add(operand, FusedKernel.Access(strides: extents.contiguousStrides))
        return step(.load(input: input), [], dtype: dtype, level: .element)
    }

    /// Gathers along an axis of `count` elements, `stride` apart, from where `strides` point.
    mutating func gather(
        _ dtype: DType, _ fill: Fill, at index: Operand, strides: Strides, offset: Int = 0, stride: Int, count: Int,
        bufferCount: Int, level: Level = .element
    ) -> Operand {
        let operand = ConformanceCase.Operand(dtype: dtype, count: bufferCount, offset: offset, fill: fill)
        let access = FusedKernel.Access(strides: strides, gatherStride: stride, gatherCount: count)
        tags.insert(.feature(.gather))
        return step(.gather(input: add(operand, access)), [index], dtype: dtype, level: level)
    }

    /// The number of the place: `offset` plus coordinates times `strides`.
    mutating func index(strides: Strides? = nil, offset: Int = 0, level: Level = .element) -> Operand {
        let operand = ConformanceCase.Operand(dtype: .int64, count: 0, offset: offset, hasBuffer: false)
        let access = FusedKernel.Access(strides: strides ?? extents.contiguousStrides)
        tags.insert(.feature(.index))
        return step(.index(input: add(operand, access)), [], dtype: .int64, level: level)
    }

    mutating func scalar(_ value: Scalar) -> Operand {
        scalars.append(value)
        program.scalarCount += 1
        return .scalar(scalars.count - 1)
    }

    mutating func scalar(_ value: Double) -> Operand { scalar(.float(value)) }

    mutating func fill(_ value: Operand, dtype: DType, level: Level = .element) -> Operand {
        tags.insert(.feature(.fill))
        return step(.fill, [value], dtype: dtype, level: level)
    }

    /// A pointwise step at the lowest level of its operands. `dtype` is needed only where no operand tells it.
    mutating func apply(_ operation: PointwiseOperation, _ operands: Operand..., dtype: DType? = nil) -> Operand {
        tags.insert(.pointwise(operation))
        let values = operands.compactMap { operand in
            if case .value(let index) = operand { program.steps[index] } else { nil }
        }
        let type: DType
        switch operation.row.rule {
        case .comparison, .logical: type = .bool
        case .random: type = operation == .randomBits ? .int32 : .float32
        case .selection: type = dtype ?? values.first { $0.dtype != .bool }?.dtype ?? .bool
        case .same, .sameNumber, .sameFloat, .sameInteger, .conversion: type = dtype ?? values[0].dtype
        }
        return step(.pointwise(operation), operands, dtype: type, level: values.map(\.level).min() ?? .element)
    }

    mutating func reduce(_ operation: ReductionOperation, _ operand: Operand) -> Operand {
        guard case .value(let source) = operand else { preconditionFailure("a reduction folds a value") }
        tags.insert(.reduction(operation))
        let isElement = program.steps[source].level == .element
        let dtype: DType = operation.yieldsIndex ? .int64 : program.steps[source].dtype
        return step(.reduce(operation), [operand], dtype: dtype, level: isElement ? .row : .total)
    }

    /// Stores a value. An `alias` is the input whose buffer and layout the output shares.
    mutating func store(_ operand: Operand, _ tolerance: Tolerance, layout: Layout? = nil, alias: Int? = nil) {
        guard case .value(let value) = operand else { preconditionFailure("an output stores a value") }
        let source = program.steps[value]
        var layout = layout ?? contiguous(source.level)
        if let alias {
            layout.strides = inputs[alias].strides
            layout.offset = inputOperands[alias].offset
            tags.insert(.feature(.donation))
        }
        if source.level == .row { tags.insert(.feature(.rowOutput)) }
        if source.level == .total { tags.insert(.feature(.totalOutput)) }
        if !outputs.isEmpty { tags.insert(.feature(.severalOutputs)) }
        let isEmpty = source.level == .element && extents.elementCount == 0
        program.outputs.append(FusedProgram.Output(value: value))
        outputs.append(FusedKernel.Access(strides: layout.strides))
        outputOperands.append(
            ConformanceCase.Operand(
                dtype: source.dtype, count: isEmpty ? layout.offset : layout.extent.upperBound, offset: layout.offset,
                alias: alias))
        tolerances.append(source.dtype.isFloat ? tolerance : .exact)
    }

    mutating func tag(_ tag: ConformanceCase.Tag) { tags.insert(tag) }

    private mutating func add(_ operand: ConformanceCase.Operand, _ access: FusedKernel.Access) -> Int {
        program.inputs.append(operand.dtype)
        inputs.append(access)
        inputOperands.append(operand)
        return inputs.count - 1
    }

    /// A step of any type and level, also of such as do not fit.
    mutating func step(
        _ operation: FusedProgram.Operation, _ operands: [Operand], dtype: DType, level: Level
    ) -> Operand {
        program.steps.append(FusedProgram.Step(operation, operands, dtype: dtype, level: level))
        return .value(program.steps.count - 1)
    }

    /// The kernel with its dimensions as given, as an epilogue has them.
    var kernel: FusedKernel {
        FusedKernel(program: program, extents: extents, outerRank: outerRank, inputs: inputs, outputs: outputs)
    }

    /// The row of the catalogue, its dimensions collapsed as the core does, or left as given.
    func make(_ name: String, collapsed: Bool = true) -> ConformanceCase {
        var kernel = kernel
        if collapsed {
            let result = Layout.collapsed(
                extents: extents, strides: (inputs + outputs).map(\.strides), boundary: outerRank)
            kernel.extents = result.extents
            kernel.outerRank = result.boundary
            for position in inputs.indices { kernel.inputs[position].strides = result.strides[position] }
            for position in outputs.indices {
                kernel.outputs[position].strides = result.strides[inputs.count + position]
            }
        }
        return ConformanceCase(
            name: "fused/\(name)", spec: KernelSpec(kernel), operands: inputOperands + outputOperands,
            scalars: scalars, tolerances: tolerances, tags: tags,
            operations: extents.elementCount * max(program.steps.count - inputs.count, 1))
    }
}
