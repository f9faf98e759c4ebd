import Foundation
import TensorRuntime

/// What makes a row worthless: each check gives what is wrong in words, or nil.
package enum RowGuard {
    /// The largest error that a right result has, relative to its size, by dtype: some units of its last place for what a chain of operations
    /// rounds between, and of float32 what sums of 10^5 terms lose.
    package static func tolerance(_ dtype: DType) -> Double {
        switch dtype {
        case .float16: 1e-2
        case .bfloat16: 6e-2
        case .float64: 1e-9
        default: 1e-4
        }
    }

    /// Iterations that launch nothing do not do their work.
    package static func launches(_ launches: Int, iterations: Int) -> String? {
        launches >= iterations ? nil : "\(launches) launches in \(iterations) iterations: it does not do its work"
    }

    /// A result of one number throughout, where it should differ from place to place.
    package static func constant(_ values: [Double], expected: [Double]) -> String? {
        guard let first = values.first, Set(expected).count > 1, values.allSatisfy({ $0 == first }) else { return nil }
        return "its result is \(first) throughout: it was not computed"
    }

    /// The root of the mean square of what is finite: what an error is relative to.
    package static func size(_ values: [Double]) -> Double {
        let finite = values.filter(\.isFinite)
        return (finite.reduce(0) { $0 + $1 * $1 } / Double(max(finite.count, 1))).squareRoot()
    }

    /// Results beside Double arithmetic: the largest error, relative to the largest of the number itself, the size of all, and `least`.
    package static func error(
        _ values: [Double], expected: [Double], dtype: DType, least: Double = 0
    ) -> (error: Double, problem: String?) {
        guard values.count == expected.count else {
            return (.infinity, "\(values.count) numbers came, not \(expected.count)")
        }
        let size = max(RowGuard.size(expected), least, Double.leastNormalMagnitude)
        var worst = (error: 0.0, place: 0)
        for (place, (value, wanted)) in zip(values, expected).enumerated() {
            if value == wanted || (value.isNaN && wanted.isNaN) { continue }
            let error = abs(value - wanted) / max(size, abs(wanted))
            // What is NaN on one side only is as wrong as can be.
            if !(error <= worst.error) { worst = (error.isNaN ? .infinity : error, place) }
        }
        guard worst.error <= tolerance(dtype) else {
            return (
                worst.error,
                "number \(worst.place) of those looked at is \(values[worst.place]), not \(expected[worst.place])"
            )
        }
        return (worst.error, nil)
    }

    /// Work that goes on after a sample was closed: the clock was stopped too early.
    ///
    /// - Parameters:
    ///   - settling: microseconds that one more synchronisation took right after a sample.
    ///   - sample: those of the sample itself.
    package static func synchronisation(settling: Double, sample: Double) -> String? {
        guard settling > 200, settling > sample / 4 else { return nil }
        return String(
            format: "%.0f us of work went on after a sample of %.0f us: the clock stopped without a synchronisation",
            settling,
            sample)
    }

    /// Arithmetic faster than the device's measured peak can only have been left out.
    package static func rate(operations: Double?, microseconds: Double, peak: Double?) -> String? {
        guard let operations, let peak, operations / microseconds * 1e6 > 2 * peak else { return nil }
        return String(
            format: "%.0f GFLOP/s are more than twice the measured peak of %.0f: it does not do its work",
            operations / microseconds / 1e3, peak / 1e9)
    }
}
