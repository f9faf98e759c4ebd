import Needletail
import TensorRuntime

/// How a number for each class becomes one, as scikit-learn's `average` says.
public enum ClassAverage: Hashable, Sendable {
    /// Of class 1 where there are two classes, else ``macro``.
    case automatic
    /// Of class 1 against the others.
    case positive
    /// From the counts of all classes together.
    case micro
    /// The mean over the classes that occur, as actual ones or as predicted ones; of several labels, over all.
    case macro
    /// The mean over the classes by how often they are actual.
    case weighted
}

/// A metric of hits, misses and false alarms, for each class.
///
/// Outputs and labels are those of ``Accuracy``; with `multilabel`, both are `[..., L]`, and each of the `L` labels is a
/// problem of its own. Counts are exact integers on the device.
public protocol ClassScore: SummedMetric {
    /// The number of each class, or label; nil of no examples. Waits for the device.
    func values() throws(TensorError) -> [Double]?
}

/// What the three classes below share.
struct ClassScoring {
    let counts: ConfusionSums
    let average: ClassAverage
    let zeroDivision: Double
    /// Of hits, predicted and actual: the numerator and the denominator.
    let ratio: (_ hits: Double, _ predicted: Double, _ actual: Double) -> (Double, Double)

    private func score(_ hits: Double, _ predicted: Double, _ actual: Double) -> Double {
        let (numerator, denominator) = ratio(hits, predicted, actual)
        return denominator == 0 ? zeroDivision : numerator / denominator
    }

    /// Hits, predicted and actual of each class; of several labels, those of their being on.
    private func parts() throws(TensorError) -> [(hits: Double, predicted: Double, actual: Double)]? {
        guard let tables = try counts.tables() else { return nil }
        if counts.isMultilabel { return tables.map { ($0[1, 1], $0.predicted[1], $0.actual[1]) } }
        let (hits, predicted, actual) = (tables[0].hits, tables[0].predicted, tables[0].actual)
        return hits.indices.map { (hits[$0], predicted[$0], actual[$0]) }
    }

    func values() throws(TensorError) -> [Double]? {
        try parts().map { $0.map { score($0.hits, $0.predicted, $0.actual) } }
    }

    func value() throws(TensorError) -> Double? {
        guard let parts = try parts() else { return nil }
        let isBinary = parts.count == 2 && !counts.isMultilabel
        switch average == .automatic ? (isBinary ? .positive : .macro) : average {
        case .positive, .automatic:
            let place = counts.isMultilabel ? 0 : 1
            return parts.count > place ? score(parts[place].hits, parts[place].predicted, parts[place].actual) : nil
        case .micro:
            return score(
                parts.reduce(0) { $0 + $1.hits }, parts.reduce(0) { $0 + $1.predicted },
                parts.reduce(0) { $0 + $1.actual })
        case .macro:
            let there = parts.filter { counts.isMultilabel || $0.predicted + $0.actual > 0 }
            return there.reduce(0) { $0 + score($1.hits, $1.predicted, $1.actual) } / Double(there.count)
        case .weighted:
            let support = parts.reduce(0) { $0 + $1.actual }
            if support == 0 { return zeroDivision }
            return parts.reduce(0) { $0 + $1.actual * score($1.hits, $1.predicted, $1.actual) } / support
        }
    }
}

/// How much of what was taken for a class is of it: hits / predicted.
///
/// Source:
/// [precision_score](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.precision_score.html).
public final class Precision: ClassScore {
    public let name: String
    private let scoring: ClassScoring
    public var sums: MetricSums { scoring.counts.sums }

    /// - Parameters:
    ///   - average: over classes, or labels.
    ///   - multilabel: whether an example has several labels, each on or off.
    ///   - threshold: of outputs of one column and of labels: 0 fits logits, 0.5 probabilities.
    ///   - classCount: where the outputs are classes, which do not say it.
    ///   - ignoredIndex: a label that is not counted.
    ///   - zeroDivision: the number of a class that was never predicted.
    public init(
        average: ClassAverage = .automatic, multilabel: Bool = false, threshold: Double = 0, classCount: Int? = nil,
        ignoredIndex: Int? = nil, zeroDivision: Double = 0, name: String = "precision"
    ) {
        self.name = name
        let counts = ConfusionSums(
            metric: "Precision", isMultilabel: multilabel, threshold: threshold, ignored: ignoredIndex,
            classCount: classCount)
        scoring = ClassScoring(counts: counts, average: average, zeroDivision: zeroDivision) { hits, predicted, _ in
            (hits, predicted)
        }
    }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        scoring.counts.add(outputs, labels, file, line)
    }

    /// 0 to 1; nil of no examples. Waits for the device.
    public func value() throws(TensorError) -> Double? { try scoring.value() }
    public func values() throws(TensorError) -> [Double]? { try scoring.values() }
}

/// How much of a class was found: hits / actual.
///
/// Source: [recall_score](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.recall_score.html).
public final class Recall: ClassScore {
    public let name: String
    private let scoring: ClassScoring
    public var sums: MetricSums { scoring.counts.sums }

    /// - Parameters:
    ///   - average: over classes, or labels.
    ///   - multilabel: whether an example has several labels, each on or off.
    ///   - threshold: of outputs of one column and of labels: 0 fits logits, 0.5 probabilities.
    ///   - classCount: where the outputs are classes, which do not say it.
    ///   - ignoredIndex: a label that is not counted.
    ///   - zeroDivision: the number of a class that never occurs.
    public init(
        average: ClassAverage = .automatic, multilabel: Bool = false, threshold: Double = 0, classCount: Int? = nil,
        ignoredIndex: Int? = nil, zeroDivision: Double = 0, name: String = "recall"
    ) {
        self.name = name
        let counts = ConfusionSums(
            metric: "Recall", isMultilabel: multilabel, threshold: threshold, ignored: ignoredIndex,
            classCount: classCount)
        scoring = ClassScoring(counts: counts, average: average, zeroDivision: zeroDivision) { hits, _, actual in
            (hits, actual)
        }
    }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        scoring.counts.add(outputs, labels, file, line)
    }

    /// 0 to 1; nil of no examples. Waits for the device.
    public func value() throws(TensorError) -> Double? { try scoring.value() }
    public func values() throws(TensorError) -> [Double]? { try scoring.values() }
}

/// The weighted harmonic mean of precision and recall, (1 + b^2) hits / (b^2 actual + predicted): recall counts `beta` times as
/// much.
///
/// Source: [fbeta_score](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.fbeta_score.html).
public final class FBeta: ClassScore {
    public let name: String
    private let scoring: ClassScoring
    public var sums: MetricSums { scoring.counts.sums }

    /// - Parameters:
    ///   - beta: 1 is the F1 score; at least 0.
    ///   - average: over classes, or labels.
    ///   - multilabel: whether an example has several labels, each on or off.
    ///   - threshold: of outputs of one column and of labels: 0 fits logits, 0.5 probabilities.
    ///   - classCount: where the outputs are classes, which do not say it.
    ///   - ignoredIndex: a label that is not counted.
    ///   - zeroDivision: the number of a class that neither occurs nor was predicted.
    public init(
        _ beta: Double = 1, average: ClassAverage = .automatic, multilabel: Bool = false, threshold: Double = 0,
        classCount: Int? = nil, ignoredIndex: Int? = nil, zeroDivision: Double = 0, name: String? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        if !(beta >= 0 && beta.isFinite) {
            WrongCall.report("FBeta", "beta is \(beta)", remedy: "use at least 0", at: CallSite(file, line))
        }
        self.name = name ?? Int(exactly: beta).map { "f\($0)" } ?? "f\(beta)"
        let counts = ConfusionSums(
            metric: "FBeta", isMultilabel: multilabel, threshold: threshold, ignored: ignoredIndex,
            classCount: classCount)
        let weight = beta * beta
        scoring = ClassScoring(counts: counts, average: average, zeroDivision: zeroDivision) {
            hits, predicted, actual in
            ((1 + weight) * hits, weight * actual + predicted)
        }
    }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        scoring.counts.add(outputs, labels, file, line)
    }

    /// 0 to 1; nil of no examples. Waits for the device.
    public func value() throws(TensorError) -> Double? { try scoring.value() }
    public func values() throws(TensorError) -> [Double]? { try scoring.values() }
}
