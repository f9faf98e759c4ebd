import TensorRuntime

// Pointwise functions. Integers are cast to float32, except where the function keeps them (abs, sign, square, relu and
// rounding). Error bounds in units in the last place stand in `PointwiseOperation.row`.
extension Tensor {
    public func negated() -> Tensor { unary(.negate) }
    public func abs() -> Tensor { unary(.abs) }
    /// -1, 0 or 1; NaN of NaN.
    public func sign() -> Tensor { unary(.sign) }
    public func square() -> Tensor { unary(.square) }
    public func reciprocal() -> Tensor { unary(.reciprocal) }
    public func sqrt() -> Tensor { unary(.sqrt) }
    /// `1 / sqrt(x)`
    public func rsqrt() -> Tensor { unary(.rsqrt) }
    public func exp() -> Tensor { unary(.exp) }
    /// `exp(x) - 1`, accurate near 0.
    public func expm1() -> Tensor { unary(.expm1) }
    public func log() -> Tensor { unary(.log) }
    /// `log(1 + x)`, accurate near 0.
    public func log1p() -> Tensor { unary(.log1p) }
    public func sin() -> Tensor { unary(.sin) }
    public func cos() -> Tensor { unary(.cos) }
    public func tan() -> Tensor { unary(.tan) }
    public func tanh() -> Tensor { unary(.tanh) }
    /// `1 / (1 + exp(-x))`
    public func sigmoid() -> Tensor { unary(.sigmoid) }
    public func erf() -> Tensor { unary(.erf) }
    /// `x < 0 ? 0 : x`: NaN stays.
    public func relu() -> Tensor { unary(.relu) }
    public func floor() -> Tensor { dtype.isFloat ? unary(.floor) : self }
    public func ceil() -> Tensor { dtype.isFloat ? unary(.ceil) : self }
    /// To the nearest integer, halves to even.
    public func round() -> Tensor { dtype.isFloat ? unary(.round) : self }
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
    public func pow(_ exponent: some ScalarOperand) -> Tensor {
        if !dtype.isFloat {
            guard case .int(let power) = exponent.scalar else { return cast(to: .float32).pow(exponent) }
            return integerPower(power)
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
    private func integerPower(_ power: Int64) -> Tensor {
        guard power >= 0 else {
            return invalid(
                "pow", "integers to the power \(power)", remedy: "cast the tensor, to(.float32)", [self], at: nil)
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

    /// Each element to the power at its place. The two broadcast; integers are cast to float32.
    public func pow(_ exponent: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.power, self, exponent, symbol: "pow", at: CallSite(file, line))
    }

    /// Each element moved into `min...max`. NaN stays; gradients pass where an element was inside.
    public func clamp(min: Double? = nil, max: Double? = nil) -> Tensor {
        var result = self
        if let min { result = Tensor.binary(.maximum, result, bound(min), symbol: "clamp") }
        if let max { result = Tensor.binary(.minimum, result, bound(max), symbol: "clamp") }
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

    public static func maximum(_ a: Tensor, _ b: some ScalarOperand) -> Tensor {
        binary(.maximum, a, b.scalar, symbol: "maximum")
    }

    /// The smaller of each pair; NaN where either is. Equal operands share the gradient.
    public static func minimum(
        _ a: Tensor, _ b: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        binary(.minimum, a, b, symbol: "minimum", at: CallSite(file, line))
    }

    public static func minimum(_ a: Tensor, _ b: some ScalarOperand) -> Tensor {
        binary(.minimum, a, b.scalar, symbol: "minimum")
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
