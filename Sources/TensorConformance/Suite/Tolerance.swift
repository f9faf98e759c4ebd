import Foundation
import TensorRuntime

/// How far a result may be from the reference. NaN and infinities must always agree, and integers and bools are always
/// compared exactly.
public enum Tolerance: Hashable, Sendable {
    /// The reference's value, rounded to the type. Zeros of either sign are equal.
    case exact
    /// Each element within so many units in the last place, or within the smallest normal number (denormals may be
    /// flushed). Zeros of either sign are equal.
    case ulp(Double)
    /// The same, and a zero has the reference's sign; 0 units stand for ``exact``.
    case signedZeros(ulp: Double)
    /// The sum of squared errors over the sum of squared values at most `nmse`, and each error at most `element` times
    /// the larger of its value and the root mean square of all.
    case relative(nmse: Double, element: Double)

    /// For one application of `operation`.
    public static func pointwise(_ operation: PointwiseOperation, dtype: DType) -> Tolerance {
        let ulp = operation.row.float32ULP
        if ulp == 0 { return .signedZeros(ulp: 0) }
        switch dtype {
        case .float16, .bfloat16: return .signedZeros(ulp: 1)
        case .float64: return .signedZeros(ulp: max(4, 2 * ulp))
        case .float32, .bool, .uint8, .int32, .int64: return .signedZeros(ulp: ulp)
        }
    }

    /// For a chain of pointwise steps, which may round after each.
    public static func chain(_ dtype: DType) -> Tolerance {
        switch dtype {
        case .float16: .relative(nmse: 1e-4, element: 2e-2)
        case .bfloat16: .relative(nmse: 1e-3, element: 1e-1)
        case .float64: .relative(nmse: 1e-18, element: 1e-9)
        case .float32, .bool, .uint8, .int32, .int64: .relative(nmse: 1e-7, element: 1e-4)
        }
    }

    /// For products whose sums are rounded to `dtype` once, float16's and bfloat16's from float32; epilogues round again.
    public static func product(_ dtype: DType) -> Tolerance {
        switch dtype {
        case .float16: .relative(nmse: 2e-7, element: 2e-3)
        case .bfloat16: .relative(nmse: 1.3e-5, element: 1.6e-2)
        case .float64, .float32, .bool, .uint8, .int32, .int64: accumulated(dtype)
        }
    }

    /// For sums and products of many terms.
    public static func accumulated(_ dtype: DType) -> Tolerance {
        switch dtype {
        case .float16: .relative(nmse: 1e-4, element: 4e-2)
        case .bfloat16: .relative(nmse: 1e-3, element: 1e-1)
        case .float64: .relative(nmse: 1e-18, element: 1e-9)
        case .float32, .bool, .uint8, .int32, .int64: .relative(nmse: 1e-6, element: 1e-3)
        }
    }
}

/// What a comparison found: the error in the tolerance's own measure (0 for equal), and the first complaint.
struct Comparison {
    var error = 0.0
    var complaint: String?

    /// Compares what a device wrote with what is expected, element by element.
    init(got: HostArray, expected: HostArray, tolerance: Tolerance) {
        guard got.dtype.isFloat else {
            for index in 0..<got.count where got.integers[index] != expected.integers[index] {
                error = .infinity
                complaint = "element \(index) is \(got.integers[index]), expected \(expected.integers[index])"
                return
            }
            return
        }
        let format = got.dtype.floatFormat!
        var squaredError = 0.0
        var squaredValue = 0.0
        for index in 0..<got.count {
            let value = got.floats[index]
            let want = expected.floats[index]
            let rounded = got.dtype.rounded(want)
            if rounded.isNaN || rounded.isInfinite || !value.isFinite {
                if value == rounded || (value.isNaN && rounded.isNaN) { continue }
                error = .infinity
                complaint = "element \(index) is \(value), expected \(want)"
                return
            }
            if case .signedZeros = tolerance, value == 0, rounded == 0, value.sign != rounded.sign {
                error = .infinity
                complaint = "element \(index) is \(value), expected \(rounded)"
                return
            }
            let difference = abs(value - want)
            squaredError += difference * difference
            squaredValue += want * want
            switch tolerance {
            case .exact, .signedZeros(ulp: 0):
                if value == rounded { continue }
                error = max(error, difference / Comparison.ulp(want, format))
            case .ulp(let limit), .signedZeros(let limit):
                if difference <= Comparison.smallestNormal(format) { continue }
                let units = difference / Comparison.ulp(want, format)
                error = max(error, units)
                if units <= limit { continue }
            case .relative: continue
            }
            complaint = complaint ?? "element \(index) is \(value), expected \(want)"
        }
        guard case .relative(let nmse, let element) = tolerance else { return }
        error = squaredValue > 0 ? squaredError / squaredValue : squaredError
        if !(error <= nmse) { complaint = "normalised mean square error \(error) exceeds \(nmse)" }
        let scale = (squaredValue / Double(max(got.count, 1))).squareRoot()
        for index in 0..<got.count where complaint == nil && got.floats[index].isFinite {
            let want = expected.floats[index]
            let limit = element * max(abs(want), scale) + Comparison.smallestNormal(format)
            if abs(got.floats[index] - want) > limit {
                complaint = "element \(index) is \(got.floats[index]), expected \(want)"
            }
        }
    }

    private static func smallestNormal(_ format: (mantissaBits: Int, minimumExponent: Int)) -> Double {
        scalbn(1, format.minimumExponent)
    }

    private static func ulp(_ value: Double, _ format: (mantissaBits: Int, minimumExponent: Int)) -> Double {
        let exponent = value == 0 ? format.minimumExponent : max(Int(value.exponent), format.minimumExponent)
        return scalbn(1, exponent - format.mantissaBits)
    }
}
