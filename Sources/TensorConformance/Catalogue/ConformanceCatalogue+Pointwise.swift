import TensorRuntime

extension ConformanceCatalogue {
    /// Each operation alone, in each dtype: odd sizes, a long row, special values, and scalars as operands.
    static func pointwise(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for operation in PointwiseOperation.allCases where operation.row.rule != .random && operation != .cast {
            for dtype in dtypes(of: operation, on: device) {
                let isLong = dtype == .float32 && [.add, .exp, .less].contains(operation)
                let sizes = dtype == .float32 ? oddSizes + [5003] + (isLong ? [200_003] : []) : [1, 33, 129]
                for size in sizes {
                    rows.append(single(operation, dtype, [size], fills(operation, dtype), "\(size)"))
                }
                rows.append(single(operation, dtype, [0], fills(operation, dtype), "empty"))
                rows.append(single(operation, dtype, [], fills(operation, dtype), "rank 0"))
                if [.sin, .cos, .tan].contains(operation) { rows.append(largeAngles(operation, dtype)) }
                if let fills = specialFills(operation, dtype) {
                    rows.append(single(operation, dtype, [fills.count], fills.fills, "special", isSpecial: true))
                }
                for position in 0..<operation.arity where operation.arity > 1 {
                    // A comparison computes in the type of its first value; a condition is never a scalar.
                    if operation.row.rule == .selection && position == 0 { continue }
                    rows.append(withScalar(operation, dtype, position: position))
                }
            }
        }
        return rows
    }

    /// Angles up to the type's end: near multiples of pi/2 as far as a number can be near one, and at random.
    private static func largeAngles(_ operation: PointwiseOperation, _ dtype: DType) -> ConformanceCase {
        let known: [Double] = [
            524_287, 524_288, 800_000, 999_999, 1_000_001, 1e7, 1e9, -1e7, -1e9, 25_874_966, 16_367_173 * 0x1p72, 1e38,
        ]
        let exponents = (2...127).filter { scaled(2, by: $0) <= dtype.greatest }
        let random = exponents.flatMap { exponent -> [Double] in
            let factor = 1 + Double((exponent * 7919) % 1009) / 1009
            return [scaled(factor, by: exponent), -scaled(2 - factor / 2, by: exponent)]
        }
        let values = (known + random).map { dtype.rounded($0) }.filter { $0.magnitude <= dtype.greatest }
        return single(operation, dtype, [values.count], [.values(values)], "large", isSpecial: true)
    }

    private static func single(
        _ operation: PointwiseOperation, _ dtype: DType, _ extents: Shape, _ fills: [Fill], _ what: String,
        isSpecial: Bool = false
    ) -> ConformanceCase {
        var builder = FusedCaseBuilder(extents)
        let operands = (0..<operation.arity).map { position in
            builder.load(operandType(operation, dtype, position), fills[position])
        }
        let result = apply(operation, operands, to: &builder)
        builder.store(result, .pointwise(operation, dtype: dtype))
        if isSpecial { builder.tag(.feature(.specialValues)) } else { builder.tag(.layout(.contiguous)) }
        return builder.make("\(operation.name)/\(dtype)/\(what)")
    }

    /// The operation with a scalar as one operand.
    private static func withScalar(
        _ operation: PointwiseOperation, _ dtype: DType, position: Int
    ) -> ConformanceCase {
        var builder = FusedCaseBuilder([67])
        let fills = fills(operation, dtype)
        let operands = (0..<operation.arity).map { place in
            if place == position { return builder.scalar(dtype.isFloat ? .float(1.5) : .int(1)) }
            return builder.load(operandType(operation, dtype, place), fills[place])
        }
        builder.store(apply(operation, operands, to: &builder), .pointwise(operation, dtype: dtype))
        return builder.make("\(operation.name)/\(dtype)/scalar operand \(position)")
    }

    static func apply(
        _ operation: PointwiseOperation, _ operands: [FusedProgram.Operand], to builder: inout FusedCaseBuilder
    ) -> FusedProgram.Operand {
        switch operands.count {
        case 1: builder.apply(operation, operands[0])
        case 2: builder.apply(operation, operands[0], operands[1])
        default: builder.apply(operation, operands[0], operands[1], operands[2])
        }
    }

    private static func operandType(_ operation: PointwiseOperation, _ dtype: DType, _ position: Int) -> DType {
        operation.row.rule == .selection && position == 0 ? .bool : dtype
    }

    /// Values for each operand in the operation's domain.
    static func fills(_ operation: PointwiseOperation, _ dtype: DType) -> [Fill] {
        if operation.row.rule == .selection { return [.integers(0, 1), .ordinary(dtype), .ordinary(dtype)] }
        if [.remainder, .fmod, .floorDivide].contains(operation) {
            if dtype.isFloat { return [.uniform(-10, 10), .uniform(0.5, 3)] }
            let divisors: [Double] = dtype == .uint8 ? [1, 2, 3, 7, 0, 200] : [1, -2, 3, -5, 0, 7, -1, -9]
            return [.ordinary(dtype), .values(divisors)]
        }
        if operation == .shiftLeft || operation == .shiftRight {
            // Some places more than the type has.
            return [.ordinary(dtype), .integers(dtype == .uint8 ? 0 : -2, Int64(8 * dtype.byteCount) + 3)]
        }
        if operation.row.rule == .comparison { return [.integers(0, 5), .integers(0, 5)].map { bounded($0, dtype) } }
        guard dtype.isFloat else { return [.ordinary(dtype), .ordinary(dtype)] }
        switch operation {
        case .sqrt, .rsqrt, .log, .log2, .log10: return [.uniform(1e-3, 40)]
        case .log1p: return [.uniform(-0.9, 10)]
        case .sin, .cos, .tan: return [.uniform(-30, 30)]
        case .exp, .exp2, .expm1, .sinh, .cosh: return [.uniform(-9, 9)]
        case .asin, .acos, .erfinv: return [.uniform(-1, 1)]
        case .erfc: return [.uniform(-4, 9)]
        case .lgamma: return [.mixed(values: [-0.5, -1.25, -3.5, 0.001, 100], period: 5, low: 0.01, high: 30)]
        case .digamma:
            // float64's error is that of its terms also near the zero at 1.46.
            let low = dtype == .float64 ? 2 : 0.05
            return [.mixed(values: [-0.25, -1.25, -3.5, 0.001, 100], period: 5, low: low, high: 30)]
        case .tanh, .erf: return [.uniform(-4, 4)]
        case .sigmoid: return [.uniform(-12, 12)]
        case .reciprocal: return [.uniform(0.25, 8)]
        case .divide: return [.uniform(-8, 8), .uniform(0.25, 8)]
        case .power: return [.uniform(0.1, 4), .uniform(-3, 3)]
        case .floor, .ceil, .round, .trunc:
            return [.mixed(values: [0.5, 1.5, -0.5, -2.5], period: 3, low: -9, high: 9)]
        default: return [.uniform(-4, 4), .uniform(-4, 4)]
        }
    }

    private static func bounded(_ fill: Fill, _ dtype: DType) -> Fill { dtype == .bool ? .integers(0, 1) : fill }

    /// Every pair of special values, for each operand; nil where an operation has none.
    private static func specialFills(
        _ operation: PointwiseOperation, _ dtype: DType
    ) -> (fills: [Fill], count: Int)? {
        guard dtype.isFloat else { return integerExtremes(operation, dtype) }
        let all = specials(dtype)
        let modest = all.filter { !$0.isFinite || $0.magnitude <= 1000 }
        switch operation {
        case .select: return nil
        case .lgamma, .digamma:
            // Beside a zero their error is that of their terms: digamma's of float64 at 1.46 too.
            let near: [Double] = operation == .lgamma ? [-2.5] : dtype == .float64 ? [-0.5, 1.5] : [-0.5]
            let values = all.filter { !near.contains($0) }
            return ([.values(values)], values.count)
        case .fmod, .floorDivide:
            let operands = modest.filter { $0 == 0 || !($0.magnitude < 0.1) }
            return pairs(operands, operands)
        case .remainder:
            // The quotient of an infinite divisor or a huge dividend is not what `evaluate` is exact in.
            let dividends = modest.filter { $0 == 0 || !($0.magnitude < 0.1) }
            return pairs(dividends, dividends.filter { !$0.isInfinite })
        default: return operation.arity == 1 ? ([.values(all)], all.count) : pairs(all, all)
        }
    }

    private static func pairs(_ first: [Double], _ second: [Double]) -> (fills: [Fill], count: Int) {
        let a = first.flatMap { Array(repeating: $0, count: second.count) }
        let b = first.flatMap { _ in second }
        return ([.values(a), .values(b)], a.count)
    }

    /// Values next to int32's ends, where arithmetic wraps.
    private static func integerExtremes(
        _ operation: PointwiseOperation, _ dtype: DType
    ) -> (fills: [Fill], count: Int)? {
        guard dtype == .int32, operation != .select else { return nil }
        let values: [Double] = [-2_147_483_648, -2_147_483_647, -65536, -1, 0, 1, 65537, 2_147_483_646, 2_147_483_647]
        return operation.arity == 1 ? ([.values(values)], values.count) : pairs(values, values)
    }

    /// NaN, infinities, zeros, halves, and the ends of a float type's normal range.
    static func specials(_ dtype: DType) -> [Double] {
        let smallest = scaled(1, by: dtype.floatFormat!.minimumExponent)
        return [
            .nan, .infinity, -.infinity, 0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, -1.5, -2.5, 3, -8, 1.0 / 1024, 1000,
            dtype.greatest, -dtype.greatest, smallest, -smallest,
        ]
    }

    private static func scaled(_ value: Double, by exponent: Int) -> Double {
        Double(sign: .plus, exponent: exponent, significand: value)
    }
}
