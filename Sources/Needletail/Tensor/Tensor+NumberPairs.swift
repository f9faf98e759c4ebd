import Foundation
import TensorGraph
import TensorRuntime

// The larger and the smaller of numbers and NaN, common divisors, and numbers as a fraction and a power of 2.

// MARK: - Beside NaN

extension Tensor {
    /// The larger of each pair; of a number and NaN the number. Equal ones share the gradient.
    ///
    /// Source: [torch.fmax](https://pytorch.org/docs/stable/generated/torch.fmax.html).
    public func fmax(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        chosen("fmax", other, at: CallSite(file, line)) { $0 .> $1 }
    }

    /// The smaller of each pair; of a number and NaN the number. Equal ones share the gradient.
    ///
    /// Source: [torch.fmin](https://pytorch.org/docs/stable/generated/torch.fmin.html).
    public func fmin(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        chosen("fmin", other, at: CallSite(file, line)) { $0 .< $1 }
    }

    /// - Parameter isFirst: whether a first tensor's numbers are chosen before a second one's.
    private func chosen(
        _ name: StaticString, _ other: Tensor, at site: CallSite,
        isFirst: @escaping @Sendable (Tensor, Tensor) -> Tensor
    ) -> Tensor {
        Tensor.together([self, other], name, at: site) { operands in
            let (a, b) = (operands[0], operands[1])
            let isSecond = isFirst(b, a)
            let isOther = a.dtype.isFloat ? isSecond.logicalOr(a.isNaN().logicalAnd(b.isNaN().logicalNot())) : isSecond
            return Tensor.composite(a, b) {
                Tensor.select(isOther, .tensor(b), .tensor(a))
            } pullback: {
                { p in
                    let half = p.gradient * 0.5
                    let isTie = a .== b
                    func side(_ isWhole: Tensor) -> Tensor {
                        Tensor.select(isTie, .tensor(half), .tensor(p.gradient.kept(where: isWhole)))
                    }
                    return InputGradients(side(isOther.logicalNot()), side(isOther))
                }
            }
        }
    }
}

// MARK: - Divisors

extension Tensor {
    /// The greatest common divisor of each pair of integers, not negative; of 0 and a number its magnitude. The two broadcast.
    ///
    /// By Euclid's algorithm in as many steps as the dtype may need, which are one kernel.
    /// Source: [torch.gcd](https://pytorch.org/docs/stable/generated/torch.gcd.html).
    public func gcd(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        let site = CallSite(file, line)
        if let failed = withoutDivisors("gcd", other, at: site) { return failed }
        return Tensor.together([self, other], "gcd", at: site) { Tensor.divisor($0[0], $0[1]) }
    }

    /// The least common multiple of each pair of integers, not negative; 0 where one is. It wraps around. The two broadcast.
    ///
    /// Source: [torch.lcm](https://pytorch.org/docs/stable/generated/torch.lcm.html).
    public func lcm(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        let site = CallSite(file, line)
        if let failed = withoutDivisors("lcm", other, at: site) { return failed }
        return Tensor.together([self, other], "lcm", at: site) { operands in
            // By 0 is 0.
            let quotient = operands[0].floorDivide(Tensor.divisor(operands[0], operands[1]))
            return (quotient * operands[1]).abs()
        }
    }

    private func withoutDivisors(_ name: String, _ other: Tensor, at site: CallSite) -> Tensor? {
        if dtype.kind == .integer, other.dtype.kind == .integer { return nil }
        return invalid(
            name, "tensors of \(dtype) and \(other.dtype)", remedy: "use integers", [self, other], at: site)
    }

    private static func divisor(_ a: Tensor, _ b: Tensor) -> Tensor {
        // Consecutive Fibonacci numbers take the most steps.
        let steps = a.dtype == .uint8 ? 13 : a.dtype == .int32 ? 46 : 92
        var (x, y) = (a.abs(), b.abs())
        for _ in 0..<steps {
            let rest = x.remainder(y)
            let isDone = y .== 0
            x = select(isDone, .tensor(x), .tensor(y))
            y = select(isDone, .tensor(y), .tensor(rest))
        }
        return x
    }
}

// MARK: - Fractions and powers of 2

extension Tensor {
    /// `self * 2^exponent`. Integers give float32. The two broadcast.
    ///
    /// Source: [torch.ldexp](https://pytorch.org/docs/stable/generated/torch.ldexp.html).
    public func ldexp(_ exponent: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.together([self, exponent], "ldexp", inFloat32: true, at: CallSite(file, line)) {
            $0[0] * $0[1].exp2()
        }
    }

    /// Each element as a fraction of a magnitude from 1/2 to before 1 by a power of 2, and the power (int32); what is 0 or not finite
    /// is itself, with power 0. Gradients flow through the fraction.
    ///
    /// Source: [torch.frexp](https://pytorch.org/docs/stable/generated/torch.frexp.html).
    public func frexp(
        file: StaticString = #fileID, line: UInt = #line
    ) -> (mantissa: Tensor, exponent: Tensor) {
        guard dtype.isFloat else {
            let failed = invalid("frexp", "a tensor of \(dtype)", remedy: "cast it, to(.float32)", [self], file, line)
            return (failed, failed.failedIndices().cast(to: .int32))
        }
        let wide: DType = dtype == .float64 ? .float64 : .float32
        let x = cast(to: wide)
        let power = x.detach().binaryExponent()
        // In two steps, of which none leaves the range.
        let half = (power * 0.5).floor()
        let fraction = x * (-half).exp2() * (half - power).exp2()
        return (fraction.cast(to: dtype), power.cast(to: .int32))
    }

    /// The power of 2 above each magnitude, as floats; 0 of 0 and what is not finite.
    private func binaryExponent() -> Tensor {
        let magnitude = abs()
        let isPlain = (magnitude .> 0.0).logicalAnd(magnitude .< Double.infinity)
        // Numbers near 0 are made larger first.
        let isTiny = magnitude .< 0x1p-60
        let lifted = Tensor.select(isTiny, .tensor(magnitude * 0x1p90), .tensor(magnitude))
        let safe = Tensor.select(isPlain, .tensor(lifted), .scalar(.float(0.5)))
        // The logarithm may be rounded over a power of 2.
        let guess = safe.log2().floor() + 1.0
        let half = (guess * 0.5).floor()
        let fraction = safe * (-half).exp2() * (half - guess).exp2()
        let above = guess + (fraction .>= 1.0).cast(to: dtype)
        let fitted = above - (fraction .< 0.5).cast(to: dtype)
        let power = Tensor.select(isTiny, .tensor(fitted - 90.0), .tensor(fitted))
        return Tensor.select(isPlain, .tensor(power), .scalar(.float(0)))
    }

    /// The next number that the dtype has from each element towards `other`'s; the two broadcast. Of float32 and float64, which are
    /// read: it is computed on the host. There is no gradient.
    ///
    /// Source: [torch.nextafter](https://pytorch.org/docs/stable/generated/torch.nextafter.html).
    public func nextafter(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard dtype == other.dtype, dtype == .float32 || dtype == .float64 else {
            return invalid(
                "nextafter", "tensors of \(dtype) and \(other.dtype)", remedy: "use two of float32 or of float64",
                [self, other], file, line)
        }
        return Tensor.together([detach(), other.detach()], "nextafter", at: CallSite(file, line)) { operands in
            let (x, y) = (operands[0], operands[1])
            do throws(TensorError) {
                if x.dtype == .float64 {
                    let next = zip(try x.scalars(as: Double.self), try y.scalars(as: Double.self))
                        .map { Foundation.nextafter($0, $1) }
                    return Tensor.host(next, shape: x.shape, in: x.context)
                }
                let next = zip(try x.scalars(as: Float.self), try y.scalars(as: Float.self))
                    .map { Foundation.nextafterf($0, $1) }
                return Tensor.host(next, shape: x.shape, in: x.context)
            } catch {
                return Tensor(x.context.failed(error, shape: x.shape, dtype: x.dtype))
            }
        }
    }
}
