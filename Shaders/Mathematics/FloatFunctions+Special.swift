import KernelIR

/// The error function's complement and inverse, the logarithm of the gamma function and its derivative: the CPU's, of
/// `body_special.h`.
extension FloatFunctions {
    /// exp(-x^2) q(x) / (1 + 2 x) from 1/2 on, q by a polynomial in (x - 2) / (x + 2); 1 - erf(x) below. Error at most 4 ulp.
    func erfc(_ x: Value) -> Value {
        let c = clamped(x, 0.5, 10.5)
        let u = (c - 2.0) / (c + 2.0)
        let q = polynomial(
            u,
            [
                -0x1.e3eec2p-13, -0x1.50dc3cp-10, 0x1.2fa9aap-10, 0x1.1c472cp-7, -0x1.06885cp-7, -0x1.bc22cep-5,
                0x1.4ff95cp-3, -0x1.5407bap-3, -0x1.7bf5eap-4, 0x1.46e80ep+0,
            ])
        // x^2 in two parts, the first the exact square of 12 bits.
        let high = ((c.bitcast(to: .int32) + 0x800) & -0x1000).bitcast(to: .float32)
        let (whole, n) = reduced(-(high * high))
        let r = whole - (c - high) * (c + high)
        let tail = scaled(expOfReduced(r) * (q / (c + c + 1.0)), by: n)
        return k.select(x < 0.5, constant(1, like: x) - erf(x), k.select(x == x, tail, x))
    }

    /// x p(w), w = -log(1 - x^2): a polynomial in w below 5, one in its root beyond. Error at most 2.8 ulp.
    func erfinv(_ x: Value) -> Value {
        let a = x.unary(.absolute)
        let one = constant(1, like: x)
        let w = -log((one - a) * (a + 1.0))
        let p = polynomial(
            w - 2.5,
            [
                -0x1.1b7dccp-27, 0x1.e096e6p-26, 0x1.ee1a6ap-22, -0x1.d8a278p-19, -0x1.4bd02ap-18, 0x1.ca6042p-13,
                -0x1.4866f8p-10, -0x1.11c994p-8, 0x1.f91e8ap-3, 0x1.805c5ep+0,
            ])
        let q = polynomial(
            w.unary(.squareRoot) - 3.0,
            [
                0x1.da8bbp-14, -0x1.3ffcd4p-12, -0x1.cf51c6p-15, 0x1.83cd42p-10, -0x1.d76f08p-9, 0x1.74deccp-8,
                -0x1.f48c76p-8, 0x1.357d0cp-7, 0x1.006dc6p+0, 0x1.6a9efcp+1,
            ])
        return k.select(a == one, x * constant(.infinity, like: x), x * k.select(w < 5.0, p, q))
    }

    /// log |gamma(x)|. Below 3 by a polynomial for gamma(2 + t), t in -1...1, beyond by Stirling's series, for negative x by
    /// the reflection at 0. Error at most 5.1 ulp for positive x; for negative ones that of its largest term.
    func lgamma(_ x: Value) -> Value {
        let a = x.unary(.absolute)
        let zero = constant(0, like: x)
        let infinity = constant(.infinity, like: x)
        let logarithm = log(a)
        let isLow = a < 1.35
        let t = k.select(isLow, a - 1.0, a - 2.0)
        let p = polynomial(
            t,
            [
                -0x1.d2a8fap-16, 0x1.32136cp-15, -0x1.8ba71cp-19, 0x1.5cce36p-14, -0x1.179416p-12, 0x1.0f1176p-11,
                -0x1.32f01cp-10, 0x1.7aa662p-9, -0x1.e45916p-8, 0x1.5132dap-6, -0x1.13df8ep-4, 0x1.4a34ccp-2,
                0x1.b0ee6p-2,
            ])
        let inner = p * t - k.select(isLow, logarithm, zero)
        let s = polynomial(
            constant(1, like: x) / (a * a), [-0x1.ac4654p-12, 0x1.9648dcp-11, -0x1.6bfb2p-9, 0x1.555552p-4])
        let outer = (a - 0.5) * (logarithm - 1.0) + (s / a + 0x1.acfe3ap-2)
        let y = k.select(a < 3.0, inner, outer)
        // log(pi / (a |sin(pi a)|)) - y, where a product with a could be too small.
        let r = a - a.unary(.roundEven)
        let sine = polynomial(
            r * r, [0x1.463338p-4, -0x1.32dd7p-1, 0x1.466ed4p+1, -0x1.4abbeep+2, 0x1.921fb6p+1])
        let ofSine = constant(0x1.250d04p+0, like: x) - log(r.unary(.absolute) * sine)
        let reflected = k.select((r == zero) | (a == infinity), infinity, (ofSine - logarithm) - y)
        return k.select(x < 0.0, reflected, y)
    }

    /// The derivative of log gamma(x). In 1...2 a polynomial times the distance from the root, one step of the recurrence away
    /// from there, the asymptotic series from 3 on, for negative x the reflection. Error at most 3.7 ulp for positive x; for
    /// negative ones that of its larger term.
    func digamma(_ x: Value) -> Value {
        let zero = constant(0, like: x)
        let one = constant(1, like: x)
        let y = k.select(x < 0.0, one - x, x)
        let isBelow = y < 1.0
        let isAbove = y > 2.0
        let u = k.select(isBelow, y + 1.0, k.select(isAbove, y - 1.0, y))
        let p = polynomial(
            u - 1.5,
            [
                0x1.34e6f8p-7, -0x1.082904p-6, 0x1.28ea2cp-6, -0x1.a8f406p-6, 0x1.4ca1b4p-5, -0x1.fc1cd2p-5,
                0x1.852922p-4, -0x1.2fedp-3, 0x1.eca10ep-3, -0x1.b1cb64p-2, 0x1.e6f0ccp-1,
            ])
        // The root in two parts.
        let near = ((u - 0x1.762d86p+0) - 0x1.ab5f2p-27) * p
        let step = one / k.select(isAbove, u, y)
        let inner = k.select(isBelow, near - step, k.select(isAbove, near + step, near))
        let z = one / (y * y)
        let s = polynomial(z, [-0x1.661398p-9, 0x1.f7f52p-9, -0x1.10ea82p-7, 0x1.555546p-4])
        let outer = log(y) - (constant(0.5, like: x) / y + z * s)
        let value = k.select(y < 3.0, inner, outer)
        // pi / tan(pi x), of an angle of at most pi/4.
        let r = x - x.unary(.roundEven)
        let b = r.unary(.absolute)
        let isFar = b > 0.25
        let angle = k.select(isFar, constant(0.5, like: x) - b, b) * FloatFunctions.pi
        let sine = sineOfReduced(angle)
        let cosine = cosineOfReduced(angle)
        let cotangent = k.select(isFar, sine, cosine) / k.select(isFar, cosine, sine)
        let signed = k.select(r < 0.0, -cotangent, cotangent)
        let reflected = k.select(r == zero, constant(.nan, like: x), value - signed * FloatFunctions.pi)
        let result = k.select(x < 0.0, reflected, value)
        return k.select(x == zero, -copySign(constant(.infinity, like: x), of: x), result)
    }
}
