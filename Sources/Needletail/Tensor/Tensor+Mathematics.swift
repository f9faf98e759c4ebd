import TensorRuntime

// Pointwise functions. Integers are cast to float32, except where the function keeps them (abs, sign, square, relu and
// rounding). Error bounds in units in the last place stand in `PointwiseOperation.row`.
extension Tensor {
    /// `-x`. Integers stay integers; uint8 wraps around.
    public func negated(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(.negate, as: "negated", at: CallSite(file, line))
    }
    /// The magnitude. Integers stay integers.
    public func abs(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(.abs, at: CallSite(file, line))
    }
    /// -1, 0 or 1; NaN of NaN.
    public func sign(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(.sign, at: CallSite(file, line))
    }
    /// `x * x`. Integers stay integers and wrap around.
    public func square(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(.square, at: CallSite(file, line))
    }
    /// `1 / x`; infinite at 0.
    public func reciprocal() -> Tensor { unary(.reciprocal) }
    /// The square root; NaN below 0, and a gradient that is infinite at 0.
    public func sqrt() -> Tensor { unary(.sqrt) }
    /// `1 / sqrt(x)`
    public func rsqrt() -> Tensor { unary(.rsqrt) }
    /// `e` to the power; infinite from 89 on in float32.
    public func exp() -> Tensor { unary(.exp) }
    /// 2 to the power; exact at whole numbers.
    public func exp2() -> Tensor { unary(.exp2) }
    /// `exp(x) - 1`, accurate near 0.
    public func expm1() -> Tensor { unary(.expm1) }
    /// The natural logarithm: minus infinity at 0, NaN below.
    public func log() -> Tensor { unary(.log) }
    /// The logarithm to base 2; exact at powers of 2.
    public func log2() -> Tensor { unary(.log2) }
    /// The logarithm to base 10.
    public func log10() -> Tensor { unary(.log10) }
    /// `log(1 + x)`, accurate near 0.
    public func log1p() -> Tensor { unary(.log1p) }
    /// The sine of an angle in radians.
    public func sin() -> Tensor { unary(.sin) }
    /// The cosine of an angle in radians.
    public func cos() -> Tensor { unary(.cos) }
    /// The tangent of an angle in radians.
    public func tan() -> Tensor { unary(.tan) }
    /// In `-pi/2...pi/2`; NaN outside of -1...1.
    public func asin() -> Tensor { unary(.asin) }
    /// In `0...pi`; NaN outside of -1...1.
    public func acos() -> Tensor { unary(.acos) }
    /// In `-pi/2...pi/2`.
    public func atan() -> Tensor { unary(.atan) }
    /// `(exp(x) - exp(-x)) / 2`
    public func sinh() -> Tensor { unary(.sinh) }
    /// `(exp(x) + exp(-x)) / 2`
    public func cosh() -> Tensor { unary(.cosh) }
    /// `(exp(x) - exp(-x)) / (exp(x) + exp(-x))`, in -1...1.
    public func tanh() -> Tensor { unary(.tanh) }
    /// `1 / (1 + exp(-x))`
    public func sigmoid() -> Tensor { unary(.sigmoid) }
    /// The error function, `2 / sqrt(pi)` times the integral of `exp(-t^2)` from 0 to `x`; in -1...1.
    public func erf() -> Tensor { unary(.erf) }
    /// `1 - erf(x)`, accurate where it is small.
    public func erfc() -> Tensor { unary(.erfc) }
    /// The inverse of ``erf()``: infinite at -1 and 1, NaN beyond.
    public func erfinv() -> Tensor { unary(.erfinv) }
    /// The logarithm of the gamma function's absolute value: infinite at 0 and at negative whole numbers.
    public func lgamma() -> Tensor { unary(.lgamma) }
    /// The derivative of ``lgamma()``: infinite at 0, NaN at negative whole numbers, as in PyTorch. Between those, near its
    /// zeros, the error is that of its terms.
    public func digamma() -> Tensor { unary(.digamma) }
    /// `x < 0 ? 0 : x`: NaN stays.
    public func relu(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(.relu, at: CallSite(file, line))
    }
    /// To the whole number at or below; integers are themselves. The gradient is 0.
    public func floor() -> Tensor { dtype.isFloat ? unary(.floor) : self }
    /// To the whole number at or above; integers are themselves. The gradient is 0.
    public func ceil() -> Tensor { dtype.isFloat ? unary(.ceil) : self }
    /// To the nearest integer, halves to even.
    public func round() -> Tensor { dtype.isFloat ? unary(.round) : self }
    /// To the whole number towards 0; integers are themselves. The gradient is 0.
    public func trunc() -> Tensor { dtype.isFloat ? unary(.trunc) : self }
    /// Whether each element is NaN; bool.
    public func isNaN() -> Tensor {
        guard dtype.isFloat else { return filled(shape, .int(0), dtype: .bool) }
        return Tensor.untracked(.pointwise(.isNaN), shape: shape, dtype: .bool, self)
    }
}

// MARK: - Powers and bounds

extension Tensor {
    /// Each element to a power. Exponents -1, -0.5, 0.5, 1, 2 and 3 become operations of their own. As in PyTorch, an
    /// integer power of integers is one (of bools int64), and wraps around; with a floating-point exponent integers are cast
    /// to float32.
    public func pow(_ exponent: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        if !dtype.isFloat {
            guard case .int(let power) = exponent.scalar else { return cast(to: .float32).pow(exponent) }
            return integerPower(power, at: CallSite(file, line))
        }
        switch exponent.scalar.doubleValue {
        case 1: return self
        case 2: return square()
        case 3: return square() * self
        case 0.5: return sqrt()
        case -0.5: return rsqrt()
        case -1: return reciprocal()
        default: return Tensor.binary(.power, self, .float(exponent.scalar.doubleValue), symbol: "pow")
        }
    }

    /// Repeated squaring.
    private func integerPower(_ power: Int64, at site: CallSite) -> Tensor {
        guard power >= 0 else {
            return invalid(
                "pow", "integers to the power \(power)", remedy: "cast the tensor, to(.float32)", [self], at: site)
        }
        var factor = dtype == .bool ? cast(to: .int64) : self
        var result: Tensor?
        var rest = power
        while rest > 0 {
            if rest & 1 == 1 { result = result.map { $0 * factor } ?? factor }
            rest >>= 1
            if rest > 0 { factor = factor.square() }
        }
        return result ?? Tensor.onesLike(factor)
    }

    /// Each element to the power at its place. The two broadcast. Where both are integers, so is the result: it wraps around,
    /// and a negative power is 0 but of 1 and -1, as in PyTorch.
    public func pow(_ exponent: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        if dtype.kind != .float, exponent.dtype.kind != .float, shares(exponent) {
            return integerPower(exponent, at: CallSite(file, line))
        }
        return Tensor.binary(.power, self, exponent, symbol: "pow", at: CallSite(file, line))
    }

    /// Repeated squaring, by each bit of the exponents.
    private func integerPower(_ exponent: Tensor, at site: CallSite) -> Tensor {
        let promoted = promotedDType(with: exponent)
        let type = promoted == .bool ? .int64 : promoted
        guard shape.broadcast(with: exponent.shape) != nil else {
            return Tensor.binary(.power, self, exponent, symbol: "pow", at: site)
        }
        let base = cast(to: type)
        let power = exponent.cast(to: type)
        let bits = type == .uint8 ? 8 : type == .int32 ? 31 : 63
        var factor = base
        var result = Tensor.onesLike(base)
        for bit in 0..<bits where exponent.knownIntegers?.mayHave(bit: bit) ?? true {
            // The bits up to this one say whether it is set.
            let rest = bit == bits - 1 ? power : power % (Int64(1) << Int64(bit + 1))
            let isSet = rest .>= Int64(1) << Int64(bit)
            result = result * Tensor.select(isSet, .tensor(factor), .scalar(.int(1)))
            if bit + 1 < bits { factor = factor.square() }
        }
        if type == .uint8 || exponent.dtype == .bool { return result }
        let odd = (power % 2) .!= 0
        let negative = Tensor.select(
            base .== 1, .scalar(.int(1)),
            .tensor(
                Tensor.select(
                    base .== -1, .tensor(Tensor.select(odd, .tensor(base), .scalar(.int(1)))), .scalar(.int(0)))))
        return Tensor.select(power .< 0, .tensor(negative), .tensor(result))
    }

    /// Each element moved into `min...max`. NaN stays; gradients pass where an element was inside.
    public func clamp(
        min: Double? = nil, max: Double? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        var result = self
        if let min { result = Tensor.binary(.maximum, result, bound(min), symbol: "clamp", at: site) }
        if let max { result = Tensor.binary(.minimum, result, bound(max), symbol: "clamp", at: site) }
        return result
    }

    /// A bound that keeps an integer tensor one where it can.
    private func bound(_ value: Double) -> Scalar {
        if !dtype.isFloat, let integer = Int64(exactly: value) { return .int(integer) }
        return .float(value)
    }

    /// The larger of each pair; NaN where either is. Equal operands share the gradient.
    public static func maximum(
        _ a: Tensor, _ b: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        binary(.maximum, a, b, symbol: "maximum", at: CallSite(file, line))
    }

    /// The larger of each element and a number: a bound from below. NaN stays.
    public static func maximum(
        _ a: Tensor, _ b: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        binary(.maximum, a, b.scalar, symbol: "maximum", at: CallSite(file, line))
    }

    /// The smaller of each pair; NaN where either is. Equal operands share the gradient.
    public static func minimum(
        _ a: Tensor, _ b: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        binary(.minimum, a, b, symbol: "minimum", at: CallSite(file, line))
    }

    /// The smaller of each element and a number: a bound from above. NaN stays.
    public static func minimum(
        _ a: Tensor, _ b: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        binary(.minimum, a, b.scalar, symbol: "minimum", at: CallSite(file, line))
    }
}

/// The larger of each pair; NaN where either is.
public func maximum(_ a: Tensor, _ b: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
    Tensor.maximum(a, b, file: file, line: line)
}

/// The smaller of each pair; NaN where either is.
public func minimum(_ a: Tensor, _ b: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
    Tensor.minimum(a, b, file: file, line: line)
}
