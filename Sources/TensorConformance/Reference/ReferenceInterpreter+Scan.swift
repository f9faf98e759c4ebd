import Foundation
import TensorRuntime

extension ReferenceInterpreter {
    /// Walks along each line, element by element.
    static func scan(_ kernel: ScanKernel, operands: [HostOperand]) -> [HostWrites] {
        let source = operands[0]
        let contiguous = kernel.shape.contiguousStrides
        let count = kernel.shape.elementCount
        var values =
            kernel.dtype.isFloat
            ? HostArray(floats: Array(repeating: 0, count: count), dtype: kernel.dtype)
            : HostArray(integers: Array(repeating: 0, count: count), dtype: kernel.dtype)
        var indices = [Int64](repeating: 0, count: count)
        let lines = kernel.shape.removing(axis: kernel.axis)
        let from = offsets(extents: lines, strides: without(kernel.axis, kernel.strides))
        let to = offsets(extents: lines, strides: without(kernel.axis, contiguous))
        let way = kernel.reverse ? Array((0..<kernel.length).reversed()) : Array(0..<kernel.length)
        for (start, result) in zip(from, to) where count > 0 {
            var total: HostTotal?
            for place in way {
                let element = source.offset + start + place * kernel.strides[kernel.axis]
                let next = HostTotal(source.array, element, place: place)
                total = total.map { $0.followed(by: next, kernel.operation) } ?? next
                total!.store(to: &values, &indices, result + place * contiguous[kernel.axis])
            }
        }
        return kernel.results.enumerated().map { position, result in
            let operand = position + 1
            let array = result == .values ? values : HostArray(integers: indices, dtype: .int64)
            return HostWrites(
                operand: operand, places: (0..<count).map { operands[operand].offset + $0 }, values: array)
        }
    }

    private static func without(_ axis: Int, _ strides: Strides) -> [Int] {
        strides.indices.filter { $0 != axis }.map { strides[$0] }
    }
}

/// What a scan has made of a line so far: a float or an integer, and where an extreme stands.
private struct HostTotal {
    private var float = 0.0
    private var integer: Int64 = 0
    private var place: Int
    private let isFloat: Bool

    init(_ array: HostArray, _ element: Int, place: Int) {
        isFloat = array.dtype.isFloat
        self.place = place
        if isFloat { float = array.floats[element] } else { integer = array.integers[element] }
    }

    func followed(by next: HostTotal, _ operation: ScanKernel.Operation) -> HostTotal {
        var result = self
        switch operation {
        case .sum:
            result.float += next.float
            result.integer &+= next.integer
        case .product:
            result.float *= next.float
            result.integer &*= next.integer
        case .maximum: return isPassed(by: next, (next.float, next.integer) >= (float, integer)) ? next : self
        case .minimum: return isPassed(by: next, (next.float, next.integer) <= (float, integer)) ? next : self
        case .logSumExp:
            let (low, high) = next.float < float ? (next.float, float) : (float, next.float)
            // Of infinities the difference is NaN.
            result.float = low == high && low.isInfinite ? low : high + log1p(exp(low - high))
        }
        return result
    }

    /// NaN is beyond every number.
    private func isPassed(by next: HostTotal, _ reaches: Bool) -> Bool {
        next.float.isNaN || (!float.isNaN && reaches)
    }

    func store(to values: inout HostArray, _ indices: inout [Int64], _ target: Int) {
        if isFloat { values.floats[target] = float } else { values.integers[target] = integer }
        indices[target] = Int64(place)
    }
}
