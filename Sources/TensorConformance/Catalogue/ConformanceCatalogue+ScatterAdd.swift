import TensorRuntime

extension ConformanceCatalogue {
    /// Sums by index: duplicates, indices outside the range, indices and sources that are broadcast or transposed.
    static func scatterAdds(_ device: DeviceDescription) -> [ConformanceCase] {
        var rows: [ConformanceCase] = []
        for dtype in DType.allCases where device.dtypes.contains(dtype) && dtype != .bool && dtype != .uint8 {
            rows.append(row(dtype, "one axis", [129], axis: 0, count: 17, indices: .integers(-2, 18)))
            rows.append(
                row(dtype, "rows", [33, 31], axis: 0, count: 13, indices: .integers(-2, 14), indexStrides: [1, 0]))
            rows.append(row(dtype, "elements, last axis", [7, 33], axis: 1, count: 9, indices: .integers(-2, 10)))
            rows.append(row(dtype, "elements, first axis", [33, 7], axis: 0, count: 9, indices: .integers(-2, 10)))
            rows.append(row(dtype, "middle axis", [3, 17, 5], axis: 1, count: 40, indices: .integers(0, 39)))
            rows.append(
                row(
                    dtype, "columns of one index", [5, 31], axis: 1, count: 7, indices: .integers(0, 6),
                    indexStrides: [0, 1]))
            rows.append(
                row(
                    dtype, "transposed source", [9, 31], axis: 0, count: 5, indices: .integers(0, 4),
                    source: Layout(contiguous: [31, 9], offset: 3).permuted([1, 0]), tag: .transposed))
            rows.append(
                row(
                    dtype, "broadcast source", [33, 7], axis: 0, count: 5, indices: .integers(0, 4),
                    indexStrides: [1, 0], source: Layout(contiguous: [1, 7]).expanded(to: [33, 7]), tag: .broadcast))
            rows.append(row(dtype, "all to one place", [1031], axis: 0, count: 3, indices: .values([1])))
            rows.append(row(dtype, "no source", [0, 5], axis: 0, count: 4, indices: .values([0]), tag: .empty))
            rows.append(row(dtype, "no places", [5, 3], axis: 0, count: 0, indices: .values([0]), tag: .empty))
        }
        if device.dtypes.contains(.float32) {
            rows.append(
                row(
                    .float32, "embedding", [300, 65], axis: 0, count: 100, indices: .integers(0, 99),
                    indexStrides: [1, 0]))
            rows.append(
                row(
                    .float32, "embedding of many rows", [700, 130], axis: 0, count: 2100, indices: .integers(-1, 2100),
                    indexStrides: [1, 0]))
            rows.append(
                row(.float32, "elements of wide rows", [700, 40], axis: 0, count: 300, indices: .integers(-1, 300)))
            rows.append(
                row(
                    .float32, "transposed source of wide rows", [500, 70], axis: 0, count: 200,
                    indices: .integers(-1, 200), indexStrides: [1, 0],
                    source: Layout(contiguous: [70, 500], offset: 3).permuted([1, 0]), tag: .transposed))
            rows.append(row(.float32, "long", [20011], axis: 0, count: 257, indices: .integers(0, 256)))
        }
        return rows
    }

    private static func row(
        _ dtype: DType, _ what: String, _ shape: Shape, axis: Int, count: Int, indices: Fill,
        indexStrides: Strides? = nil, source: Layout? = nil, tag: ConformanceCase.LayoutClass = .contiguous
    ) -> ConformanceCase {
        let source = source ?? Layout(contiguous: shape)
        let index = Layout(shape: shape, strides: indexStrides ?? shape.contiguousStrides, offset: 2)
        let kernel = ScatterAddKernel(
            dtype: dtype, sourceShape: shape, sourceStrides: source.strides, indexStrides: index.strides, axis: axis,
            count: count)
        var result = shape
        result[axis] = count
        let isEmpty = shape.elementCount == 0
        return ConformanceCase(
            name: "scatterAdd/\(dtype)/\(what)", spec: KernelSpec(kernel),
            operands: [
                ConformanceCase.Operand(
                    dtype: dtype, count: isEmpty ? source.offset : source.extent.upperBound, offset: source.offset,
                    fill: dtype.isFloat ? .uniform(0.5, 1.5) : .integers(-100, 100)),
                ConformanceCase.Operand(
                    dtype: .int64, count: isEmpty ? index.offset : index.extent.upperBound, offset: index.offset,
                    fill: indices),
                ConformanceCase.Operand(dtype: dtype, count: 3 + result.elementCount, offset: 3),
            ],
            tolerances: [.accumulated(dtype)], tags: [.layout(tag), .layout(.offset)], operations: shape.elementCount)
    }
}
