import TensorRuntime

/// Lion, by [Chen et al.](https://arxiv.org/abs/2302.06675): the sign of a mean of the gradients,
/// `value - rate sign(beta1 m + (1 - beta1) g)`, with `m` then moved to `beta2 m + (1 - beta2) g`.
public struct LionRule: MomentumRule, NumberedRule {
    public var learningRate: Double
    /// The shares of the past in the change, and in what is kept.
    public var betas: (Double, Double)
    /// Shrinks the parameters directly.
    public var weightDecay: Double
    /// Whether the objective grows: the parameters then follow the gradient, not its negative.
    public var maximizes: Bool

    /// A number that is negative or not finite, or a beta of 1 or more, is a wrong call. The rate is best 3 to 10 times below
    /// Adam's.
    public init(
        learningRate: Double = 1e-4, betas: (Double, Double) = (0.9, 0.99), weightDecay: Double = 0,
        maximizes: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        checkHyperparameters(of: "Lion", [("learning rate", learningRate), ("weight decay", weightDecay)], site)
        checkBetas(of: "Lion", betas, site)
        self.learningRate = learningRate
        self.betas = betas
        self.weightDecay = weightDecay
        self.maximizes = maximizes
    }

    public let name = "lion"
    public var cycledMomentum: Double {
        get { betas.0 }
        set { betas.0 = newValue }
    }
    public let stateNames = ["exp_avg"]
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("beta1", betas.0), ("beta2", betas.1), ("weight_decay", weightDecay),
            ("maximize", maximizes ? 1 : 0),
        ]
    }

    public func update(
        _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
    ) -> Tensor {
        let shrunk = weightDecay == 0 ? value : value * (1 - learningRate * weightDecay)
        let gradient = maximizes ? -gradient : gradient
        // By what both are made of, so that they are one kernel.
        let difference = gradient - state[0]
        let change = state[0] + difference * (1 - betas.0)
        state[0] = state[0] + difference * (1 - betas.1)
        return shrunk - change.sign() * learningRate
    }

    func numbers(step: Int) -> [Double] {
        (weightDecay == 0 ? [] : [1 - learningRate * weightDecay])
            + [1 - betas.0, 1 - betas.1, learningRate]
    }
}

/// Lion, by [Chen et al.](https://arxiv.org/abs/2302.06675); see ``LionRule``.
public final class Lion: Optimizer {
    /// One group of these parameters under a ``LionRule`` with these settings.
    public init(
        _ parameters: [Parameter], learningRate: Double = 1e-4, betas: (Double, Double) = (0.9, 0.99),
        weightDecay: Double = 0, maximize: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: LionRule(
                learningRate: learningRate, betas: betas, weightDecay: weightDecay, maximizes: maximize, file: file,
                line: line), file: file, line: line)
    }
}
