import TensorRuntime
import Testing

@Suite struct DTypeTests {
    /// PyTorch's table for the tensor types, in the order of `DType.allCases`.
    private static let promotions: [[DType]] = [
        [.bool, .uint8, .int32, .int64, .float16, .bfloat16, .float32, .float64],
        [.uint8, .uint8, .int32, .int64, .float16, .bfloat16, .float32, .float64],
        [.int32, .int32, .int32, .int64, .float16, .bfloat16, .float32, .float64],
        [.int64, .int64, .int64, .int64, .float16, .bfloat16, .float32, .float64],
        [.float16, .float16, .float16, .float16, .float16, .float32, .float32, .float64],
        [.bfloat16, .bfloat16, .bfloat16, .bfloat16, .float32, .bfloat16, .float32, .float64],
        [.float32, .float32, .float32, .float32, .float32, .float32, .float32, .float64],
        [.float64, .float64, .float64, .float64, .float64, .float64, .float64, .float64],
    ]

    @Test func promotionIsPyTorchsTable() {
        for (a, row) in zip(DType.allCases, Self.promotions) {
            for (b, expected) in zip(DType.allCases, row) {
                #expect(a.promoted(with: b) == expected, "\(a) with \(b)")
            }
        }
    }

    @Test func aScalarNeverRaisesTheTypeWithinItsKind() {
        for dtype in DType.allCases {
            #expect(dtype.promoted(withScalarOf: .bool) == dtype)
            #expect(dtype.promoted(withScalarOf: .integer) == (dtype == .bool ? .int64 : dtype))
            #expect(dtype.promoted(withScalarOf: .float) == (dtype.isFloat ? dtype : .float32))
        }
    }

    @Test func sumsOfIntegersAndBoolsAreInt64() {
        for dtype in DType.allCases { #expect(dtype.sumType == (dtype.isFloat ? dtype : .int64)) }
    }

    @Test func sizesAndNamesAreThoseOfTheTypes() {
        #expect(DType.allCases.map(\.byteCount) == [1, 1, 4, 8, 2, 2, 4, 8])
        #expect(
            DType.allCases.map(\.description)
                == ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64"])
        #expect(Float.dtype == .float32)
        #expect(Int.dtype == .int64)
        #expect(Bool.dtype == .bool)
    }

    @Test func aScalarTravelsAsADoubleOrAnInt64() {
        #expect(Scalar.float(1.5).bits(as: .float32) == (1.5).bitPattern)
        #expect(Scalar.float(1.5).bits(as: .int32) == 1)
        #expect(Scalar.float(-1.5).bits(as: .int64) == UInt64(bitPattern: -1))
        #expect(Scalar.int(-7).bits(as: .int64) == UInt64(bitPattern: -7))
        #expect(Scalar.int(-7).bits(as: .bfloat16) == (-7.0).bitPattern)
        #expect(Scalar.int(3).bits(as: .bool) == 3)
    }

    @Test func aScalarOutOfRangeSaturatesAndNaNIsZeroInAnInteger() {
        #expect(Scalar.float(.nan).bits(as: .int64) == 0)
        #expect(Scalar.float(.infinity).bits(as: .int64) == UInt64(bitPattern: .max))
        #expect(Scalar.float(1e30).bits(as: .int64) == UInt64(bitPattern: .max))
        #expect(Scalar.float(-1e30).bits(as: .int32) == UInt64(bitPattern: .min))
        #expect(Scalar.float(-0x1p63).bits(as: .int64) == UInt64(bitPattern: .min))
        #expect(Double(bitPattern: Scalar.float(.nan).bits(as: .float16)).isNaN)
    }
}
