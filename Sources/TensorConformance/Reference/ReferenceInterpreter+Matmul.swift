import TensorRuntime

extension ReferenceInterpreter {
    /// The product over `[batch..., m, n]`, row-major: Double sums, or wrapping integers.
    static func matmul(_ kernel: MatmulKernel, a: HostOperand, b: HostOperand) -> HostArray {
        let rank = kernel.batch.rank
        let aBatches = offsets(extents: kernel.batch, strides: kernel.aStrides[..<rank])
        let bBatches = offsets(extents: kernel.batch, strides: kernel.bStrides[..<rank])
        let aPlaces = offsets(extents: [kernel.m, kernel.k], strides: kernel.aStrides[rank...])
        let bPlaces = offsets(extents: [kernel.k, kernel.n], strides: kernel.bStrides[rank...])
        var result = HostArray(dtype: kernel.result)
        for batch in aBatches.indices {
            let left = a.array.gathered(base: a.offset + aBatches[batch], offsets: aPlaces)
            let right = b.array.gathered(base: b.offset + bBatches[batch], offsets: bPlaces)
            if kernel.dtype.isFloat {
                result.floats += product(left.floats, right.floats, of: kernel, zero: 0) { $0 + $1 * $2 }
            } else {
                let sums = product(left.integers, right.integers, of: kernel, zero: 0) { $0 &+ $1 &* $2 }
                result.integers += sums.map { kernel.dtype.wrapped($0) }
            }
        }
        return result
    }

    /// Row-major `[m, k] x [k, n]`.
    @inline(__always)
    private static func product<T>(
        _ a: [T], _ b: [T], of kernel: MatmulKernel, zero: T, _ accumulate: (T, T, T) -> T
    ) -> [T] {
        let (m, n, k) = (kernel.m, kernel.n, kernel.k)
        var result = [T](repeating: zero, count: m * n)
        result.withUnsafeMutableBufferPointer { result in
            b.withUnsafeBufferPointer { b in
                for row in 0..<m {
                    for inner in 0..<k {
                        let factor = a[row * k + inner]
                        for column in 0..<n {
                            let place = row * n + column
                            result[place] = accumulate(result[place], factor, b[inner * n + column])
                        }
                    }
                }
            }
        }
        return result
    }

    /// Sums the source into zeros along one axis, in ascending order of place.
    static func scatterAdd(
        _ kernel: ScatterAddKernel, source: HostOperand, index: HostOperand, outputOffset: Int
    ) -> HostWrites {
        var shape = kernel.sourceShape
        shape[kernel.axis] = kernel.count
        let outputStrides = shape.contiguousStrides
        var besides = outputStrides
        besides[kernel.axis] = 0
        let places = offsets(extents: kernel.sourceShape, strides: besides)
        let values = source.array.gathered(
            base: source.offset, offsets: offsets(extents: kernel.sourceShape, strides: kernel.sourceStrides))
        let indices = index.array.gathered(
            base: index.offset, offsets: offsets(extents: kernel.sourceShape, strides: kernel.indexStrides))
        var result = HostArray(dtype: kernel.dtype)
        if kernel.dtype.isFloat {
            result.floats = Array(repeating: 0, count: shape.elementCount)
        } else {
            result.integers = Array(repeating: 0, count: shape.elementCount)
        }
        for position in places.indices {
            let index = Int(indices.integers[position])
            guard index >= 0, index < kernel.count else { continue }
            let place = places[position] + index * outputStrides[kernel.axis]
            if kernel.dtype.isFloat {
                result.floats[place] += values.floats[position]
            } else {
                result.integers[place] = kernel.dtype.wrapped(result.integers[place] &+ values.integers[position])
            }
        }
        return HostWrites(operand: 2, places: (0..<shape.elementCount).map { outputOffset + $0 }, values: result)
    }
}
