import Foundation

/// A number for a line or a title: two places after the point.
func rounded(_ number: Double) -> String { String(format: "%.2f", number) }

/// Several of them.
func rounded(_ numbers: [Double]) -> String { "[\(numbers.map { rounded($0) }.joined(separator: ", "))]" }
