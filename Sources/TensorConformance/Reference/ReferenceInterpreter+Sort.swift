import TensorRuntime

extension ReferenceInterpreter {
    /// Sorts each row by comparing its elements and, where they are equal, where they stand.
    static func sort(_ kernel: SortKernel, operands: [HostOperand]) -> [HostWrites] {
        let source = operands[0]
        let axis = kernel.shape.rank - 1
        let rows = offsets(extents: kernel.shape.dropLast(), strides: kernel.strides.dropLast())
        var values = HostArray(dtype: kernel.dtype)
        var indices: [Int64] = []
        for row in rows where kernel.kept > 0 {
            let places = (0..<kernel.length).map { source.offset + row + $0 * kernel.strides[axis] }
            let order = places.indices.sorted { a, b in
                let (first, second) = kernel.descending ? (b, a) : (a, b)
                if precedes(source.array, places[first], places[second]) { return true }
                return !precedes(source.array, places[second], places[first]) && a < b
            }.prefix(kernel.kept)
            values.append(source.array.gathered(base: 0, offsets: order.map { places[$0] }))
            indices += order.map { Int64($0) }
        }
        return kernel.results.enumerated().map { position, result in
            let operand = position + 1
            let array = result == .values ? values : HostArray(integers: indices, dtype: .int64)
            return HostWrites(
                operand: operand, places: (0..<kernel.resultShape.elementCount).map { operands[operand].offset + $0 },
                values: array)
        }
    }

    /// Whether one element comes before another in ascending order: NaN is larger than anything else.
    private static func precedes(_ array: HostArray, _ a: Int, _ b: Int) -> Bool {
        guard array.dtype.isFloat else { return array.integers[a] < array.integers[b] }
        let (x, y) = (array.floats[a], array.floats[b])
        return y.isNaN ? !x.isNaN : x < y
    }
}
