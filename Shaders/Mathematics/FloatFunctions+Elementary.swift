import KernelIR

/// Inverse trigonometric and hyperbolic functions, powers and logarithms to other bases: the CPU's, of `body_elementary.h`.
extension FloatFunctions {
    // pi and pi/2 as floats, and what they are too large by.
    static let pi = 0x1.921fb6p+1
    static let piExcess = 0x1.777a5cp-24
    static let halfPi = 0x1.921fb6p+0
    static let halfPiExcess = 0x1.777a5cp-25

    /// The arcus tangent of -1...1.
    private func atanOfUnit(_ t: Value) -> Value {
        let z = t * t
        let p = polynomial(
            z,
            [
                -0x1.d4782ap-10, 0x1.64b212p-7, -0x1.fdefc4p-6, 0x1.da59eap-5, -0x1.581456p-4, 0x1.c08f2ep-4,
                -0x1.2420b4p-3, 0x1.9991e6p-3, -0x1.55553ep-2,
            ])
        return (p * z) * t + t
    }

    /// pi/2 less that of the reciprocal beyond 1. Error at most 1.6 ulp.
    func atan(_ x: Value) -> Value {
        let a = x.unary(.absolute)
        let isBeyond = a > 1.0
        let r = atanOfUnit(k.select(isBeyond, constant(1, like: x) / a, a))
        let outer = constant(FloatFunctions.halfPi, like: x) - (r + FloatFunctions.halfPiExcess)
        return k.select(x == x, copySign(k.select(isBeyond, outer, r), of: x), x)
    }

    /// The angle of (x, y), by the quotient of the smaller coordinate by the larger one, for the signs of zeros and the
    /// infinities too as C's atan2. Error at most 1.5 ulp.
    func atan2(_ y: Value, _ x: Value) -> Value {
        let type = x.type.width >= y.type.width ? x.type : y.type
        let x = x.broadcast(to: type)
        let y = y.broadcast(to: type)
        let zero = constant(0, like: x)
        let ax = x.unary(.absolute)
        let ay = y.unary(.absolute)
        let isSteep = ay > ax
        let isBehind = x.bitcast(to: .int32) < 0
        let larger = k.select(isSteep, ay, ax)
        let smaller = k.select(isSteep, ax, ay)
        // Of two infinities, and of two zeros.
        let finite = k.select(smaller < .infinity, smaller / larger, constant(1, like: x))
        let r = atanOfUnit(k.select(larger == zero, zero, finite))
        func base(_ ofSteep: Double, _ ofBehind: Double) -> Value {
            k.select(isSteep, constant(ofSteep, like: x), k.select(isBehind, constant(ofBehind, like: x), zero))
        }
        let excess = base(FloatFunctions.halfPiExcess, FloatFunctions.piExcess)
        let turned = k.select(isSteep ^ isBehind, -r, r) - excess
        let angle = copySign(base(FloatFunctions.halfPi, FloatFunctions.pi) + turned, of: y)
        return k.select((x != x) | (y != y), x + y, angle)
    }

    /// The arcus sine of s = sqrt(z), s at most 1/2.
    private func asinOfHalf(_ s: Value, _ z: Value) -> Value {
        let p = polynomial(
            z, [0x1.340f24p-5, 0x1.d6ddf8p-7, 0x1.04bbbap-5, 0x1.6ca93ap-5, 0x1.3338a6p-4, 0x1.55554cp-3])
        return (p * z) * s + s
    }

    /// Beyond 1/2 by that of sqrt((1 - |x|) / 2). Error at most 2.4 ulp.
    func asin(_ x: Value) -> Value {
        let a = x.unary(.absolute)
        let isOuter = a > 0.5
        let z = k.select(isOuter, (constant(1, like: x) - a) * 0.5, a * a)
        let r = asinOfHalf(k.select(isOuter, z.unary(.squareRoot), a), z)
        let outer = constant(FloatFunctions.halfPi, like: x) - ((r + r) + FloatFunctions.halfPiExcess)
        let y = k.select(isOuter, outer, r)
        return k.select(y == y, copySign(y, of: x), y)
    }

    /// The same reduction. Error at most 1.1 ulp.
    func acos(_ x: Value) -> Value {
        let a = x.unary(.absolute)
        let isOuter = a > 0.5
        let z = k.select(isOuter, (constant(1, like: x) - a) * 0.5, a * a)
        let r = asinOfHalf(k.select(isOuter, z.unary(.squareRoot), x), z)
        let twice = r + r
        let negative = constant(FloatFunctions.pi, like: x) - (twice + FloatFunctions.piExcess)
        let inner = constant(FloatFunctions.halfPi, like: x) - (r + FloatFunctions.halfPiExcess)
        return k.select(isOuter, k.select(x < 0.0, negative, twice), inner)
    }

    /// exp(x) / 2, which ends later than exp(x), for x from 0 on.
    private func halfExp(_ x: Value) -> Value {
        let (r, n) = reduced(k.select(x > 90.0, constant(90, like: x), x))
        return scaled(expOfReduced(r), by: n - 1)
    }

    /// Odd polynomial for |x| < 1, half the difference of two exponentials beyond. Error at most 1.6 ulp.
    func sinh(_ x: Value) -> Value {
        let a = x.unary(.absolute)
        let z = x * x
        let p = polynomial(z, [0x1.756c1ep-19, 0x1.a022bcp-13, 0x1.1110ep-7, 0x1.555556p-3])
        let e = halfExp(a)
        let y = k.select(a < 1.0, (p * z) * a + a, e - constant(0.25, like: x) / e)
        return k.select(x == x, copySign(y, of: x), x)
    }

    /// Error at most 1.5 ulp.
    func cosh(_ x: Value) -> Value {
        let e = halfExp(x.unary(.absolute))
        return k.select(x == x, e + constant(0.25, like: x) / e, x)
    }

    /// 2^n (1 + f q(f)), |f| <= 1/2: exact at whole numbers. Error at most 1.1 ulp; gradual underflow is right.
    func exp2(_ x: Value) -> Value {
        let c = clamped(x, -151, 129)
        let shifted = c + FloatFunctions.roundingMagic
        let f = c - (shifted - FloatFunctions.roundingMagic)
        let q = polynomial(
            f, [0x1.417a5cp-13, 0x1.5f0946p-10, 0x1.3b2dd2p-7, 0x1.c6af7ap-5, 0x1.ebfbdcp-3, 0x1.62e43p-1])
        return scaled(q * f + 1.0, by: shifted.bitcast(to: .int32) - FloatFunctions.roundingMagicBits)
    }

    /// k + (f + (f (log2 e - 1) + f^2 q(f))): exact at powers of 2. Error at most 1.3 ulp.
    func log2(_ x: Value) -> Value {
        let (f, e) = splitLogarithm(x)
        let q = polynomial(
            f,
            [
                -0x1.c67f74p-4, 0x1.7f6b68p-3, -0x1.878f56p-3, 0x1.a2b5dcp-3, -0x1.eaa98ap-3, 0x1.277fe2p-2,
                -0x1.715aeep-2, 0x1.ec7092p-2, -0x1.71547p-1,
            ])
        let rest = (q * f) * f + f * 0x1.c551dap-2
        return logarithm(e + (f + rest), of: x)
    }

    /// k log10 2 + (7/16 f + (f (log10 e - 7/16) + f^2 q(f))). Error at most 1.9 ulp, and none at powers of 10.
    func log10(_ x: Value) -> Value {
        let (f, e) = splitLogarithm(x)
        let q = polynomial(
            f,
            [
                -0x1.10d22p-5, 0x1.ccc04p-5, -0x1.d755acp-5, 0x1.f84f9p-5, -0x1.276d1p-4, 0x1.63d072p-4,
                -0x1.bcbf44p-4, 0x1.287a7p-3, -0x1.bcb7aap-3,
            ])
        // log10 2 in two parts; the first has 8 low zero bits, so that k times it is exact.
        let small = e * 0x1.3509f8p-18 - f * 0x1.a42756p-9
        let rest = (q * f) * f + small
        return logarithm(e * 0x1.344p-2 + (f * 0.4375 + rest), of: x)
    }
}
