/// Running sums and their like: each element of a result is made of the source's elements along an axis up to and with its
/// own place, or in reverse from its own place on.
///
/// - `sum`, `product`: of floats and int64, which wraps. float16 and bfloat16 accumulate in float32.
/// - `maximum`, `minimum`: of any dtype. NaN is beyond every number, so that it stays; of equal elements, 0 and -0 among
///   them, the last on the way is taken.
/// - `logSumExp`: the logarithm of the sum of exponentials, of floats, without overflow.
///
/// Buffers: source, then those of ``results``, each contiguous and of the source's shape. A result that nobody reads is not
/// among them.
public struct ScanKernel: KernelBody {
    public static var family: KernelFamily { .scan }

    /// What each result is of the elements up to its place.
    public enum Operation: UInt8, Hashable, Sendable, CaseIterable {
        /// `logSumExp` is the logarithm of a running sum of exponentials.
        case sum, product, maximum, minimum, logSumExp

        /// The name that messages and dumps use.
        public var name: String {
            switch self {
            case .sum: "cumsum"
            case .product: "cumprod"
            case .maximum: "cummax"
            case .minimum: "cummin"
            case .logSumExp: "logcumsumexp"
            }
        }

        /// Whether each result is one of the elements, and has a place.
        public var yieldsIndices: Bool {
            switch self {
            case .maximum, .minimum: true
            case .sum, .product, .logSumExp: false
            }
        }

        /// Sums and products need a type that sums keep, `logSumExp` a float; extremes take any.
        public func isDefined(on dtype: DType) -> Bool {
            switch self {
            case .sum, .product: dtype.sumType == dtype
            case .maximum, .minimum: true
            case .logSumExp: dtype.isFloat
            }
        }
    }

    /// What is written.
    public enum Result: UInt8, Hashable, Sendable, CaseIterable {
        /// Of the source's dtype.
        case values
        /// Where along the axis the extreme stands: int64. Only of ``Operation/maximum`` and ``Operation/minimum``.
        case indices
    }

    /// What is computed on the way along the axis.
    public var operation: Operation
    /// Of the source and of the values.
    public var dtype: DType
    /// Of the source; its rank is at least 1.
    public var shape: Shape
    /// Of the source, in elements; results are contiguous.
    public var strides: Strides
    /// The one that is gone along, 0 or more.
    public var axis: Int
    /// Whether the way goes from the last place to the first.
    public var reverse: Bool
    /// What is written: at least one, each once, in ascending order.
    public var results: [Result]

    /// The arguments are the properties of the same name.
    public init(
        operation: Operation, dtype: DType, shape: Shape, strides: Strides, axis: Int, reverse: Bool,
        results: [Result]
    ) {
        self.operation = operation
        self.dtype = dtype
        self.shape = shape
        self.strides = strides
        self.axis = axis
        self.reverse = reverse
        self.results = results
    }

    /// Elements along the axis.
    public var length: Int { shape[axis] }
    /// The distance in a result between neighbours along the axis.
    public var inner: Int { shape.dropFirst(axis + 1).reduce(1, *) }
    /// Lines along the axis.
    public var lineCount: Int { shape.removing(axis: axis).elementCount }

    public var operands: [KernelOperand] {
        [KernelOperand(dtype, shape, strides)]
            + results.map { KernelOperand($0 == .values ? dtype : .int64, contiguous: shape, isOutput: true) }
    }
    public var operandCount: Int { 1 + results.count }
    public var sourceCount: Int { 1 }
    public var code: KernelCode {
        let written = results.reduce(0) { $0 | 1 << Int($1.rawValue) }
        return KernelCode(.scan, [Int(operation.rawValue), Int(dtype.rawValue), shape.rank, axis, written])
    }

    public var summary: String {
        "scan \(operation.name) \(dtype) \(shape.summary) axis \(axis)\(reverse ? " reverse" : "") "
            + results.map { "\($0)" }.joined(separator: " ")
    }

    public var typeComplaint: String? {
        if operation.isDefined(on: dtype) { return nil }
        return "\(operation.name) of \(dtype) is not supported; "
            + (operation == .logSumExp ? "cast to float32" : "cast to int64")
    }
}
