/// Sorts along the last axis, and keeps the first of each row.
///
/// The order is total, the same on every device: ascending by value, NaN after everything else, 0 and -0 equal; equal
/// elements stay in their order. Descending turns the order of values around, so that NaN comes first; equal elements stay
/// in their order there as well.
///
/// Buffers: source, then those of ``results``, each contiguous: the shape with ``kept`` as its last extent. A result that
/// nobody reads is not among them.
public struct SortKernel: KernelBody {
    public static var family: KernelFamily { .sort }

    /// What is written.
    public enum Result: UInt8, Hashable, Sendable, CaseIterable {
        /// The elements in order, of the source's dtype.
        case values
        /// Where along the axis each of them stood: int64.
        case indices
    }

    /// Of the source and of the values.
    public var dtype: DType
    /// Of the source; its rank is at least 1.
    public var shape: Shape
    /// Of the source, in elements; results are contiguous.
    public var strides: Strides
    /// How many elements of each row are written, at most its length.
    public var kept: Int
    /// Whether the largest comes first, and NaN before it.
    public var descending: Bool
    /// What is written: at least one, each once, in ascending order.
    public var results: [Result]

    /// The arguments are the properties of the same name.
    public init(dtype: DType, shape: Shape, strides: Strides, kept: Int, descending: Bool, results: [Result]) {
        self.dtype = dtype
        self.shape = shape
        self.strides = strides
        self.kept = kept
        self.descending = descending
        self.results = results
    }

    /// Elements of a row.
    public var length: Int { shape[shape.rank - 1] }
    /// How many rows are sorted, each by itself.
    public var rowCount: Int { shape.dropLast().reduce(1, *) }
    /// The source's shape with ``kept`` as its last extent.
    public var resultShape: Shape {
        var result = shape
        result[shape.rank - 1] = kept
        return result
    }

    public var operands: [KernelOperand] {
        [KernelOperand(dtype, shape, strides)]
            + results.map {
                KernelOperand($0 == .values ? dtype : .int64, contiguous: resultShape, isOutput: true)
            }
    }
    public var operandCount: Int { 1 + results.count }
    public var sourceCount: Int { 1 }
    public var code: KernelCode {
        let written = results.reduce(0) { $0 | 1 << Int($1.rawValue) }
        return KernelCode(.sort, [Int(dtype.rawValue), shape.rank, descending ? 1 : 0, written])
    }

    public var summary: String {
        "sort \(dtype) \(shape.summary) \(descending ? "descending" : "ascending") keeps \(kept) "
            + results.map { "\($0)" }.joined(separator: " ")
    }
}
