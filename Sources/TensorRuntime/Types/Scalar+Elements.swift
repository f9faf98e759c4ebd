extension Scalar {
    /// The value as an integer, as a cast to int64 makes it: cut towards zero, saturating, and 0 of NaN.
    public var integerValue: Int64 { Int64(bitPattern: bits(as: .int64)) }

    /// The number as an element of `dtype` holds it, which is what ``PointwiseOperation/cast`` gives: floats are rounded to
    /// nearest even, a float becomes an integer by way of int64 (``integerValue``), integers wrap, and a bool is whether the
    /// number differs from zero.
    public func converted(to dtype: DType) -> Scalar {
        switch dtype {
        case .bool: .int(doubleValue != 0 ? 1 : 0)
        case .uint8: .int(Int64(UInt8(truncatingIfNeeded: integerValue)))
        case .int32: .int(Int64(Int32(truncatingIfNeeded: integerValue)))
        case .int64: .int(integerValue)
        case .float16: .float(Double(Float16(doubleValue)))
        case .bfloat16: .float(Double(Float(bitPattern: UInt32(Scalar.bfloat16Bits(Float(doubleValue))) << 16)))
        case .float32: .float(Double(Float(doubleValue)))
        case .float64: .float(doubleValue)
        }
    }

    /// The upper half of a float32, rounded to nearest even; NaN stays NaN.
    package static func bfloat16Bits(_ value: Float) -> UInt16 {
        if value.isNaN { return 0x7FC0 }
        let bits = value.bitPattern
        return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16)
    }
}

extension DType {
    /// The element of this type that lies at `place` in the host's memory, aligned or not.
    public func load(from place: UnsafeRawPointer) -> Scalar {
        switch self {
        case .bool, .uint8: .int(Int64(place.load(as: UInt8.self)))
        case .int32: .int(Int64(place.loadUnaligned(as: Int32.self)))
        case .int64: .int(place.loadUnaligned(as: Int64.self))
        case .float16: .float(Double(place.loadUnaligned(as: Float16.self)))
        case .bfloat16: .float(Double(Float(bitPattern: UInt32(place.loadUnaligned(as: UInt16.self)) << 16)))
        case .float32: .float(Double(place.loadUnaligned(as: Float.self)))
        case .float64: .float(place.loadUnaligned(as: Double.self))
        }
    }

    /// Writes an element of this type at `place` in the host's memory: `number` as ``Scalar/converted(to:)`` makes it.
    public func store(_ number: Scalar, to place: UnsafeMutableRawPointer) {
        switch self {
        case .bool: place.storeBytes(of: number.doubleValue != 0 ? 1 : 0, as: UInt8.self)
        case .uint8: place.storeBytes(of: UInt8(truncatingIfNeeded: number.integerValue), as: UInt8.self)
        case .int32: place.storeBytes(of: Int32(truncatingIfNeeded: number.integerValue), as: Int32.self)
        case .int64: place.storeBytes(of: number.integerValue, as: Int64.self)
        case .float16: place.storeBytes(of: Float16(number.doubleValue), as: Float16.self)
        case .bfloat16: place.storeBytes(of: Scalar.bfloat16Bits(Float(number.doubleValue)), as: UInt16.self)
        case .float32: place.storeBytes(of: Float(number.doubleValue), as: Float.self)
        case .float64: place.storeBytes(of: number.doubleValue, as: Double.self)
        }
    }
}
