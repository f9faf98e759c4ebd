/// The element type of a tensor.
///
/// One table (``DType/Kind``, ``DType/byteCount``, ``DType/promoted(with:)``) answers everything the rest of the code
/// asks about a type. Promotion follows
/// [PyTorch's rules](https://pytorch.org/docs/stable/tensor_attributes.html#type-promotion-doc).
public enum DType: UInt8, CaseIterable, Hashable, Sendable, CustomStringConvertible {
    /// The number is the bits of an element; a bool has 8, and `bfloat16` has float32's range with 8 significant bits.
    case bool, uint8, int32, int64, float16, bfloat16, float32, float64

    /// Kinds are ordered: promotion never goes to a lower one.
    public enum Kind: UInt8, Comparable, Sendable {
        /// In this order: a bool and an integer are promoted to integers, an integer and a float to floats.
        case bool, integer, float

        public static func < (a: Kind, b: Kind) -> Bool { a.rawValue < b.rawValue }
    }

    /// What promotion goes by first: bool, integer or float.
    @inlinable public var kind: Kind {
        switch self {
        case .bool: .bool
        case .uint8, .int32, .int64: .integer
        case .float16, .bfloat16, .float32, .float64: .float
        }
    }

    /// Bytes of one element.
    @inlinable public var byteCount: Int {
        switch self {
        case .bool, .uint8: 1
        case .float16, .bfloat16: 2
        case .int32, .float32: 4
        case .int64, .float64: 8
        }
    }

    /// Whether the type has fractions, infinities and NaN.
    @inlinable public var isFloat: Bool { kind == .float }

    /// Whether the type is float16 or bfloat16, which devices compute in float32.
    package var isShortFloat: Bool { self == .float16 || self == .bfloat16 }

    /// Whether both are float types, another each, and one of them is float16 or bfloat16: products of those are refused, as
    /// PyTorch refuses them, since a forgotten cast would cost what the short type was taken for.
    package func isMixed(with other: DType) -> Bool {
        self != other && isFloat && other.isFloat && (isShortFloat || other.isShortFloat)
    }

    /// The type in which products of this type are added up: float32 for float16 and bfloat16, else the type itself.
    public var accumulator: DType { isShortFloat ? .float32 : self }

    /// The name used in messages, checkpoints' metadata and `--dtype` options: `float32`, `int64`, ...
    public var description: String {
        switch self {
        case .bool: "bool"
        case .uint8: "uint8"
        case .int32: "int32"
        case .int64: "int64"
        case .float16: "float16"
        case .bfloat16: "bfloat16"
        case .float32: "float32"
        case .float64: "float64"
        }
    }

    /// The type that holds values of both, as PyTorch promotes two tensors.
    public func promoted(with other: DType) -> DType {
        if self == other { return self }
        if kind != other.kind { return kind < other.kind ? other : self }
        if (self == .float16 && other == .bfloat16) || (self == .bfloat16 && other == .float16) { return .float32 }
        return rawValue < other.rawValue ? other : self
    }

    /// The result type of a tensor of this type combined with a Swift scalar of `kind`: a scalar never raises the
    /// dtype within its kind.
    public func promoted(withScalarOf kind: Kind) -> DType {
        if kind <= self.kind { return self }
        return kind == .float ? .float32 : .int64
    }

    /// The type of `sum` and `prod`: bool and integers accumulate in int64.
    public var sumType: DType { isFloat ? self : .int64 }
}

/// A Swift type whose values a tensor can hold.
public protocol TensorScalar: Sendable {
    /// The dtype of a tensor that is made of such values.
    static var dtype: DType { get }
}

extension Bool: TensorScalar { public static var dtype: DType { .bool } }
extension UInt8: TensorScalar { public static var dtype: DType { .uint8 } }
extension Int32: TensorScalar { public static var dtype: DType { .int32 } }
extension Int64: TensorScalar { public static var dtype: DType { .int64 } }
extension Int: TensorScalar { public static var dtype: DType { .int64 } }
extension Float: TensorScalar { public static var dtype: DType { .float32 } }
extension Double: TensorScalar { public static var dtype: DType { .float64 } }
extension Float16: TensorScalar { public static var dtype: DType { .float16 } }
extension BFloat16: TensorScalar { public static var dtype: DType { .bfloat16 } }

/// A run-time number that travels beside a kernel: learning rates, constants in expressions, random offsets.
///
/// No pass of the planner reads its value, so changing it never builds a plan.
public enum Scalar: Hashable, Sendable {
    /// Of floating-point literals and values, whole or not.
    case float(Double)
    /// Of whole ones.
    case int(Int64)

    /// Integer or float: a scalar is never bool.
    public var kind: DType.Kind {
        switch self {
        case .float: .float
        case .int: .integer
        }
    }

    /// The number as a Double; an integer above 2^53 is rounded.
    public var doubleValue: Double {
        switch self {
        case .float(let value): value
        case .int(let value): Double(value)
        }
    }

    /// The bits that a kernel reads when it uses the scalar as a `dtype` value: a Double's for float kinds,
    /// an Int64's otherwise. Out-of-range floats saturate; NaN becomes 0 in an integer.
    @inlinable public func bits(as dtype: DType) -> UInt64 {
        switch self {
        case .float(let value):
            if dtype.isFloat { return value.bitPattern }
            if value.isNaN { return 0 }
            return UInt64(bitPattern: value >= 0x1p63 ? .max : value <= -0x1p63 ? .min : Int64(value))
        case .int(let value):
            return dtype.isFloat ? Double(value).bitPattern : UInt64(bitPattern: value)
        }
    }
}
