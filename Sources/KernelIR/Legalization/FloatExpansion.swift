extension Kernel {
    /// The kernel without products and sums rounded once and without remainders of floats, for devices whose language has no
    /// exact ones: they become other operations of floats and integers, each of which is exact or rounded as it stands.
    /// Buffers and arguments stay as they are.
    ///
    /// - Throws: `target` where that takes an int64 (remainders of float64), and the device has none.
    package func expandingFloats(hasInt64: Bool) throws(KernelError) -> Kernel {
        var needs = false
        var wide: Statement?
        forEachStatement { statement in
            guard case .define(let value, let operation) = statement else { return }
            let scalar = types[value].scalar
            switch operation {
            case .fusedMultiplyAdd: needs = true
            case .binary(.remainder, _, _) where scalar.isFloat:
                needs = true
                if scalar == .float64 { wide = statement }
            default: break
            }
        }
        if !needs { return self }
        if let wide, !hasInt64 {
            throw error(.target, "it needs int64, which the device lacks, for the remainder of a float64", at: wide)
        }
        return KernelLegalizer.expand(self) { $0.expanded($1, $2) }
    }
}

/// Operations of floats that a device may lack, by those that all have.
extension KernelBuilder {
    /// What stands for an operation; nil for those that stay.
    func expanded(_ operation: Operation, _ values: [Value]) -> Value? {
        switch operation {
        case .fusedMultiplyAdd: productAndSum(values[0], values[1], values[2])
        case .binary(.remainder, _, _) where values[0].type.scalar.isFloat: floatRemainder(values[0], values[1])
        default: nil
        }
    }

    /// `a * b + c`, all but rounded once: within 2^-22 of a unit in the last place of what one rounding gives. The sign of
    /// zero, infinities and NaN are right.
    ///
    /// The product's error and the sum's are found exactly ([Dekker, "A floating-point technique for extending the available
    /// precision"](https://doi.org/10.1007/BF01397083)) and added. Where the product leaves the float's range, or its error
    /// that of exact numbers (below about 2^-100), the result is that of two roundings; what reduces angles and takes powers
    /// does neither. float16 goes by way of float32.
    func productAndSum(_ a: Value, _ b: Value, _ c: Value) -> Value {
        if c.type.scalar == .float16 {
            return productAndSum(
                a.convert(to: .float32), b.convert(to: .float32), c.convert(to: .float32)
            ).convert(to: .float16)
        }
        let product = a * b
        let (aHigh, bHigh) = (upperHalf(a), upperHalf(b))
        let (aLow, bLow) = (a - aHigh, b - bHigh)
        let productError = aLow * bLow - (((product - aHigh * bHigh) - aLow * bHigh) - aHigh * bLow)
        let sum = product + c
        let added = sum - product
        let sumError = (product - (sum - added)) + (c - added)
        let error = productError + sumError
        // No error keeps the sum's sign of zero; one that is NaN comes from an infinity or a NaN, which the sum has.
        return select(error.unary(.absolute) > 0.0, sum + error, sum)
    }

    /// A float with half of its digits, so that the products of halves are exact.
    private func upperHalf(_ x: Value) -> Value {
        if x.type.scalar == .float32 { return (x.bitcast(to: .uint32) & 0xFFFF_F000).bitcast(to: .float32) }
        let shifted = x * 0x1p27 + x
        return shifted - (shifted - x)
    }

    /// The remainder of a division towards zero, exact, with the dividend's sign: long division of the significands, some
    /// bits at a time, as many times as the exponents differ.
    func floatRemainder(_ x: Value, _ y: Value) -> Value {
        let scalar = x.type.scalar
        if scalar == .float16 {
            return floatRemainder(x.convert(to: .float32), y.convert(to: .float32)).convert(to: .float16)
        }
        let isWide = scalar == .float64
        let word: ScalarType = isWide ? .int64 : .uint32
        let digits = isWide ? 52 : 23
        // A significand has room for so many more bits.
        let places = isWide ? 10 : 8
        let type = x.type.with(word)
        func constant(_ value: Int) -> Value { self.constant(value, type) }
        func parts(_ bits: Value) -> (significand: Value, exponent: Value) {
            let exponent = bits >> digits
            let isNormal = exponent != 0
            let hidden = select(isNormal, constant(1 << digits), constant(0))
            return ((bits & ((1 << digits) - 1)) | hidden, select(isNormal, exponent, constant(1)))
        }
        let ax = x.unary(.absolute).bitcast(to: word)
        let ay = y.unary(.absolute).bitcast(to: word)
        let infinity = constant(((1 << (isWide ? 11 : 8)) - 1) << digits)
        let (dividend, upper) = parts(ax)
        let (divisor, lower) = parts(ay)
        let isUndefined = (ax >= infinity) | (ay > infinity) | (ay == 0)
        let isShort = (ax < ay) | isUndefined
        let modulus = select(isUndefined, constant(1), divisor)
        let rest = variable(dividend % modulus)
        let left = variable(select(isShort, constant(0), upper - lower))
        let most = left.value.lanes.dropFirst().reduce(left.value.lane(0)) { $0.binary(.maximum, $1) }
        loop(from: 0, to: most, by: places) { _ in
            let step = left.value.binary(.minimum, constant(places))
            rest.value = rest.value.binary(.shiftLeft, step) % modulus
            left.value = left.value - step
        }
        // Times the divisor's last place, in two factors that are no subnormal numbers.
        let place = lower.convert(to: .int32) - (digits + (isWide ? 1023 : 127))
        let half = place >> 1
        let magnitude = rest.value.convert(to: scalar) * powerOfTwo(half, scalar) * powerOfTwo(place - half, scalar)
        let sign = x.bitcast(to: word) & (isWide ? Int.min : 0x8000_0000)
        let result = (magnitude.bitcast(to: word) | sign).bitcast(to: scalar)
        return select(isUndefined, self.constant(.nan, x.type), select(isShort, x, result))
    }

    private func powerOfTwo(_ n: Value, _ scalar: ScalarType) -> Value {
        scalar == .float64
            ? ((n.convert(to: .int64) + 1023) << 52).bitcast(to: .float64) : ((n + 127) << 23).bitcast(to: .float32)
    }
}
