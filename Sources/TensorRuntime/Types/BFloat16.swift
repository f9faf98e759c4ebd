/// A number of the type bfloat16: the upper half of a float32, with its exponent and 8 significant bits.
///
/// It is a value to carry to tensors and from them; arithmetic is float32's: `BFloat16(Float(a) + Float(b))`.
public struct BFloat16: Sendable {
    /// Sign, 8 bits of exponent and 7 of fraction, as the upper half of a `Float` has them.
    public var bitPattern: UInt16

    /// Every pattern is a number, an infinity or NaN.
    public init(bitPattern: UInt16) { self.bitPattern = bitPattern }

    /// The nearest number, of two the even one; NaN stays NaN.
    public init(_ value: Float) { bitPattern = Scalar.bfloat16Bits(value) }

    /// The number nearest to the float32 nearest to `value`, as PyTorch converts.
    public init(_ value: Double) { self.init(Float(value)) }
}

extension BFloat16: Hashable, Comparable {
    /// As of floats: zeros of both signs are equal, and NaN is no number's equal.
    public static func == (a: BFloat16, b: BFloat16) -> Bool { Float(a) == Float(b) }
    /// As of the float32s: false where either is NaN.
    public static func < (a: BFloat16, b: BFloat16) -> Bool { Float(a) < Float(b) }
    public func hash(into hasher: inout Hasher) { hasher.combine(Float(self)) }
}

extension BFloat16: ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
    /// Rounded to the nearest number, halves to even.
    public init(floatLiteral value: Float) { self.init(value) }
    /// Rounded to the nearest number: whole numbers up to 256 are exact.
    public init(integerLiteral value: Int) { self.init(Float(value)) }
}

extension BFloat16: CustomStringConvertible {
    public var description: String { Float(self).description }
}

extension Float {
    /// The same number.
    public init(_ value: BFloat16) { self.init(bitPattern: UInt32(value.bitPattern) << 16) }
}

extension Double {
    /// The same number.
    public init(_ value: BFloat16) { self.init(Float(value)) }
}
