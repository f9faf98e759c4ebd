import Needletail
import TensorGraph
import TensorRuntime

/// Sums that a metric keeps on the device, each under a name, and how many examples they are of.
///
/// A captured graph adds to them at each replay, as a step that is not captured does.
public final class MetricSums {
    /// Of the totals so far and a batch's addends, the new totals. Element by element, with axes that are as long in both or 1.
    public typealias Combination = (_ totals: [Tensor], _ addends: [Tensor]) -> [Tensor]

    /// What the sums are called in a saved state, in their order.
    public let names: [String]
    private let combine: Combination
    private var sums: [Tensor]?
    /// Numbers of a saved state, row-major, that the next addends take up: on their device, in their dtypes and shapes.
    private var restored: [[Double]]?
    /// How many examples were added.
    public private(set) var count = 0

    /// - Parameters:
    ///   - names: of the sums, in a saved state.
    ///   - combine: how addends join totals; by default they are added. Only traced, and the same at each call.
    public init(
        _ names: String..., combine: @escaping Combination = { totals, addends in zip(totals, addends).map { $0 + $1 } }
    ) {
        self.names = names
        self.combine = combine
    }

    /// Adds a batch of `count` examples: an addend for each name. Only traces. The first addends say device, dtypes and shapes
    /// of all.
    public func add(_ addends: Tensor..., count: Int) { add(addends, count: count) }

    func add(_ addends: [Tensor], count added: Int) {
        let capture = Capture.current
        if let capture {
            capture.own(self)
            let before = count
            capture.atEnd { [self] in count = before }
            capture.append(HostStep { [self] in count += added })
        }
        withNoGrad {
            let values = addends.map { $0.detach() }
            sums = totals(like: values).map { combine($0, values) } ?? values
        }
        count += added
        capture?.didChange(self)
    }

    /// The totals so far, restored ones as tensors like the addends.
    private func totals(like addends: [Tensor]) -> [Tensor]? {
        guard let restored else { return sums }
        self.restored = nil
        return withDeviceContext(addends[0].context) {
            zip(restored, addends).map { numbers, addend in
                guard numbers.count == addend.elementCount,
                    addend.dtype.isFloat || numbers.allSatisfy({ Int64(exactly: $0) != nil })
                else {
                    let error = TensorError(
                        .data, "a metric's saved state does not fit its batches; restore the state of such a metric")
                    return Tensor(addend.context.failed(error, shape: addend.shape, dtype: addend.dtype))
                }
                return addend.dtype.isFloat
                    ? Tensor(numbers, shape: addend.shape, dtype: addend.dtype)
                    : Tensor(numbers.map { Int64($0) }, shape: addend.shape, dtype: addend.dtype)
            }
        }
    }

    /// The numbers of all sums, row-major, in the order of their names; nil of nothing. Waits for the device.
    public func numbers() throws(TensorError) -> [[Double]]? {
        if let restored { return restored }
        guard let sums else { return nil }
        // One evaluation for all.
        try evaluate(sums)
        var result: [[Double]] = []
        for sum in sums {
            switch sum.dtype {
            case .float64: result.append(try sum.scalars())
            case .float32, .float16, .bfloat16: result.append(try sum.scalars(as: Float.self).map(Double.init))
            case .int64, .int32, .uint8, .bool: result.append(try sum.scalars(as: Int64.self).map(Double.init))
            }
        }
        return result
    }

    /// How many numbers the first sum has; nil of nothing.
    var elementCount: Int? { restored?[0].count ?? sums?[0].elementCount }

    /// Starts anew.
    public func reset() {
        sums = nil
        restored = nil
        count = 0
    }

    /// Takes the place of what was added.
    func restore(_ numbers: [[Double]], count: Int) {
        reset()
        self.count = count
        if count > 0 { restored = numbers }
    }

    /// Adds what another of the same names has added. Waits for the device where the two are on different ones, or one was
    /// restored.
    func merge(_ other: MetricSums) throws(TensorError) {
        guard other.count > 0 else { return }
        guard restored == nil, other.restored == nil, let theirs = other.sums,
            sums.map({ $0[0].shares(theirs[0]) }) ?? true
        else {
            guard let addends = try other.numbers() else { return }
            guard let totals = try numbers() else { return restore(addends, count: other.count) }
            // float64, which the CPU has.
            let all = try withCPU { combine(totals.map { Tensor($0) }, addends.map { Tensor($0) }) }
            var merged: [[Double]] = []
            for total in all { merged.append(try total.scalars()) }
            restore(merged, count: count + other.count)
            return
        }
        add(theirs, count: other.count)
    }

    private func withCPU(_ body: () -> [Tensor]) throws(TensorError) -> [Tensor] {
        let context = try deviceContext(.cpu)
        return withNoGrad { withDeviceContext(context, body) }
    }

    /// What a checkpoint keeps: the sums under their names, and `count`.
    func state() throws(TensorError) -> MetricState {
        var state = MetricState(["count": [Double(count)]])
        for (name, numbers) in zip(names, try numbers() ?? []) { state.numbers[name] = numbers }
        return state
    }

    /// - Parameter metric: for errors.
    func restore(_ state: MetricState, of metric: String) throws(TensorError) {
        let count = try state.count("count", of: metric)
        var numbers: [[Double]] = []
        if count > 0 {
            for name in names {
                let found = try state.numbers(name, of: metric)
                guard !found.isEmpty else {
                    throw TensorError(
                        .data, "\(metric): the saved state has no numbers under '\(name)'; restore another state")
                }
                numbers.append(found)
            }
        }
        restore(numbers, count: count)
    }
}

extension MetricSums: Carrier {
    package var carriedCount: Int { names.count }
    package func carried(_ index: Int) -> Handle? { sums?[index].handle }
    package func setCarried(_ handles: [Handle?]) {
        let tensors = handles.compactMap { $0.map { Tensor($0) } }
        sums = tensors.count == names.count ? tensors : nil
    }
    package var carrierName: String { "a metric's sums" }
}

/// A metric that is made of sums over examples, kept on the device: it says how a batch is added and what the sums mean, and
/// has all else.
///
///     final class Recognized: SummedMetric {
///         let name = "recognized"
///         let sums = MetricSums("right")
///
///         func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
///             sums.add((outputs.argmax(-1) .== labels).sum(), count: labels.elementCount)
///         }
///
///         func value() throws(TensorError) -> Double? { try sums.numbers().map { $0[0][0] / Double(count) } }
///     }
public protocol SummedMetric: Metric {
    /// Where what was seen so far is added up.
    var sums: MetricSums { get }
}

extension SummedMetric {
    /// How many examples were added.
    public var count: Int { sums.count }

    public func reset() { sums.reset() }

    /// Adds what another, with the same settings, has added.
    ///
    /// - Throws: as ``Metric/value()``, where the two are on different devices or one was restored.
    public func merge(_ other: Self) throws(TensorError) { try sums.merge(other.sums) }

    public func state() throws(TensorError) -> MetricState { try sums.state() }
    public func restore(_ state: MetricState) throws(TensorError) { try sums.restore(state, of: name) }
}
