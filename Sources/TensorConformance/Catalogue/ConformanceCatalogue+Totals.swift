import TensorRuntime

extension ConformanceCatalogue {
    /// Reductions of two levels around the sizes from which either level is split, and row programs without operands in
    /// memory, whose rows are computed in one block or in several.
    static func totals(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        // The totals are split from 16,384 or 32,768 rows on, the rows where they are few and as long.
        for shape in [
            [16_383, 33], [16_385, 33], [32_767, 2], [32_768, 2], [32_769, 2], [3, 16_385], [2, 32_767], [3, 32_769],
        ] as [Shape] {
            rows.append(severalTotals(shape))
        }
        rows.append(severalTotals([16_385, 33], columns: true))
        rows.append(severalTotals([40, 5003], columns: true))
        for shape in [[32_769, 3], [3, 32_769]] as [Shape] {
            rows.append(largestPlace(shape))
            rows.append(normalised(shape))
        }
        for columns in [31, 1024, 1025, 16_384, 16_385, 32_768, 32_769, 131_073] {
            rows.append(constantRows(rows: 2, columns: columns))
        }
        rows.append(constantRows(rows: 1, columns: 300_001))
        rows.append(constantRows(rows: 32_769, columns: 2))
        rows.append(constantRows(rows: 100, columns: 33_000))
        return rows
    }

    /// The sum of the rows' largest values, the largest of their sums, and their count, beside each row's sum.
    private static func severalTotals(_ shape: Shape, columns: Bool = false) -> ConformanceCase {
        var builder = FusedCaseBuilder(shape, outerRank: 1)
        let layout = columns ? Layout(contiguous: [shape[1], shape[0]]).permuted([1, 0]) : nil
        let x = builder.load(.float32, .uniform(0, 2), layout)
        let largest = builder.reduce(.maximum, x)
        let sum = builder.reduce(.sum, x)
        let isLarge = builder.apply(.cast, builder.apply(.greater, largest, builder.scalar(1.9)), dtype: .int64)
        builder.store(builder.reduce(.sum, largest), .accumulated(.float32))
        builder.store(builder.reduce(.maximum, sum), .chain(.float32))
        builder.store(
            builder.apply(.multiply, builder.reduce(.sum, sum), builder.scalar(1 / Double(shape[0]))),
            .accumulated(.float32))
        builder.store(builder.reduce(.sum, isLarge), .exact)
        builder.store(sum, .accumulated(.float32))
        return builder.make("totals/several/\(shape)\(columns ? " columns" : "")")
    }

    /// The place of the row with the largest sum, and how many rows have their largest element where a target says.
    private static func largestPlace(_ shape: Shape) -> ConformanceCase {
        var builder = FusedCaseBuilder(shape, outerRank: 1)
        let x = builder.load(.float32, .integers(-20, 20))
        let target = builder.load(.int64, .integers(0, 2), level: .row)
        let isRight = builder.apply(.equal, builder.reduce(.argmax, x), target)
        builder.store(builder.reduce(.argmax, builder.reduce(.maximum, x)), .exact)
        builder.store(builder.reduce(.argmin, builder.reduce(.minimum, x)), .exact)
        builder.store(builder.reduce(.sum, builder.apply(.cast, isRight, dtype: .int64)), .exact)
        return builder.make("totals/places/\(shape)")
    }

    /// Rows less their mean, stored, with the sum of all squares: two reductions in a row, an element store, a total.
    private static func normalised(_ shape: Shape) -> ConformanceCase {
        var builder = FusedCaseBuilder(shape, outerRank: 1)
        let x = builder.load(.float32, .uniform(-1, 3))
        let mean = builder.apply(.multiply, builder.reduce(.sum, x), builder.scalar(1 / Double(shape[1])))
        let centred = builder.apply(.subtract, x, mean)
        let variance = builder.reduce(.sum, builder.apply(.square, centred))
        builder.store(centred, .accumulated(.float32), alias: 0)
        builder.store(builder.reduce(.sum, variance), .accumulated(.float32))
        builder.store(variance, .accumulated(.float32))
        return builder.make("totals/normalised/\(shape)")
    }

    /// A filled tensor less its rows' means, and the total of what is left: no operand lies in memory. So is the seed of a
    /// gradient.
    private static func constantRows(rows: Int, columns: Int) -> ConformanceCase {
        var builder = FusedCaseBuilder([rows, columns], outerRank: 1)
        let seed = builder.fill(builder.scalar(3), dtype: .float32)
        let sum = builder.reduce(.sum, seed)
        let mean = builder.apply(.multiply, sum, builder.scalar(1 / Double(columns)))
        builder.store(
            builder.apply(.subtract, seed, builder.apply(.multiply, mean, builder.scalar(0.5))), .chain(.float32))
        builder.store(builder.reduce(.maximum, mean), .chain(.float32))
        builder.store(sum, .accumulated(.float32))
        return builder.make("totals/of a constant/[\(rows), \(columns)]")
    }
}
