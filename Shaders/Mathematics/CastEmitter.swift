import KernelIR
import TensorRuntime

/// Conversions between dtypes. Floats to integers saturate, and NaN gives 0; integers to narrower ones wrap; anything to
/// bool is whether it differs from zero; a cast to a 16-bit float rounds, though the value stays a float32.
struct CastEmitter {
    let k: KernelBuilder

    func cast(_ x: Value, from source: DType, to target: DType) -> Value {
        if source == target { return x }
        let type = x.type.with(target.valueScalar)
        if source == .bool { return k.select(x, k.constant(1, type), k.constant(0, type)) }
        if target == .bool { return x != k.constant(0, x.type) }
        if target.isFloat { return rounded(x.convert(to: target.valueScalar), to: target, from: source) }
        if source.isFloat { return saturated(x, to: target) }
        let wrapped = x.convert(to: target.valueScalar)
        return target == .uint8 && source != .uint8 ? wrapped & 255 : wrapped
    }

    private func saturated(_ x: Value, to target: DType) -> Value {
        // The bounds themselves are exact in every float type; the largest values are not.
        let low: Double
        let high: Double
        let least: Int
        let greatest: Int
        switch target {
        case .uint8: (low, high, least, greatest) = (0, 255, 0, 255)
        case .int32: (low, high, least, greatest) = (-0x1p31, 0x1p31, Int(Int32.min), Int(Int32.max))
        case .int64: (low, high, least, greatest) = (-0x1p63, 0x1p63, Int.min, Int.max)
        case .bool, .float16, .bfloat16, .float32, .float64: fatalError("a cast to \(target) does not saturate")
        }
        let type = x.type.with(target.valueScalar)
        let isBelow = x <= k.constant(low, x.type)
        let isAbove = x >= k.constant(high, x.type)
        let isInside = (x > low) & (x < high)
        let inside = k.select(isInside, x, k.constant(0, x.type)).convert(to: target.valueScalar)
        let above = k.select(isAbove, k.constant(greatest, type), inside)
        return k.select(isBelow, k.constant(least, type), above)
    }

    /// A float32 with the precision and range of a 16-bit type.
    private func rounded(_ x: Value, to target: DType, from source: DType) -> Value {
        switch target {
        case .float16 where source != .uint8: roundedToHalf(x)
        case .bfloat16 where source != .uint8: roundedToBfloat(x)
        case .float16, .bfloat16, .float32, .float64: x
        case .bool, .uint8, .int32, .int64: fatalError("a cast to \(target) rounds to no float")
        }
    }

    private func roundedToBfloat(_ x: Value) -> Value {
        let bits = x.bitcast(to: .int32)
        let kept = (bits + 0x7FFF + ((bits >> 16) & 1)) & ~0xFFFF
        return k.select(x == x, kept.bitcast(to: .float32), x)
    }

    private func roundedToHalf(_ x: Value) -> Value {
        let bits = x.bitcast(to: .int32)
        let sign = bits & Int(Int32.min)
        let magnitude = bits & 0x7FFF_FFFF
        let a = magnitude.bitcast(to: .float32)
        let normal = (magnitude + 0xFFF + ((magnitude >> 13) & 1)) & ~0x1FFF
        // Subnormal: beside 0.5 there is room for multiples of 2^-24 only.
        let small = ((a + 0.5) - 0.5).bitcast(to: .int32)
        let infinite = k.constant(0x7F80_0000, magnitude.type)
        let large = k.select(a >= k.constant(65520, a.type), infinite, normal)
        let result = k.select(a < 0x1p-14, small, large) | sign
        return k.select(x == x, result.bitcast(to: .float32), x)
    }
}
