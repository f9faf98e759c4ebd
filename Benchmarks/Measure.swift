import Foundation

/// A benchmark that did not do the work it was to time.
package struct BenchmarkFailure: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// Milliseconds for each of `count` iterations that `body` does.
func milliseconds(_ count: Int, _ body: () throws -> Void) rethrows -> Double {
    let clock = ContinuousClock()
    let elapsed = try clock.measure(body)
    return Double(elapsed.components.seconds) * 1e3 / Double(count)
        + Double(elapsed.components.attoseconds) / 1e15 / Double(count)
}

/// Four decimals, as the peers print.
func rounded(_ value: Double) -> String {
    let text = String(format: "%.4f", value)
    return text
}
