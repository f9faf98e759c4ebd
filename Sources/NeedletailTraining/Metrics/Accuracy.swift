import Needletail
import TensorRuntime

/// The share of examples whose largest logit is that of their class, kept on the device as ``MeanMetric`` does.
public final class Accuracy: Metric {
    public let name: String
    private let mean = MeanMetric()

    public init(name: String = "accuracy") { self.name = name }

    /// How many examples it is of.
    public var count: Int { mean.count }

    /// Adds a batch: logits `[..., C]` and classes `[...]` of an integer type.
    ///
    /// Logits of one column, `[..., 1]`, or of the classes' own shape, are those of class 1 against class 0: a positive one
    /// means class 1. Classes may have an axis of extent 1 behind the others.
    public func add(_ logits: Tensor, _ classes: Tensor, file: StaticString, line: UInt) {
        withNoGrad {
            let places = logits.shape.leading(Swift.max(logits.rank - 1, 0))
            let columns = places + [1]
            let shape = classes.shape
            let isBinary = shape == logits.shape
            guard logits.shares(classes) else {
                _ = logits.deviceMismatch("Accuracy", classes, at: CallSite(file, line))
                return
            }
            guard isBinary || (logits.rank > 0 && (shape == places || shape == Shape(columns)))
            else {
                _ = logits.invalid(
                    "Accuracy", "logits \(logits.shape), classes \(shape)",
                    remedy: "give logits [N, C] and classes [N]",
                    [logits, classes], file, line)
                return
            }
            let scores = logits.detach()
            let hasOneColumn = isBinary || scores.shape[scores.rank - 1] == 1
            let found = hasOneColumn ? (scores .> 0).to(.int64) : scores.argmax(-1)
            let wanted = classes.dtype == .int64 ? classes : classes.to(.int64)
            let isRight = (found.shape == shape ? found : found.reshape(shape)) .== wanted
            mean.add(sum: isRight.to(.float32).sum(), count: classes.elementCount)
        }
    }

    /// 0 to 1; nil of no examples. Waits for the device.
    public func value() throws(TensorError) -> Double? { try mean.value() }

    public func reset() { mean.reset() }

    /// Adds what another has added.
    ///
    /// - Throws: as ``value()``, where they are on different devices or the other was restored.
    public func merge(_ other: Accuracy) throws(TensorError) { try mean.merge(other.mean) }

    public func state() throws(TensorError) -> MetricState { try mean.state() }
    public func restore(_ state: MetricState) throws(TensorError) { try mean.restore(state) }

    package func restore(sum: Double, count: Int, like tensor: Tensor) {
        mean.restore(sum: sum, count: count, like: tensor)
    }
}
