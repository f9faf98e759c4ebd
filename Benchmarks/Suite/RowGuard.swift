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
    ///   - settling: microseconds that reading a number of the result, or one more synchronisation, took right after a sample, less
    ///     those that it takes where nothing is left to do.
    ///   - sample: those of the sample itself.
    package static func synchronisation(settling: Double, sample: Double) -> String? {
        guard settling > 200, settling > sample / 4 else { return nil }
        return String(
            format: "%.0f us of work went on after a sample of %.0f us: the clock stopped without a synchronisation",
            settling,
            sample)
    }

    /// The same, measured again where it fires: another process that takes the processor does not do so each time.
    ///
    /// - Parameter measure: takes both numbers, of the sample before or, from the second time on, of another.
    package static func synchronisation(
        _ measure: (_ isAgain: Bool) throws -> (settling: Double, sample: Double)
    ) rethrows -> String? {
        var problem: String?
        for attempt in 0..<3 {
            let (settling, sample) = try measure(attempt > 0)
            problem = synchronisation(settling: settling, sample: sample)
            if problem == nil { return nil }
        }
        return problem
    }

    /// Arithmetic faster than twice the device's measured peak can only have been left out.
    ///
    /// - Parameter saving: how many of the operations that are counted stand for one that a right algorithm does.
    package static func rate(
        operations: Double?, microseconds: Double, peak: Double?, saving: Double = 1
    ) -> String? {
        guard let operations, let peak, operations / microseconds * 1e6 > 2 * saving * peak else { return nil }
        return String(
            format: "%.0f GFLOP/s are more than %.0f times the measured peak of %.0f: it does not do its work",
            operations / microseconds / 1e3, 2 * saving, peak / 1e9)
    }

    /// The first losses of a training beside plain kernels: the largest relative error, nil where one is not finite.
    package static func losses(_ losses: [Double], expected: [Double]) -> (error: Double?, problem: String?) {
        let errors = zip(losses, expected).map { abs($0 - $1) / abs($1) }
        let isRight = losses.count == expected.count && errors.allSatisfy { $0 <= 1e-3 }
        let problem = isRight ? nil : "the first losses are \(losses), not \(expected)"
        return (errors.allSatisfy(\.isFinite) ? errors.max() : nil, problem)
    }

    /// Where a sort or a top-k says that it took its values from: places in the rows of `x`, no place twice.
    ///
    /// - Parameters:
    ///   - indices: for each value its place in the row of `x`.
    ///   - values: the results, as many of each row.
    ///   - columns: numbers in a row of `x`.
    package static func indices(_ indices: [Int], values: [Float], of x: [Float], columns: Int) -> String? {
        guard indices.count == values.count else { return "\(indices.count) indices came, not \(values.count)" }
        let kept = values.count / max(x.count / columns, 1)
        var isTaken = [Bool](repeating: false, count: x.count)
        for (place, index) in indices.enumerated() {
            guard (0..<columns).contains(index) else {
                return "index \(place) is \(index), outside a row of \(columns)"
            }
            let source = place / kept * columns + index
            if x[source] != values[place] {
                return "index \(place) is \(index), where \(x[source]) stands, not \(values[place])"
            }
            if isTaken[source] { return "index \(place) is \(index), which an earlier one of its row is too" }
            isTaken[source] = true
        }
        return nil
    }
}
