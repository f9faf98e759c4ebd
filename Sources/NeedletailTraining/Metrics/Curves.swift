import Needletail
import TensorRuntime

/// The receiver operating characteristic: how many of a class are found, at how many false alarms, for every threshold.
///
/// Outputs are `[..., C]` logits, or one column of scores of class 1 (logits or probabilities), labels `[...]`. Of more than
/// two classes each is one against the rest, by its softmax probability.
///
/// The curve is exact: the scores of every example stay on the device, 4 bytes for each number and 8 for each label, until
/// ``reset()``. It cannot be updated in a captured graph.
public final class ROCCurve: Metric {
    /// A point of the curve.
    public struct Point: Hashable, Sendable {
        /// Scores from here on count as the class; infinite where none do.
        public let threshold: Double
        /// The share of the others that are taken for the class.
        public let falsePositiveRate: Double
        /// The share of the class that is found.
        public let truePositiveRate: Double
    }

    public let name: String
    private let list: ScoreList

    /// - Parameter ignoredIndex: a label that is not counted.
    public init(ignoredIndex: Int? = nil, name: String = "auc") {
        self.name = name
        list = ScoreList(metric: "ROCCurve", ignoring: ignoredIndex)
    }

    /// How many examples were added.
    public var count: Int { list.count }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        list.add(outputs, labels, file, line)
    }

    /// The points from (0, 0) to (1, 1), one for each score that occurs; empty where no example is of the class, or all are.
    /// Waits for the device.
    ///
    /// Source: [roc_curve](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.roc_curve.html) with
    /// `drop_intermediate=False`.
    public func points(of target: Int = 1) throws(TensorError) -> [Point] {
        guard let examples = try list.examples() else { return [] }
        return ROCCurve.points(examples, target)
    }

    private static func points(_ examples: ScoreList.Examples, _ target: Int) -> [Point] {
        guard target >= 0, target < examples.classCount else { return [] }
        let steps = examples.steps(target)
        guard let last = steps.last, last.hits > 0, last.falseAlarms > 0 else { return [] }
        let start = Point(threshold: .infinity, falsePositiveRate: 0, truePositiveRate: 0)
        return [start]
            + steps.map {
                Point(
                    threshold: $0.threshold, falsePositiveRate: $0.falseAlarms / last.falseAlarms,
                    truePositiveRate: $0.hits / last.hits)
            }
    }

    /// The area under the curve of a class; nil where it has none. Waits for the device.
    public func area(of target: Int) throws(TensorError) -> Double? {
        try list.examples().flatMap { ROCCurve.area($0, target) }
    }

    private static func area(_ examples: ScoreList.Examples, _ target: Int) -> Double? {
        let points = points(examples, target)
        guard !points.isEmpty else { return nil }
        return zip(points, points.dropFirst()).reduce(0) { sum, pair in
            let width: Double = pair.1.falsePositiveRate - pair.0.falsePositiveRate
            return sum + width * (pair.0.truePositiveRate + pair.1.truePositiveRate) / 2
        }
    }

    /// The area: of class 1 where there are two, else the mean over the classes that have a curve, as scikit-learn's
    /// `roc_auc_score(multi_class="ovr")`. Nil where none has. Waits for the device.
    public func value() throws(TensorError) -> Double? {
        guard let examples = try list.examples() else { return nil }
        if examples.classCount == 2 { return ROCCurve.area(examples, 1) }
        let areas = (0..<examples.classCount).compactMap { ROCCurve.area(examples, $0) }
        return areas.isEmpty ? nil : areas.reduce(0, +) / Double(areas.count)
    }

    public func reset() { list.reset() }

    /// Adds what another has added.
    ///
    /// - Throws: `invalidArgument` where the two are of other numbers of classes.
    public func merge(_ other: ROCCurve) throws(TensorError) { try list.merge(other.list) }

    public func state() throws(TensorError) -> MetricState { try list.state() }
    public func restore(_ state: MetricState) throws(TensorError) { try list.restore(state, of: name) }
}

/// Precision against recall for every threshold, and the average precision. Outputs, labels and what is kept are as
/// ``ROCCurve`` has them.
public final class PrecisionRecallCurve: Metric {
    /// A point of the curve.
    public struct Point: Hashable, Sendable {
        /// Scores from here on count as the class.
        public let threshold: Double
        /// Of the examples of the class, the share that was found, 0 to 1.
        public let recall: Double
        /// Of the examples that were found, the share that is of the class, 0 to 1.
        public let precision: Double
    }

    public let name: String
    private let list: ScoreList

    /// - Parameter ignoredIndex: a label that is not counted.
    public init(ignoredIndex: Int? = nil, name: String = "average_precision") {
        self.name = name
        list = ScoreList(metric: "PrecisionRecallCurve", ignoring: ignoredIndex)
    }

    /// How many examples were added.
    public var count: Int { list.count }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        list.add(outputs, labels, file, line)
    }

    /// The points by rising recall, one for each score that occurs; empty where no example is of the class. Waits for the device.
    ///
    /// Source:
    /// [precision_recall_curve](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.precision_recall_curve.html),
    /// whose order is the other way and whose last point, of no example, is left out.
    public func points(of target: Int = 1) throws(TensorError) -> [Point] {
        guard let examples = try list.examples() else { return [] }
        return PrecisionRecallCurve.points(examples, target)
    }

    private static func points(_ examples: ScoreList.Examples, _ target: Int) -> [Point] {
        guard target >= 0, target < examples.classCount else { return [] }
        let steps = examples.steps(target)
        guard let all = steps.last?.hits, all > 0 else { return [] }
        return steps.map {
            Point(threshold: $0.threshold, recall: $0.hits / all, precision: $0.hits / ($0.hits + $0.falseAlarms))
        }
    }

    /// The average precision of a class: the sum of each point's precision by how much recall it adds, without
    /// interpolation. Nil where no example is of it. Waits for the device.
    ///
    /// Source:
    /// [average_precision_score](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.average_precision_score.html).
    public func averagePrecision(of target: Int) throws(TensorError) -> Double? {
        try list.examples().flatMap { PrecisionRecallCurve.averagePrecision($0, target) }
    }

    private static func averagePrecision(_ examples: ScoreList.Examples, _ target: Int) -> Double? {
        let points = points(examples, target)
        guard !points.isEmpty else { return nil }
        var before = 0.0
        var area = 0.0
        for point in points {
            area += (point.recall - before) * point.precision
            before = point.recall
        }
        return area
    }

    /// The average precision: of class 1 where there are two, else the mean over the classes that occur; nil where none does.
    /// Waits for the device.
    public func value() throws(TensorError) -> Double? {
        guard let examples = try list.examples() else { return nil }
        if examples.classCount == 2 { return PrecisionRecallCurve.averagePrecision(examples, 1) }
        let all = (0..<examples.classCount).compactMap { PrecisionRecallCurve.averagePrecision(examples, $0) }
        return all.isEmpty ? nil : all.reduce(0, +) / Double(all.count)
    }

    public func reset() { list.reset() }

    /// Adds what another has added.
    ///
    /// - Throws: `invalidArgument` where the two are of other numbers of classes.
    public func merge(_ other: PrecisionRecallCurve) throws(TensorError) { try list.merge(other.list) }

    public func state() throws(TensorError) -> MetricState { try list.state() }
    public func restore(_ state: MetricState) throws(TensorError) { try list.restore(state, of: name) }
}
