import TensorRuntime

extension ConformanceCatalogue {
    /// What the types of intermediate results decide: scalars and accumulators of 16-bit floats, integers that wrap on
    /// their way to a wider sum, and sums of many terms.
    static func numbers(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for dtype in floats(device) {
            rows.append(mean(dtype))
            for operation in [.add, .multiply, .divide, .power, .less] as [PointwiseOperation] {
                rows.append(withPreciseScalar(operation, dtype))
            }
            if dtype.isShortFloat { rows.append(storedAndRead(dtype)) }
        }
        for dtype in [.int32, .int64, .uint8] as [DType] where device.dtypes.contains(dtype) {
            for operation in [.add, .subtract, .multiply, .negate, .square, .abs] as [PointwiseOperation] {
                rows.append(wrapping(operation, dtype))
            }
        }
        rows.append(wrappingTotal)
        // Rows, columns, and both kinds of inner dimensions, from just above what is summed up plainly.
        for (shape, axes) in longSums { rows.append(longSum(shape, over: axes)) }
        return rows
    }

    /// Values of a 16-bit float half-way between two of its numbers, stored and read, and made by a cast and a sum.
    private static func storedAndRead(_ dtype: DType) -> ConformanceCase {
        let whole: Double = dtype == .float16 ? 2048 : 256
        var builder = FusedCaseBuilder([3, 67], outerRank: 1)
        let x = builder.load(dtype, .values([whole, -whole, 3, whole + 2]))
        let next = builder.apply(.add, x, builder.scalar(1))
        builder.store(next, .exact)
        builder.store(builder.apply(.subtract, next, builder.scalar(whole)), .exact)
        let counted = builder.apply(.cast, builder.load(.int32, .values([whole + 1, 7])), dtype: dtype)
        builder.store(builder.apply(.cast, counted, dtype: .float32), .exact)
        let sum = builder.reduce(.sum, next)
        builder.store(builder.apply(.cast, sum, dtype: .float32), .exact)
        builder.store(builder.apply(.less, x, builder.scalar(whole + 1.5)), .exact)
        return builder.make("numbers/stored and read/\(dtype)")
    }

    /// A sum beyond float16's range over a count that is beyond it too.
    private static func mean(_ dtype: DType) -> ConformanceCase {
        var builder = FusedCaseBuilder([3, 4000], outerRank: 1)
        let sum = builder.reduce(.sum, builder.load(dtype, .uniform(24, 40)))
        builder.store(builder.apply(.divide, sum, builder.scalar(100_000)), .accumulated(dtype))
        return builder.make("numbers/mean/\(dtype)")
    }

    /// A scalar that a 16-bit float does not hold: 1e-5 is subnormal in float16, 0.3 has no end.
    private static func withPreciseScalar(_ operation: PointwiseOperation, _ dtype: DType) -> ConformanceCase {
        var builder = FusedCaseBuilder([67])
        let x = builder.load(dtype, .uniform(500, 1000))
        let scalar: Double
        switch operation {
        case .multiply: scalar = 1.2345e-5
        case .divide: scalar = 77_777
        case .power: scalar = 0.3
        case .less: scalar = 700.1
        default: scalar = 2000.3
        }
        builder.store(
            builder.apply(operation, x, builder.scalar(scalar)),
            .ulp(dtype == .float32 || dtype == .float64 ? operation.row.float32ULP : 1))
        return builder.make("numbers/scalar \(scalar)/\(operation.name)/\(dtype)")
    }

    /// Arithmetic at the ends of an integer type, whose results a cast to int64 and a sum would show beyond them. 67
    /// elements: whole vectors and a rest.
    private static func wrapping(_ operation: PointwiseOperation, _ dtype: DType) -> ConformanceCase {
        let values: [Double]
        switch dtype {
        case .uint8: values = [255, 0, 1, 128, 254]
        case .int32: values = [2_147_483_647, -2_147_483_648, 2_147_483_646, -1, 65537]
        default: values = [0x1p62, -0x1p63, -0x1p62 - 1024, -1, 4_294_967_297]
        }
        var builder = FusedCaseBuilder([3, 67], outerRank: 1)
        let x = builder.load(dtype, .values(values))
        let result =
            operation.arity == 1 ? builder.apply(operation, x) : builder.apply(operation, x, builder.scalar(.int(7)))
        let twice = operation.arity == 1 ? result : builder.apply(operation, result, x)
        let wide = dtype == .int64 ? twice : builder.apply(.cast, twice, dtype: .int64)
        builder.store(wide, .exact)
        builder.store(builder.reduce(.sum, wide), .exact)
        builder.store(builder.reduce(.maximum, wide), .exact)
        return builder.make("numbers/wrapping/\(operation.name)/\(dtype)")
    }

    /// One element at a time: no lane of a vector, whose arithmetic wraps anyhow.
    private static var wrappingTotal: ConformanceCase {
        var builder = FusedCaseBuilder([1], outerRank: 0)
        let next = builder.apply(.add, builder.load(.int32, .values([2_147_483_647])), builder.scalar(.int(1)))
        builder.store(builder.reduce(.sum, builder.apply(.cast, next, dtype: .int64)), .exact)
        return builder.make("numbers/wrapping/one element")
    }

    private static let longSums: [(Shape, [Int])] = [
        ([1, 32_768], [1]), ([512, 33], [0]), ([1, 300_001], [1]), ([2, 150_001], [1]), ([100_003, 3], [0]),
        ([3, 41, 4099], [1, 2]),
        ([4099, 3, 41], [0, 2]),
        ([9001, 5, 2, 3], [0, 2, 3]),
    ]

    /// A sum of tenths: plain float32 sums of so many are wrong in the fifth place.
    private static func longSum(_ shape: Shape, over axes: [Int]) -> ConformanceCase {
        let outer = (0..<shape.rank).filter { !axes.contains($0) }
        let layout = Layout(contiguous: shape).permuted(Shape(outer + axes))
        var builder = FusedCaseBuilder(layout.shape, outerRank: outer.count)
        let sum = builder.reduce(.sum, builder.load(.float32, .values([0.1]), layout))
        builder.store(sum, .relative(nmse: 2e-11, element: 4e-6))
        return builder.make("numbers/sum of tenths/\(shape) over \(axes)")
    }
}
