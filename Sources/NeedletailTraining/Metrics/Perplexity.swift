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
