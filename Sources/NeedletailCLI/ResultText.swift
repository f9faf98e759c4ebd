import Foundation
import Needletail
import NeedletailTraining
import NeedletailVision

/// What a model came to, as lines and as members of a JSON object.
enum ResultText {
    /// `MNIST test accuracy: 98.12 %`, `validation MAE: 1.2, RMSE: 1.9, R2: 0.87`
    static func line(_ kind: RunKind, _ scores: Scores) -> String {
        if let accuracy = scores["accuracy"] {
            return "\(kind.resultTitle) accuracy: \(percent(accuracy))"
        }
        let numbers = scores.entries.filter { $0.name != "loss" }.map { "\($0.name.uppercased()): \(short($0.value))" }
        return "\(kind.resultTitle) \(numbers.joined(separator: ", "))"
    }

    /// `test_loss`, `test_accuracy`, ...
    static func members(_ part: String, _ scores: Scores) -> [JSONValue.Member] {
        scores.entries.map { JSONValue.Member("\(part)_\($0.name)", .number($0.value)) }
    }

    /// `98.12 %`
    static func percent(_ share: Double) -> String { String(format: "%.2f %%", 100 * share) }

    /// With five significant digits.
    static func short(_ value: Double) -> String { String(format: "%.5g", value) }

    /// More classes than these are no table to read.
    private static let mostClasses = 20

    /// A line for each class: how often it was taken for each; none of many classes.
    static func confusion(_ counts: [[Int]], _ names: [String]) -> [String] {
        guard names.count <= mostClasses else { return [] }
        let head = ["actual \\ predicted"] + names
        return TextTable.lines([head] + zip(names, counts).map { [$0] + $1.map(String.init) })
    }

    static func json(_ counts: [[Int]]) -> JSONValue {
        .array(counts.map { .array($0.map { .integer($0) }) })
    }
}
