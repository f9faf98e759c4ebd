import KernelIR
import TensorRuntime

/// Emits single operations of fused programs, on scalars or vectors; operands may be of both kinds.
///
/// Values have the dtype's ``DType/valueScalar``. A uint8 is kept in 0...255 after each operation.
struct PointwiseEmitter {
    let k: KernelBuilder

    /// Each case has a form for every type that its rule allows, so that an operation without one does not compile. What
    /// its rule does not allow was refused when the kernel was made (``FusedProgram/typeComplaint``).
    ///
    /// - Parameters:
    ///   - computeType: the type of a comparison's operands, else the result's (``FusedProgram/computeType(of:)``).
    ///   - source: the type of a cast's operand.
    ///   - dtype: the result's type.
    func emit(
        _ operation: PointwiseOperation, _ operands: [Value], computeType: DType, source: DType, dtype: DType
    ) -> Value {
        let a = operands[0]
        // An operation of one operand does not look at it.
        let b = operands.count > 1 ? operands[1] : a
        let isBool = computeType == .bool
        let isFloat = computeType.isFloat
        let isDouble = a.type.scalar == .float64
        switch operation {
        case .identity: return a
        case .cast: return CastEmitter(k: k).cast(a, from: source, to: dtype)

        case .negate: return isFloat ? -a : inRange(negated(a), dtype)
        case .abs: return isFloat ? a.unary(.absolute) : dtype == .uint8 ? a : k.select(a < 0, negated(a), a)
        case .sign: return sign(a)
        case .square: return isFloat ? a * a : inRange(a.wrapping(.multiply, a), dtype)
        case .reciprocal: return k.constant(1, a.type) / a
        case .sqrt: return a.unary(.squareRoot)
        case .rsqrt: return k.constant(1, a.type) / a.unary(.squareRoot)
        case .exp: return function(a, FloatFunctions.exp, .exp)
        case .exp2: return function(a, FloatFunctions.exp2, .exp2)
        case .expm1: return function(a, FloatFunctions.expm1, .expm1)
        case .log: return function(a, FloatFunctions.log, .log)
        case .log2: return function(a, FloatFunctions.log2, .log2)
        case .log10: return function(a, FloatFunctions.log10, .log10)
        case .log1p: return function(a, FloatFunctions.log1p, .log1p)
        case .sin: return function(a, FloatFunctions.sin, .sin)
        case .cos: return function(a, FloatFunctions.cos, .cos)
        case .tan: return function(a, FloatFunctions.tan, .tan)
        case .asin: return function(a, FloatFunctions.asin, .asin)
        case .acos: return function(a, FloatFunctions.acos, .acos)
        case .atan: return function(a, FloatFunctions.atan, .atan)
        case .sinh: return function(a, FloatFunctions.sinh, .sinh)
        case .cosh: return function(a, FloatFunctions.cosh, .cosh)
        case .tanh: return function(a, FloatFunctions.tanh, .tanh)
        case .sigmoid:
            if isDouble { return k.constant(1, a.type) / ((-a).unary(.exp) + 1.0) }
            return FloatFunctions(k: k).sigmoid(a)
        case .erf: return function(a, FloatFunctions.erf, .erf)
        case .erfc: return function(a, FloatFunctions.erfc, .erfc)
        case .erfinv: return isDouble ? DoubleFunctions(k: k).erfinv(a) : FloatFunctions(k: k).erfinv(a)
        case .lgamma: return function(a, FloatFunctions.lgamma, .lgamma)
        case .digamma: return isDouble ? DoubleFunctions(k: k).digamma(a) : FloatFunctions(k: k).digamma(a)
        case .relu: return relu(a)
        case .floor: return a.unary(.floor)
        case .ceil: return a.unary(.ceil)
        case .round: return a.unary(.roundEven)
        case .trunc: return a.unary(.truncate)
        case .logicalNot: return !a
        case .bitwiseNot: return inRange(!a, dtype)
        case .isNaN: return isFloat ? a != a : k.constant(0, a.type.with(.bool))

        case .add: return inRange(a.wrapping(.add, b), dtype)
        case .subtract: return inRange(a.wrapping(.subtract, b), dtype)
        case .multiply: return inRange(a.wrapping(.multiply, b), dtype)
        case .divide: return a / b
        case .remainder: return isFloat ? floatRemainder(a, b) : integerRemainder(a, b)
        case .fmod: return isFloat ? a % b : integerDivision(a, b) { $0 % $1 }
        case .floorDivide: return isFloat ? floatFloorQuotient(a, b) : integerFloorQuotient(a, b)
        case .power: return isDouble ? a.binary(.power, b) : FloatFunctions(k: k).power(a, b)
        case .atan2: return isDouble ? DoubleFunctions(k: k).atan2(a, b) : FloatFunctions(k: k).atan2(a, b)
        case .maximum: return isBool ? a | b : isFloat ? extreme(a, b, a >= b) : a.binary(.maximum, b)
        case .minimum: return isBool ? a & b : isFloat ? extreme(a, b, a <= b) : a.binary(.minimum, b)
        case .equal: return isBool ? !(a ^ b) : a == b
        case .notEqual: return isBool ? a ^ b : a != b
        case .less: return isBool ? !a & b : a < b
        case .lessEqual: return isBool ? !a | b : a <= b
        case .greater: return isBool ? a & !b : a > b
        case .greaterEqual: return isBool ? a | !b : a >= b
        case .logicalAnd: return a & b
        case .logicalOr: return a | b
        case .logicalXor: return a ^ b
        case .bitwiseAnd: return a & b
        case .bitwiseOr: return a | b
        case .bitwiseXor: return a ^ b
        case .shiftLeft: return shiftLeft(a, b, dtype)
        case .shiftRight: return shiftRight(a, b, dtype)

        case .select: return select(a, b, operands[2], dtype: dtype)
        case .randomBits: return PhiloxEmitter(k: k).bits(index: a, key: b, offset: operands[2])
        case .randomUniform: return PhiloxEmitter(k: k).uniform(index: a, key: b, offset: operands[2])
        }
    }

    /// A function of floats: the library's own for float32, the device's for float64.
    private func function(
        _ x: Value, _ own: (FloatFunctions) -> (Value) -> Value, _ device: UnaryOperation
    ) -> Value {
        x.type.scalar == .float64 ? x.unary(device) : own(FloatFunctions(k: k))(x)
    }

    /// A whole number back in the range of uint8.
    private func inRange(_ x: Value, _ dtype: DType) -> Value { dtype == .uint8 ? x & 255 : x }

    private func negated(_ x: Value) -> Value { k.constant(0, x.type).wrapping(.subtract, x) }

    private func relu(_ x: Value) -> Value {
        let zero = k.constant(0, x.type)
        return k.select(x < zero, zero, x)
    }

    /// NaN gives 0, as in PyTorch.
    private func sign(_ x: Value) -> Value {
        let zero = k.constant(0, x.type)
        let one = k.constant(1, x.type)
        let below = k.select(x < zero, k.constant(-1, x.type), zero)
        return k.select(x > zero, one, below)
    }

    private func select(_ condition: Value, _ a: Value, _ b: Value, dtype: DType) -> Value {
        dtype == .bool ? (condition & a) | (!condition & b) : k.select(condition, a, b)
    }

    /// `a` where it wins or is NaN, else `b`.
    private func extreme(_ a: Value, _ b: Value, _ wins: Value) -> Value {
        let type = a.type.vector(wins.type.width)
        return k.select(wins | (a != a), a.broadcast(to: type), b.broadcast(to: type))
    }

    private func floatRemainder(_ a: Value, _ b: Value) -> Value {
        let rest = a % b
        let zero = k.constant(0, b.type.vector(1))
        let differs = (rest != zero) & ((rest < zero) ^ (b < zero))
        return k.select(differs, rest + b, rest)
    }

    /// The floor of the quotient without the remainder, as Python's: the rounding of `a / b` does not reach a whole number.
    private func floatFloorQuotient(_ a: Value, _ b: Value) -> Value {
        let type = a.type.vector(max(a.type.width, b.type.width))
        let a = a.broadcast(to: type)
        let b = b.broadcast(to: type)
        let zero = k.constant(0, type)
        let ratio = a / b
        let rest = a % b
        let differs = (rest != zero) & ((rest < zero) ^ (b < zero))
        let near = (a - rest) / b
        let quotient = k.select(differs, near - 1.0, near)
        let below = quotient.unary(.floor)
        let whole = k.select(quotient - below > 0.5, below + 1.0, below)
        // Nothing of a dividend of 0; of another one less than the divisor, whose sign is the same, 0.
        let signed = k.select(quotient == zero, k.select(a == zero, ratio, zero), whole)
        return k.select(b == zero, ratio, signed)
    }

    /// What `operation` makes of integers; by zero it is 0, and by -1 the quotient is of 1, where there is no overflow.
    private func integerDivision(_ a: Value, _ b: Value, _ operation: (Value, Value) -> Value) -> Value {
        operation(a, k.select((b == 0) | (b == -1), k.constant(1, b.type), b))
    }

    /// The divisor's sign, as PyTorch; by zero it is 0.
    private func integerRemainder(_ a: Value, _ b: Value) -> Value {
        let rest = integerDivision(a, b) { $0 % $1 }
        let differs = (rest != 0) & ((rest ^ b) < 0)
        return k.select(differs, rest + b, rest)
    }

    /// By zero it is 0.
    private func integerFloorQuotient(_ a: Value, _ b: Value) -> Value {
        let type = a.type.vector(max(a.type.width, b.type.width))
        let b = b.broadcast(to: type)
        let quotient = integerDivision(a, b) { $0 / $1 }
        let rest = integerDivision(a, b) { $0 % $1 }
        let floor = k.select((rest != 0) & ((rest ^ b) < 0), quotient - 1, quotient)
        let negative = k.select(b == -1, negated(quotient), floor)
        return k.select(b == 0, k.constant(0, type), negative)
    }

    /// As PyTorch, 0 by no number of the type's places.
    private func shiftLeft(_ a: Value, _ b: Value, _ dtype: DType) -> Value {
        let isInside = (b >= 0) & (b < 8 * dtype.byteCount)
        let shifted = a.wrapping(.shiftLeft, k.select(isInside, b, k.constant(0, b.type)))
        return inRange(
            k.select(isInside.broadcast(to: shifted.type.with(.bool)), shifted, k.constant(0, shifted.type)), dtype)
    }

    /// As PyTorch, the sign by no number of the type's places.
    private func shiftRight(_ a: Value, _ b: Value, _ dtype: DType) -> Value {
        let bits = 8 * dtype.byteCount
        let isInside = (b >= 0) & (b < bits)
        let last = k.constant(dtype == .uint8 ? bits : bits - 1, b.type)
        return a.binary(.shiftRight, k.select(isInside, b, last))
    }
}
