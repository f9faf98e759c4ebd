import KernelIR
import TensorRuntime

extension ScalarType {
    /// What an argument of this type holds for a fixed integer, as the lowest ``byteCount`` bytes of a word.
    public func argumentBits(_ value: Int) -> UInt64 {
        switch self {
        case .bool: value == 0 ? 0 : 1
        case .int32, .uint32: UInt64(UInt32(truncatingIfNeeded: value))
        case .int64: UInt64(bitPattern: Int64(value))
        case .float16: UInt64(Float16(value).bitPattern)
        case .float32: UInt64(Float(value).bitPattern)
        case .float64: Double(value).bitPattern
        }
    }

    /// The same for a run-time scalar: `bits` are its slot's (``Scalar/bits(as:)``), `dtype` is the type it is read in.
    public func argumentBits(slot bits: UInt64, as dtype: DType) -> UInt64 {
        guard dtype.isFloat else {
            let value = Int(Int64(bitPattern: bits))
            switch dtype {
            case .bool: return argumentBits(value == 0 ? 0 : 1)
            case .uint8: return argumentBits(value & 255)
            default: return argumentBits(value)
            }
        }
        let value = Double(bitPattern: bits)
        switch self {
        case .float32: return UInt64(dtype.nearest(value).bitPattern)
        case .float64: return value.bitPattern
        case .float16: return UInt64(Float16(value).bitPattern)
        case .bool, .int32, .uint32, .int64: preconditionFailure("a \(dtype) scalar as a \(self)")
        }
    }
}

extension DType {
    /// The float32 of the value in this type that is nearest to a number.
    fileprivate func nearest(_ value: Double) -> Float {
        switch self {
        case .float16: return Float(Float16(value))
        case .bfloat16:
            let single = Float(value)
            if single.isNaN { return single }
            let bits = single.bitPattern
            return Float(bitPattern: (bits &+ 0x7fff &+ ((bits >> 16) & 1)) & 0xffff_0000)
        default: return Float(value)
        }
    }
}
