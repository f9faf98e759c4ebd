import Foundation

/// A row for people.
package enum RowText {
    /// The row in one line, with a line more for what failed and each warning.
    package static func line(_ row: BenchmarkRow) -> String {
        var line = row.name.padding(toLength: max(40, row.name.count + 1), withPad: " ", startingAt: 0)
        line += row.dtype.padding(toLength: max(9, row.dtype.count + 1), withPad: " ", startingAt: 0)
        if row.samples.isEmpty { return line + "\n    FAILED: \(row.failure ?? "it has no samples")" }
        line += String(format: "%11.1f us  +-%4.1f %%", row.median, 50 * row.spread)
        line += row.peakShare.map { String(format: "  %3.0f %% of peak", 100 * $0) } ?? ""
        line += String(format: "  %.0f launches, host %.1f us", row.launches, row.hostMicroseconds)
        line += row.training.map { ", \($0.plansBuilt) plans built, \(row.threads) threads" } ?? ""
        line += row.error.map { String(format: ", error %.1e", $0) } ?? ""
        line += row.failure.map { "\n    FAILED: \($0)" } ?? ""
        for warning in row.warnings { line += "\n    warning: \(warning)" }
        return line
    }
}
