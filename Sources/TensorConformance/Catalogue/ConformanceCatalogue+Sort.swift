import TensorRuntime

extension ConformanceCatalogue {
    /// Sorted rows: ties, special values, rows of 0, 1, some and many elements, parts of them, each result alone, and
    /// sources that are permuted, stepped, flipped or broadcast.
    static func sorts(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for dtype in DType.allCases where device.dtypes.contains(dtype) {
            for descending in [false, true] {
                for length in oddSizes {
                    rows.append(row(dtype, "rows of \(length)", [3, length], descending: descending))
                }
                // Many equal elements: their order is what the indices say.
                rows.append(row(dtype, "ties", [2, 150], descending: descending, fill: .integers(0, 1)))
                rows.append(row(dtype, "the first 5", [7, 65], kept: 5, descending: descending))
                rows.append(row(dtype, "values alone", [40], descending: descending, results: [.values]))
                rows.append(row(dtype, "indices alone", [40], descending: descending, results: [.indices]))
                if dtype.isFloat { rows.append(specialValues(dtype, descending: descending)) }
                if !dtype.isFloat && dtype != .bool { rows.append(extremes(dtype, descending: descending)) }
            }
            rows.append(
                row(
                    dtype, "permuted", [5, 4, 33],
                    source: Layout(contiguous: [33, 5, 4], offset: 3).permuted([1, 2, 0]), tag: .transposed))
            rows.append(
                row(
                    dtype, "backwards", [4, 37], descending: true,
                    source: Layout(contiguous: [4, 37], offset: 1).flipped(axis: 1), tag: .flipped))
            rows.append(
                row(
                    dtype, "a broadcast row", [3, 41], source: Layout(contiguous: [1, 41]).expanded(to: [3, 41]),
                    tag: .broadcast))
            rows.append(
                row(
                    dtype, "one element broadcast", [2, 34], source: Layout(contiguous: [2, 1]).expanded(to: [2, 34]),
                    tag: .broadcast))
            rows.append(row(dtype, "no elements", [3, 0], tag: .empty))
            rows.append(row(dtype, "no rows", [0, 3], tag: .empty))
            rows.append(row(dtype, "none kept", [3, 5], kept: 0, tag: .empty))
        }
        for dtype in [DType.float32, .int64] where device.dtypes.contains(dtype) {
            rows.append(row(dtype, "a long row", [5003], fill: .integers(-700, 700)))
            rows.append(row(dtype, "long rows", [2, 3, 1025], kept: 100, descending: true))
        }
        if device.dtypes.contains(.float32) {
            // Longer than what a device may leave to one of its threads.
            rows.append(row(.float32, "a very long row", [17_011], descending: true, fill: .integers(-700, 700)))
            rows.append(row(.float32, "the first of very long rows", [2, 16_500], kept: 70, fill: .integers(-90, 90)))
        }
        return rows
    }

    /// NaN, infinities, both zeros and the smallest numbers among others, several of each.
    private static func specialValues(_ dtype: DType, descending: Bool) -> ConformanceCase {
        let smallest = dtype == .float16 ? 0x1p-24 : dtype == .bfloat16 ? 0x1p-133 : 0x1p-149
        let special = [
            .nan, 0, -0.0, .infinity, -.infinity, smallest, -smallest, 2 * smallest, 1, -1, dtype.greatest,
            -dtype.greatest, 0.0, -.nan, -0.0,
        ]
        return row(
            dtype, "special values", [3, 70], descending: descending,
            fill: .mixed(values: special, period: 2, low: -2, high: 2), feature: .specialValues)
    }

    /// The smallest and the largest numbers, which must not overflow on the way.
    private static func extremes(_ dtype: DType, descending: Bool) -> ConformanceCase {
        // As a Double, an int64's largest number would be too large by one.
        let fill: Fill =
            switch dtype {
            case .uint8: .values([255, 0, 1, 254, 128, 127])
            case .int32: .values([0x1p31 - 1, -0x1p31, 0, -1, 1, 1 - 0x1p31])
            default: .values([0x1p63 - 1024, -0x1p63, 0, -1, 1, 0x1p32, -0x1p32, 1 - 0x1p32])
            }
        return row(dtype, "extremes", [2, 45], descending: descending, fill: fill)
    }

    private static func row(
        _ dtype: DType, _ what: String, _ shape: Shape, kept: Int? = nil, descending: Bool = false,
        fill: Fill? = nil, source: Layout? = nil, results: [SortKernel.Result] = SortKernel.Result.allCases,
        tag: ConformanceCase.LayoutClass = .contiguous, feature: ConformanceCase.Feature? = nil
    ) -> ConformanceCase {
        let source = source ?? Layout(contiguous: shape, offset: 2)
        let kernel = SortKernel(
            dtype: dtype, shape: shape, strides: source.strides, kept: kept ?? shape[shape.rank - 1],
            descending: descending, results: results)
        let isEmpty = shape.elementCount == 0
        var tags: Set<ConformanceCase.Tag> = [.layout(tag), .layout(.offset)]
        if let feature { tags.insert(.feature(feature)) }
        if results.count > 1 { tags.insert(.feature(.severalOutputs)) }
        let count = kernel.resultShape.elementCount
        return ConformanceCase(
            name: "sort/\(dtype)/\(what), \(descending ? "descending" : "ascending")", spec: KernelSpec(kernel),
            operands: [
                ConformanceCase.Operand(
                    dtype: dtype, count: isEmpty ? source.offset : source.extent.upperBound, offset: source.offset,
                    fill: fill ?? .ordinary(dtype))
            ]
                + results.map {
                    ConformanceCase.Operand(dtype: $0 == .values ? dtype : .int64, count: 3 + count, offset: 3)
                },
            tolerances: results.map { $0 == .values ? .signedZeros(ulp: 0) : .exact },
            tags: tags, operations: 10 * shape.elementCount)
    }
}
