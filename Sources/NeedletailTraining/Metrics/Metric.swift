import Needletail
import TensorRuntime

/// A number that says how good a model's outputs are, over any number of batches.
///
/// What is added up stays on the device: ``update(_:_:file:line:)`` only traces, so that it joins the kernels of the step
/// that it stands in, and nothing waits for the device until ``value()`` is asked for. A metric holds numbers, never the
/// graph that made them.
///
/// A metric of one's own that is a mean over examples is a ``MeanMetric/init(_:of:)``.
public protocol Metric: AnyObject {
    /// Under which a history has it: `accuracy`.
    var name: String { get }

    /// Adds a batch: what a model made and what it should be. Called by ``update(_:_:file:line:)`` with the caller's place,
    /// at which a wrong call is reported.
    func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt)

    /// The metric of all that was added since the start or ``reset()``; nil of nothing. Waits for the device.
    func value() throws(TensorError) -> Double?

    /// Starts anew.
    func reset()

    /// What a checkpoint keeps. Waits for the device.
    func state() throws(TensorError) -> MetricState

    /// Goes on from a saved state, in the place of what was added, bit for bit.
    ///
    /// - Throws: `data` where the state is another metric's.
    func restore(_ state: MetricState) throws(TensorError)
}

extension Metric {
    /// Adds a batch: what a model made and what it should be.
    ///
    /// Shapes that do not fit are a programmer's error.
    public func update(
        _ outputs: Tensor, _ labels: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) {
        add(outputs, labels, file: file, line: line)
    }
}

/// What a metric has added up, as numbers of the host: sums and counts by name.
public struct MetricState: Hashable, Sendable {
    /// Integers are exact up to 2^53.
    public var numbers: [String: [Double]]

    /// A state of these numbers.
    public init(_ numbers: [String: [Double]] = [:]) { self.numbers = numbers }

    /// The numbers of that name, as many as there have to be.
    ///
    /// - Throws: `data` where there are none, or not as many.
    func numbers(_ name: String, count: Int? = nil, of metric: String) throws(TensorError) -> [Double] {
        guard let found = numbers[name], count.map({ found.count == $0 }) ?? true else {
            let has = numbers[name].map { "\($0.count) numbers" } ?? "nothing"
            let wanted = count.map { "\($0)" } ?? "some"
            throw TensorError(
                .data,
                "\(metric): the saved state has \(has) under '\(name)', not \(wanted); restore the state of such a metric"
            )
        }
        return found
    }

    /// A number that counts something.
    ///
    /// - Throws: `data` where there is none.
    func count(_ name: String, of metric: String) throws(TensorError) -> Int {
        let number = try numbers(name, count: 1, of: metric)[0]
        guard let count = Int(exactly: number), count >= 0 else {
            throw TensorError(
                .data, "\(metric): the saved state has \(number) under '\(name)', not a count; restore another state")
        }
        return count
    }

    /// Of a mean.
    package var sum: Double { numbers["sum"]?.first ?? 0 }
    package var count: Int { numbers["count"]?.first.flatMap { Int(exactly: $0) } ?? 0 }
}
