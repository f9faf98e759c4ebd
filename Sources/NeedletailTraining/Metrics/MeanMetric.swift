import Needletail
import TensorGraph
import TensorRuntime

/// The mean of numbers that are computed on the device, kept there.
///
/// ``update(_:count:)`` only traces: called before ``Optimizer/step()``, it joins the step's own kernels, and nothing
/// waits for the device until ``value()`` is asked for.
///
/// The sum is a float32, of float64 means a float64. Its rounding is at most one unit in the last place for each update.
public final class MeanMetric {
    fileprivate var total: Tensor?
    /// How many numbers the mean is of.
    public private(set) var count = 0

    public init() {}

    /// Adds a mean of `count` numbers, of rank 0.
    public func update(_ mean: Tensor, count: Int = 1) {
        add(count) { total in
            let mean = mean.detach()
            let addend = (mean.dtype.isShortFloat ? mean.cast(to: .float32) : mean) * Double(count)
            return total.map { $0 + addend } ?? addend
        }
    }

    /// Adds a sum of `count` numbers, of rank 0.
    func add(sum: Tensor, count: Int) {
        add(count) { total in total.map { $0 + sum.detach() } ?? sum.detach() }
    }

    private func add(_ count: Int, _ change: (Tensor?) -> Tensor) {
        let capture = Capture.current
        if let capture {
            capture.own(self)
            let before = self.count
            capture.atEnd { [self] in self.count = before }
            capture.append(HostStep { [self] in self.count += count })
        }
        withNoGrad { total = change(total) }
        self.count += count
        capture?.didChange(self)
    }

    /// The mean; nil of no numbers. Waits for the device.
    public func value() throws(TensorError) -> Double? {
        guard count > 0, let total else { return nil }
        return try total.item() / Double(count)
    }

    /// Starts anew.
    public func reset() {
        total = nil
        count = 0
    }

    /// The sum and the count, to be saved.
    package func state() throws(TensorError) -> (sum: Double, count: Int) { (try total?.item() ?? 0, count) }

    /// Goes on from a saved state.
    package func restore(sum: Double, count: Int, like tensor: Tensor) {
        total =
            count == 0
            ? nil
            : withDeviceContext(tensor.context) {
                tensor.dtype == .float64 ? Tensor([sum], shape: []) : Tensor([Float(sum)], shape: [])
            }
        self.count = count
    }
}

extension MeanMetric: Carrier {
    package var carriedCount: Int { 1 }
    package func carried(_ index: Int) -> Handle? { total?.handle }
    package func setCarried(_ handles: [Handle?]) { total = handles[0].map { Tensor($0) } }
    package var carrierName: String { "a metric's sum" }
}

/// The share of examples whose largest logit is that of their class, kept on the device as ``MeanMetric`` does.
public final class Accuracy {
    private let mean = MeanMetric()

    public init() {}

    public var count: Int { mean.count }

    /// Adds a batch: logits `[..., C]` and classes `[...]` of an integer type.
    ///
    /// Logits of one column, `[..., 1]`, or of the classes' own shape, are those of class 1 against class 0: a positive one
    /// means class 1. Classes may have an axis of extent 1 behind the others.
    public func update(
        _ logits: Tensor, _ classes: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) {
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

    package func state() throws(TensorError) -> (sum: Double, count: Int) { try mean.state() }
    package func restore(sum: Double, count: Int, like tensor: Tensor) {
        mean.restore(sum: sum, count: count, like: tensor)
    }
}
