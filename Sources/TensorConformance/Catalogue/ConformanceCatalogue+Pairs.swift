import TensorRuntime

extension ConformanceCatalogue {
    /// Each operation and reduction on each dtype, also where there is no such thing: a device either refuses a pair when
    /// it is asked (`KernelSpec.typeComplaint` says why) or runs it as the reference does.
    public static func pairs() -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for dtype in DType.allCases {
            rows += PointwiseOperation.allCases.map { pair($0, dtype) }
            rows += ReductionOperation.allCases.map { operation in
                var builder = FusedCaseBuilder([5, 33], outerRank: 1)
                builder.store(builder.reduce(operation, builder.load(dtype, .integers(0, 1))), .exact)
                return builder.make("pair/reduction \(operation.name)/\(dtype)")
            }
        }
        return rows
    }

    private static func pair(_ operation: PointwiseOperation, _ dtype: DType) -> ConformanceCase {
        var builder = FusedCaseBuilder([33])
        let result: FusedProgram.Operand
        switch operation.row.rule {
        case .random:
            let key = builder.scalar(.int(0x1234_5678_9ABC))
            let index = builder.index()
            result = builder.step(
                .pointwise(operation), [index, key, builder.scalar(.int(3))], dtype: dtype, level: .element)
        case .selection:
            let condition = builder.load(.bool, .integers(0, 1))
            let yes = builder.load(dtype, .ordinary(dtype))
            result = builder.apply(operation, condition, yes, builder.load(dtype, .ordinary(dtype)))
        case .same, .sameNumber, .sameFloat, .sameInteger, .comparison, .logical, .conversion:
            let fills =
                operation.row.rule == .logical ? [Fill.integers(0, 1), .integers(0, 1)] : fills(operation, dtype)
            let operands = (0..<operation.arity).map { builder.load(dtype, fills[$0]) }
            result = apply(operation, operands, to: &builder)
        }
        builder.store(result, .pointwise(operation, dtype: dtype))
        return builder.make("pair/\(operation.name)/\(dtype)")
    }
}
