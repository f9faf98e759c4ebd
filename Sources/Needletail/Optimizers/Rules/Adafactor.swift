import Foundation
import TensorRuntime

/// [torch.optim.Adafactor](https://pytorch.org/docs/stable/generated/torch.optim.Adafactor.html), by
/// [Shazeer and Stern](https://arxiv.org/abs/1804.04235): Adam without a mean, whose squares of a matrix are the product of those
/// of its rows and its columns, and whose rate is relative to the parameter's length.
///
/// State lies flat beside the parameters, so rows and columns are kept as their product by their mean, of which they are the means:
/// half of Adam's state, and not PyTorch's `row_var` and `col_var`.
public struct AdafactorRule: UpdateRule {
    public var learningRate: Double
    /// The gradient's square counts in step `n` with `n^beta2Decay`; not above 0.
    public var beta2Decay: Double
    /// What squares are bounded below by, nil being the dtype's step at 1, and what a parameter's length is.
    public var epsilon: (Double?, Double)
    /// The largest root of the mean square of a change before the rate.
    public var clipping: Double
    /// `learningRate * weightDecay` of the parameters is taken off directly.
    public var weightDecay: Double
    /// Whether the objective grows: the parameters then follow the gradient, not its negative.
    public var maximizes: Bool

    /// Defaults are PyTorch's. What is outside of a property's range is a wrong call.
    public init(
        learningRate: Double = 1e-2, beta2Decay: Double = -0.8, epsilon: (Double?, Double) = (nil, 1e-3),
        clipping: Double = 1, weightDecay: Double = 0, maximizes: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let site = CallSite(file, line)
        checkHyperparameters(
            of: "Adafactor",
            [
                ("learning rate", learningRate), ("epsilon", epsilon.0 ?? 0), ("second epsilon", epsilon.1),
                ("weight decay", weightDecay),
            ], site)
        if !(beta2Decay <= 0 && beta2Decay.isFinite) {
            WrongCall.report(
                "Adafactor", "a beta2 decay of \(beta2Decay)", remedy: "use a finite number not above 0", at: site)
        }
        if !(clipping >= 1 && clipping.isFinite) {
            WrongCall.report(
                "Adafactor", "a clipping of \(clipping)", remedy: "use a finite number from 1 on", at: site)
        }
        self.learningRate = learningRate
        self.beta2Decay = beta2Decay
        self.epsilon = epsilon
        self.clipping = clipping
        self.weightDecay = weightDecay
        self.maximizes = maximizes
    }

    public let name = "adafactor"
    public let stateNames = ["variance"]
    /// The least step is of the parameters' own dtype.
    public let widensItself = true
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("beta2_decay", beta2Decay), ("eps1", epsilon.0 ?? 0), ("eps2", epsilon.1),
            ("d", clipping), ("weight_decay", weightDecay), ("maximize", maximizes ? 1 : 0),
        ]
    }

    public func update(
        _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
    ) -> Tensor {
        let type = value.dtype
        let wide: DType = type.isShortFloat ? .float32 : type
        let gradient = maximizes ? -gradient : gradient
        let share = Foundation.pow(Double(step), beta2Decay)
        let rate = Swift.min(learningRate, 1 / Double(step).squareRoot())
        let least = epsilon.0 ?? AdafactorRule.step(of: type)
        var (values, variances): ([Tensor], [Tensor]) = ([], [])
        let parts = zip(layout.parts(of: value), zip(layout.parts(of: gradient), layout.parts(of: state[0])))
        for (part, (slope, variance)) in parts {
            let (old, slope, variance) = (part.cast(to: wide), slope.cast(to: wide), variance.cast(to: wide))
            let (kept, estimate) = estimates(slope, variance, share: share, least: least)
            let change = slope * Tensor.maximum(estimate, least * least).rsqrt()
            let axes = Array(0..<part.rank)
            func size(_ x: Tensor) -> Tensor { x.square().mean(axes: axes, keepDims: true).sqrt() }
            let length = Tensor.maximum(size(old), epsilon.1) * rate
            let bound = Tensor.maximum(size(change) * (1 / clipping), 1.0)
            let shrunk = weightDecay == 0 ? old : old * (1 - learningRate * weightDecay)
            values.append((shrunk - change * (length / bound)).cast(to: type))
            variances.append(kept.cast(to: type))
        }
        state[0] = layout.joined(variances)
        return layout.joined(values)
    }

    /// The state with a gradient taken in, and the squares' estimate of it.
    private func estimates(
        _ gradient: Tensor, _ variance: Tensor, share: Double, least: Double
    ) -> (kept: Tensor, estimate: Tensor) {
        let square = gradient.square()
        guard gradient.rank > 1 else {
            let mean = variance + (square - variance) * share
            return (mean, mean)
        }
        func means(_ axis: Int) -> Tensor {
            let old = variance.mean(axes: [axis], keepDims: true)
            return old + (square.mean(axes: [axis], keepDims: true) - old) * share
        }
        let (rows, columns) = (means(gradient.rank - 1), means(gradient.rank - 2))
        let product = rows * columns
        let mean = rows.mean(axes: [gradient.rank - 2], keepDims: true)
        return (Tensor.where(mean .> 0, product / mean, 0), product / Tensor.maximum(mean, least))
    }

    /// The step at 1 of a dtype.
    private static func step(of dtype: DType) -> Double {
        switch dtype {
        case .float64: .ulpOfOne
        case .float16: 0x1p-10
        case .bfloat16: 0x1p-7
        case .bool, .uint8, .int32, .int64, .float32: Double(Float.ulpOfOne)
        }
    }
}

/// Adafactor, as [torch.optim.Adafactor](https://pytorch.org/docs/stable/generated/torch.optim.Adafactor.html); see
/// ``AdafactorRule``.
public final class Adafactor: Optimizer {
    /// One group of these parameters under an ``AdafactorRule`` with these settings.
    public init(
        _ parameters: [Parameter], learningRate: Double = 1e-2, beta2Decay: Double = -0.8,
        epsilon: (Double?, Double) = (nil, 1e-3), clipping: Double = 1, weightDecay: Double = 0, maximize: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: AdafactorRule(
                learningRate: learningRate, beta2Decay: beta2Decay, epsilon: epsilon, clipping: clipping,
                weightDecay: weightDecay, maximizes: maximize, file: file, line: line), file: file, line: line)
    }
}
