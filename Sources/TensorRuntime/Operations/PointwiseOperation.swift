import Foundation

/// An operation on single elements: the vocabulary of fused programs.
///
/// Each row of ``PointwiseOperation/row`` holds everything that the rest of the code asks about an operation. Its meaning
/// is ``PointwiseOperation/evaluate(_:_:_:)``, in Double, and ``PointwiseOperation/evaluate(integer:_:bits:)``: backends are tested
/// against these.
public enum PointwiseOperation: UInt8, CaseIterable, Hashable, Sendable {
    // One operand.
    case identity, cast
    case negate, abs, sign, square, reciprocal, sqrt, rsqrt
    case exp, exp2, expm1, log, log2, log10, log1p
    case sin, cos, tan, asin, acos, atan, sinh, cosh, tanh, sigmoid
    case erf, erfc, erfinv, lgamma, digamma, relu
    case floor, ceil, round, trunc
    case logicalNot, bitwiseNot, isNaN
    // Two operands.
    case add, subtract, multiply, divide, remainder, fmod, floorDivide, power, atan2, maximum, minimum
    case equal, notEqual, less, lessEqual, greater, greaterEqual
    case logicalAnd, logicalOr, logicalXor
    case bitwiseAnd, bitwiseOr, bitwiseXor, shiftLeft, shiftRight
    // Three operands: condition, value where true, value where false.
    case select
    // Operands: int64 element index, int64 key, int64 offset (the last two are scalars).
    case randomBits, randomUniform

    /// How operand and result types relate.
    public enum TypeRule: Sendable {
        /// Operands and result share one type of any kind.
        case same
        /// Operands and result share one number type (no bool).
        case sameNumber
        /// Operands and result share one float type.
        case sameFloat
        /// Operands and result share one integer type.
        case sameInteger
        /// Operands share one type; the result is bool.
        case comparison
        /// Operands and result are bool.
        case logical
        /// The result's type is free.
        case conversion
        /// The first operand is bool; the others and the result share one type.
        case selection
        /// An int64 index and two int64 scalars; the result is int32 (`randomBits`) or float32 (`randomUniform`).
        case random
    }

    /// What the rest of the code needs to know of an operation.
    public struct Row: Sendable {
        /// What listings, dumps and profiles call it.
        public let name: StaticString
        /// The number of operands, 1...3.
        public let arity: Int
        /// Which dtypes go in, and which comes out.
        public let rule: TypeRule
        /// The largest error of a float32 result, in units in the last place, that a backend may show.
        public let float32ULP: Double
    }

    /// What listings, dumps and profiles call it.
    public var name: String { row.name.description }
    /// The number of operands, 1...3.
    public var arity: Int { row.arity }

    /// The operation's entry in the one table of all.
    public var row: Row {
        switch self {
        case .identity: Row(name: "identity", arity: 1, rule: .same, float32ULP: 0)
        case .cast: Row(name: "cast", arity: 1, rule: .conversion, float32ULP: 0)
        case .negate: Row(name: "negate", arity: 1, rule: .sameNumber, float32ULP: 0)
        case .abs: Row(name: "abs", arity: 1, rule: .sameNumber, float32ULP: 0)
        case .sign: Row(name: "sign", arity: 1, rule: .sameNumber, float32ULP: 0)
        case .square: Row(name: "square", arity: 1, rule: .sameNumber, float32ULP: 1)
        case .reciprocal: Row(name: "reciprocal", arity: 1, rule: .sameFloat, float32ULP: 1)
        case .sqrt: Row(name: "sqrt", arity: 1, rule: .sameFloat, float32ULP: 1)
        case .rsqrt: Row(name: "rsqrt", arity: 1, rule: .sameFloat, float32ULP: 2)
        case .exp: Row(name: "exp", arity: 1, rule: .sameFloat, float32ULP: 2)
        case .exp2: Row(name: "exp2", arity: 1, rule: .sameFloat, float32ULP: 2)
        case .expm1: Row(name: "expm1", arity: 1, rule: .sameFloat, float32ULP: 3)
        case .log: Row(name: "log", arity: 1, rule: .sameFloat, float32ULP: 2)
        case .log2: Row(name: "log2", arity: 1, rule: .sameFloat, float32ULP: 2)
        case .log10: Row(name: "log10", arity: 1, rule: .sameFloat, float32ULP: 2)
        case .log1p: Row(name: "log1p", arity: 1, rule: .sameFloat, float32ULP: 3)
        case .sin: Row(name: "sin", arity: 1, rule: .sameFloat, float32ULP: 2)
        case .cos: Row(name: "cos", arity: 1, rule: .sameFloat, float32ULP: 2)
        case .tan: Row(name: "tan", arity: 1, rule: .sameFloat, float32ULP: 4)
        case .asin: Row(name: "asin", arity: 1, rule: .sameFloat, float32ULP: 3)
        case .acos: Row(name: "acos", arity: 1, rule: .sameFloat, float32ULP: 2)
        case .atan: Row(name: "atan", arity: 1, rule: .sameFloat, float32ULP: 2)
        case .sinh: Row(name: "sinh", arity: 1, rule: .sameFloat, float32ULP: 2)
        case .cosh: Row(name: "cosh", arity: 1, rule: .sameFloat, float32ULP: 2)
        case .tanh: Row(name: "tanh", arity: 1, rule: .sameFloat, float32ULP: 3)
        case .sigmoid: Row(name: "sigmoid", arity: 1, rule: .sameFloat, float32ULP: 3)
        case .erf: Row(name: "erf", arity: 1, rule: .sameFloat, float32ULP: 3)
        case .erfc: Row(name: "erfc", arity: 1, rule: .sameFloat, float32ULP: 5)
        case .erfinv: Row(name: "erfinv", arity: 1, rule: .sameFloat, float32ULP: 3)
        case .lgamma: Row(name: "lgamma", arity: 1, rule: .sameFloat, float32ULP: 6)
        case .digamma: Row(name: "digamma", arity: 1, rule: .sameFloat, float32ULP: 4)
        case .relu: Row(name: "relu", arity: 1, rule: .sameNumber, float32ULP: 0)
        case .floor: Row(name: "floor", arity: 1, rule: .sameFloat, float32ULP: 0)
        case .ceil: Row(name: "ceil", arity: 1, rule: .sameFloat, float32ULP: 0)
        case .round: Row(name: "round", arity: 1, rule: .sameFloat, float32ULP: 0)
        case .trunc: Row(name: "trunc", arity: 1, rule: .sameFloat, float32ULP: 0)
        case .logicalNot: Row(name: "logicalNot", arity: 1, rule: .logical, float32ULP: 0)
        case .bitwiseNot: Row(name: "bitwiseNot", arity: 1, rule: .sameInteger, float32ULP: 0)
        case .isNaN: Row(name: "isNaN", arity: 1, rule: .comparison, float32ULP: 0)
        case .add: Row(name: "add", arity: 2, rule: .sameNumber, float32ULP: 1)
        case .subtract: Row(name: "subtract", arity: 2, rule: .sameNumber, float32ULP: 1)
        case .multiply: Row(name: "multiply", arity: 2, rule: .sameNumber, float32ULP: 1)
        case .divide: Row(name: "divide", arity: 2, rule: .sameFloat, float32ULP: 1)
        case .remainder: Row(name: "remainder", arity: 2, rule: .sameNumber, float32ULP: 1)
        case .fmod: Row(name: "fmod", arity: 2, rule: .sameNumber, float32ULP: 0)
        case .floorDivide: Row(name: "floorDivide", arity: 2, rule: .sameNumber, float32ULP: 2)
        case .power: Row(name: "power", arity: 2, rule: .sameFloat, float32ULP: 16)
        case .atan2: Row(name: "atan2", arity: 2, rule: .sameFloat, float32ULP: 2)
        case .maximum: Row(name: "maximum", arity: 2, rule: .same, float32ULP: 0)
        case .minimum: Row(name: "minimum", arity: 2, rule: .same, float32ULP: 0)
        case .equal: Row(name: "equal", arity: 2, rule: .comparison, float32ULP: 0)
        case .notEqual: Row(name: "notEqual", arity: 2, rule: .comparison, float32ULP: 0)
        case .less: Row(name: "less", arity: 2, rule: .comparison, float32ULP: 0)
        case .lessEqual: Row(name: "lessEqual", arity: 2, rule: .comparison, float32ULP: 0)
        case .greater: Row(name: "greater", arity: 2, rule: .comparison, float32ULP: 0)
        case .greaterEqual: Row(name: "greaterEqual", arity: 2, rule: .comparison, float32ULP: 0)
        case .logicalAnd: Row(name: "logicalAnd", arity: 2, rule: .logical, float32ULP: 0)
        case .logicalOr: Row(name: "logicalOr", arity: 2, rule: .logical, float32ULP: 0)
        case .logicalXor: Row(name: "logicalXor", arity: 2, rule: .logical, float32ULP: 0)
        case .bitwiseAnd: Row(name: "bitwiseAnd", arity: 2, rule: .sameInteger, float32ULP: 0)
        case .bitwiseOr: Row(name: "bitwiseOr", arity: 2, rule: .sameInteger, float32ULP: 0)
        case .bitwiseXor: Row(name: "bitwiseXor", arity: 2, rule: .sameInteger, float32ULP: 0)
        case .shiftLeft: Row(name: "shiftLeft", arity: 2, rule: .sameInteger, float32ULP: 0)
        case .shiftRight: Row(name: "shiftRight", arity: 2, rule: .sameInteger, float32ULP: 0)
        case .select: Row(name: "select", arity: 3, rule: .selection, float32ULP: 0)
        case .randomBits: Row(name: "randomBits", arity: 3, rule: .random, float32ULP: 0)
        case .randomUniform: Row(name: "randomUniform", arity: 3, rule: .random, float32ULP: 0)
        }
    }

    /// The operation on Doubles; bools are 0 and 1. NaN propagates through `maximum`, `minimum` and `relu`; its
    /// sign is 0, as in PyTorch. Of 0 and -0 `maximum` and `minimum` give the first.
    ///
    /// `remainder` takes the divisor's sign, `fmod` the dividend's, and `round` rounds halves to even, as in PyTorch. An
    /// operation on integers alone is that of ``evaluate(integer:_:bits:)`` on whole Doubles. A cast's rounding to its
    /// result type is the caller's. A random operation's key and offset must be exact in a Double: for others call
    /// ``Philox`` itself.
    public func evaluate(_ a: Double, _ b: Double = 0, _ c: Double = 0) -> Double {
        switch self {
        case .identity, .cast: a
        case .negate: -a
        case .abs: Swift.abs(a)
        case .sign: a > 0 ? 1 : a < 0 ? -1 : 0
        case .square: a * a
        case .reciprocal: 1 / a
        case .sqrt: a.squareRoot()
        case .rsqrt: 1 / a.squareRoot()
        case .exp: Foundation.exp(a)
        case .exp2: Foundation.exp2(a)
        case .expm1: Foundation.expm1(a)
        case .log: Foundation.log(a)
        case .log2: Foundation.log2(a)
        case .log10: Foundation.log10(a)
        case .log1p: Foundation.log1p(a)
        case .sin: Foundation.sin(a)
        case .cos: Foundation.cos(a)
        case .tan: Foundation.tan(a)
        case .asin: Foundation.asin(a)
        case .acos: Foundation.acos(a)
        case .atan: Foundation.atan(a)
        case .sinh: Foundation.sinh(a)
        case .cosh: Foundation.cosh(a)
        case .tanh: Foundation.tanh(a)
        case .sigmoid: 1 / (1 + Foundation.exp(-a))
        case .erf: Foundation.erf(a)
        case .erfc: Foundation.erfc(a)
        case .erfinv: SpecialFunctions.erfinv(a)
        case .lgamma: SpecialFunctions.lgamma(a)
        case .digamma: SpecialFunctions.digamma(a)
        case .relu: a < 0 ? 0 : a
        case .floor: a.rounded(.down)
        case .ceil: a.rounded(.up)
        case .round: a.rounded(.toNearestOrEven)
        case .trunc: a.rounded(.towardZero)
        case .logicalNot: a == 0 ? 1 : 0
        case .bitwiseNot: onIntegers(a, b)
        case .isNaN: a.isNaN ? 1 : 0
        case .add: a + b
        case .subtract: a - b
        case .multiply: a * b
        case .divide: a / b
        case .remainder: PointwiseOperation.floorRemainder(a, b)
        case .fmod: Foundation.fmod(a, b)
        case .floorDivide: PointwiseOperation.floorQuotient(a, b)
        case .power: Foundation.pow(a, b)
        case .atan2: Foundation.atan2(a, b)
        case .maximum: a.isNaN || b.isNaN ? .nan : a >= b ? a : b
        case .minimum: a.isNaN || b.isNaN ? .nan : a <= b ? a : b
        case .equal: a == b ? 1 : 0
        case .notEqual: a != b ? 1 : 0
        case .less: a < b ? 1 : 0
        case .lessEqual: a <= b ? 1 : 0
        case .greater: a > b ? 1 : 0
        case .greaterEqual: a >= b ? 1 : 0
        case .logicalAnd: a != 0 && b != 0 ? 1 : 0
        case .logicalOr: a != 0 || b != 0 ? 1 : 0
        case .logicalXor: (a != 0) != (b != 0) ? 1 : 0
        case .bitwiseAnd, .bitwiseOr, .bitwiseXor, .shiftLeft, .shiftRight: onIntegers(a, b)
        case .select: a != 0 ? b : c
        case .randomBits:
            Double(Philox.bits(index: .init(wrapping: a), key: .init(wrapping: b), offset: .init(wrapping: c)))
        case .randomUniform:
            Double(Philox.uniform(index: .init(wrapping: a), key: .init(wrapping: b), offset: .init(wrapping: c)))
        }
    }

    /// The operation on integers and bools (0 and 1), which wrap as int64 does: exact where a Double is not. Rounding to a
    /// narrower type is the caller's, and so are `select` and the random operations. What integers do not have
    /// (``isDefined(on:)``) is computed in Double.
    ///
    /// By 0, quotient and remainders are 0, as NumPy's: a device cannot stop at an element. A shift by a negative number, or by
    /// so many places as the type has or more, leaves 0, or the sign to the right, as in PyTorch.
    ///
    /// - Parameter bits: the type's, for shifts.
    public func evaluate(integer a: Int64, _ b: Int64 = 0, bits: Int = 64) -> Int64 {
        switch self {
        case .identity, .cast, .floor, .ceil, .round, .trunc: return a
        case .negate: return 0 &- a
        case .abs: return a < 0 ? 0 &- a : a
        case .sign: return a.signum()
        case .square: return a &* a
        case .relu: return Swift.max(a, 0)
        case .add: return a &+ b
        case .subtract: return a &- b
        case .multiply: return a &* b
        case .remainder, .fmod:
            if b == 0 { return 0 }
            let rest = a.remainderReportingOverflow(dividingBy: b).partialValue
            return self == .remainder && rest != 0 && (rest < 0) != (b < 0) ? rest &+ b : rest
        case .floorDivide:
            if b == 0 { return 0 }
            let quotient = a.dividedReportingOverflow(by: b).partialValue
            let rest = a.remainderReportingOverflow(dividingBy: b).partialValue
            return rest != 0 && (rest < 0) != (b < 0) ? quotient - 1 : quotient
        case .bitwiseNot: return ~a
        case .bitwiseAnd: return a & b
        case .bitwiseOr: return a | b
        case .bitwiseXor: return a ^ b
        case .shiftLeft: return (0..<Int64(bits)).contains(b) ? a << b : 0
        case .shiftRight: return a >> ((0..<Int64(bits)).contains(b) ? b : 63)
        case .maximum: return Swift.max(a, b)
        case .minimum: return Swift.min(a, b)
        case .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual:
            return Int64(evaluate(a < b ? -1 : a > b ? 1 : 0, 0))
        case .logicalNot, .logicalAnd, .logicalOr, .logicalXor, .isNaN, .reciprocal, .sqrt, .rsqrt, .exp, .exp2, .expm1,
            .log, .log2, .log10, .log1p, .sin, .cos, .tan, .asin, .acos, .atan, .sinh, .cosh, .tanh, .sigmoid, .erf,
            .erfc, .erfinv, .lgamma, .digamma, .divide, .power, .atan2, .select, .randomBits, .randomUniform:
            return Scalar.float(evaluate(Double(a), Double(b))).integerValue
        }
    }

    /// What is defined on integers alone, of whole Doubles.
    private func onIntegers(_ a: Double, _ b: Double) -> Double {
        Double(evaluate(integer: Scalar.float(a).integerValue, Scalar.float(b).integerValue))
    }

    /// The remainder with the divisor's sign, exact where `fmod` is.
    private static func floorRemainder(_ a: Double, _ b: Double) -> Double {
        let rest = Foundation.fmod(a, b)
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest
    }

    /// The floor of the quotient without the remainder, as Python's: the rounding of `a / b` does not reach a whole number.
    private static func floorQuotient(_ a: Double, _ b: Double) -> Double {
        if b == 0 { return a / b }
        let rest = Foundation.fmod(a, b)
        let quotient = (a - rest) / b - (rest != 0 && (rest < 0) != (b < 0) ? 1 : 0)
        return quotient == 0 ? Foundation.copysign(0, a / b) : quotient.rounded()
    }
}

extension UInt64 {
    /// The bits of a whole Double, negative ones as a two's complement.
    fileprivate init(wrapping value: Double) { self.init(bitPattern: Int64(value)) }
}
