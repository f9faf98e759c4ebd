import TensorRuntime

/// The type of one number in a kernel.
///
/// bfloat16 and uint8 are types of memory only: see ``DType/valueScalar``.
public enum ScalarType: UInt8, CaseIterable, Hashable, Sendable {
    case bool, int32, uint32, int64, float16, float32, float64

    public var name: String { String(describing: self) }
    public var isFloat: Bool { self == .float16 || self == .float32 || self == .float64 }
    public var isInteger: Bool { self == .int32 || self == .uint32 || self == .int64 }

    /// Size in workgroup memory, in bytes; a bool takes four.
    public var byteCount: Int {
        switch self {
        case .float16: 2
        case .bool, .int32, .uint32, .float32: 4
        case .int64, .float64: 8
        }
    }
}

/// A number or a vector of 2, 4, 8 or 16 numbers.
public struct ValueType: Hashable, Sendable, CustomStringConvertible {
    public var scalar: ScalarType
    public var width: Int

    public static let widths = [1, 2, 4, 8, 16]

    public init(_ scalar: ScalarType, width: Int = 1) {
        self.scalar = scalar
        self.width = width
    }

    public static let bool = ValueType(.bool)
    public static let int32 = ValueType(.int32)
    public static let uint32 = ValueType(.uint32)
    public static let int64 = ValueType(.int64)
    public static let float32 = ValueType(.float32)
    public static let float64 = ValueType(.float64)

    /// The same scalar in another width.
    public func vector(_ width: Int) -> ValueType { ValueType(scalar, width: width) }
    /// Another scalar in the same width.
    public func with(_ scalar: ScalarType) -> ValueType { ValueType(scalar, width: width) }

    public var description: String { width == 1 ? scalar.name : "\(scalar.name)x\(width)" }
}

extension DType {
    /// The type in which a kernel computes on elements of this type: a load converts to it and a store from it.
    ///
    /// float16 and bfloat16 become float32 (a store rounds to nearest even), uint8 becomes int32 (a store keeps the low
    /// eight bits), bool a bool (any byte but 0 is true; a store writes 0 or 1).
    public var valueScalar: ScalarType {
        switch self {
        case .float32, .float16, .bfloat16: .float32
        case .float64: .float64
        case .int32, .uint8: .int32
        case .int64: .int64
        case .bool: .bool
        }
    }
}
