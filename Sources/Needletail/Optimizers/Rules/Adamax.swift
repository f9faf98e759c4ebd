import TensorRuntime

/// [torch.optim.Adamax](https://pytorch.org/docs/stable/generated/torch.optim.Adamax.html).
public struct AdamaxRule: MomentumRule, NumberedRule {
    public var learningRate: Double
    /// Decay of the mean of the gradient, and of its largest absolute value.
    public var betas: (Double, Double)
    /// What is added to the gradient's absolute value, so that none divides by 0.
    public var epsilon: Double
    /// This much of the parameters is added to their gradients, as if half its square sum were part of the loss.
    public var weightDecay: Double
    /// Whether the objective grows: the parameters then follow the gradient, not its negative.
    public var maximizes: Bool

    /// Defaults are PyTorch's. A number that is negative or not finite, or a beta of 1 or more, is a wrong call.
    public init(
        learningRate: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
        weightDecay: Double = 0, maximizes: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        checkHyperparameters(
            of: "Adamax", [("learning rate", learningRate), ("epsilon", epsilon), ("weight decay", weightDecay)], site)
        checkBetas(of: "Adamax", betas, site)
        self.learningRate = learningRate
        self.betas = betas
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.maximizes = maximizes
    }

    public let name = "adamax"
    public var cycledMomentum: Double {
        get { betas.0 }
        set { betas.0 = newValue }
    }
    public let stateNames = ["exp_avg", "exp_inf"]
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("beta1", betas.0), ("beta2", betas.1), ("eps", epsilon),
            ("weight_decay", weightDecay), ("maximize", maximizes ? 1 : 0),
        ]
    }

    public func update(
        _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
    ) -> Tensor {
        let gradient = followed(gradient, of: value, maximizes: maximizes, weightDecay: weightDecay)
        let mean = state[0] + (gradient - state[0]) * (1 - betas.0)
        let largest = Tensor.maximum(state[1] * betas.1, gradient.abs() + epsilon)
        state = [mean, largest]
        return value - mean / largest * (learningRate / (1 - power(betas.0, step)))
    }

    func numbers(step: Int) -> [Double] {
        (weightDecay == 0 ? [] : [weightDecay])
            + [1 - betas.0, betas.1, epsilon, learningRate / (1 - power(betas.0, step))]
    }
}

/// Adamax, as [torch.optim.Adamax](https://pytorch.org/docs/stable/generated/torch.optim.Adamax.html).
public final class Adamax: Optimizer {
    /// One group of these parameters under an ``AdamaxRule`` with these settings.
    public init(
        _ parameters: [Parameter], learningRate: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999),
        epsilon: Double = 1e-8, weightDecay: Double = 0, maximize: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: AdamaxRule(
                learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay,
                maximizes: maximize, file: file, line: line), file: file, line: line)
    }
}
