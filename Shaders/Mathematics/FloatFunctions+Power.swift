import KernelIR

extension FloatFunctions {
    /// |x|^y for 0 < |x| < infinity: 2^(y log2 |x|), the logarithm as a sum of two floats.
    private func positivePower(_ a: Value, _ y: Value) -> Value {
        let (hi, lo) = preciseLog2(a)
        let product = y * hi
        let rest = k.fusedMultiplyAdd(y, hi, -product) + y * lo
        let isModerate = product.unary(.absolute) < 200.0
        let limit = k.select(product > 0.0, constant(200, like: a), constant(-200, like: a))
        let t = k.select(isModerate, product, limit)
        let shifted = t + FloatFunctions.roundingMagic
        let f = (t - (shifted - FloatFunctions.roundingMagic)) + k.select(isModerate, rest, constant(0, like: a))
        let p = polynomial(
            f,
            [
                1.5201814762651268e-05, 0.0001546942195691582, 0.0013333924041994307, 0.009618026848960756,
                0.05550410350347914, 0.2402265120114596, 0.6931471807297999, 0.9999999999613789,
            ])
        return scaled(p, by: shifted.bitcast(to: .int32) - FloatFunctions.roundingMagicBits)
    }

    /// log2 of a positive finite number as a float and its correction: relative error about 2^-31.
    private func preciseLog2(_ a: Value) -> (hi: Value, lo: Value) {
        let (f, e) = splitLogarithm(a)
        // ln(1 + f) = 2 s + s^3 (2/3 + 2/5 s^2 + ...), s = f / (2 + f), the quotient with its remainder.
        let divisor = f + 2.0
        let lost = f - (divisor - 2.0)
        let s = f / divisor
        let correction = (k.fusedMultiplyAdd(-s, divisor, f) - s * lost) / divisor
        let z = s * s
        let series = polynomial(
            z, [0x1.8c9b62p-4, 0x1.c67a00p-4, 0x1.249326p-3, 0.19999999390951553, 0.3333333333369415])
        let tail = (correction + (series * z) * s) * 2.0
        let twice = s * 2.0
        let high = twice * 0x1.715476p+0
        let low =
            (k.fusedMultiplyAdd(twice, constant(0x1.715476p+0, like: a), -high) + twice * 0x1.4ae0cp-26) + tail
            * 0x1.715476p+0
        let sum = e + high
        return (sum, low + (high - (sum - e)))
    }

    /// As C's pow: 1 for y = 0 and x = 1, NaN for a negative base and a fractional exponent. Error at most 4 ulp.
    func power(_ x: Value, _ y: Value) -> Value {
        let type = x.type.width >= y.type.width ? x.type : y.type
        let x = x.broadcast(to: type)
        let y = y.broadcast(to: type)
        let zero = constant(0, like: x)
        let one = constant(1, like: x)
        let infinity = constant(.infinity, like: x)
        let ax = x.unary(.absolute)
        let ay = y.unary(.absolute)
        let isRising = y > 0.0
        var magnitude = positivePower(ax, y)
        // The limits of the base: 0 and infinity to a positive or negative power.
        magnitude = k.select(ax == zero, k.select(isRising, zero, infinity), magnitude)
        magnitude = k.select(ax == infinity, k.select(isRising, infinity, zero), magnitude)
        // An infinite exponent.
        let grows = ((ax > 1.0) & isRising) | ((ax < 1.0) & (y < 0.0))
        let limit = k.select(ax == one, one, k.select(grows, infinity, zero))
        magnitude = k.select(ay == infinity, limit, magnitude)
        // From 2^24 on every float is an even integer.
        let isLarge = ay >= constant(0x1p24, like: x)
        let integer = k.select(isLarge | (y != y), zero, y).convert(to: .int32)
        let isWhole = isLarge | (integer.convert(to: .float32) == y)
        let isOdd = !isLarge & isWhole & ((integer & 1) != 0)
        let isNegative = x.bitcast(to: .int32) < 0
        var result = k.select(isNegative & isOdd, -magnitude, magnitude)
        let isUndefined = (x < 0.0) & !isWhole & (ax != infinity) & (ay != infinity)
        result = k.select(isUndefined, constant(.nan, like: x), result)
        result = k.select((x != x) | (y != y), x + y, result)
        return k.select((y == zero) | (x == one), one, result)
    }
}
