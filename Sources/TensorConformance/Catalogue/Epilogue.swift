import TensorRuntime

/// The epilogues that matmuls, convolutions and poolings are run with.
enum Epilogue: CaseIterable {
    /// The result as it is.
    case none
    /// Plus a bias along the last axis (along the channels of a convolution), relu, and the mask of what relu kept as a
    /// second output.
    case biasReluMask
    /// Times a scalar, less what the output's buffer held before: accumulation in place.
    case accumulate
    /// Converted to another type, next to the result itself.
    case converted
    /// Plus a transposed operand, into an output that lies transposed.
    case transposed

    /// The program over `shape` whose input 0 is the result in `dtype`.
    func builder(over shape: Shape, dtype: DType, biasAxis: Int, tolerance: Tolerance) -> FusedCaseBuilder {
        var builder = FusedCaseBuilder(shape)
        let result = builder.loadResult(dtype)
        switch self {
        case .none:
            builder.store(result, tolerance)
            return builder
        case .biasReluMask:
            var extents = Shape(repeating: 1, rank: shape.rank)
            extents[biasAxis] = shape[biasAxis]
            let bias = builder.load(dtype, .uniform(-0.5, 0.5), Layout(contiguous: extents).expanded(to: shape))
            let sum = builder.apply(.add, result, bias)
            builder.store(builder.apply(.relu, sum), tolerance)
            // In the half types rounding could turn the mask of a value next to the edge.
            let isNarrow = dtype.byteCount == 2
            builder.store(builder.apply(.greater, sum, builder.scalar(isNarrow ? 1e4 : 0.03125)), .exact)
        case .accumulate:
            let before = builder.load(dtype, .uniform(1, 2), Layout(contiguous: shape, offset: 5))
            let scaled = builder.apply(.multiply, result, builder.scalar(0.5))
            builder.store(builder.apply(.subtract, scaled, before), tolerance, alias: 1)
        case .converted:
            let target: DType = dtype == .float32 ? .bfloat16 : .float32
            let coarser = target.byteCount < dtype.byteCount ? target : dtype
            builder.store(result, tolerance)
            builder.store(builder.apply(.cast, result, dtype: target), .accumulated(coarser))
        case .transposed:
            let order = Shape((0..<shape.rank).reversed())
            let layout = Layout(contiguous: Shape(shape.reversed()), offset: 3).permuted(order)
            let other = builder.load(dtype, .uniform(-1, 1), layout)
            builder.store(builder.apply(.add, result, other), tolerance, layout: layout)
            builder.tag(.layout(.transposed))
        }
        builder.tag(.feature(.epilogue))
        return builder
    }
}

extension ConformanceCase {
    /// A row of a family with an epilogue: the family's own operands, then the epilogue's but for its input 0.
    init(
        name: String, spec: KernelSpec, sources: [Operand], epilogue: FusedCaseBuilder, operations: Int,
        tags: Set<Tag> = []
    ) {
        let shift = sources.count - 1
        let rest = (epilogue.inputOperands.dropFirst() + epilogue.outputOperands).map { operand in
            var operand = operand
            operand.alias = operand.alias.map { $0 + shift }
            return operand
        }
        self.init(
            name: name, spec: spec, operands: sources + rest, scalars: epilogue.scalars,
            tolerances: epilogue.tolerances, tags: tags.union(epilogue.tags), operations: operations)
    }
}
