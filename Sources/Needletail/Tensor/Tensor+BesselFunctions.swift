import Foundation
import TensorRuntime

// Modified Bessel functions, the derivatives of digamma, and the gamma function of several dimensions.

extension Tensor {
    /// The modified Bessel function of order 0 ([DLMF 10.25](https://dlmf.nist.gov/10.25)): its series up to 16, which has no
    /// negative terms, and the asymptotic one beyond. Gradient: ``i1()``.
    ///
    /// Source: [torch.i0](https://pytorch.org/docs/stable/generated/torch.i0.html).
    public func i0() -> Tensor {
        inFloat32 { x in
            Tensor.composite(x) {
                x.abs().besselMagnitude(order: 0)
            } pullback: {
                { p in InputGradients(p.gradient * x.i1()) }
            }
        }
    }

    /// The modified Bessel function of order 1. Gradient: `I0(x) - I1(x) / x`, 1/2 at 0.
    ///
    /// Source: [torch.special.i1](https://pytorch.org/docs/stable/special.html#torch.special.i1).
    public func i1() -> Tensor {
        inFloat32 { x in
            Tensor.composite(x) {
                x.sign() * x.abs().besselMagnitude(order: 1)
            } pullback: {
                { p in
                    let isZero = x .== 0.0
                    let place = Tensor.select(isZero, .scalar(.float(1)), .tensor(x))
                    let slope = place.i0() - place.i1() / place
                    return InputGradients(p.gradient * Tensor.select(isZero, .scalar(.float(0.5)), .tensor(slope)))
                }
            }
        }
    }

    /// I of an order, 0 or 1, of these numbers, which are not negative.
    private func besselMagnitude(order: Int) -> Tensor {
        let limit = 16.0
        let near = Tensor.minimum(self, limit)
        let t = near.square() * 0.25
        var series = filled(shape, .float(1), dtype: dtype)
        for k in stride(from: 44, through: 1, by: -1) {
            let factor = 1 / Double(k * (k + order))
            series = t * series * factor + 1.0
        }
        if order == 1 { series = series * near * 0.5 }
        let far = Tensor.maximum(self, limit)
        let r = far.reciprocal()
        var tail = filled(shape, .float(1), dtype: dtype)
        for k in stride(from: 28, through: 1, by: -1) {
            let odd = Double(2 * k - 1)
            let factor = (odd * odd - Double(4 * order)) / Double(8 * k)
            tail = r * tail * factor + 1.0
        }
        // Half of the exponential at a time: the product is finite beyond where it alone is.
        let root = (far * 0.5).exp()
        let beyond = root * (far * (2 * Double.pi)).rsqrt() * root * tail
        return Tensor.select(self .<= limit, .tensor(series), .tensor(beyond))
    }
}

// MARK: - Gamma functions

extension Tensor {
    /// Derivative `n` of ``digamma()``, by the recurrence and the asymptotic series
    /// ([DLMF 5.15](https://dlmf.nist.gov/5.15)), below 1/2 by reflection; infinite at 0 and at negative whole numbers. Gradient:
    /// the next one.
    ///
    /// Source: [torch.polygamma](https://pytorch.org/docs/stable/generated/torch.polygamma.html).
    ///
    /// - Parameter n: 0...100.
    public func polygamma(_ n: Int, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard (0...100).contains(n) else {
            return invalid("polygamma", "derivative \(n)", remedy: "use 0 to 100", [self], file, line)
        }
        if n == 0 { return digamma() }
        return inFloat32 { x in
            Tensor.composite(x) {
                x.polygammaValue(n)
            } pullback: {
                { p in InputGradients(p.gradient * x.polygamma(n + 1)) }
            }
        }
    }

    private func polygammaValue(_ n: Int) -> Tensor {
        let isLow = self .< 0.5
        let y = Tensor.select(isLow, .tensor(1.0 - self), .tensor(self))
        let value = y.polygammaSum(n)
        // psi_n(x) = -pi^(n + 1) P_n(cot pi x) + (-1)^n psi_n(1 - x), P_n being the polynomial of the cotangent's derivative.
        let place = Tensor.select(isLow, .tensor(self), .scalar(.float(0.25)))
        let angle = (place - place.round()) * Double.pi
        let cotangent = angle.cos() / angle.sin()
        let scale = -Foundation.pow(Double.pi, Double(n + 1))
        let terms = Tensor.cotangentDerivative(n)
        var polynomial = filled(shape, .float(terms[terms.count - 1] * scale), dtype: dtype)
        for term in terms.dropLast().reversed() { polynomial = polynomial * cotangent + term * scale }
        let reflected = n % 2 == 0 ? polynomial + value : polynomial - value
        let isPole = (self .<= 0.0).logicalAnd(self .== floor())
        let pole = n % 2 == 1 ? Double.infinity : -Double.infinity
        let low = Tensor.select(isPole, .scalar(.float(pole)), .tensor(reflected))
        return Tensor.select(isLow, .tensor(low), .tensor(value))
    }

    /// `(-1)^(n + 1) n! zeta(n + 1, x)` of x from 1/2 on, by Euler and Maclaurin after ten terms.
    private func polygammaSum(_ n: Int) -> Tensor {
        let s = Double(n + 1)
        func power(_ x: Tensor, _ exponent: Double) -> Tensor {
            Tensor.binary(.power, x, .float(exponent), symbol: "pow")
        }
        var sum = power(self, -s)
        for k in 1..<10 { sum = sum + power(self + Double(k), -s) }
        let q = self + 10.0
        let r = q.reciprocal()
        let last = power(q, 1 - s)
        let bernoulli: [Double] = [1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6]
        // Factors B_2j / (2j)! s (s + 1) ... (s + 2j - 2) of q^(1 - 2j).
        var rising = s / 2
        var factors: [Double] = []
        for (j, number) in bernoulli.enumerated() {
            factors.append(number * rising)
            let m = Double(2 * j)
            rising *= (s + m + 1) * (s + m + 2) / ((m + 3) * (m + 4))
        }
        let square = r.square()
        var series = filled(shape, .float(factors[factors.count - 1]), dtype: dtype)
        for factor in factors.dropLast().reversed() { series = series * square + factor }
        let tail = last * ((series * r + 0.5) * r + 1 / (s - 1))
        var factorial = n % 2 == 1 ? 1.0 : -1.0
        for k in 2..<Swift.max(n + 1, 2) { factorial *= Double(k) }
        return (sum + tail) * factorial
    }

    /// The polynomial of c = cot(t) that is the n-th derivative of the cotangent: `P_(n + 1) = -(1 + c^2) P_n'`.
    private static func cotangentDerivative(_ n: Int) -> [Double] {
        var terms = [0.0, 1.0]
        for _ in 0..<n {
            let slope = terms.enumerated().dropFirst().map { Double($0) * $1 }
            terms = [Double](repeating: 0, count: slope.count + 2)
            for (place, term) in slope.enumerated() {
                terms[place] -= term
                terms[place + 2] -= term
            }
        }
        return terms
    }

    /// The logarithm of the gamma function of `p` dimensions: `p (p - 1) / 4 log pi` and the ``lgamma()`` of `x - j / 2`, j below
    /// p. Of numbers above `(p - 1) / 2`.
    ///
    /// Source: [torch.mvlgamma](https://pytorch.org/docs/stable/generated/torch.mvlgamma.html).
    public func mvlgamma(_ p: Int, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard (1...1000).contains(p) else {
            return invalid("mvlgamma", "\(p) dimensions", remedy: "use 1 to 1000", [self], file, line)
        }
        return inFloat32 { x in
            let constant = Double(p * (p - 1)) / 4 * Foundation.log(Double.pi)
            var sum = x.lgamma()
            for j in 1..<Swift.max(p, 1) { sum = sum + (x - Double(j) / 2).lgamma() }
            return sum + constant
        }
    }
}
