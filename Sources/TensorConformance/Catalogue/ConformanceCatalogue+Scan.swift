import TensorRuntime

extension ConformanceCatalogue {
    /// Scans along each axis in both directions: lines of 0, 1, some and many elements, special values, each result alone,
    /// and sources that are permuted, stepped, flipped or broadcast.
    static func scans(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for operation in ScanKernel.Operation.allCases {
            for dtype in DType.allCases where device.dtypes.contains(dtype) && operation.isDefined(on: dtype) {
                for reverse in [false, true] {
                    for length in oddSizes {
                        rows.append(scan(operation, dtype, "lines of \(length)", [3, length], reverse: reverse))
                    }
                    rows.append(scan(operation, dtype, "a middle axis", [3, 9, 35], axis: 1, reverse: reverse))
                    rows.append(scan(operation, dtype, "the first axis", [65, 3, 2], axis: 0, reverse: reverse))
                    if dtype.isFloat { rows += specialScans(operation, dtype, reverse: reverse) }
                    if operation.yieldsIndices { rows += extremeScans(operation, dtype, reverse: reverse) }
                }
                rows += laidOutScans(operation, dtype)
            }
            for dtype in [DType.float32, .int64] where device.dtypes.contains(dtype) && operation.isDefined(on: dtype) {
                rows.append(scan(operation, dtype, "a long line", [20_011], fill: longFill(operation, dtype)))
                rows.append(
                    scan(operation, dtype, "long lines", [2, 3, 3001], reverse: true, fill: longFill(operation, dtype)))
                rows.append(
                    scan(operation, dtype, "long columns", [3001, 33], axis: 0, fill: longFill(operation, dtype)))
                rows.append(scan(operation, dtype, "many lines", [1025, 17], reverse: true))
            }
        }
        for operation in ScanKernel.Operation.allCases where device.dtypes.contains(.float32) {
            // More than one block of the CPU's threads, and more turns than short loops have.
            rows.append(
                scan(operation, .float32, "a huge line", [150_001], fill: longFill(operation, .float32)))
            // A line's last block is short, and the next line's blocks follow it.
            rows.append(
                scan(operation, .float32, "huge lines", [3, 40_001], fill: longFill(operation, .float32)))
        }
        return rows
    }

    private static func laidOutScans(_ operation: ScanKernel.Operation, _ dtype: DType) -> [ConformanceCase] {
        [
            scan(
                operation, dtype, "permuted", [5, 4, 33],
                source: Layout(contiguous: [33, 5, 4], offset: 3).permuted([1, 2, 0]), tag: .transposed),
            scan(
                operation, dtype, "permuted along the first axis", [33, 5, 4], axis: 0,
                source: Layout(contiguous: [5, 4, 33], offset: 3).permuted([2, 0, 1]), tag: .transposed),
            scan(
                operation, dtype, "backwards", [4, 37], reverse: true,
                source: Layout(contiguous: [4, 37], offset: 1).flipped(axis: 1), tag: .flipped),
            scan(
                operation, dtype, "columns backwards", [37, 4], axis: 0,
                source: Layout(contiguous: [37, 4], offset: 1).flipped(axis: 1), tag: .flipped),
            scan(
                operation, dtype, "every third", [7, 33],
                source: Layout(contiguous: [7, 99]).sliced(axis: 1, start: 2, count: 33, step: 3), tag: .stepped),
            scan(
                operation, dtype, "a broadcast line", [3, 41],
                source: Layout(contiguous: [1, 41]).expanded(to: [3, 41]), tag: .broadcast),
            scan(
                operation, dtype, "one element broadcast", [2, 34],
                source: Layout(contiguous: [2, 1]).expanded(to: [2, 34]), tag: .broadcast),
            scan(operation, dtype, "one axis", [40], source: Layout(contiguous: [40])),
            scan(operation, dtype, "no elements", [3, 0], tag: .empty),
            scan(operation, dtype, "no lines", [0, 3], tag: .empty),
            scan(operation, dtype, "no columns", [3, 0], axis: 0, tag: .empty),
        ]
    }

    /// Equal elements, of which the place says which is meant, each result alone, and the ends of the integers.
    private static func extremeScans(
        _ operation: ScanKernel.Operation, _ dtype: DType, reverse: Bool
    ) -> [ConformanceCase] {
        var rows = [
            scan(operation, dtype, "ties", [2, 150], reverse: reverse, fill: .integers(0, 1)),
            scan(operation, dtype, "values alone", [3, 40], reverse: reverse, results: [.values]),
            scan(operation, dtype, "indices alone", [3, 40], reverse: reverse, results: [.indices]),
            scan(operation, dtype, "indices of columns", [40, 3], axis: 0, reverse: reverse, results: [.indices]),
        ]
        // As a Double, an int64's largest number would be too large by one.
        let extremes: [Double] =
            switch dtype {
            case .int32: [0x1p31 - 1, -0x1p31, 0, -1, 1, -0x1p31, 0x1p31 - 1]
            case .int64: [0x1p63 - 1024, -0x1p63, 0, -1, 1, -0x1p63, 0x1p32, -0x1p32]
            case .bool, .uint8, .float16, .bfloat16, .float32, .float64: []
            }
        if !extremes.isEmpty {
            rows.append(scan(operation, dtype, "extremes", [3, 45], reverse: reverse, fill: .values(extremes)))
        }
        return rows
    }

    /// NaN, infinities and, where the elements stay what they are, both zeros and the smallest numbers.
    private static func specialScans(
        _ operation: ScanKernel.Operation, _ dtype: DType, reverse: Bool
    ) -> [ConformanceCase] {
        func row(_ what: String, _ values: [Double], period: Int) -> ConformanceCase {
            scan(
                operation, dtype, what, [9, 70], reverse: reverse,
                fill: .mixed(values: values, period: period, low: 0.5, high: 1.5), feature: .specialValues)
        }
        var rows = [
            row("NaN", [.nan, 1], period: 41), row("infinity", [.infinity, 2, 1], period: 53),
            row("negative infinity", [-.infinity, 1], period: 53),
            row("both infinities", [.infinity, -.infinity, 3], period: 23),
        ]
        let smallest = dtype == .float16 ? 0x1p-24 : dtype == .bfloat16 ? 0x1p-133 : 0x1p-149
        switch operation {
        case .sum: break
        case .product: rows.append(row("zeros", [0, -0.0, 1], period: 37))
        case .maximum:
            rows.append(row("near zero", [-2, -smallest, -0.0, 0, smallest, -.infinity, 0.25], period: 1))
        case .minimum:
            rows.append(row("near zero", [2, smallest, 0, -0.0, -smallest, .infinity, -0.25], period: 1))
        case .logSumExp:
            rows.append(row("all negative infinity", [-.infinity], period: 1))
            rows.append(row("beyond the exponential", [1000, -1000, 2000, -3], period: 3))
        }
        return rows
    }

    private static func fill(_ operation: ScanKernel.Operation, _ dtype: DType) -> Fill {
        switch operation {
        case .product: dtype.isFloat ? .uniform(0.9, 1.1) : .integers(-3, 3)
        case .sum, .maximum, .minimum: .ordinary(dtype)
        case .logSumExp: .uniform(-9, 9)
        }
    }

    /// Products of many numbers stay within their type's range.
    private static func longFill(_ operation: ScanKernel.Operation, _ dtype: DType) -> Fill {
        operation == .product && dtype.isFloat ? .uniform(0.999, 1.001) : fill(operation, dtype)
    }

    private static func scan(
        _ operation: ScanKernel.Operation, _ dtype: DType, _ what: String, _ shape: Shape, axis: Int? = nil,
        reverse: Bool = false, fill: Fill? = nil, source: Layout? = nil, results: [ScanKernel.Result]? = nil,
        tag: ConformanceCase.LayoutClass = .contiguous, feature: ConformanceCase.Feature? = nil
    ) -> ConformanceCase {
        let source = source ?? Layout(contiguous: shape, offset: 2)
        let results = results ?? (operation.yieldsIndices ? [.values, .indices] : [.values])
        let kernel = ScanKernel(
            operation: operation, dtype: dtype, shape: shape, strides: source.strides, axis: axis ?? shape.rank - 1,
            reverse: reverse, results: results)
        let count = shape.elementCount
        var tags: Set<ConformanceCase.Tag> = [.layout(tag), .layout(.offset)]
        if let feature { tags.insert(.feature(feature)) }
        if results.count > 1 { tags.insert(.feature(.severalOutputs)) }
        let exact: Tolerance = .signedZeros(ulp: 0)
        return ConformanceCase(
            name: "scan/\(operation.name)/\(dtype)/\(what)\(reverse ? ", reverse" : "")", spec: KernelSpec(kernel),
            operands: [
                ConformanceCase.Operand(
                    dtype: dtype, count: count == 0 ? source.offset : source.extent.upperBound, offset: source.offset,
                    fill: fill ?? ConformanceCatalogue.fill(operation, dtype))
            ]
                + results.map {
                    ConformanceCase.Operand(dtype: $0 == .values ? dtype : .int64, count: 3 + count, offset: 3)
                },
            tolerances: results.map {
                $0 == .indices ? .exact : operation.yieldsIndices ? exact : .accumulated(dtype)
            },
            tags: tags, operations: count)
    }
}
