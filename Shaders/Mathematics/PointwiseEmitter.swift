import KernelIR
import TensorRuntime

/// Emits single operations of fused programs, on scalars or vectors; operands may be of both kinds.
///
/// Values have the dtype's ``DType/valueScalar``. A uint8 is kept in 0...255 after each operation.
struct PointwiseEmitter {
    let k: KernelBuilder

    /// - Parameters:
    ///   - computeType: the type of a comparison's operands, else the result's (``FusedProgram/computeType(of:)``).
    ///   - source: the type of a cast's operand.
    ///   - dtype: the result's type.
    func emit(
        _ operation: PointwiseOperation, _ operands: [Value], computeType: DType, source: DType, dtype: DType
    ) -> Value {
        switch operation {
        case .identity: return operands[0]
        case .cast: return CastEmitter(k: k).cast(operands[0], from: source, to: dtype)
        case .select: return select(operands[0], operands[1], operands[2], dtype: dtype)
        case .randomBits: return PhiloxEmitter(k: k).bits(index: operands[0], key: operands[1], offset: operands[2])
        case .randomUniform:
            return PhiloxEmitter(k: k).uniform(index: operands[0], key: operands[1], offset: operands[2])
        default: break
        }
        if computeType == .bool { return onBools(operation, operands) }
        let result: Value
        switch operation.arity {
        case 1:
            result =
                computeType.isFloat
                ? onFloat(operation, operands[0]) : onInteger(operation, operands[0], dtype: computeType)
        default: result = binary(operation, operands[0], operands[1], dtype: computeType)
        }
        return dtype == .uint8 && PointwiseEmitter.leavesByte.contains(operation) ? result & 255 : result
    }

    private func negated(_ x: Value) -> Value { k.constant(0, x.type).wrapping(.subtract, x) }

    /// The operations whose result on uint8 may lie outside 0...255.
    private static let leavesByte: Set<PointwiseOperation> = [.negate, .square, .add, .subtract, .multiply]

    private func select(_ condition: Value, _ a: Value, _ b: Value, dtype: DType) -> Value {
        dtype == .bool ? (condition & a) | (!condition & b) : k.select(condition, a, b)
    }

    private func onBools(_ operation: PointwiseOperation, _ operands: [Value]) -> Value {
        let a = operands[0]
        let b = operands.count > 1 ? operands[1] : a
        switch operation {
        case .logicalNot: return !a
        case .logicalAnd, .minimum: return a & b
        case .logicalOr, .maximum: return a | b
        case .logicalXor, .notEqual: return a ^ b
        case .equal: return !(a ^ b)
        case .less: return !a & b
        case .lessEqual: return !a | b
        case .greater: return a & !b
        case .greaterEqual: return a | !b
        case .isNaN: return k.constant(0, a.type)
        default: preconditionFailure("\(operation.name) has no form on bools")
        }
    }

    private func onFloat(_ operation: PointwiseOperation, _ x: Value) -> Value {
        let zero = k.constant(0, x.type)
        let one = k.constant(1, x.type)
        switch operation {
        case .negate: return -x
        case .abs: return x.unary(.absolute)
        case .sign:
            // NaN gives 0, as in PyTorch.
            return k.select(x > zero, one, k.select(x < zero, k.constant(-1, x.type), zero))
        case .square: return x * x
        case .reciprocal: return one / x
        case .sqrt: return x.unary(.squareRoot)
        case .rsqrt: return one / x.unary(.squareRoot)
        case .relu: return k.select(x < zero, zero, x)
        case .floor: return x.unary(.floor)
        case .ceil: return x.unary(.ceil)
        case .round: return x.unary(.roundEven)
        case .trunc: return x.unary(.truncate)
        case .isNaN: return x != x
        default: return x.type.scalar == .float64 ? onDouble(operation, x) : transcendental(operation, x)
        }
    }

    private func transcendental(_ operation: PointwiseOperation, _ x: Value) -> Value {
        let functions = FloatFunctions(k: k)
        switch operation {
        case .exp: return functions.exp(x)
        case .expm1: return functions.expm1(x)
        case .log: return functions.log(x)
        case .log1p: return functions.log1p(x)
        case .sin: return functions.sin(x)
        case .cos: return functions.cos(x)
        case .tan: return functions.tan(x)
        case .tanh: return functions.tanh(x)
        case .sigmoid: return functions.sigmoid(x)
        case .erf: return functions.erf(x)
        default: preconditionFailure("\(operation.name) has no form on floats")
        }
    }

    private func onDouble(_ operation: PointwiseOperation, _ x: Value) -> Value {
        switch operation {
        case .exp: return x.unary(.exp)
        case .expm1: return x.unary(.expm1)
        case .log: return x.unary(.log)
        case .log1p: return x.unary(.log1p)
        case .sin: return x.unary(.sin)
        case .cos: return x.unary(.cos)
        case .tan: return x.unary(.tan)
        case .tanh: return x.unary(.tanh)
        case .sigmoid: return k.constant(1, x.type) / ((-x).unary(.exp) + 1.0)
        case .erf: return x.unary(.erf)
        default: preconditionFailure("\(operation.name) has no form on floats")
        }
    }

    private func onInteger(_ operation: PointwiseOperation, _ x: Value, dtype: DType) -> Value {
        let zero = k.constant(0, x.type)
        switch operation {
        case .negate: return negated(x)
        case .abs: return dtype == .uint8 ? x : k.select(x < 0, negated(x), x)
        case .sign:
            let below = k.select(x < 0, k.constant(-1, x.type), zero)
            return k.select(x > 0, k.constant(1, x.type), below)
        case .square: return x.wrapping(.multiply, x)
        case .relu: return k.select(x < 0, zero, x)
        case .isNaN: return k.constant(0, x.type.with(.bool))
        default: preconditionFailure("\(operation.name) has no form on integers")
        }
    }

    private func binary(_ operation: PointwiseOperation, _ a: Value, _ b: Value, dtype: DType) -> Value {
        switch operation {
        case .add: return a.wrapping(.add, b)
        case .subtract: return a.wrapping(.subtract, b)
        case .multiply: return a.wrapping(.multiply, b)
        case .divide: return a / b
        case .remainder: return dtype.isFloat ? floatRemainder(a, b) : integerRemainder(a, b)
        case .power:
            return a.type.scalar == .float64 ? a.binary(.power, b) : FloatFunctions(k: k).power(a, b)
        case .maximum: return dtype.isFloat ? extreme(a, b, a >= b) : a.binary(.maximum, b)
        case .minimum: return dtype.isFloat ? extreme(a, b, a <= b) : a.binary(.minimum, b)
        case .equal: return a == b
        case .notEqual: return a != b
        case .less: return a < b
        case .lessEqual: return a <= b
        case .greater: return a > b
        case .greaterEqual: return a >= b
        default: preconditionFailure("\(operation.name) has no form on numbers")
        }
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
