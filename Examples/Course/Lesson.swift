import Foundation
import NeedletailTraining
import TensorRuntime

/// What a listing writes on: lines, results beside what the deck says, and pictures.
package final class Lesson {
    /// A result that was not what the deck says.
    package struct Miss: Sendable, CustomStringConvertible {
        package let description: String
    }

    /// Whether long listings take fewer images or steps: what a test runs.
    package let isQuick: Bool
    /// What was printed.
    package private(set) var lines: [String] = []
    package private(set) var misses: [Miss] = []
    /// Results looked at.
    package private(set) var checkCount = 0
    /// The files of the pictures drawn.
    package private(set) var pictures: [String] = []

    private let directory: String?
    private let prints: Bool

    /// - Parameter directory: for pictures; nil draws them and keeps none.
    package init(directory: String? = nil, isQuick: Bool = false, prints: Bool = true) {
        self.directory = directory
        self.isQuick = isQuick
        self.prints = prints
    }

    /// Prints a line.
    package func say(_ line: String = "") {
        lines.append(line)
        if prints { print(line) }
    }

    /// Prints a number beside what the deck says.
    package func expect(_ name: String, _ value: Double, is wanted: Double, within tolerance: Double = 1e-4) {
        note(name, number(value), "\(number(wanted))", abs(value - wanted) <= tolerance)
    }

    /// Prints numbers beside what the deck says.
    package func expect(_ name: String, _ values: [Double], are wanted: [Double], within tolerance: Double = 1e-4) {
        let isRight = values.count == wanted.count && zip(values, wanted).allSatisfy { abs($0 - $1) <= tolerance }
        func text(_ values: [Double]) -> String { "[\(values.map(number).joined(separator: ", "))]" }
        note(name, text(values), text(wanted), isRight)
    }

    /// Prints a number that is to be as large as another.
    package func expect(_ name: String, _ value: Double, atLeast bound: Double) {
        note(name, number(value), "at least \(number(bound))", value >= bound)
    }

    /// Prints a number that is to be no larger than another.
    package func expect(_ name: String, _ value: Double, atMost bound: Double) {
        note(name, number(value), "at most \(number(bound))", value <= bound)
    }

    /// Prints a number that is to lie in a range.
    package func expect(_ name: String, _ value: Double, in range: ClosedRange<Double>) {
        note(name, number(value), "\(number(range.lowerBound)) to \(number(range.upperBound))", range.contains(value))
    }

    /// Prints whether something is so.
    package func expect(_ name: String, _ isSo: Bool) { note(name, isSo ? "yes" : "no", "yes", isSo) }

    private func note(_ name: String, _ found: String, _ wanted: String, _ isRight: Bool) {
        checkCount += 1
        say(
            "\(name): \(found)" + (found == wanted ? "" : " (\(isQuick ? "wanted" : "deck"): \(wanted))")
                + (isRight ? "" : "  <- differs"))
        if !isRight { misses.append(Miss(description: "\(name): \(found), not \(wanted)")) }
    }

    /// Six significant digits at most.
    private func number(_ value: Double) -> String {
        let text = String(format: "%.6g", value)
        return text == "-0" ? "0" : text
    }

    /// Draws a figure, and writes it as `NAME.svg` where there is a directory.
    package func draw(_ name: String, _ figure: Figure) throws(TensorError) {
        guard let directory else {
            _ = figure.svg()
            pictures.append(name)
            return
        }
        let path = "\(directory)/\(name).svg"
        try figure.write(to: path)
        pictures.append(path)
        say("picture: \(path)")
    }

    /// Draws a chart as a figure of its own.
    package func draw(_ name: String, _ chart: Chart) throws(TensorError) { try draw(name, Figure([[chart]])) }
}
