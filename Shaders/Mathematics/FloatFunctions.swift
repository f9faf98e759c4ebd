import KernelIR

/// float32 functions, branch-free so that they serve vectors. The polynomials are minimax fits made for this project, as
/// in the CPU's kernels; errors are in units in the last place.
struct FloatFunctions {
    let k: KernelBuilder

    /// Adding and subtracting it rounds to an integer, which also stands in the sum's low bits.
    static let roundingMagic = 12_582_912.0
    static let roundingMagicBits = 0x4B40_0000

    /// The polynomial with these coefficients, the highest power's first.
    func polynomial(_ x: Value, _ coefficients: [Double]) -> Value {
        var result = k.constant(coefficients[0], x.type)
        for coefficient in coefficients.dropFirst() { result = result * x + coefficient }
        return result
    }

    func constant(_ value: Double, like x: Value) -> Value { k.constant(value, x.type) }

    /// 2^n for whole n in -126...127.
    func powerOfTwo(_ n: Value) -> Value { ((n + 127) << 23).bitcast(to: .float32) }

    /// `p` times 2^n, in two factors because 2^n alone may be outside the normal range.
    func scaled(_ p: Value, by n: Value) -> Value {
        let half = n >> 1
        return p * powerOfTwo(half) * powerOfTwo(n - half)
    }

    /// `x` without its sign, with the sign of `sign`.
    func copySign(_ x: Value, of sign: Value) -> Value {
        let magnitude = x.bitcast(to: .int32) & 0x7FFF_FFFF
        return (magnitude | (sign.bitcast(to: .int32) & -0x8000_0000)).bitcast(to: .float32)
    }

    /// Between the bounds; NaN gives NaN.
    func clamped(_ x: Value, _ low: Double, _ high: Double) -> Value {
        let below = k.select(x > high, constant(high, like: x), x)
        return k.select(below < low, constant(low, like: x), below)
    }

    /// r and n of x = n ln 2 + r, |r| <= ln 2 / 2.
    func reduced(_ x: Value) -> (r: Value, n: Value) {
        let shifted = x * 1.44269504 + FloatFunctions.roundingMagic
        let n = shifted - FloatFunctions.roundingMagic
        // ln 2 in two parts; the first has 9 low zero bits, so that n times it is exact.
        let r = (x - n * 0x1.62e4p-1) - n * 0x1.7f7d1cp-20
        return (r, shifted.bitcast(to: .int32) - FloatFunctions.roundingMagicBits)
    }

    /// e^r of a reduced argument.
    func expOfReduced(_ r: Value) -> Value {
        let p = polynomial(
            r, [0x1.6a2556p-10, 0x1.123a1p-7, 0x1.5558fp-5, 0x1.555492p-3, 0x1.fffffcp-2])
        return ((p * r) * r + r) + 1.0
    }

    /// Error at most 1.1 ulp; gradual underflow is right.
    func exp(_ x: Value) -> Value {
        let (r, n) = reduced(clamped(x, -104, 89))
        return scaled(expOfReduced(r), by: n)
    }

    /// e^x where |x| < 87: 2^n goes straight into the exponent.
    private func expModerate(_ x: Value) -> Value {
        let (r, n) = reduced(x)
        return (expOfReduced(r).bitcast(to: .int32) + (n << 23)).bitcast(to: .float32)
    }

    /// 2^n (r + r^2 p(r)) + (2^n - 1). Error at most 2 ulp.
    func expm1(_ x: Value) -> Value {
        let (r, n) = reduced(clamped(x, -20, 89))
        let q = polynomial(
            r, [0x1.a1a1aep-13, 0x1.6d74c6p-10, 0x1.11109p-7, 0x1.5554aep-5, 0x1.555556p-3, 0x1p-1])
        let p = (q * r) * r + r
        // Half the power, doubled at the end: 2^128 is outside the range, and its multiples here are not.
        let s = powerOfTwo(n - 1)
        let y = (s * p + (s - 0.5)) * 2.0
        // A product by 2^0 and a sum with 0 keep the value but not the sign of zero.
        return k.select(x == constant(0, like: x), x, y)
    }

    /// k ln 2 + f - f^2/2 + f^3 q(f), 1 + f in sqrt(1/2)...sqrt(2). Error at most 1.2 ulp.
    func log(_ x: Value) -> Value {
        let (f, e) = splitLogarithm(x)
        let q = polynomial(
            f,
            [
                0x1.1bc972p-4, -0x1.e3a31p-4, 0x1.e6763ap-4, -0x1.fb285ep-4, 0x1.232ee4p-3, -0x1.55637ap-3,
                0x1.99a574p-3, -0x1.ffffecp-3, 0x1.555546p-2,
            ])
        let z = f * f
        let tail = ((q * f) * z + e * 0x1.7f7d1cp-20) - z * 0.5
        return logarithm((f + tail) + e * 0x1.62e4p-1, of: x)
    }

    /// The logarithm `y` of a positive finite number, and the limits of the others.
    func logarithm(_ y: Value, of x: Value) -> Value {
        let zero = constant(0, like: x)
        let outside = k.select(x < 0.0, constant(.nan, like: x), x)
        let special = k.select(x == zero, constant(-.infinity, like: x), outside)
        // Infinity and NaN give themselves.
        return k.select((x > 0.0) & (x < .infinity), y, special)
    }

    /// f and e of x = 2^e (1 + f), 1 + f in sqrt(1/2)...sqrt(2), for positive finite x.
    func splitLogarithm(_ x: Value) -> (f: Value, e: Value) {
        let tiny = x < 0x1p-126
        let bits = k.select(tiny, x * 0x1p23, x).bitcast(to: .int32)
        let n = (bits - 0x3F35_04F3) >> 23
        let f = (bits - (n << 23)).bitcast(to: .float32) - 1.0
        return (f, k.select(tiny, n - 23, n).convert(to: .float32))
    }

    /// log(u) + (x - (u - 1)) / u with u = 1 + x rounded. Error at most 2 ulp.
    func log1p(_ x: Value) -> Value {
        let u = x + 1.0
        let lost = x - (u - 1.0)
        let logarithm = log(u)
        let y = k.select((u > 0.0) & (u < .infinity), logarithm + lost / u, logarithm)
        return k.select(u == constant(1, like: u), x, y)
    }

    /// Error at most 2.5 ulp. By way of exp(-|x|), which cannot overflow.
    func sigmoid(_ x: Value) -> Value {
        let e = exp(k.select(x < 0.0, x, -x))
        let r = constant(1, like: x) / (e + 1.0)
        return k.select(x < 0.0, e * r, r)
    }

    /// Odd polynomial for |x| < 0.6, 1 - 2 / (exp(2|x|) + 1) beyond. Error at most 2 ulp.
    func tanh(_ x: Value) -> Value {
        let a = x.unary(.absolute)
        let z = x * x
        let p = polynomial(
            z, [-0x1.830ccep-8, 0x1.54e04ap-6, -0x1.b89ee2p-5, 0x1.1109dcp-3, -0x1.55553ep-2])
        let small = (p * z) * x + x
        let c = k.select(a > 10.0, constant(10, like: a), a)
        let e = expModerate(c + c)
        let magnitude = constant(1, like: x) - constant(2, like: x) / (e + 1.0)
        // The sign comes last: the polynomial's sum loses that of zero.
        return k.select(x == x, copySign(k.select(a < 0.6, small, magnitude), of: x), x)
    }

    /// Odd polynomial for |x| < 0.89, 1 - exp(-h(|x|)) beyond. Error at most 1.5 ulp.
    func erf(_ x: Value) -> Value {
        let a = x.unary(.absolute)
        let p = polynomial(
            x * x,
            [
                0x1.662518p-14, -0x1.acf7f8p-11, 0x1.5513f2p-8, -0x1.b8162ap-6, 0x1.ce2e6p-4, -0x1.812744p-2,
                0x1.20dd76p+0,
            ])
        let c = k.select(a > 4.0, constant(4, like: a), a)
        let h = polynomial(
            c,
            [
                -0x1.5a1962p-16, 0x1.c1ed4cp-12, -0x1.0fa68ap-8, 0x1.9a7022p-6, -0x1.bb1598p-4, -0x1.445284p-1,
                -0x1.2124d2p+0, 0x1.5a0b3ep-13,
            ])
        let magnitude = constant(1, like: x) - expModerate(h)
        let large = k.select(x == x, copySign(magnitude, of: x), x)
        return k.select(a < 0.89, p * x, large)
    }
}
