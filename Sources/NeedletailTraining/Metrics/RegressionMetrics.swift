import Needletail
import TensorRuntime

/// Outputs and labels of a regression as floats `[N, D]`, D numbers for each of N examples.
struct RegressionPair {
    let outputs: Tensor
    let labels: Tensor
    /// N.
    let count: Int

    /// Nil where that is a wrong call, which is reported.
    ///
    /// - Parameters:
    ///   - outputs: `[N]`, `[N, 1]` or `[N, ..., D]`.
    ///   - labels: of the outputs' shape, but for an axis of extent 1 at the end.
    ///   - sums: to which this is added; batches before had as many numbers for each example.
    init?(
        _ metric: String, _ outputs: Tensor, _ labels: Tensor, to sums: MetricSums, _ file: StaticString, _ line: UInt
    ) {
        guard outputs.shares(labels) else {
            _ = outputs.deviceMismatch(metric, labels, at: CallSite(file, line))
            return nil
        }
        let shape = outputs.shape
        guard
            shape == labels.shape || shape == Shape(Array(labels.shape) + [1])
                || labels.shape == Shape(Array(shape) + [1])
        else {
            _ = outputs.invalid(
                metric, "outputs \(shape), labels \(labels.shape)", remedy: "give both the same shape, reshape(_:)",
                [outputs, labels], file, line)
            return nil
        }
        let longer = labels.rank > shape.rank ? labels.shape : shape
        let columns = longer.rank < 2 ? 1 : longer[longer.rank - 1]
        if let before = sums.elementCount, before != columns {
            _ = outputs.invalid(
                metric, "a batch of \(columns) numbers for each example after others of \(before)",
                remedy: "call reset(), or take a metric for each", [outputs, labels], file, line)
            return nil
        }
        count = columns == 0 ? 0 : outputs.elementCount / columns
        let isWide = outputs.dtype == .float64 || labels.dtype == .float64
        let rows: Shape = [count, columns]
        self.outputs = outputs.detach().to(isWide ? .float64 : .float32).reshape(rows)
        self.labels = labels.detach().to(isWide ? .float64 : .float32).reshape(rows)
    }
}

/// The mean of |output - label|, kept on the device.
///
/// Source:
/// [mean_absolute_error](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.mean_absolute_error.html).
public final class MeanAbsoluteError: SummedMetric {
    public let name: String
    public let sums = MetricSums("sum")

    /// A mean of no numbers yet.
    public init(name: String = "mae") { self.name = name }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        withNoGrad {
            guard let pair = RegressionPair("MeanAbsoluteError", outputs, labels, to: sums, file, line) else { return }
            sums.add((pair.outputs - pair.labels).abs().sum(axes: [0]), count: pair.count)
        }
    }

    /// Of all numbers; nil of no examples. Waits for the device.
    public func value() throws(TensorError) -> Double? { try values().map(meanOfOutputs) }
    /// Of each of an example's numbers; nil of no examples. Waits for the device.
    public func values() throws(TensorError) -> [Double]? { try sums.perExample() }
}

/// The mean of (output - label)^2, kept on the device.
///
/// Source: [mean_squared_error](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.mean_squared_error.html).
public final class MeanSquaredError: SummedMetric {
    public let name: String
    public let sums = MetricSums("sum")

    /// A mean of no numbers yet.
    public init(name: String = "mse") { self.name = name }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        withNoGrad {
            guard let pair = RegressionPair("MeanSquaredError", outputs, labels, to: sums, file, line) else { return }
            sums.add((pair.outputs - pair.labels).square().sum(axes: [0]), count: pair.count)
        }
    }

    /// Of all numbers; nil of no examples. Waits for the device.
    public func value() throws(TensorError) -> Double? { try values().map(meanOfOutputs) }
    /// Of each of an example's numbers; nil of no examples. Waits for the device.
    public func values() throws(TensorError) -> [Double]? { try sums.perExample() }
}

/// The root of the mean of (output - label)^2, kept on the device.
public final class RootMeanSquaredError: SummedMetric {
    public let name: String
    public let sums = MetricSums("sum")

    /// A mean of no numbers yet.
    public init(name: String = "rmse") { self.name = name }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        withNoGrad {
            guard let pair = RegressionPair("RootMeanSquaredError", outputs, labels, to: sums, file, line) else {
                return
            }
            sums.add((pair.outputs - pair.labels).square().sum(axes: [0]), count: pair.count)
        }
    }

    /// The root of the mean of all squares, not scikit-learn's mean of the roots of several outputs; nil of no examples. Waits
    /// for the device.
    public func value() throws(TensorError) -> Double? { try sums.perExample().map { meanOfOutputs($0).squareRoot() } }
    /// Of each of an example's numbers; nil of no examples. Waits for the device.
    public func values() throws(TensorError) -> [Double]? { try sums.perExample()?.map { $0.squareRoot() } }
}

/// The coefficient of determination, 1 - sum (y - output)^2 / sum (y - mean y)^2: 1 is right, 0 is as good as the mean.
///
/// Means and squares of distances from them are kept on the device and joined batch by batch, so that a mean far from 0 costs
/// the digits of its own rounding, not those of its square
/// ([Chan, Golub and LeVeque 1979](http://i.stanford.edu/pub/cstr/reports/cs/tr/79/773/CS-TR-79-773.pdf)).
///
/// Source: [r2_score](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.r2_score.html).
public final class R2Score: SummedMetric {
    public let name: String
    public let sums = MetricSums(["examples", "mean", "spread", "residual"], .grow(R2Score.growth))

    /// A score of no numbers yet.
    public init(name: String = "r2") { self.name = name }

    private static func growth(_ totals: [Tensor], _ rests: [Tensor?], _ addends: [Tensor]) -> [Tensor] {
        growthOfMoments(Array(totals.prefix(3)), rest: rests[1], Array(addends.prefix(3))) + [addends[3]]
    }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        withNoGrad {
            guard let pair = RegressionPair("R2Score", outputs, labels, to: sums, file, line), pair.count > 0 else {
                return
            }
            let residual = (pair.labels - pair.outputs).square().sum(axes: [0])
            sums.add(moments(of: pair.labels) + [residual], count: pair.count)
        }
    }

    /// The mean over an example's numbers; nil of fewer than two examples. Waits for the device.
    public func value() throws(TensorError) -> Double? { try values().map(meanOfOutputs) }

    /// Of each of an example's numbers; nil of fewer than two examples. Of labels that are all the same: 1 where the outputs
    /// are right, else 0. Waits for the device.
    public func values() throws(TensorError) -> [Double]? {
        guard count > 1, let numbers = try sums.numbers() else { return nil }
        return zip(numbers[3], numbers[2]).map { $1 == 0 ? ($0 == 0 ? 1 : 0) : 1 - $0 / $1 }
    }
}

/// The explained variance, 1 - var(y - output) / var(y): as ``R2Score``, but a constant error costs nothing.
///
/// Source:
/// [explained_variance_score](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.explained_variance_score.html).
public final class ExplainedVariance: SummedMetric {
    public let name: String
    public let sums = MetricSums(
        ["examples", "mean", "spread", "residual_mean", "residual_spread"], .grow(ExplainedVariance.growth))

    /// A score of no numbers yet.
    public init(name: String = "explained_variance") { self.name = name }

    private static func growth(_ totals: [Tensor], _ rests: [Tensor?], _ addends: [Tensor]) -> [Tensor] {
        let residual = growthOfMoments(
            [totals[0], totals[3], totals[4]], rest: rests[3], [addends[0], addends[3], addends[4]])
        let labels = growthOfMoments(Array(totals.prefix(3)), rest: rests[1], Array(addends.prefix(3)))
        return labels + residual.dropFirst()
    }

    public func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        withNoGrad {
            guard let pair = RegressionPair("ExplainedVariance", outputs, labels, to: sums, file, line), pair.count > 0
            else {
                return
            }
            let residual = moments(of: pair.labels - pair.outputs)
            sums.add(moments(of: pair.labels) + residual.dropFirst(), count: pair.count)
        }
    }

    /// The mean over an example's numbers; nil of no examples. Waits for the device.
    public func value() throws(TensorError) -> Double? { try values().map(meanOfOutputs) }

    /// Of each of an example's numbers; nil of no examples. Of labels that are all the same: 1 where the error is too, else
    /// 0. Waits for the device.
    public func values() throws(TensorError) -> [Double]? {
        guard let numbers = try sums.numbers() else { return nil }
        return zip(numbers[4], numbers[2]).map { $1 == 0 ? ($0 == 0 ? 1 : 0) : 1 - $0 / $1 }
    }
}

/// How many rows there are, `[1]`, and each column's mean and sum of squared distances from it.
private func moments(of rows: Tensor) -> [Tensor] {
    let mean = rows.mean(axes: [0], keepDims: true)
    let count = withDeviceContext(rows.context) { Tensor.full([1], Double(rows.shape[0]), dtype: .int64) }
    return [count, mean.squeeze(0), (rows - mean).square().sum(axes: [0])]
}

/// What moments of rows grow by where others join them. `rest` is what roundings of the mean have lost: without it the distance
/// from a mean that stands still would be added again and again.
private func growthOfMoments(_ a: [Tensor], rest: Tensor?, _ b: [Tensor]) -> [Tensor] {
    let (before, added) = (a[0].to(a[1].dtype), b[0].to(b[1].dtype))
    let share = added / (before + added)
    var distance = b[1] - a[1]
    if let rest { distance = distance - rest }
    let between = distance * distance * (before * share)
    return [b[0], distance * share, b[2] + between]
}

private func meanOfOutputs(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }

extension MetricSums {
    /// The first sum by the number of examples; nil of no examples.
    fileprivate func perExample() throws(TensorError) -> [Double]? {
        guard count > 0, let numbers = try numbers() else { return nil }
        return numbers[0].map { $0 / Double(count) }
    }
}
