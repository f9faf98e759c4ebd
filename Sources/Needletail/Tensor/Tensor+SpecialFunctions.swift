import TensorRuntime

// Functions that are compositions, in forms that lose no digits. Integers are cast to float32; float16 and bfloat16 are computed
// in float32 and rounded once.

// MARK: - Inverse hyperbolic functions

extension Tensor {
    /// The inverse of ``sinh()``: `log(|x| + sqrt(x^2 + 1))` with x's sign, accurate near 0 and without overflow.
    public func asinh() -> Tensor {
        inFloat32 { x in
            Tensor.composite(x) {
                let a = x.abs()
                let small = Tensor.minimum(a, 1e9)
                let z = small.square()
                let inner = (small + z / ((z + 1.0).sqrt() + 1.0)).log1p()
                let outer = a.log() + Tensor.log2OfE.reciprocal
                return Tensor.select(a .> 1e9, .tensor(outer), .tensor(inner)).withSign(of: x)
            } pullback: {
                { p in InputGradients(p.gradient * (x.square() + 1.0).rsqrt()) }
            }
        }
    }

    /// The inverse of ``cosh()``: `log(x + sqrt(x^2 - 1))`, accurate near 1; NaN below.
    public func acosh() -> Tensor {
        inFloat32 { x in
            Tensor.composite(x) {
                let t = Tensor.minimum(x, 1e9) - 1.0
                let inner = (t + (t * (t + 2.0)).sqrt()).log1p()
                let outer = x.log() + Tensor.log2OfE.reciprocal
                let value = Tensor.select(x .> 1e9, .tensor(outer), .tensor(inner))
                return Tensor.select(x .< 1.0, .scalar(.float(.nan)), .tensor(value))
            } pullback: {
                { p in InputGradients(p.gradient * (x.square() - 1.0).rsqrt()) }
            }
        }
    }

    /// The inverse of ``tanh()``: `log((1 + x) / (1 - x)) / 2`, accurate near 0; infinite at -1 and 1, NaN beyond.
    public func atanh() -> Tensor {
        inFloat32 { x in
            Tensor.composite(x) {
                let a = x.abs()
                return ((a * 2.0 / (1.0 - a)).log1p() * 0.5).withSign(of: x)
            } pullback: {
                { p in InputGradients(p.gradient / (1.0 - x.square())) }
            }
        }
    }

    /// log2 of e, and its reciprocal, the natural logarithm of 2.
    private static let log2OfE: (value: Double, reciprocal: Double) = (1.4426950408889634, 0.6931471805599453)

    /// This tensor, which is not negative, with the signs of `x`; where that is 0, `x` itself.
    private func withSign(of x: Tensor) -> Tensor {
        let positive = Tensor.select(x .== 0.0, .tensor(x), .tensor(self))
        return Tensor.select(x .< 0.0, .tensor(-self), .tensor(positive))
    }
}

// MARK: - Of one tensor

extension Tensor {
    /// `sin(pi x) / (pi x)`, 1 at 0.
    /// Source: [torch.sinc](https://pytorch.org/docs/stable/generated/torch.sinc.html).
    public func sinc() -> Tensor {
        inFloat32 { x in
            Tensor.composite(x) {
                let angle = x * Double.pi
                return Tensor.select(x .== 0.0, .scalar(.float(1)), .tensor(angle.sin() / angle))
            } pullback: {
                { p in
                    // Where it is 0, so is the slope: a place that is not.
                    let isZero = x .== 0.0
                    let angle = Tensor.select(isZero, .scalar(.float(1)), .tensor(x)) * Double.pi
                    let slope = (angle.cos() - angle.sin() / angle) / (angle * (1 / Double.pi))
                    return InputGradients(p.gradient * Tensor.select(isZero, .scalar(.float(0)), .tensor(slope)))
                }
            }
        }
    }

    /// `log(x / (1 - x))`, the inverse of ``sigmoid()``. With `eps`, x is first moved into `eps...1 - eps`; without, it is NaN
    /// outside of 0...1, and so is the gradient.
    /// Source: [torch.logit](https://pytorch.org/docs/stable/generated/torch.logit.html).
    public func logit(eps: Double? = nil) -> Tensor {
        inFloat32 { x in
            Tensor.composite(x) {
                let z = eps.map { x.clamp(min: $0, max: 1 - $0) } ?? x
                return (z / (1.0 - z)).log()
            } pullback: {
                { p in
                    let low = eps ?? 0
                    let isInside = (x .>= low).logicalAnd(x .<= 1 - low)
                    let slope = p.gradient / (x * (1.0 - x))
                    return InputGradients(
                        Tensor.select(isInside, .tensor(slope), .scalar(.float(eps == nil ? .nan : 0))))
                }
            }
        }
    }

    /// Degrees in radians.
    public func deg2rad() -> Tensor { inFloat32 { $0 * (Double.pi / 180) } }

    /// Radians in degrees.
    public func rad2deg() -> Tensor { inFloat32 { $0 * (180 / Double.pi) } }

    /// The derivative of ``digamma()``: the recurrence over ten steps and the asymptotic series
    /// ([DLMF 5.15](https://dlmf.nist.gov/5.15)), below 1/2 the reflection. Its own derivatives are those of the steps.
    package func trigamma() -> Tensor {
        inFloat32 { x in
            let isLow = x .< 0.5
            let y = Tensor.select(isLow, .tensor(1.0 - x), .tensor(x))
            var sum = y.square().reciprocal()
            for step in 1..<10 { sum = sum + (y + Double(step)).square().reciprocal() }
            let r = (y + 10.0).reciprocal()
            let z = r.square()
            var series = z * (-7.0 / 6) + 691.0 / 2730
            for term in [5.0 / 66, 1.0 / 30, 1.0 / 42, 1.0 / 30, 1.0 / 6] { series = term - z * series }
            let value = sum + (r + (z * 0.5 + (r * z) * series))
            let place = Tensor.select(isLow, .tensor(x), .scalar(.float(0.25)))
            let sine = ((place - place.round()) * Double.pi).sin()
            let reflected = (sine.reciprocal() * Double.pi).square() - value
            return Tensor.select(isLow, .tensor(reflected), .tensor(value))
        }
    }
}

// MARK: - Of two tensors

extension Tensor {
    /// `sqrt(x^2 + y^2)` without overflow.
    public func hypot(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.inFloat32(self, other, "hypot", at: CallSite(file, line)) { x, y in
            Tensor.composite(x, y, savesOutput: true) {
                let a = x.abs()
                let b = y.abs()
                let larger = Tensor.maximum(a, b)
                let ratio = Tensor.minimum(a, b) / larger
                let length = larger * (ratio.square() + 1.0).sqrt()
                let finite = Tensor.select(larger .== 0.0, .scalar(.float(0)), .tensor(length))
                let isInfinite = a.isInf().logicalOr(b.isInf())
                return Tensor.select(isInfinite, .scalar(.float(.infinity)), .tensor(finite))
            } pullback: {
                { p in
                    let slope = p.gradient / p.output
                    return InputGradients(p.needs(0) ? x * slope : nil, p.needs(1) ? y * slope : nil)
                }
            }
        }
    }

    /// `x log y`, 0 where x is and y is not NaN. This tensor is x.
    /// Source: [torch.xlogy](https://pytorch.org/docs/stable/generated/torch.xlogy.html).
    public func xlogy(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.inFloat32(self, other, "xlogy", at: CallSite(file, line)) { x, y in
            Tensor.composite(x, y) {
                let isZero = (x .== 0.0).logicalAnd(y.isNaN().logicalNot())
                return Tensor.select(isZero, .scalar(.float(0)), .tensor(x * y.log()))
            } pullback: {
                { p in
                    // What nobody asks for is 0, also times an infinite logarithm.
                    let isUnasked = (p.gradient .== 0.0).logicalAnd(y.isNaN().logicalNot())
                    let isFlat = (x .== 0.0).logicalAnd(y .<= 0.0).logicalOr(isUnasked)
                    let byX = p.gradient * y.log()
                    return InputGradients(
                        p.needs(0) ? Tensor.select(isFlat, .scalar(.float(0)), .tensor(byX)) : nil,
                        p.needs(1) ? p.gradient * x / y : nil)
                }
            }
        }
    }

    /// `log(exp(x) + exp(y))` without overflow.
    /// Source: [torch.logaddexp](https://pytorch.org/docs/stable/generated/torch.logaddexp.html).
    public func logAddExp(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        logAddExp(other, "logAddExp", base: 1, at: CallSite(file, line))
    }

    /// `log2(2^x + 2^y)` without overflow.
    /// Source: [torch.logaddexp2](https://pytorch.org/docs/stable/generated/torch.logaddexp2.html).
    public func logAddExp2(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        logAddExp(other, "logAddExp2", base: Tensor.log2OfE.reciprocal, at: CallSite(file, line))
    }

    /// - Parameter base: the natural logarithm of the base.
    private func logAddExp(_ other: Tensor, _ name: StaticString, base: Double, at site: CallSite?) -> Tensor {
        Tensor.inFloat32(self, other, name, at: site) { x, y in
            Tensor.composite(x, y) {
                // Of two infinities of one sign their difference is none.
                let gap = Tensor.select(x .== y, .scalar(.float(0)), .tensor((x - y).abs()))
                return Tensor.maximum(x, y) + (gap * -base).exp().log1p() * (1 / base)
            } pullback: {
                { p in
                    let gap = (x - y) * base
                    return InputGradients(
                        p.needs(0) ? p.gradient * gap.sigmoid() : nil, p.needs(1) ? p.gradient * (-gap).sigmoid() : nil)
                }
            }
        }
    }

    private static func inFloat32(
        _ a: Tensor, _ b: Tensor, _ name: StaticString, at site: CallSite?, _ body: (Tensor, Tensor) -> Tensor
    ) -> Tensor {
        together([a, b], name, inFloat32: true, at: site) { body($0[0], $0[1]) }
    }

    /// What `body` makes of tensors that are broadcast to one shape and promoted to one dtype. As in PyTorch, those of rank 0
    /// raise the others' only beyond their kind.
    ///
    /// - Parameter inFloat32: integers are cast to float32, and `body` computes in float32 where that is wider than the dtype,
    ///   to be rounded once.
    static func together(
        _ operands: [Tensor], _ name: StaticString, inFloat32: Bool = false, at site: CallSite?,
        _ body: ([Tensor]) -> Tensor
    ) -> Tensor {
        var shape = operands[0].shape
        for operand in operands.dropFirst() {
            guard operands[0].shares(operand) else { return operands[0].deviceMismatch("\(name)", operand, at: site) }
            guard let wider = shape.broadcast(with: operand.shape) else {
                return operand.invalid(
                    "\(name)", "shapes \(shape) and \(operand.shape) do not broadcast",
                    remedy: "their last dimensions must be equal or 1, and the result must fit in memory", operands,
                    at: site)
            }
            shape = wider
        }
        func joint(_ tensors: [Tensor]) -> DType? {
            tensors.dropFirst().reduce(tensors.first?.dtype) { $0?.promoted(with: $1.dtype) }
        }
        let sized = joint(operands.filter { $0.rank > 0 })
        let single = joint(operands.filter { $0.rank == 0 })
        var type = sized ?? single ?? .float32
        if let single, single.kind > type.kind { type = type.promoted(with: single) }
        if inFloat32, !type.isFloat { type = .float32 }
        let wide = inFloat32 && type.isShortFloat ? .float32 : type
        return body(operands.map { $0.cast(to: type).cast(to: wide).expanded(to: shape) }).cast(to: type)
    }
}
