import TensorRuntime

// What kind of number an element is, its sign, and moving it between others.

// MARK: - Kinds

extension Tensor {
    /// Whether each element is infinite; bool.
    public func isInf() -> Tensor { dtype.isFloat ? abs() .== Double.infinity : filled(shape, .int(0), dtype: .bool) }

    /// Whether each element is neither infinite nor NaN; bool.
    public func isFinite() -> Tensor { dtype.isFloat ? abs() .< Double.infinity : filled(shape, .int(1), dtype: .bool) }

    /// Whether each element is infinite and positive; bool.
    public func isPosInf() -> Tensor { dtype.isFloat ? self .== Double.infinity : filled(shape, .int(0), dtype: .bool) }

    /// Whether each element is infinite and negative; bool.
    public func isNegInf() -> Tensor {
        dtype.isFloat ? self .== -Double.infinity : filled(shape, .int(0), dtype: .bool)
    }

    /// Whether each element is negative, -0 too; bool. False of NaN, whatever its bits are.
    public func signbit() -> Tensor {
        if dtype == .bool { return filled(shape, .int(0), dtype: .bool) }
        let isNegative = self .< 0
        if !dtype.isFloat { return isNegative }
        return isNegative.logicalOr((self .== 0.0).logicalAnd(detach().reciprocal() .< 0.0))
    }

    /// Other numbers in place of NaN and the infinities, where there is no gradient. Integers stay as they are.
    /// Source: [torch.nan_to_num](https://pytorch.org/docs/stable/generated/torch.nan_to_num.html).
    ///
    /// - Parameters:
    ///   - nan: in place of NaN.
    ///   - posInf: in place of infinity; the dtype's largest number where it is nil.
    ///   - negInf: in place of minus infinity; the dtype's least number where it is nil.
    public func nanToNum(nan: Double = 0, posInf: Double? = nil, negInf: Double? = nil) -> Tensor {
        if !dtype.isFloat { return self }
        let largest: Double =
            switch dtype {
            case .float16: 65504
            case .bfloat16: 0x1.FEp127
            case .float64: .greatestFiniteMagnitude
            case .bool, .uint8, .int32, .int64, .float32: Double(Float.greatestFiniteMagnitude)
            }
        let number = Tensor.select(isNaN(), .scalar(.float(nan)), .tensor(self))
        let below = Tensor.select(isPosInf(), .scalar(.float(posInf ?? largest)), .tensor(number))
        return Tensor.select(isNegInf(), .scalar(.float(negInf ?? -largest)), .tensor(below))
    }
}

// MARK: - Parts and signs

extension Tensor {
    /// What is left of each element without its whole part, with its sign.
    public func frac() -> Tensor { self - trunc() }

    /// Each element with the sign of `other`'s, that of a zero too. The gradient is 0 where the element is. Integers give
    /// float32. Source: [torch.copysign](https://pytorch.org/docs/stable/generated/torch.copysign.html).
    public func copysign(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.together([self, other], "copysign", inFloat32: true, at: CallSite(file, line)) { operands in
            let magnitude = operands[0].abs()
            return Tensor.select(operands[1].detach().signbit(), .tensor(-magnitude), .tensor(magnitude))
        }
    }

    /// 0 of negative elements and NaN, 1 of positive ones, and `values` where an element is 0. There is no gradient.
    /// Source: [torch.heaviside](https://pytorch.org/docs/stable/generated/torch.heaviside.html).
    public func heaviside(_ values: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.together([self, values], "heaviside", at: CallSite(file, line)) { operands in
            let x = operands[0].detach()
            let step = (x .> 0).cast(to: x.dtype)
            return Tensor.select(x .== 0, .tensor(operands[1].detach()), .tensor(step))
        }
    }

    /// Each element to a power, in float64.
    /// Source: [torch.float_power](https://pytorch.org/docs/stable/generated/torch.float_power.html).
    public func floatPower(_ exponent: some ScalarOperand) -> Tensor {
        cast(to: .float64).pow(exponent.scalar.doubleValue)
    }

    /// Each element to the power at its place, in float64.
    public func floatPower(_ exponent: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        cast(to: .float64).pow(exponent.cast(to: .float64), file: file, line: line)
    }
}

// MARK: - Between numbers

extension Tensor {
    /// Each element moved into the bounds at its place, `max` where they are crossed; NaN where one of the three is. The three
    /// broadcast. An element inside has the gradient, or else the bound that it was moved to; an element on a bound shares it
    /// evenly with that, unless the bounds are one.
    /// Source: [torch.clamp](https://pytorch.org/docs/stable/generated/torch.clamp.html).
    public func clamp(min: Tensor, max: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.together([self, min, max], "clamp", at: CallSite(file, line)) { operands in
            let (x, low, high) = (operands[0], operands[1], operands[2])
            return Tensor.composite(x, low, high) {
                Tensor.minimum(Tensor.maximum(x, low), high)
            } pullback: {
                { p in
                    let isOpen = low .< high
                    let onLow = (x .== low).logicalAnd(isOpen)
                    let onHigh = (x .== high).logicalAnd(isOpen)
                    let isCrossed = high .< low
                    let half = p.gradient * 0.5
                    func shared(_ isWhole: Tensor, _ isHalf: Tensor) -> Tensor {
                        let whole = p.gradient.kept(where: isWhole)
                        return Tensor.select(isHalf, .tensor(half), .tensor(whole))
                    }
                    let isOutside = (x .< low).logicalOr(x .> high)
                    return InputGradients(
                        shared(isOutside.logicalNot(), onLow.logicalOr(onHigh)),
                        shared((x .< low).logicalAnd(isCrossed.logicalNot()), onLow),
                        shared((x .> high).logicalOr(isCrossed), onHigh))
                }
            }
        }
    }

    /// Each element, at least the bound at its place; equal ones share the gradient.
    public func clamp(min: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        bounded(by: min, at: CallSite(file, line), Tensor.maximum(_:_:file:line:)) { $0 .< $1 }
    }

    /// Each element, at most the bound at its place; equal ones share the gradient.
    public func clamp(max: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        bounded(by: max, at: CallSite(file, line), Tensor.minimum(_:_:file:line:)) { $0 .> $1 }
    }

    /// - Parameter isMoved: whether a first tensor's elements are beyond the bounds that the second has.
    private func bounded(
        by bound: Tensor, at site: CallSite, _ choose: (Tensor, Tensor, StaticString, UInt) -> Tensor,
        isMoved: @escaping @Sendable (Tensor, Tensor) -> Tensor
    ) -> Tensor {
        Tensor.together([self, bound], "clamp", at: site) { operands in
            let (x, bound) = (operands[0], operands[1])
            return Tensor.composite(x, bound) {
                choose(x, bound, #fileID, #line)
            } pullback: {
                { p in
                    let shared = Tensor.select(x .== bound, .tensor(p.gradient * 0.5), .tensor(p.gradient))
                    // Beyond in the other sense, or NaN, has the gradient too.
                    return InputGradients(
                        shared.kept(where: isMoved(x, bound).logicalNot()),
                        shared.kept(where: isMoved(bound, x).logicalNot()))
                }
            }
        }
    }

    /// From this tensor (`weight` 0) to `end` (1) in proportion: from the nearer of them, so that each is met exactly. Integers
    /// give float32. Source: [torch.lerp](https://pytorch.org/docs/stable/generated/torch.lerp.html).
    public func lerp(
        _ end: Tensor, weight: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let weight = weight.scalar.doubleValue
        return Tensor.together([self, end], "lerp", inFloat32: true, at: CallSite(file, line)) { operands in
            let way = operands[1] - operands[0]
            return Swift.abs(weight) < 0.5 ? operands[0] + way * weight : operands[1] - way * (1 - weight)
        }
    }

    /// From this tensor to `end` in the proportion at each place.
    public func lerp(_ end: Tensor, weight: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.together([self, end, weight], "lerp", inFloat32: true, at: CallSite(file, line)) { operands in
            let (start, end, weight) = (operands[0], operands[1], operands[2])
            return Tensor.composite(start, end, weight) {
                let way = end - start
                let near = start + way * weight
                let far = end - way * (1.0 - weight)
                return Tensor.select(weight.abs() .< 0.5, .tensor(near), .tensor(far))
            } pullback: {
                { p in
                    InputGradients(p.gradient * (1.0 - weight), p.gradient * weight, p.gradient * (end - start))
                }
            }
        }
    }

    /// `x + value * a * b`.
    /// Source: [torch.addcmul](https://pytorch.org/docs/stable/generated/torch.addcmul.html).
    public func addcmul(_ a: Tensor, _ b: Tensor, value: some ScalarOperand = 1) -> Tensor {
        let product = a * b
        return self + product * value
    }

    /// `x + value * a / b`.
    /// Source: [torch.addcdiv](https://pytorch.org/docs/stable/generated/torch.addcdiv.html).
    public func addcdiv(_ a: Tensor, _ b: Tensor, value: some ScalarOperand = 1) -> Tensor {
        let quotient = a / b
        return self + quotient * value
    }
}
