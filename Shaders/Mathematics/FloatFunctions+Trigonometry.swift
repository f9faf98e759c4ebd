import KernelIR

extension FloatFunctions {
    /// From here on ``reducedLarge(_:)`` reduces: the parts of pi/2 in ``reducedModerate(_:)`` no longer suffice.
    private static let moderateLimit = 524_288.0

    /// x minus the nearest multiple of pi/2, and that multiple's number modulo 4 in the low bits.
    private func reducedQuarter(_ x: Value) -> (r: Value, quadrant: Value) {
        let moderate = reducedModerate(x)
        let a = x.unary(.absolute)
        // Infinities and NaN become NaN by the other way.
        let isLarge = (a >= constant(FloatFunctions.moderateLimit, like: x)) & (a < .infinity)
        let r = k.variable(moderate.r)
        let quadrant = k.variable(moderate.quadrant)
        k.if(isLarge.lanes.dropFirst().reduce(isLarge.lane(0)) { $0 | $1 }) {
            let large = reducedLarge(x)
            r.value = k.select(isLarge, large.r, moderate.r)
            quadrant.value = k.select(isLarge, large.quadrant, moderate.quadrant)
        }
        return (r.value, quadrant.value)
    }

    /// By pi/2 in three parts, whose products are rounded once.
    private func reducedModerate(_ x: Value) -> (r: Value, quadrant: Value) {
        let shifted = x * 0.63661977236758134 + FloatFunctions.roundingMagic
        let n = shifted - FloatFunctions.roundingMagic
        var r = k.fusedMultiplyAdd(n, constant(-0x1.921fb6p+0, like: x), x)
        r = k.fusedMultiplyAdd(n, constant(0x1.777a5cp-25, like: x), r)
        r = k.fusedMultiplyAdd(n, constant(0x1.ee59dap-50, like: x), r)
        return (r, shifted.bitcast(to: .int32))
    }

    /// The bits of 2/pi behind 32 zeros.
    private static let twoOverPi = [
        0, 0xA2F9_836E, 0x4E44_1529, 0xFC27_57D1, 0xF534_DDC0, 0xDB62_9599, 0x3C43_9041, 0xFE51_63AB,
    ]

    /// The same for |x| from 2^19 on, to half a unit in the last place
    /// ([Payne and Hanek, "Radian reduction for trigonometric functions"](https://doi.org/10.1145/1057600.1057602)):
    /// of the mantissa's product with 2/pi only 96 bits count, which begin where the exponent says. Those before them make
    /// whole turns.
    private func reducedLarge(_ x: Value) -> (r: Value, quadrant: Value) {
        let bits = x.bitcast(to: .uint32)
        let isNegative = x < 0.0
        let mantissa = (bits & 0x7F_FFFF) | 0x80_0000
        let first = ((bits >> 23) & 0xFF) - 120
        let (high, middle, low) = product(mantissa, bitsFrom: first)
        // The upper two bits number the quarter; what follows, as a signed number, is the distance from the nearest one.
        let quarter = (high + 0x2000_0000) >> 30
        let upper = (high << 2) | (middle >> 30)
        let lower = (middle << 2) | (low >> 30)
        let isBelow = upper >= 0x8000_0000
        let ones = k.constant(0xFFFF_FFFF, bits.type)
        let flip = k.select(isBelow, ones, k.constant(0, bits.type))
        let (above, below) = (upper ^ flip, lower ^ flip)
        // Two floats hold it, and their product with pi/2 is exact enough also where cancellation leaves few bits.
        let a = float(above >> 8) * 0x1p-24
        let b = float(((above & 0xFF) << 23) | (below >> 9)) * 0x1p-55
        let halfPi = constant(0x1.921fb6p+0, like: x)
        let whole = a * halfPi
        let rest =
            k.fusedMultiplyAdd(a, constant(-0x1.777a5cp-25, like: x), k.fusedMultiplyAdd(a, halfPi, -whole)) + b
            * halfPi
        let r = whole + rest
        let signed = k.select(isBelow ^ isNegative, -r, r)
        let turned = k.select(isNegative, k.constant(0, bits.type) - quarter, quarter)
        return (signed, turned.bitcast(to: .int32))
    }

    /// The lower 96 bits of a number times 96 bits of ``twoOverPi``, in words, the highest first.
    private func product(_ factor: Value, bitsFrom first: Value) -> (Value, Value, Value) {
        let word = first >> 5
        let shift = first & 31
        let other = k.constant(31, first.type) - shift
        let words = (0..<4).map { offset in
            (1...4).reduce(k.constant(FloatFunctions.twoOverPi[offset], first.type)) { chosen, number in
                k.select(word == number, k.constant(FloatFunctions.twoOverPi[number + offset], first.type), chosen)
            }
        }
        let shifted = (0..<3).map { number in
            words[number].binary(.shiftLeft, shift) | (words[number + 1] >> 1).binary(.shiftRight, other)
        }
        let low = factor * shifted[2]
        let middleProduct = factor * shifted[1]
        let middle = middleProduct + factor.binary(.multiplyHigh, shifted[2])
        let carry = k.select(middle < middleProduct, k.constant(1, first.type), k.constant(0, first.type))
        let high = factor * shifted[0] + factor.binary(.multiplyHigh, shifted[1]) + carry
        return (high, middle, low)
    }

    /// A uint32 below 2^31 as a float32.
    private func float(_ x: Value) -> Value { x.bitcast(to: .int32).convert(to: .float32) }

    func sineOfReduced(_ r: Value) -> Value {
        let z = r * r
        let p = polynomial(z, [0x1.6cd736p-19, -0x1.a00f98p-13, 0x1.111108p-7, -0x1.555556p-3])
        return (p * z) * r + r
    }

    func cosineOfReduced(_ r: Value) -> Value {
        let z = r * r
        let p = polynomial(z, [-0x1.242a06p-22, 0x1.a0111cp-16, -0x1.6c16b8p-10, 0x1.555556p-5])
        return ((p * z) * z - z * 0.5) + 1.0
    }

    /// Flips the sign of `y` where bit 1 of `quadrant` is set.
    private func signed(_ y: Value, _ quadrant: Value) -> Value {
        (y.bitcast(to: .int32) ^ ((quadrant & 2) << 30)).bitcast(to: .float32)
    }

    /// Error at most 1.5 ulp.
    func sin(_ x: Value) -> Value {
        let (r, q) = reducedQuarter(x)
        let y = signed(k.select((q & 1) != 0, cosineOfReduced(r), sineOfReduced(r)), q)
        // The polynomial's sum loses the sign of zero.
        return k.select(x == constant(0, like: x), x, y)
    }

    /// Error at most 1.5 ulp.
    func cos(_ x: Value) -> Value {
        let (r, q) = reducedQuarter(x)
        return signed(k.select((q & 1) != 0, sineOfReduced(r), cosineOfReduced(r)), q + 1)
    }

    /// Error at most 3 ulp.
    func tan(_ x: Value) -> Value {
        let (r, q) = reducedQuarter(x)
        let sine = sineOfReduced(r)
        let cosine = cosineOfReduced(r)
        let isOdd = (q & 1) != 0
        let y = k.select(isOdd, -cosine, sine) / k.select(isOdd, sine, cosine)
        return k.select(x == constant(0, like: x), x, y)
    }
}
