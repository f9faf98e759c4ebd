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

    /// The same for a run-time scalar: `bits` are its slot's (``Scalar/bits(as:)``), `dtype` is the type it is read in. A
    /// scalar of float16 or bfloat16 is a float32, as the values that it meets are.
    public func argumentBits(slot bits: UInt64, as dtype: DType) -> UInt64 {
        guard dtype.isFloat else {
            let value = Int(Int64(bitPattern: bits))
            switch dtype {
            case .bool: return argumentBits(value == 0 ? 0 : 1)
            case .uint8: return argumentBits(value & 255)
            case .int32, .int64, .float16, .bfloat16, .float32, .float64: return argumentBits(value)
            }
        }
        let value = Double(bitPattern: bits)
        switch self {
        case .float32: return UInt64(Float(value).bitPattern)
        case .float64: return value.bitPattern
        case .float16: return UInt64(Float16(value).bitPattern)
        case .bool, .int32, .uint32, .int64: preconditionFailure("a \(dtype) scalar as a \(self)")
        }
    }
}
