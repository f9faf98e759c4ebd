extension Kernel {
    /// The kernel with quotients and square roots put right that the device does not round rightly; those of float64 only
    /// where it has int64.
    package func expandingQuotients(hasInt64: Bool) -> Kernel {
        func expands(_ scalar: ScalarType) -> Bool { scalar.isFloat && (hasInt64 || scalar != .float64) }
        var needs = false
        forEachStatement { statement in
            if case .define(let value, .binary(.divide, _, _)) = statement {
                needs = needs || expands(types[value].scalar)
            }
            if case .define(let value, .unary(.squareRoot, _)) = statement {
                needs = needs || expands(types[value].scalar)
            }
        }
        if !needs { return self }
        return KernelLegalizer.expand(self) { k, operation, values in
            guard expands(values[0].type.scalar) else { return nil }
            if case .binary(.divide, _, _) = operation { return k.exactQuotient(values[0], values[1]) }
            if case .unary(.squareRoot, _) = operation { return k.exactSquareRoot(values[0]) }
            return nil
        }
    }
}

/// Quotients and square roots of floats, rounded rightly on devices whose own are not: Vulkan lets a quotient be off by 2.5
/// units in the last place, a root by 4.5, and makes nothing of subnormal divisors.
///
/// The device divides significands alone, numbers from 1 to 4. What it gives is put right by its remainder, which is exact in
/// integers although their products overflow, and rounded to the last place that the result has.
extension KernelBuilder {
    /// `x / y`, rounded to the nearest, halves to even, where the device's quotient of numbers from 1 to 4 is off by less
    /// than 4 units in the last place. Subnormal operands and results, zeros, infinities and NaN are as IEEE 754 has them.
    func exactQuotient(_ x: Value, _ y: Value) -> Value {
        if x.type.scalar == .float16 {
            // Twice the digits and two more: rounded twice is rounded once.
            return exactQuotient(x.convert(to: .float32), y.convert(to: .float32)).convert(to: .float16)
        }
        if let divisor = constant(of: y)?.double, divisor.isPowerOfTwo(reciprocalOf: y.type.scalar) {
            return x * (1 / divisor)
        }
        let format = FloatFormat(x.type)
        let (xBits, yBits) = (x.bitcast(to: format.word), y.bitcast(to: format.word))
        let (ax, ay) = (xBits & format.magnitude, yBits & format.magnitude)
        let (a, b) = (parts(ax, format), parts(ay, format))
        // The quotient of significands is at least 1 and less than 2.
        let isLess = a.significand < b.significand
        let dividend = select(isLess, a.significand << 1, a.significand)
        let exponent = a.exponent - b.exponent + select(isLess, int(format.bias - 1), int(format.bias))
        let estimate = scaled(a.significand, isLess, format) / scaled(b.significand, nil, format)
        var quotient = integer(estimate, format) - 4
        var rest = (dividend << format.digits) - quotient * b.significand
        for places in [2, 1, 0] {
            let part = b.significand << places
            let fits = rest >= part
            quotient = quotient + choose(fits, 1 << places, format)
            rest = select(fits, rest - part, rest)
        }
        // One digit more, and whether anything is behind it.
        let doubled = rest << 1
        let isUpperHalf = doubled >= b.significand
        let isInexact = select(isUpperHalf, doubled - b.significand, doubled) != 0
        let digits = (quotient << 2) | choose(isUpperHalf, 2, format) | choose(isInexact, 1, format)
        let finite = rounded(digits, exponent: exponent, format)

        let isNaN =
            (ax > format.infinity) | (ay > format.infinity) | ((ax == format.infinity) & (ay == format.infinity))
            | ((ax == 0) & (ay == 0))
        let isInfinite = (ax == format.infinity) | (ay == 0)
        let isZero = (ax == 0) | (ay == format.infinity)
        let infinity = constant(format.infinity, format.words)
        let nan = constant(format.nan, format.words)
        let special = select(isNaN, nan, select(isInfinite, infinity, constant(0, format.words)))
        let magnitude = select(isNaN | isInfinite | isZero, special, finite)
        return (magnitude | ((xBits ^ yBits) & format.sign)).bitcast(to: x.type.scalar)
    }

    /// The square root, rounded to the nearest, where the device's of numbers from 1 to 4 is off by less than 7 units in the
    /// last place.
    func exactSquareRoot(_ x: Value) -> Value {
        if x.type.scalar == .float16 { return exactSquareRoot(x.convert(to: .float32)).convert(to: .float16) }
        let format = FloatFormat(x.type)
        let bits = x.bitcast(to: format.word)
        let magnitude = bits & format.magnitude
        let parts = parts(magnitude, format)
        // An even exponent; the root of a significand is at least 1 and less than 2.
        let isOdd = ((parts.exponent - format.bias) & 1) != 0
        let radicand = select(isOdd, parts.significand << 1, parts.significand)
        let half = (parts.exponent - select(isOdd, int(format.bias + 1), int(format.bias))) >> 1
        var root = integer(scaled(parts.significand, isOdd, format).unary(.squareRoot), format) - 8
        var rest = (radicand << format.digits) - root * root
        for places in [3, 2, 1, 0] {
            let part = (root << (places + 1)) + (1 << (2 * places))
            let fits = rest >= part
            root = root + choose(fits, 1 << places, format)
            rest = select(fits, rest - part, rest)
        }
        // Half a unit more has a square that is no integer.
        root = root + choose(rest > root, 1, format)
        let exponent = (half + (format.bias - 1)).convert(to: format.word) << format.digits
        let isNaN = (magnitude > format.infinity) | (((bits & format.sign) != 0) & (magnitude != 0))
        let isSame = (magnitude == 0) | (magnitude == format.infinity)
        let special = select(isNaN, constant(format.nan, format.words), bits)
        return select(isNaN | isSame, special, root + exponent).bitcast(to: x.type.scalar)
    }

    /// A float's significand with its leading one, and its biased exponent (int32), 0 and less for subnormal numbers.
    private func parts(_ magnitude: Value, _ format: FloatFormat) -> (significand: Value, exponent: Value) {
        let isNormal = magnitude >= 1 << format.digits
        // A subnormal number is so many of the least, as an integer has it: converted, that is normal.
        let count = magnitude.convert(to: format.scalar).bitcast(to: format.word)
        let bits = select(isNormal, magnitude, count)
        let shift = select(isNormal, int(0), int(format.bias + format.digits - 1))
        return (
            (bits & ((1 << format.digits) - 1)) | (1 << format.digits),
            (bits >> format.digits).convert(to: .int32) - shift
        )
    }

    /// A significand as a float from 1 to 2, or twice that.
    private func scaled(_ significand: Value, _ isDoubled: Value?, _ format: FloatFormat) -> Value {
        let once = constant((format.bias - 1) << format.digits, format.words)
        let twice = constant(format.bias << format.digits, format.words)
        return (significand + (isDoubled.map { select($0, twice, once) } ?? once)).bitcast(to: format.scalar)
    }

    /// A float of about 1 to 2 as so many of its units in the last place.
    private func integer(_ x: Value, _ format: FloatFormat) -> Value {
        (x * Double(1 << format.digits)).convert(to: format.word)
    }

    private func choose(_ condition: Value, _ number: Int, _ format: FloatFormat) -> Value {
        select(condition, constant(number, format.words), constant(0, format.words))
    }

    /// The bits of a float with two digits more than a significand has, of which the last stands for all behind it.
    private func rounded(_ digits: Value, exponent: Value, _ format: FloatFormat) -> Value {
        // Subnormal numbers have fewer.
        let places = (int(1) - exponent).binary(.maximum, int(0)).binary(.minimum, int(format.digits + 3))
            .convert(to: format.word)
        let shifted = digits.binary(.shiftRight, places)
        let kept = shifted | choose(shifted.binary(.shiftLeft, places) != digits, 1, format)
        // Up where the two digits are more than a half, or a half behind an odd one: 3, 6 and 7 of the last three.
        let up = constant(0b1100_1000, format.words).binary(.shiftRight, kept & 7) & 1
        let base = (exponent - 1).binary(.maximum, int(0)).convert(to: format.word) << format.digits
        let isInfinite = exponent > 2 * format.bias
        return select(isInfinite, constant(format.infinity, format.words), (kept >> 2) + up + base)
    }
}

/// How a float's bits lie in an integer.
private struct FloatFormat {
    let scalar: ScalarType
    /// The integer of its size, in as many lanes.
    let words: ValueType
    /// Digits of a significand behind its leading one.
    let digits: Int
    let bias: Int

    var word: ScalarType { words.scalar }
    var sign: Int { scalar == .float64 ? Int.min : 0x8000_0000 }
    var magnitude: Int { scalar == .float64 ? Int.max : 0x7FFF_FFFF }
    var infinity: Int { (2 * bias + 1) << digits }
    var nan: Int { infinity | 1 << (digits - 1) }

    /// - Parameter type: of float32 or float64.
    init(_ type: ValueType) {
        scalar = type.scalar
        let isWide = type.scalar == .float64
        words = type.with(isWide ? .int64 : .uint32)
        digits = isWide ? 52 : 23
        bias = isWide ? 1023 : 127
    }
}

extension Double {
    /// Whether to multiply by the reciprocal is to divide by the number: that is a float too, and no subnormal one.
    fileprivate func isPowerOfTwo(reciprocalOf scalar: ScalarType) -> Bool {
        let limit = scalar == .float64 ? 1022 : 126
        return isNormal && significand == 1 && abs(exponent) <= limit
    }
}
