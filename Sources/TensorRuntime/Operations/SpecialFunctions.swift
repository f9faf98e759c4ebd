import Foundation

/// Functions of Doubles that the C library has not, or has with a second result.
enum SpecialFunctions {
    /// log |gamma(x)|.
    static func lgamma(_ x: Double) -> Double { Foundation.lgamma(x).0 }

    /// The inverse of `erf`: infinite at -1 and 1, NaN beyond. Winitzki's formula, which has three digits, then Halley's steps,
    /// which triple them; near 1 by the complement, so that no digit is lost.
    static func erfinv(_ y: Double) -> Double {
        let magnitude = abs(y)
        if !(magnitude < 1) { return magnitude == 1 ? y * .infinity : .nan }
        let w = log((1 - magnitude) * (1 + magnitude))
        let a = 0.147
        let half = 2 / (Double.pi * a) + w / 2
        var x = ((half * half - w / a).squareRoot() - half).squareRoot()
        for _ in 0..<3 {
            let error = magnitude < 0.5 ? erf(x) - magnitude : (1 - magnitude) - erfc(x)
            let newton = error / (2 / Double.pi.squareRoot() * exp(-x * x))
            x -= newton / (1 + x * newton)
        }
        return copysign(x, y)
    }

    /// The derivative of log gamma(x): the recurrence up to 10, then the asymptotic series
    /// ([DLMF 5.11.2](https://dlmf.nist.gov/5.11.E2)); for negative x the reflection. At 0 it is infinite, of the other sign than
    /// the zero, and NaN at negative whole numbers, as in PyTorch.
    static func digamma(_ x: Double) -> Double {
        if x == 0 { return -1 / x }
        if x < 0 {
            let rest = x - x.rounded()
            return rest == 0 ? .nan : digamma(1 - x) - .pi / tan(.pi * rest)
        }
        var x = x
        var sum = 0.0
        while x < 10 {
            sum -= 1 / x
            x += 1
        }
        let z = 1 / (x * x)
        let terms: [Double] = [1.0 / 132, 1.0 / 240, 1.0 / 252, 1.0 / 120, 1.0 / 12]
        var series = 691.0 / 32760
        for term in terms { series = term - z * series }
        let tail = 0.5 / x + z * series
        return sum + (log(x) - tail)
    }
}
