import Needletail
import TensorRuntime

/// The mean of numbers that are computed on the device, kept there: a loss over an epoch, or any mean over examples.
///
///     let loss = MeanMetric("loss")
///     loss.update(crossEntropy(logits, labels), count: batch.count)
///
///     let mae = MeanMetric("mae") { outputs, labels in (outputs - labels).abs().mean() }
///     mae.update(outputs, labels)
///
/// ``update(_:count:)`` only traces: called before `Optimizer.step()`, it joins the step's own kernels, and nothing
/// waits for the device until ``value()`` is asked for.
///
/// The sum is a float32, of float64 means a float64, and what its roundings lose is kept beside it: it stands still only after
/// the square of the number of updates after which a float32 alone would.
public final class MeanMetric: SummedMetric {
    public let name: String
    public let sums = MetricSums("sum")
    private let function: (Tensor, Tensor) -> Tensor

    /// - Parameters:
    ///   - name: under which a history has it.
    ///   - function: of a batch's outputs and labels, the mean over its examples, of rank 0. By default the mean of the
    ///     outputs. A batch counts as many examples as the outputs' first axis is long; of rank 0, one.
    public init(
        _ name: String = "mean", of function: @escaping (Tensor, Tensor) -> Tensor = { outputs, _ in outputs.mean() }
    ) {
        self.name = name
        self.function = function
    }

    /// Adds a mean of `count` numbers, of rank 0.
    public func update(_ mean: Tensor, count: Int = 1) {
        withNoGrad {
            let mean = mean.detach()
            sums.add((mean.dtype.isShortFloat ? mean.cast(to: .float32) : mean) * Double(count), count: count)
        }
    }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        let mean = withNoGrad { function(outputs.detach(), labels.detach()) }
        guard mean.rank == 0 else {
            _ = mean.invalid(
                "MeanMetric(\"\(name)\")", "the function gives a tensor of shape \(mean.shape)",
                remedy: "reduce it with mean()", [mean], file, line)
            return
        }
        update(mean, count: outputs.rank == 0 ? 1 : outputs.shape[0])
    }

    /// The mean; nil of no numbers. Waits for the device.
    public func value() throws(TensorError) -> Double? { try sums.meanOfCounted() }
}
