import Foundation
import Needletail
import TensorRuntime

/// How often each class was taken for each, and what follows from it. Outputs and labels are those of ``Accuracy``.
///
///     let confusion = ConfusionMatrix()
///     confusion.update(logits, labels)
///     try Chart.confusion(confusion.counts(), classes: names)
///
/// Counts are exact integers on the device: `C * C` of them.
public final class ConfusionMatrix: SummedMetric {
    /// What the numbers of a row, a column or the matrix are divided by, as scikit-learn's `normalize`.
    public enum Normalization: Hashable, Sendable {
        /// Rows add up to 1: the share of an actual class.
        case actual
        /// Columns add up to 1: the share of a predicted class.
        case predicted
        /// All add up to 1.
        case all
    }

    public let name: String
    private let table: ConfusionSums
    public var sums: MetricSums { table.sums }

    /// - Parameters:
    ///   - threshold: of outputs of one column: 0 fits logits, 0.5 probabilities.
    ///   - classCount: where the outputs are classes, which do not say it.
    ///   - ignoredIndex: a label that is not counted.
    public init(
        threshold: Double = 0, classCount: Int? = nil, ignoredIndex: Int? = nil, name: String = "confusion"
    ) {
        self.name = name
        table = ConfusionSums(
            metric: "ConfusionMatrix", isMultilabel: false, threshold: threshold, ignored: ignoredIndex,
            classCount: classCount)
    }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        table.add(outputs, labels, file, line)
    }

    /// A row for each actual class, a column for each predicted one; empty of no examples. Waits for the device.
    public func counts() throws(TensorError) -> [[Int]] { try rows().map { $0.map { Int($0) } } }

    /// The same divided by sums of rows, of columns, or of all; 0 where there is nothing to divide by.
    ///
    /// Source:
    /// [confusion_matrix](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.confusion_matrix.html).
    public func shares(of normalization: Normalization) throws(TensorError) -> [[Double]] {
        guard let table = try table.tables()?[0] else { return [] }
        let (actual, predicted, total) = (table.actual, table.predicted, table.total)
        return (0..<table.classes).map { row in
            (0..<table.classes).map { column in
                let whole =
                    switch normalization {
                    case .actual: actual[row]
                    case .predicted: predicted[column]
                    case .all: total
                    }
                return whole == 0 ? 0 : table[row, column] / whole
            }
        }
    }

    private func rows() throws(TensorError) -> [[Double]] {
        guard let table = try table.tables()?[0] else { return [] }
        return (0..<table.classes).map { Array(table.cells[$0 * table.classes..<($0 + 1) * table.classes]) }
    }

    /// The share of examples on the diagonal; nil of no examples. Waits for the device.
    public func value() throws(TensorError) -> Double? {
        try table.tables().map { $0[0].hits.reduce(0, +) / $0[0].total }
    }
}

/// Matthews' correlation coefficient of what was said and what is right: -1 to 1, and 0 of what says nothing, however often
/// each class occurs.
///
/// Source: [matthews_corrcoef](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.matthews_corrcoef.html).
public final class MatthewsCorrelation: SummedMetric {
    public let name: String
    private let table: ConfusionSums
    public var sums: MetricSums { table.sums }

    /// - Parameters:
    ///   - threshold: of outputs of one column: 0 fits logits, 0.5 probabilities.
    ///   - classCount: where the outputs are classes, which do not say it.
    ///   - ignoredIndex: a label that is not counted.
    public init(threshold: Double = 0, classCount: Int? = nil, ignoredIndex: Int? = nil, name: String = "matthews") {
        self.name = name
        table = ConfusionSums(
            metric: "MatthewsCorrelation", isMultilabel: false, threshold: threshold, ignored: ignoredIndex,
            classCount: classCount)
    }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        table.add(outputs, labels, file, line)
    }

    /// Nil of no examples; 0 where all are of one class or all were taken for one. Waits for the device.
    public func value() throws(TensorError) -> Double? {
        guard let table = try table.tables()?[0] else { return nil }
        let total = table.total
        func products(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        let (actual, predicted) = (table.actual, table.predicted)
        let covariance: Double = table.hits.reduce(0, +) * total - products(actual, predicted)
        let said: Double = total * total - products(predicted, predicted)
        let right: Double = total * total - products(actual, actual)
        return said * right == 0 ? 0 : covariance / (said * right).squareRoot()
    }
}

/// Cohen's kappa: how much more two agree than chance has it; 1 is agreement, 0 chance.
///
/// Source: [cohen_kappa_score](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.cohen_kappa_score.html).
public final class CohensKappa: SummedMetric {
    /// How much worse it is to be further off.
    public enum Weights: Hashable, Sendable {
        /// Any other class is as wrong.
        case none
        /// By the distance of the classes' numbers.
        case linear
        /// By its square.
        case quadratic
    }

    public let name: String
    private let table: ConfusionSums
    private let weights: Weights
    public var sums: MetricSums { table.sums }

    /// - Parameters:
    ///   - weights: of disagreements.
    ///   - threshold: of outputs of one column: 0 fits logits, 0.5 probabilities.
    ///   - classCount: where the outputs are classes, which do not say it.
    ///   - ignoredIndex: a label that is not counted.
    public init(
        weights: Weights = .none, threshold: Double = 0, classCount: Int? = nil, ignoredIndex: Int? = nil,
        name: String = "kappa"
    ) {
        self.name = name
        self.weights = weights
        table = ConfusionSums(
            metric: "CohensKappa", isMultilabel: false, threshold: threshold, ignored: ignoredIndex,
            classCount: classCount)
    }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        table.add(outputs, labels, file, line)
    }

    /// Nil of no examples, and where chance agrees always: all are of one class and were taken for it. Waits for the device.
    public func value() throws(TensorError) -> Double? {
        guard let table = try table.tables()?[0] else { return nil }
        let (actual, predicted, total) = (table.actual, table.predicted, table.total)
        var found = 0.0
        var chance = 0.0
        for row in 0..<table.classes {
            for column in 0..<table.classes {
                let distance = abs(Double(row - column))
                let weight =
                    switch weights {
                    case .none: row == column ? 0.0 : 1.0
                    case .linear: distance
                    case .quadratic: distance * distance
                    }
                found += weight * table[row, column]
                chance += weight * actual[row] * predicted[column] / total
            }
        }
        return chance == 0 ? nil : 1 - found / chance
    }
}
