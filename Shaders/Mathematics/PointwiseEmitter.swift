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
        case .expm1: return function(a, FloatFunctions.expm1, .expm1)
        case .log: return function(a, FloatFunctions.log, .log)
        case .log1p: return function(a, FloatFunctions.log1p, .log1p)
        case .sin: return function(a, FloatFunctions.sin, .sin)
        case .cos: return function(a, FloatFunctions.cos, .cos)
        case .tan: return function(a, FloatFunctions.tan, .tan)
        case .tanh: return function(a, FloatFunctions.tanh, .tanh)
        case .sigmoid:
            if a.type.scalar == .float64 { return k.constant(1, a.type) / ((-a).unary(.exp) + 1.0) }
            return FloatFunctions(k: k).sigmoid(a)
        case .erf: return function(a, FloatFunctions.erf, .erf)
        case .relu: return relu(a)
        case .floor: return a.unary(.floor)
        case .ceil: return a.unary(.ceil)
        case .round: return a.unary(.roundEven)
        case .trunc: return a.unary(.truncate)
        case .logicalNot: return !a
        case .isNaN: return isFloat ? a != a : k.constant(0, a.type.with(.bool))

        case .add: return inRange(a.wrapping(.add, b), dtype)
        case .subtract: return inRange(a.wrapping(.subtract, b), dtype)
        case .multiply: return inRange(a.wrapping(.multiply, b), dtype)
        case .divide: return a / b
        case .remainder: return isFloat ? floatRemainder(a, b) : integerRemainder(a, b)
        case .power: return a.type.scalar == .float64 ? a.binary(.power, b) : FloatFunctions(k: k).power(a, b)
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

    /// The divisor's sign, as PyTorch; by zero it is 0, and by -1 there is no overflow.
    private func integerRemainder(_ a: Value, _ b: Value) -> Value {
        let divisor = k.select((b == 0) | (b == -1), k.constant(1, b.type), b)
        let rest = a % divisor
        let differs = (rest != 0) & ((rest ^ b) < 0)
        return k.select(differs, rest + b, rest)
    }
}
