import TensorRuntime

/// A value of a kernel that is being built.
///
/// Operators take two values of one type, or one scalar and one vector of the same scalar type, which is then spread over
/// the lanes; a Swift number becomes a constant of the other operand's type.
public struct Value {
    let builder: KernelBuilder
    let id: Int
    public let type: ValueType

    /// The lanes of a vector, or the value itself.
    public var lanes: [Value] { type.width == 1 ? [self] : (0..<type.width).map { lane($0) } }

    public func lane(_ lane: Int) -> Value {
        type.width == 1 ? self : builder.define(.extract(id, lane: lane), type.vector(1))
    }

    /// The value in every lane of `type`, which has its scalar type.
    public func broadcast(to target: ValueType) -> Value {
        precondition(target.scalar == type.scalar, "a \(type) is no \(target)")
        if target.width == type.width { return self }
        precondition(type.width == 1, "a \(type) cannot be spread to \(target)")
        if let constant = builder.constant(of: self) { return builder.define(.constant(constant), target) }
        return builder.define(.splat(id), target)
    }

    public func convert(to scalar: ScalarType) -> Value {
        if scalar == type.scalar { return self }
        if let constant = builder.constant(of: self), type.scalar.isInteger || type.scalar == .bool {
            return builder.constant(Value.wrap(constant.integer, scalar), type.with(scalar))
        }
        return builder.define(.convert(id), type.with(scalar))
    }

    /// The same bits as another type of the same size.
    public func bitcast(to scalar: ScalarType) -> Value {
        scalar == type.scalar ? self : builder.define(.bitcast(id), type.with(scalar))
    }

    public func unary(_ operation: UnaryOperation) -> Value { builder.define(.unary(operation, id), type) }

    public func binary(_ operation: BinaryOperation, _ other: Value) -> Value {
        let common = type.vector(max(type.width, other.type.width))
        let a = broadcast(to: common)
        let b = other.broadcast(to: common)
        if let folded = a.folded(operation, b) { return folded }
        return builder.define(
            .binary(operation, a.id, b.id), operation.isComparison ? common.with(.bool) : common)
    }

    public func subgroup(_ operation: SubgroupOperation) -> Value { builder.define(.subgroup(operation, id), type) }

    /// Integer arithmetic on constants, and with the neutral and absorbing ones.
    private func folded(_ operation: BinaryOperation, _ other: Value) -> Value? {
        guard type.scalar.isInteger else { return nil }
        let a = builder.constant(of: self)?.integer
        let b = builder.constant(of: other)?.integer
        switch (operation, a, b) {
        case (.add, 0?, _), (.multiply, 1?, _): return other
        case (.add, _, 0?), (.subtract, _, 0?), (.multiply, _, 1?), (.divide, _, 1?): return self
        case (.multiply, 0?, _), (.remainder, _, 1?): return builder.constant(0, type)
        case (.multiply, _, 0?): return other
        case (.add, let a?, let b?): return builder.constant(Value.wrap(a &+ b, type.scalar), type)
        case (.subtract, let a?, let b?): return builder.constant(Value.wrap(a &- b, type.scalar), type)
        case (.multiply, let a?, let b?): return builder.constant(Value.wrap(a &* b, type.scalar), type)
        default: return nil
        }
    }

    /// The integer in the range of a type, as arithmetic wraps.
    private static func wrap(_ value: Int, _ scalar: ScalarType) -> Int {
        switch scalar {
        case .int32: Int(Int32(truncatingIfNeeded: value))
        case .uint32: Int(UInt32(truncatingIfNeeded: value))
        case .int64, .bool, .float16, .float32, .float64: value
        }
    }

    func literal(_ value: Int) -> Value { builder.constant(value, type.vector(1)) }
    func literal(_ value: Double) -> Value { builder.constant(value, type.vector(1)) }
}

extension Value {
    public static func + (a: Value, b: Value) -> Value { a.binary(.add, b) }
    public static func - (a: Value, b: Value) -> Value { a.binary(.subtract, b) }
    public static func * (a: Value, b: Value) -> Value { a.binary(.multiply, b) }
    public static func / (a: Value, b: Value) -> Value { a.binary(.divide, b) }
    public static func % (a: Value, b: Value) -> Value { a.binary(.remainder, b) }
    public static func & (a: Value, b: Value) -> Value { a.binary(.and, b) }
    public static func | (a: Value, b: Value) -> Value { a.binary(.or, b) }
    public static func ^ (a: Value, b: Value) -> Value { a.binary(.xor, b) }
    public static func << (a: Value, b: Int) -> Value { a.binary(.shiftLeft, a.literal(b)) }
    public static func >> (a: Value, b: Int) -> Value { a.binary(.shiftRight, a.literal(b)) }
    public static func == (a: Value, b: Value) -> Value { a.binary(.equal, b) }
    public static func != (a: Value, b: Value) -> Value { a.binary(.notEqual, b) }
    public static func < (a: Value, b: Value) -> Value { a.binary(.less, b) }
    public static func <= (a: Value, b: Value) -> Value { a.binary(.lessEqual, b) }
    public static func > (a: Value, b: Value) -> Value { a.binary(.greater, b) }
    public static func >= (a: Value, b: Value) -> Value { a.binary(.greaterEqual, b) }
    public static prefix func - (a: Value) -> Value { a.unary(.negate) }
    public static prefix func ! (a: Value) -> Value { a.unary(.not) }

    public static func + (a: Value, b: Int) -> Value { a + a.literal(b) }
    public static func - (a: Value, b: Int) -> Value { a - a.literal(b) }
    public static func * (a: Value, b: Int) -> Value { a * a.literal(b) }
    public static func / (a: Value, b: Int) -> Value { a / a.literal(b) }
    public static func % (a: Value, b: Int) -> Value { a % a.literal(b) }
    public static func & (a: Value, b: Int) -> Value { a & a.literal(b) }
    public static func | (a: Value, b: Int) -> Value { a | a.literal(b) }
    public static func ^ (a: Value, b: Int) -> Value { a ^ a.literal(b) }
    public static func == (a: Value, b: Int) -> Value { a == a.literal(b) }
    public static func != (a: Value, b: Int) -> Value { a != a.literal(b) }
    public static func < (a: Value, b: Int) -> Value { a < a.literal(b) }
    public static func <= (a: Value, b: Int) -> Value { a <= a.literal(b) }
    public static func > (a: Value, b: Int) -> Value { a > a.literal(b) }
    public static func >= (a: Value, b: Int) -> Value { a >= a.literal(b) }

    public static func + (a: Value, b: Double) -> Value { a + a.literal(b) }
    public static func - (a: Value, b: Double) -> Value { a - a.literal(b) }
    public static func * (a: Value, b: Double) -> Value { a * a.literal(b) }
    public static func / (a: Value, b: Double) -> Value { a / a.literal(b) }
    public static func < (a: Value, b: Double) -> Value { a < a.literal(b) }
    public static func > (a: Value, b: Double) -> Value { a > a.literal(b) }
}

/// A mutable variable of a kernel.
public struct Variable {
    let builder: KernelBuilder
    let number: Int
    public let type: ValueType

    public var value: Value {
        get { builder.define(.read(variable: number), type) }
        nonmutating set {
            precondition(newValue.type.scalar == type.scalar, "a \(newValue.type) assigned to a variable of \(type)")
            builder.append(.assign(variable: number, value: newValue.broadcast(to: type).id))
        }
    }
}

/// A buffer parameter of a kernel. Indices count elements, as int32 or int64.
public struct BufferReference {
    let builder: KernelBuilder
    let number: Int
    public let element: DType

    public subscript(index: Value) -> Value {
        get { load(index) }
        nonmutating set { store(newValue, at: index) }
    }

    /// `width` consecutive elements from `index` on, in the element's ``DType/valueScalar``.
    public func load(_ index: Value, width: Int = 1) -> Value {
        builder.define(
            .load(buffer: number, index: index.id),
            ValueType(element.valueScalar, width: width))
    }

    /// Writes the lanes of `value` to consecutive elements from `index` on.
    public func store(_ value: Value, at index: Value) {
        precondition(value.type.scalar == element.valueScalar, "a \(value.type) stored to elements of \(element)")
        builder.append(.store(buffer: number, index: index.id, value: value.id))
    }

    /// Some bytes of an int32 element, those that are set in `mask` (uint32); the others are 0.
    public func loadBits(_ index: Value, mask: Value) -> Value {
        builder.define(.loadBits(buffer: number, index: index.id, mask: mask.id), .uint32)
    }

    /// Writes some bytes of an int32 element, those that are set in `mask`; both are uint32.
    public func storeBits(_ value: Value, mask: Value, at index: Value) {
        builder.append(.storeBits(buffer: number, index: index.id, mask: mask.id, value: value.id))
    }
}

/// Memory that a workgroup shares, in a kernel that is being built.
public struct SharedReference {
    let builder: KernelBuilder
    let number: Int
    let scalar: ScalarType

    public subscript(index: Value) -> Value {
        get { load(index) }
        nonmutating set { store(newValue, at: index) }
    }

    /// `width` consecutive elements from `index` on; for vectors, `index` is a multiple of the width.
    public func load(_ index: Value, width: Int = 1) -> Value {
        builder.define(.loadShared(array: number, index: index.id), ValueType(scalar, width: width))
    }

    public func store(_ value: Value, at index: Value) {
        builder.append(.storeShared(array: number, index: index.id, value: value.id))
    }
}
