import TensorRuntime

/// A Swift number that takes part in tensor arithmetic.
///
/// It travels as a run-time scalar: its value is no part of the plan, and it never raises a tensor's dtype within its
/// kind.
public protocol ScalarOperand: Sendable {
    /// The number, as kernels are given it: a whole one as Int64, others as Double.
    var scalar: Scalar { get }
}

extension Int: ScalarOperand { public var scalar: Scalar { .int(Int64(self)) } }
extension Int32: ScalarOperand { public var scalar: Scalar { .int(Int64(self)) } }
extension Int64: ScalarOperand { public var scalar: Scalar { .int(self) } }
extension UInt8: ScalarOperand { public var scalar: Scalar { .int(Int64(self)) } }
extension Float: ScalarOperand { public var scalar: Scalar { .float(Double(self)) } }
extension Double: ScalarOperand { public var scalar: Scalar { .float(self) } }
extension Scalar: ScalarOperand { public var scalar: Scalar { self } }

extension Scalar {
    /// The dtype of a tensor made from the scalar alone.
    var defaultDType: DType { kind == .float ? .float32 : .int64 }

    /// Whether an integer type of `dtype` holds the value; always true of float types and bool.
    func fits(_ dtype: DType) -> Bool {
        guard case .int(let value) = self else { return true }
        switch dtype {
        case .uint8: return value >= 0 && value <= 255
        case .int32: return value >= Int64(Int32.min) && value <= Int64(Int32.max)
        case .bool, .int64, .float16, .bfloat16, .float32, .float64: return true
        }
    }

    /// The value as an element of `dtype`, as a cast makes it: a float beyond an integer's ends is the end, NaN is 0, and all
    /// but 0 is true.
    package func cast(to dtype: DType) -> Scalar {
        switch (self, dtype.kind) {
        case (.float, .integer): .int(integer(of: dtype))
        case (.float(let value), .bool): .int(value == 0 ? 0 : 1)
        case (.int(let value), .bool): .int(value == 0 ? 0 : 1)
        case (.float, .float), (.int, .integer), (.int, .float): self
        }
    }

    /// The integer of `dtype` that the value is cast to.
    func integer(of dtype: DType) -> Int64 {
        let value = Int64(bitPattern: bits(as: .int64))
        switch dtype {
        case .uint8: return Swift.min(Swift.max(value, 0), 255)
        case .int32: return Swift.min(Swift.max(value, Int64(Int32.min)), Int64(Int32.max))
        case .bool, .int64, .float16, .bfloat16, .float32, .float64: return value
        }
    }

    var isZero: Bool { doubleValue == 0 }

    var text: String {
        switch self {
        case .int(let value): "\(value)"
        case .float(let value): "\(value)"
        }
    }
}

/// An operand of a pointwise operation: a tensor, or a scalar.
enum PointwiseOperand {
    case tensor(Tensor)
    case scalar(Scalar)

    var tensor: Tensor? { if case .tensor(let tensor) = self { tensor } else { nil } }
    var scalar: Scalar? { if case .scalar(let scalar) = self { scalar } else { nil } }
}
