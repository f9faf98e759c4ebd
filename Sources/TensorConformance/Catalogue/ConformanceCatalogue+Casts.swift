import TensorRuntime

extension ConformanceCatalogue {
    /// Conversions between all pairs of dtypes; copies where both are the same.
    static func casts(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        let types = dtypes(of: .cast, on: device)
        for source in types {
            for target in types {
                for size in [1, 33, 259] {
                    rows.append(cast(source, target, size: size, fill(source, target), "\(size)"))
                }
                if source.isFloat && (target.isFloat || target == .bool) {
                    let values = specials(source) + [1e-6, 1.0009765, 65519, 65520, 1.00390625, 1.01171875]
                    rows.append(cast(source, target, size: values.count, .values(values), "special", isSpecial: true))
                }
                if source == .int64 || source == .int32, !target.isFloat {
                    rows.append(cast(source, target, size: 65, .integers(-(1 << 40), 1 << 40), "wrapping"))
                }
            }
        }
        return rows
    }

    /// Values that the target holds, but for fractions.
    private static func fill(_ source: DType, _ target: DType) -> Fill {
        switch (source, target) {
        case (.bool, _): .integers(0, 1)
        case (.uint8, _): .integers(0, 255)
        case (_, .bool): .integers(-1, 1)
        case (_, .uint8): source.isFloat ? .uniform(0, 254) : .integers(0, 255)
        case (_, _): source.isFloat ? .uniform(-1000, 1000) : .integers(-30000, 30000)
        }
    }

    private static func cast(
        _ source: DType, _ target: DType, size: Int, _ fill: Fill, _ what: String, isSpecial: Bool = false
    ) -> ConformanceCase {
        var builder = FusedCaseBuilder([size])
        let value = builder.load(source, fill)
        builder.store(source == target ? value : builder.apply(.cast, value, dtype: target), .exact)
        if isSpecial { builder.tag(.feature(.specialValues)) }
        return builder.make("cast/\(source) to \(target)/\(what)")
    }

    /// Copies and additions over every kind of layout, in each dtype, and strided outputs.
    static func layouts(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for dtype in DType.allCases where device.dtypes.contains(dtype) {
            for shape in [[33, 31], [5, 7, 9], [1, 129], [3, 1, 17]] as [Shape] {
                for (layoutClass, what, layout) in sampleLayouts(of: shape) {
                    rows.append(copy(dtype, shape, layout, layoutClass, "\(shape)/\(what)"))
                }
                for (layoutClass, what, layout) in sampleLayouts(of: shape) where layoutClass != .broadcast {
                    rows.append(copy(dtype, shape, output: layout, layoutClass, "\(shape)/output \(what)"))
                }
            }
            rows.append(combined(dtype))
            for shape in [[], [0], [3, 0, 5]] as [Shape] {
                rows.append(copy(dtype, shape, nil, .contiguous, "\(shape)/contiguous"))
            }
            rows.append(copy(dtype, [2, 1, 3, 1, 2, 3, 1, 2], nil, .contiguous, "rank 8", collapsed: false))
        }
        return rows
    }

    private static func copy(
        _ dtype: DType, _ shape: Shape, _ layout: Layout? = nil, output: Layout? = nil,
        _ layoutClass: ConformanceCase.LayoutClass, _ what: String, collapsed: Bool = true
    ) -> ConformanceCase {
        var builder = FusedCaseBuilder(shape)
        let value = builder.load(dtype, .ordinary(dtype), layout)
        builder.store(builder.apply(.identity, value), .exact, layout: output)
        builder.tag(.layout(layoutClass))
        return builder.make("layout/\(dtype)/\(what)", collapsed: collapsed)
    }

    /// A select of operands that lie in three different ways, dimensions not collapsed.
    private static func combined(_ dtype: DType) -> ConformanceCase {
        let shape: Shape = [6, 17, 5]
        var builder = FusedCaseBuilder(shape)
        let condition = builder.load(.bool, .integers(0, 1), Layout(contiguous: [17, 1]).expanded(to: shape))
        let yes = builder.load(dtype, .ordinary(dtype), Layout(contiguous: [5, 17, 6]).permuted([2, 1, 0]))
        let no = builder.load(dtype, .ordinary(dtype), Layout(contiguous: shape, offset: 5).flipped(axis: 1))
        builder.store(builder.apply(.select, condition, yes, no, dtype: dtype), .exact)
        for layout in [.broadcast, .transposed, .offset, .flipped] as [ConformanceCase.LayoutClass] {
            builder.tag(.layout(layout))
        }
        return builder.make("layout/\(dtype)/three layouts", collapsed: false)
    }

    /// One layout of each class (two of some) for a shape of rank 2 or more.
    static func sampleLayouts(of shape: Shape) -> [(ConformanceCase.LayoutClass, String, Layout)] {
        let last = shape.rank - 1
        let reversed = Shape(shape.reversed())
        let order = Shape((0..<shape.rank).reversed())
        var wide = shape
        var leading = shape
        var trailing = shape
        wide[last] = 2 * shape[last] + 1
        leading[0] = 1
        trailing[last] = 1
        return [
            (.contiguous, "contiguous", Layout(contiguous: shape)),
            (.offset, "offset", Layout(contiguous: shape, offset: 3)),
            (.transposed, "transposed", Layout(contiguous: reversed).permuted(order)),
            (.flipped, "flipped", Layout(contiguous: shape).flipped(axis: last)),
            (.flipped, "flipped first axis", Layout(contiguous: shape, offset: 16).flipped(axis: 0)),
            (.stepped, "stepped", Layout(contiguous: wide).sliced(axis: last, start: 1, count: shape[last], step: 2)),
            (.stepped, "gaps", Layout(contiguous: wide).sliced(axis: last, start: 0, count: shape[last])),
            (.broadcast, "broadcast first axis", Layout(contiguous: leading).expanded(to: shape)),
            (.broadcast, "broadcast last axis", Layout(contiguous: trailing).expanded(to: shape)),
            (.broadcast, "broadcast one element", Layout(contiguous: []).expanded(to: shape)),
        ]
    }
}
