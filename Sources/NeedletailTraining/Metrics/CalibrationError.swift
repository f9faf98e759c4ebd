import Needletail
import TensorRuntime

/// How far a classifier's confidence is from how often it is right (expected calibration error): examples are binned by their
/// confidence, and the distances of the bins' mean confidence from their accuracy are averaged by their size.
///
/// Logits are `[..., C]` and classes `[...]` of an integer type. Confidence is the largest of the softmax's probabilities; bin
/// `i` of `n` holds those in (i/n, (i + 1)/n]. A confidence that is no number, as of infinite logits, is counted in the first bin,
/// whose mean and the metric's value are then NaN.
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
    /// How many answers of each bin are wrong and, behind them, right; the confidence of each bin's.
    public let sums: MetricSums
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
        sums = MetricSums(["answers", "confidence"], .add) { [bins = self.bins] numbers, _ in
            guard numbers[0].count == 2 * bins, numbers[1].count == bins else {
                return "\(numbers[1].count) bins, not \(bins)"
            }
            return numbers[0].first { Int(exactly: $0) == nil }.map { "\($0) answers in a bin" }
        }
        sums.settings = "\(self.bins) bins, ignoredIndex \(ignoredIndex.map { "\($0)" } ?? "nil")"
    }

    public func add(_ logits: Tensor, _ classes: Tensor, file: StaticString, line: UInt) {
        withNoGrad {
            guard let problem = LogitProblem("CalibrationError", logits, classes, ignoring: ignored, file, line) else {
                return
            }
            let confidence = problem.logits.softmax().max(axes: [-1], keepDims: true)
            let isRight = problem.logits.argmax(-1, keepDims: true) .== problem.classes
            let place = ((confidence * Double(bins)).ceil() - 1).clamp(min: 0, max: Double(bins - 1))
            let bin = Tensor.where(confidence .== confidence, place, 0).to(.int64)
            var answer = Tensor.where(isRight, bin + bins, bin)
            if let isCounted = problem.isCounted { answer = Tensor.where(isCounted, answer, -1) }
            let places = problem.logits.indices([
                MetricTable.width(classes: problem.logits.shape[1], cells: 2 * bins)
            ])
            // Of right answers too.
            let isIn = (answer .== places).logicalOr(answer .== places + bins)
            sums.add(
                [
                    (answer .== places).countOfTrue(axes: [0]),
                    Tensor.where(isIn, confidence, 0).sum(axes: [0]),
                ], count: problem.count, using: [2 * bins, bins])
        }
    }

    /// Examples, confidence and right answers of each bin; nil of no examples.
    private func table() throws(TensorError) -> (examples: [Double], confidence: [Double], right: [Double])? {
        guard let numbers = try sums.numbers() else { return nil }
        let right = Array(numbers[0][bins...])
        return (zip(numbers[0], right).map { $0 + $1 }, numbers[1], right)
    }

    /// The bars of a reliability diagram, by rising confidence; empty of no examples. Waits for the device.
    public func diagram() throws(TensorError) -> [Bin] {
        guard let (examples, confidence, right) = try table() else { return [] }
        return examples.indices.map { bin in
            let count = examples[bin]
            return Bin(
                count: Int(count), confidence: count == 0 ? 0 : confidence[bin] / count,
                accuracy: count == 0 ? 0 : right[bin] / count)
        }
    }

    /// 0 to 1; nil of no examples. Waits for the device.
    public func value() throws(TensorError) -> Double? {
        let bins = try diagram()
        let total = bins.reduce(0) { $0 + $1.count }
        guard total > 0 else { return nil }
        return bins.reduce(0) { $0 + abs($1.accuracy - $1.confidence) * Double($1.count) } / Double(total)
    }

    /// Of each bin the `examples`, the `confidence` and how many are `right`.
    public func state() throws(TensorError) -> MetricState {
        var state = try sums.state()
        guard let (examples, _, right) = try table() else { return state }
        state.numbers["answers"] = nil
        state.numbers["examples"] = examples
        state.numbers["right"] = right
        return state
    }

    public func restore(_ state: MetricState) throws(TensorError) {
        var own = state
        if try state.count("count", of: name) > 0 {
            let examples = try state.numbers("examples", of: name)
            let right = try state.numbers("right", count: examples.count, of: name)
            own.numbers["answers"] = zip(examples, right).map { $0 - $1 } + right
        }
        try sums.restore(own, of: name)
    }
}
