import Needletail
import TensorRuntime

/// The share of examples whose largest logit is that of their class, kept on the device as ``MeanMetric`` does.
///
/// Logits are `[..., C]` and classes `[...]`, of an integer type. Logits of one column, `[..., 1]`, or of the classes' own
/// shape, are those of class 1 against class 0: one above the threshold means class 1, and classes may be floats then.
/// Integers of the classes' shape are classes that were said. Classes may have an axis of extent 1 behind the others.
public final class Accuracy: SummedMetric {
    public let name: String
    public let sums: MetricSums
    private let threshold: Double
    private let ignored: Int?

    /// - Parameters:
    ///   - threshold: of one column: 0 fits logits, 0.5 probabilities.
    ///   - ignoredIndex: a class whose examples are not counted, as padding.
    public init(threshold: Double = 0, ignoredIndex: Int? = nil, name: String = "accuracy") {
        self.name = name
        self.threshold = threshold
        ignored = ignoredIndex
        sums = .ofPlaces(ignoring: ignoredIndex)
        sums.settings += ", threshold \(threshold)"
    }

    public func add(_ logits: Tensor, _ classes: Tensor, file: StaticString, line: UInt) {
        withNoGrad {
            guard
                let answers = ClassAnswers(
                    "Accuracy", logits, classes, threshold: threshold, ignoring: ignored, file, line)
            else { return }
            let isRight = answers.predicted .== answers.right
            guard let ignored else {
                return sums.add(isRight.countOfTrue(), count: classes.elementCount)
            }
            let isCounted = answers.right .!= ignored
            sums.add(
                isRight.logicalAnd(isCounted).countOfTrue(), isCounted.countOfTrue(),
                count: classes.elementCount)
        }
    }

    /// 0 to 1; nil of no examples. Waits for the device.
    public func value() throws(TensorError) -> Double? { try sums.meanOfCounted() }
}

/// The share of examples whose class is among the `k` largest logits, kept on the device. Of equal logits the first counts as
/// the larger, as in `Tensor.argmax(_:keepDims:file:line:)`; a NaN is never right.
///
/// Logits are `[..., C]`, classes `[...]` of an integer type.
public final class TopKAccuracy: SummedMetric {
    public let name: String
    public let sums: MetricSums
    private let k: Int
    private let ignored: Int?

    /// - Parameters:
    ///   - k: at least 1.
    ///   - ignoredIndex: a class whose examples are not counted.
    public init(
        _ k: Int = 5, ignoredIndex: Int? = nil, name: String? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        if k < 1 {
            WrongCall.report("TopKAccuracy", "k is \(k)", remedy: "use at least 1", at: CallSite(file, line))
        }
        self.k = k
        self.name = name ?? "top\(k)_accuracy"
        ignored = ignoredIndex
        sums = .ofPlaces(ignoring: ignoredIndex)
        sums.settings += ", k \(k)"
    }

    public func add(_ logits: Tensor, _ classes: Tensor, file: StaticString, line: UInt) {
        withNoGrad {
            guard let problem = LogitProblem("TopKAccuracy", logits, classes, ignoring: ignored, file, line) else {
                return
            }
            let own = problem.ownLogit
            let isBefore = (problem.logits .== own).logicalAnd(problem.places .< problem.classes)
            let rank = (problem.logits .> own).logicalOr(isBefore).to(.float32).sum(axes: [-1], keepDims: true)
            let isRight = (rank .< Double(k)).logicalAnd(own .== own)
            sums.add(problem.counts(isRight), count: problem.count)
        }
    }

    /// 0 to 1; nil of no examples. Waits for the device.
    public func value() throws(TensorError) -> Double? { try sums.meanOfCounted() }
}

/// How right several labels of an example are, kept on the device: outputs `[..., L]` above the threshold mean that the
/// label is on, and labels of the same shape say whether it is (bools, integers, or floats above 0.5).
public final class MultilabelAccuracy: SummedMetric {
    /// When an example with several labels counts as right.
    public enum Criterion: Hashable, Sendable {
        /// The share of labels that are right: 1 less the Hamming loss.
        case hamming
        /// The share of examples all of whose labels are right.
        case exactMatch
    }

    public let name: String
    public let sums = MetricSums("sum")
    private let criterion: Criterion
    private let threshold: Double

    /// - Parameter threshold: 0 fits logits, 0.5 probabilities.
    public init(_ criterion: Criterion = .hamming, threshold: Double = 0, name: String? = nil) {
        self.criterion = criterion
        self.threshold = threshold
        self.name = name ?? (criterion == .hamming ? "multilabel_accuracy" : "exact_match")
        sums.settings = "\(criterion), threshold \(threshold)"
    }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        withNoGrad {
            guard outputs.shape == labels.shape, outputs.rank > 0 else {
                _ = outputs.invalid(
                    "MultilabelAccuracy", "outputs \(outputs.shape), labels \(labels.shape)",
                    remedy: "give both as [N, L]", [outputs, labels], file, line)
                return
            }
            guard
                let answers = ClassAnswers("MultilabelAccuracy", outputs, labels, threshold: threshold, file, line)
            else { return }
            let isRight = answers.predicted .== answers.right
            switch criterion {
            case .hamming: sums.add(isRight.countOfTrue(), count: labels.elementCount)
            case .exactMatch:
                let examples = labels.shape.leading(labels.rank - 1)
                sums.add(isRight.all(axes: [-1]).countOfTrue(), count: Shape(examples).elementCount)
            }
        }
    }

    /// 0 to 1; nil of no examples. Waits for the device.
    public func value() throws(TensorError) -> Double? { try sums.meanOfCounted() }
}
