import TensorRuntime

extension ConformanceCatalogue {
    /// Gathers of rows and of elements, with indices inside and outside the range.
    static func gathers(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for dtype in DType.allCases where device.dtypes.contains(dtype) {
            for indexType in [DType.int64, .int32] {
                rows.append(rowGather(dtype, indexType, rows: 17, picks: 33, columns: 31))
                rows.append(elementGather(dtype, indexType))
            }
        }
        if device.dtypes.contains(.uint8) {
            for dtype in floats(device) { rows.append(imageBatch(dtype)) }
        }
        return rows
    }

    /// `table[index]`: some indices are below 0 or past the end.
    private static func rowGather(
        _ dtype: DType, _ indexType: DType, rows: Int, picks: Int, columns: Int
    ) -> ConformanceCase {
        var builder = FusedCaseBuilder([picks, columns])
        let layout = Layout(contiguous: [picks, 1], offset: 3).expanded(to: [picks, columns])
        let index = builder.load(indexType, .integers(-2, Int64(rows + 1)), layout)
        let value = builder.gather(
            dtype, .ordinary(dtype), at: index, strides: [0, 1], offset: 7, stride: columns, count: rows,
            bufferCount: 7 + rows * columns)
        builder.store(value, .exact)
        builder.tag(.layout(.offset))
        return builder.make("gather rows/\(dtype) at \(indexType)")
    }

    /// `gather(x, axis: 1)`, an index for each element, from a transposed table.
    private static func elementGather(_ dtype: DType, _ indexType: DType) -> ConformanceCase {
        let shape: Shape = [9, 33]
        var builder = FusedCaseBuilder(shape)
        let index = builder.load(indexType, .integers(0, 12))
        let value = builder.gather(
            dtype, .ordinary(dtype), at: index, strides: [1, 0], stride: 9, count: 13, bufferCount: 9 * 13)
        builder.store(value, .exact)
        builder.tag(.layout(.transposed))
        return builder.make("gather elements/\(dtype) at \(indexType)")
    }

    /// A shuffled batch of uint8 images, scaled to floats: the first kernel of a training step.
    private static func imageBatch(_ dtype: DType) -> ConformanceCase {
        let (images, batch, pixels) = (50, 13, 49)
        var builder = FusedCaseBuilder([batch, pixels])
        let layout = Layout(contiguous: [batch, 1]).expanded(to: [batch, pixels])
        let index = builder.load(.int64, .integers(0, Int64(images - 1)), layout)
        let pixel = builder.gather(
            .uint8, .ordinary(.uint8), at: index, strides: [0, 1], stride: pixels, count: images,
            bufferCount: images * pixels)
        let scaled = builder.apply(
            .multiply, builder.apply(.cast, pixel, dtype: dtype), builder.scalar(1.0 / 255))
        builder.store(builder.apply(.subtract, scaled, builder.scalar(0.125)), .chain(dtype))
        return builder.make("gather images/\(dtype)")
    }

    /// Random bits and uniforms at several offsets and index layouts, and a dropout that uses them.
    static func random(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for operation in [PointwiseOperation.randomBits, .randomUniform]
        where !dtypes(of: operation, on: device).isEmpty {
            for (size, offset) in [(1, 0), (7, 1), (31, 2), (129, 3), (1031, 1 << 33), (33, 4)] {
                rows.append(random(operation, [size], offset: offset, indexOffset: size % 5, "\(size)"))
            }
            rows.append(
                random(operation, [33, 17], offset: 5, strides: [1, 33], indexOffset: 2, "transposed index"))
            rows.append(random(operation, [5, 7], offset: 9, strides: [0, 3], "broadcast index"))
            rows.append(random(operation, [], offset: 11, "rank 0"))
            rows.append(random(operation, [0], offset: 11, "empty"))
            rows.append(random(operation, [9], offset: -3, "offset that wraps"))
        }
        for dtype in floats(device) where device.dtypes.contains(.float32) { rows.append(dropout(dtype)) }
        return rows
    }

    private static func random(
        _ operation: PointwiseOperation, _ shape: Shape, offset: Int, strides: Strides? = nil, indexOffset: Int = 0,
        _ what: String
    ) -> ConformanceCase {
        var builder = FusedCaseBuilder(shape)
        let index = builder.index(strides: strides, offset: indexOffset)
        let key = builder.scalar(.int(Int64(bitPattern: 0x9E37_79B9_7F4A_7C15)))
        builder.store(builder.apply(operation, index, key, builder.scalar(.int(Int64(offset)))), .exact)
        return builder.make("\(operation.name)/\(what)")
    }

    private static func dropout(_ dtype: DType) -> ConformanceCase {
        var builder = FusedCaseBuilder([33, 65])
        let x = builder.load(dtype, .uniform(1, 2))
        let uniform = builder.apply(
            .randomUniform, builder.index(), builder.scalar(.int(77)), builder.scalar(.int(1001)))
        let keeps = builder.apply(.less, uniform, builder.scalar(0.75))
        let zero = builder.fill(builder.scalar(0), dtype: dtype)
        let result = builder.apply(.select, keeps, builder.apply(.multiply, x, builder.scalar(1.25)), zero)
        builder.store(result, .chain(dtype))
        builder.store(keeps, .exact)
        return builder.make("dropout/\(dtype)")
    }

    /// Optimizer updates in place, swaps, and many operands.
    static func multipleOutputs(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for dtype in floats(device) {
            for size in dtype == .float32 ? [1, 33, 1031, 20011] : [129] { rows.append(adam(dtype, size)) }
            rows.append(inPlace(dtype, Layout(contiguous: [31, 33], offset: 2), "offset"))
            rows.append(inPlace(dtype, Layout(contiguous: [33, 31]).permuted([1, 0]), "transposed"))
            rows.append(manyOperands(dtype, count: device.maximumOperands - 1))
        }
        for dtype in DType.allCases where device.dtypes.contains(dtype) { rows.append(fills(dtype)) }
        return rows
    }

    private static func adam(_ dtype: DType, _ size: Int) -> ConformanceCase {
        var builder = FusedCaseBuilder([size])
        let parameter = builder.load(dtype, .uniform(-1, 1))
        let gradient = builder.load(dtype, .uniform(2, 3))
        let first = builder.load(dtype, .uniform(-0.5, 0.5))
        let second = builder.load(dtype, .uniform(0.25, 1))
        let rate = builder.scalar(0.75)
        let beta1 = builder.scalar(0.25)
        let beta2 = builder.scalar(0.125)
        let rest1 = builder.scalar(0.75)
        let rest2 = builder.scalar(0.875)
        let m = builder.apply(
            .add, builder.apply(.multiply, first, beta1), builder.apply(.multiply, gradient, rest1))
        let v = builder.apply(
            .add, builder.apply(.multiply, second, beta2),
            builder.apply(.multiply, builder.apply(.square, gradient), rest2))
        let root = builder.apply(.add, builder.apply(.sqrt, v), builder.scalar(0.0009765625))
        let change = builder.apply(.multiply, builder.apply(.divide, m, root), rate)
        builder.store(builder.apply(.subtract, parameter, change), .chain(dtype), alias: 0)
        builder.store(m, .chain(dtype), alias: 2)
        builder.store(v, .chain(dtype), alias: 3)
        return builder.make("adam/\(dtype)/\(size)")
    }

    /// `x = x * 1.5 + y`, in the buffer of x.
    private static func inPlace(_ dtype: DType, _ layout: Layout, _ what: String) -> ConformanceCase {
        var builder = FusedCaseBuilder(layout.shape)
        let x = builder.load(dtype, .uniform(1, 2), layout)
        let y = builder.load(dtype, .uniform(1, 2))
        let result = builder.apply(.add, builder.apply(.multiply, x, builder.scalar(1.5)), y)
        builder.store(result, .chain(dtype), alias: 0)
        builder.tag(.layout(what == "offset" ? .offset : .transposed))
        return builder.make("in place/\(dtype)/\(what)")
    }

    /// A sum of as many inputs as one kernel may bind.
    private static func manyOperands(_ dtype: DType, count: Int) -> ConformanceCase {
        var builder = FusedCaseBuilder([67])
        var sum = builder.load(dtype, .uniform(0, 1))
        for _ in 1..<min(max(count, 2), 31) { sum = builder.apply(.add, sum, builder.load(dtype, .uniform(0, 1))) }
        builder.store(sum, .accumulated(dtype))
        return builder.make("many operands/\(dtype)")
    }

    private static func fills(_ dtype: DType) -> ConformanceCase {
        var builder = FusedCaseBuilder([5, 27])
        let value = builder.scalar(dtype.isFloat ? .float(2.5) : .int(1))
        builder.store(
            builder.fill(value, dtype: dtype), .exact, layout: Layout(contiguous: [27, 5]).permuted([1, 0]))
        builder.tag(.layout(.transposed))
        return builder.make("fill/\(dtype)")
    }
}
