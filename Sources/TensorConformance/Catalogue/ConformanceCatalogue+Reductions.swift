import TensorRuntime

extension ConformanceCatalogue {
    /// Each reduction in each dtype, over last, first, inner and all axes, short rows and long ones.
    static func reductions(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for operation in ReductionOperation.allCases {
            let all = DType.allCases.filter { device.dtypes.contains($0) }
            for dtype in isArithmetic(operation) ? sumTypes(device) : all {
                for sample in reductionSamples where sample.isCheap || dtype == .float32 {
                    rows.append(reduction(operation, dtype, sample))
                }
                if dtype.isFloat { rows += specialReductions(operation, dtype) }
                rows.append(total(operation, dtype, rows: 65))
                if dtype == .float32 { rows.append(total(operation, dtype, rows: 10_007)) }
            }
        }
        return rows
    }

    private static func isArithmetic(_ operation: ReductionOperation) -> Bool {
        operation == .sum || operation == .product
    }

    /// A reduction of a tensor of `shape` over `axes`.
    private struct ReductionSample {
        let what: String
        let shape: Shape
        let axes: [Int]
        var isCheap = true
        var variation: ConformanceCase.LayoutClass = .contiguous
    }

    private static let reductionSamples: [ReductionSample] = [
        ReductionSample(what: "rows of 10", shape: [64, 10], axes: [1]),
        ReductionSample(what: "rows of 1", shape: [7, 1], axes: [1]),
        ReductionSample(what: "rows of 33", shape: [31, 33], axes: [1]),
        ReductionSample(what: "rows of 129", shape: [33, 129], axes: [1]),
        ReductionSample(what: "long rows", shape: [3, 10007], axes: [1], isCheap: false),
        ReductionSample(what: "huge row", shape: [1, 150_001], axes: [1], isCheap: false),
        ReductionSample(what: "many rows", shape: [3001, 65], axes: [1], isCheap: false),
        ReductionSample(what: "columns", shape: [129, 33], axes: [0]),
        ReductionSample(what: "long columns", shape: [5003, 7], axes: [0], isCheap: false),
        ReductionSample(what: "wide columns", shape: [5, 2051], axes: [0], isCheap: false),
        ReductionSample(what: "long and wide columns", shape: [1009, 257], axes: [0], isCheap: false),
        ReductionSample(what: "all", shape: [127, 31], axes: [0, 1]),
        ReductionSample(what: "all of rank 0", shape: [], axes: []),
        ReductionSample(what: "inner and outer axes", shape: [5, 7, 9, 3], axes: [1, 3]),
        ReductionSample(what: "channels", shape: [8, 5, 7, 7], axes: [0, 2, 3]),
        ReductionSample(what: "channels of many places", shape: [70, 3, 41, 13], axes: [0, 2, 3], isCheap: false),
        ReductionSample(what: "offset", shape: [9, 33], axes: [1], variation: .offset),
        ReductionSample(what: "flipped", shape: [9, 33], axes: [1], variation: .flipped),
        ReductionSample(what: "broadcast", shape: [9, 33], axes: [1], variation: .broadcast),
        ReductionSample(what: "stepped", shape: [9, 33], axes: [1], variation: .stepped),
    ]

    private static func reduction(
        _ operation: ReductionOperation, _ dtype: DType, _ sample: ReductionSample
    ) -> ConformanceCase {
        let outer = (0..<sample.shape.rank).filter { !sample.axes.contains($0) }
        let order = Shape(outer + sample.axes)
        var layout = Layout(contiguous: sample.shape)
        let last = sample.shape.rank - 1
        switch sample.variation {
        case .offset: layout.offset = 5
        case .flipped: layout = layout.flipped(axis: last)
        case .broadcast: layout = Layout(contiguous: [sample.shape[0], 1]).expanded(to: sample.shape)
        case .stepped:
            let wide: Shape = [sample.shape[0], 3 * sample.shape[1]]
            layout = Layout(contiguous: wide).sliced(axis: 1, start: 2, count: sample.shape[1], step: 3)
        default: break
        }
        let permuted = layout.permuted(order)
        var builder = FusedCaseBuilder(permuted.shape, outerRank: outer.count)
        // The mean of a logarithm is below that of its argument: a wide range underflows over a long row.
        let isHuge = operation == .product && sample.shape.elementCount > 100_000
        let fill = isHuge ? Fill.uniform(0.999, 1.001) : reductionFill(operation, dtype)
        let value = builder.load(dtype, fill, permuted)
        builder.store(builder.reduce(operation, value), tolerance(operation, dtype))
        builder.tag(.layout(sample.variation))
        return builder.make("\(operation.name)/\(dtype)/\(sample.what)")
    }

    private static func tolerance(_ operation: ReductionOperation, _ dtype: DType) -> Tolerance {
        isArithmetic(operation) ? .accumulated(dtype) : .exact
    }

    private static func reductionFill(_ operation: ReductionOperation, _ dtype: DType) -> Fill {
        switch (operation, dtype.isFloat) {
        case (.product, true): .uniform(0.9, 1.1)
        case (.product, false): .integers(-3, 3)
        // Few different values, so that the extreme comes more than once.
        case (.argmax, true), (.argmin, true): .integers(-20, 20)
        default: .ordinary(dtype)
        }
    }

    /// Rows with NaN and infinities, and reductions of nothing.
    private static func specialReductions(_ operation: ReductionOperation, _ dtype: DType) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        let specials: [(String, [Double])] = [
            ("NaN", [.nan, 1]), ("infinity", [.infinity, 2, 1]), ("negative infinity", [-.infinity, 1]),
            ("both infinities", [.infinity, -.infinity, 3]),
        ]
        for (what, values) in specials {
            for (columns, period) in [(10, 7), (129, 100), (31, 1)] {
                var builder = FusedCaseBuilder([9, columns], outerRank: 1)
                let fill = Fill.mixed(values: values, period: period, low: 0.5, high: 1.5)
                builder.store(
                    builder.reduce(operation, builder.load(dtype, fill)), tolerance(operation, dtype))
                builder.tag(.feature(.specialValues))
                rows.append(builder.make("\(operation.name)/\(dtype)/\(what) in rows of \(columns)"))
            }
        }
        var builder = FusedCaseBuilder([9, 0], outerRank: 1)
        if operation.identity != nil {
            builder.store(builder.reduce(operation, builder.load(dtype, .ordinary(dtype))), .exact)
            rows.append(builder.make("\(operation.name)/\(dtype)/of nothing"))
        }
        var none = FusedCaseBuilder([0, 9], outerRank: 1)
        none.store(none.reduce(operation, none.load(dtype, .ordinary(dtype))), .exact)
        rows.append(none.make("\(operation.name)/\(dtype)/no rows"))
        return rows
    }

    /// A reduction of rows, and of the rows' results to one.
    private static func total(_ operation: ReductionOperation, _ dtype: DType, rows: Int) -> ConformanceCase {
        var builder = FusedCaseBuilder([rows, 11], outerRank: 1)
        let isLongProduct = operation == .product && rows > 1000
        let row = builder.reduce(
            isArithmetic(operation) ? operation : operation == .argmin ? .minimum : .maximum,
            builder.load(dtype, isLongProduct ? .uniform(0.999, 1.001) : reductionFill(operation, dtype)))
        builder.store(row, tolerance(operation, dtype))
        builder.store(builder.reduce(operation, row), tolerance(operation, dtype))
        return builder.make("\(operation.name)/\(dtype)/\(rows) rows, then total")
    }
}
