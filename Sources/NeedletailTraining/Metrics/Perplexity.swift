import Foundation
import Needletail
import TensorRuntime

/// The exponential of the mean negative log likelihood: among how many words a language model wavers.
///
/// Logits are `[..., V]` and classes `[...]` of an integer type.
public final class Perplexity: SummedMetric {
    public let name: String
    public let sums: MetricSums
    private let ignored: Int?

    /// - Parameter ignoredIndex: a class whose places are not counted, as padding.
    public init(ignoredIndex: Int? = nil, name: String = "perplexity") {
        self.name = name
        ignored = ignoredIndex
        sums = .ofPlaces(ignoring: ignoredIndex)
    }

    public func add(_ logits: Tensor, _ classes: Tensor, file: StaticString, line: UInt) {
        withNoGrad {
            guard let problem = LogitProblem("Perplexity", logits, classes, ignoring: ignored, file, line) else {
                return
            }
            let surprise = problem.logits.logSumExp(axes: [-1], keepDims: true) - problem.ownLogit
            sums.add(problem.addends(surprise), count: problem.count)
        }
    }

    /// At least 1; nil of no places. Waits for the device.
    public func value() throws(TensorError) -> Double? { try sums.meanOfCounted().map { exp($0) } }
}

/// How far a classifier's confidence is from how often it is right (expected calibration error): examples are binned by their
/// confidence, and the distances of the bins' mean confidence from their accuracy are averaged by their size.
///
/// Logits are `[..., C]` and classes `[...]` of an integer type. Confidence is the largest of the softmax's probabilities; bin
/// `i` of `n` holds those in (i/n, (i + 1)/n].
///
/// Source: [Guo et al. 2017](https://arxiv.org/abs/1706.04599).
public final class CalibrationError: SummedMetric {
    /// A bar of a reliability diagram.
    public struct Bin: Hashable, Sendable {
        /// Examples whose confidence lies in the bin.
        public let count: Int
        /// Mean confidence and accuracy; 0 of no examples.
        public let confidence: Double
        /// The share of them that was right, 0 to 1.
        public let accuracy: Double
    }

    public let name: String
    public let sums = MetricSums("examples", "confidence", "right")
    private let bins: Int
    private let ignored: Int?

    /// - Parameters:
    ///   - bins: at least 1.
    ///   - ignoredIndex: a class whose examples are not counted.
    public init(
        bins: Int = 15, ignoredIndex: Int? = nil, name: String = "ece", file: StaticString = #fileID, line: UInt = #line
    ) {
        if bins < 1 {
            WrongCall.report("CalibrationError", "\(bins) bins", remedy: "use at least 1", at: CallSite(file, line))
        }
        self.name = name
        self.bins = Swift.max(bins, 1)
        ignored = ignoredIndex
    }

    public func add(_ logits: Tensor, _ classes: Tensor, file: StaticString, line: UInt) {
        withNoGrad {
            guard let problem = LogitProblem("CalibrationError", logits, classes, ignoring: ignored, file, line) else {
                return
            }
            let confidence = problem.logits.softmax().max(axes: [-1], keepDims: true)
            let isRight = problem.logits.argmax(-1, keepDims: true) .== problem.classes
            let bin = ((confidence * Double(bins)).ceil() - 1).clamp(min: 0, max: Double(bins - 1))
            var isIn = bin .== problem.logits.indices([bins]).to(bin.dtype)
            if let isCounted = problem.isCounted { isIn = isIn.logicalAnd(isCounted) }
            sums.add(
                isIn.countOfTrue(axes: [0]), Tensor.where(isIn, confidence, 0).sum(axes: [0]),
                isIn.logicalAnd(isRight).countOfTrue(axes: [0]), count: problem.count)
        }
    }

    /// The bars of a reliability diagram, by rising confidence; empty of no examples. Waits for the device.
    public func diagram() throws(TensorError) -> [Bin] {
        guard let numbers = try sums.numbers() else { return [] }
        guard numbers.allSatisfy({ $0.count == bins }), numbers[0].allSatisfy({ Int(exactly: $0) != nil }) else {
            throw TensorError(.data, "\(name): the saved state is of other bins; restore another state")
        }
        return numbers[0].indices.map { bin in
            let count = numbers[0][bin]
            return Bin(
                count: Int(count), confidence: count == 0 ? 0 : numbers[1][bin] / count,
                accuracy: count == 0 ? 0 : numbers[2][bin] / count)
        }
    }

    /// 0 to 1; nil of no examples. Waits for the device.
    public func value() throws(TensorError) -> Double? {
        let bins = try diagram()
        let total = bins.reduce(0) { $0 + $1.count }
        guard total > 0 else { return nil }
        return bins.reduce(0) { $0 + abs($1.accuracy - $1.confidence) * Double($1.count) } / Double(total)
    }
}
