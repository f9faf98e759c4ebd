import KernelIR

/// float64 functions that no device has as one, or not exactly enough, from those that it has.
struct DoubleFunctions {
    let k: KernelBuilder

    private func constant(_ value: Double, like x: Value) -> Value { k.constant(value, x.type) }

    /// `x`, which is not negative, with the sign of `sign`.
    private func copySign(_ x: Value, of sign: Value) -> Value {
        k.select(sign.bitcast(to: .int64) < 0, -x, x)
    }

    /// The angle of (x, y), by the quotient of the smaller coordinate by the larger one, for the signs of zeros and the
    /// infinities too as C's atan2.
    func atan2(_ y: Value, _ x: Value) -> Value {
        let type = x.type.width >= y.type.width ? x.type : y.type
        let x = x.broadcast(to: type)
        let y = y.broadcast(to: type)
        let zero = constant(0, like: x)
        let ax = x.unary(.absolute)
        let ay = y.unary(.absolute)
        let isSteep = ay > ax
        let isBehind = x.bitcast(to: .int64) < 0
        let larger = k.select(isSteep, ay, ax)
        let smaller = k.select(isSteep, ax, ay)
        // Of two infinities, and of two zeros.
        let finite = k.select(smaller < .infinity, smaller / larger, constant(1, like: x))
        let r = k.select(larger == zero, zero, finite).unary(.atan)
        let base = k.select(isBehind, constant(.pi, like: x), zero)
        let angle = k.select(isSteep, constant(.pi / 2, like: x), base) + k.select(isSteep ^ isBehind, -r, r)
        return k.select((x != x) | (y != y), x + y, copySign(angle, of: y))
    }

    /// Winitzki's formula, which has three digits, then Halley's steps, which triple them; near 1 by the complement, so that
    /// no digit is lost.
    func erfinv(_ y: Value) -> Value {
        let one = constant(1, like: y)
        let magnitude = y.unary(.absolute)
        let complement = one - magnitude
        let w = (complement * (magnitude + 1.0)).unary(.log)
        let a = 0.147
        let half = w * 0.5 + 2 / (Double.pi * a)
        var x = ((half * half - w / a).unary(.squareRoot) - half).unary(.squareRoot)
        for _ in 0..<3 {
            let error = k.select(magnitude < 0.5, x.unary(.erf) - magnitude, complement - x.unary(.erfc))
            let newton = error / ((-(x * x)).unary(.exp) * (2 / Double.pi.squareRoot()))
            x = x - newton / (x * newton + 1.0)
        }
        let limit = constant(.infinity, like: y)
        return k.select(y == y, copySign(k.select(magnitude == one, limit, x), of: y), y)
    }

    /// The recurrence up to 10, then the asymptotic series; for negative x the reflection.
    func digamma(_ x: Value) -> Value {
        let zero = constant(0, like: x)
        let one = constant(1, like: x)
        var y = k.select(x < 0.0, one - x, x)
        var sum = zero
        for _ in 0..<10 {
            let isLow = y < 10.0
            sum = k.select(isLow, sum - one / y, sum)
            y = k.select(isLow, y + 1.0, y)
        }
        let z = one / (y * y)
        var series = constant(691.0 / 32760, like: x)
        for term in [1.0 / 132, 1.0 / 240, 1.0 / 252, 1.0 / 120, 1.0 / 12] {
            series = constant(term, like: x) - z * series
        }
        let value = sum + (y.unary(.log) - (constant(0.5, like: x) / y + z * series))
        let rest = x - x.unary(.roundEven)
        let reflected = value - constant(.pi, like: x) / (rest * Double.pi).unary(.tan)
        let ofNegative = k.select(rest == zero, constant(.nan, like: x), reflected)
        let result = k.select(x < 0.0, ofNegative, value)
        return k.select(x == zero, -one / x, result)
    }
}
