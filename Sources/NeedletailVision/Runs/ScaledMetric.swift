import Needletail
import NeedletailTraining
import TensorRuntime

/// A metric of standardised numbers in the unit that they were in before, which it comes to on the host.
final class ScaledMetric: Metric {
    private let base: any Metric
    private let factor: Double

    var name: String { base.name }

    /// - Parameter factor: what the metric's number is multiplied by.
    init(_ base: any Metric, _ factor: Double) {
        self.base = base
        self.factor = factor
    }

    func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
        base.add(outputs, labels, file: file, line: line)
    }

    func value() throws(TensorError) -> Double? { try base.value().map { $0 * factor } }
    func reset() { base.reset() }
    func state() throws(TensorError) -> MetricState { try base.state() }
    func restore(_ state: MetricState) throws(TensorError) { try base.restore(state) }
}
