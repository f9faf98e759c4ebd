import KernelIR

extension FloatFunctions {
    /// x minus the nearest multiple of pi/2, and that multiple's number modulo 4 in the low bits.
    ///
    /// pi/2 stands in three parts, whose products are rounded once: good to a few units in the last place of the result up
    /// to |x| of about a million.
    private func reducedQuarter(_ x: Value) -> (r: Value, quadrant: Value) {
        let shifted = x * 0.63661977236758134 + FloatFunctions.roundingMagic
        let n = shifted - FloatFunctions.roundingMagic
        var r = k.fusedMultiplyAdd(n, constant(-0x1.921fb6p+0, like: x), x)
        r = k.fusedMultiplyAdd(n, constant(0x1.777a5cp-25, like: x), r)
        r = k.fusedMultiplyAdd(n, constant(0x1.ee59dap-50, like: x), r)
        return (r, shifted.bitcast(to: .int32))
    }

    private func sineOfReduced(_ r: Value) -> Value {
        let z = r * r
        let p = polynomial(z, [0x1.6cd736p-19, -0x1.a00f98p-13, 0x1.111108p-7, -0x1.555556p-3])
        return (p * z) * r + r
    }

    private func cosineOfReduced(_ r: Value) -> Value {
        let z = r * r
        let p = polynomial(z, [-0x1.242a06p-22, 0x1.a0111cp-16, -0x1.6c16b8p-10, 0x1.555556p-5])
        return ((p * z) * z - z * 0.5) + 1.0
    }

    /// Flips the sign of `y` where bit 1 of `quadrant` is set.
    private func signed(_ y: Value, _ quadrant: Value) -> Value {
        (y.bitcast(to: .int32) ^ ((quadrant & 2) << 30)).bitcast(to: .float32)
    }

    /// Error at most 1.5 ulp for |x| below a million.
    func sin(_ x: Value) -> Value {
        let (r, q) = reducedQuarter(x)
        return signed(k.select((q & 1) != 0, cosineOfReduced(r), sineOfReduced(r)), q)
    }

    /// Error at most 1.5 ulp for |x| below a million.
    func cos(_ x: Value) -> Value {
        let (r, q) = reducedQuarter(x)
        return signed(k.select((q & 1) != 0, sineOfReduced(r), cosineOfReduced(r)), q + 1)
    }

    /// Error at most 3 ulp for |x| below a million.
    func tan(_ x: Value) -> Value {
        let (r, q) = reducedQuarter(x)
        let sine = sineOfReduced(r)
        let cosine = cosineOfReduced(r)
        let isOdd = (q & 1) != 0
        return k.select(isOdd, -cosine, sine) / k.select(isOdd, sine, cosine)
    }
}
