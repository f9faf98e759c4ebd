import TensorRuntime

/// LAMB, by [You et al.](https://arxiv.org/abs/1904.00962): Adam's change `r` of each parameter `w`, weight decay
/// included, scaled to the parameter's length: `w - rate |w| / |r| r`, and `w - rate r` where either norm is 0.
public struct LAMBRule: MomentumRule {
    public var learningRate: Double
    /// Decay of the means of the gradient and of its square.
    public var betas: (Double, Double)
    /// What is added to the denominator, so that a gradient of 0 divides nothing by 0.
    public var epsilon: Double
    /// This much of the parameter is added to Adam's change, before that is scaled.
    public var weightDecay: Double
    /// Whether the objective grows: the parameters then follow the gradient, not its negative.
    public var maximizes: Bool

    /// A number that is negative or not finite, or a beta of 1 or more, is a wrong call.
    public init(
        learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-6,
        weightDecay: Double = 0.01, maximizes: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        checkHyperparameters(
            of: "LAMB", [("learning rate", learningRate), ("epsilon", epsilon), ("weight decay", weightDecay)], site)
        checkBetas(of: "LAMB", betas, site)
        self.learningRate = learningRate
        self.betas = betas
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.maximizes = maximizes
    }

    public let name = "lamb"
    public var cycledMomentum: Double {
        get { betas.0 }
        set { betas.0 = newValue }
    }
    public let stateNames = ["exp_avg", "exp_avg_sq"]
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("beta1", betas.0), ("beta2", betas.1), ("eps", epsilon),
            ("weight_decay", weightDecay), ("maximize", maximizes ? 1 : 0),
        ]
    }

    public func update(
        _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
    ) -> Tensor {
        let gradient = maximizes ? -gradient : gradient
        let mean = state[0] + (gradient - state[0]) * (1 - betas.0)
        let square = state[1] * betas.1 + gradient.square() * (1 - betas.1)
        state = [mean, square]
        let corrected = mean * (1 / (1 - power(betas.0, step)))
        let spread = (square * (1 / (1 - power(betas.1, step)))).sqrt() + epsilon
        var change = corrected / spread
        if weightDecay != 0 { change = change + value * weightDecay }
        let (length, size) = (layout.norms(of: value), layout.norms(of: change))
        let isZero = (length .== 0).logicalOr(size .== 0)
        let trust = Tensor.where(isZero, 1, length / size)
        return value - change * layout.spread(trust * learningRate).cast(to: value.dtype)
    }
}

/// LAMB, by [You et al.](https://arxiv.org/abs/1904.00962); see ``LAMBRule``.
public final class LAMB: Optimizer {
    /// One group of these parameters under a ``LAMBRule`` with these settings.
    public init(
        _ parameters: [Parameter], learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999),
        epsilon: Double = 1e-6, weightDecay: Double = 0.01, maximize: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: LAMBRule(
                learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay,
                maximizes: maximize, file: file, line: line), file: file, line: line)
    }
}
