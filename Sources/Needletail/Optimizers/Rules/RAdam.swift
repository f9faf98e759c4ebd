import TensorRuntime

/// [torch.optim.RAdam](https://pytorch.org/docs/stable/generated/torch.optim.RAdam.html): Adam whose rate is rectified
/// while few squares make the mean square.
public struct RAdamRule: MomentumRule, NumberedRule {
    public var learningRate: Double
    /// Decay of the means of the gradient and of its square.
    public var betas: (Double, Double)
    /// What is added to the denominator, so that a gradient of 0 divides nothing by 0.
    public var epsilon: Double
    /// This much of the parameters is added to the gradient; where ``isDecoupled``, `learningRate * weightDecay` of
    /// them is taken off directly.
    public var weightDecay: Double
    /// Whether weight decay shrinks the parameters directly, not through the gradient.
    public var isDecoupled: Bool
    /// Whether the objective grows: the parameters then follow the gradient, not its negative.
    public var maximizes: Bool

    /// Defaults are PyTorch's. A number that is negative or not finite, or a beta of 1 or more, is a wrong call.
    public init(
        learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
        weightDecay: Double = 0, isDecoupled: Bool = false, maximizes: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let site = CallSite(file, line)
        checkHyperparameters(
            of: "RAdam", [("learning rate", learningRate), ("epsilon", epsilon), ("weight decay", weightDecay)], site)
        checkBetas(of: "RAdam", betas, site)
        self.learningRate = learningRate
        self.betas = betas
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.isDecoupled = isDecoupled
        self.maximizes = maximizes
    }

    public let name = "radam"
    public var cycledMomentum: Double {
        get { betas.0 }
        set { betas.0 = newValue }
    }
    public let stateNames = ["exp_avg", "exp_avg_sq"]
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("beta1", betas.0), ("beta2", betas.1), ("eps", epsilon),
            ("weight_decay", weightDecay), ("decoupled_weight_decay", isDecoupled ? 1 : 0),
            ("maximize", maximizes ? 1 : 0),
        ]
    }

    public func update(
        _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
    ) -> Tensor {
        let shrunk = isDecoupled && weightDecay != 0 ? value * (1 - learningRate * weightDecay) : value
        let gradient = followed(
            gradient, of: value, maximizes: maximizes, weightDecay: isDecoupled ? 0 : weightDecay)
        let mean = state[0] + (gradient - state[0]) * (1 - betas.0)
        let square = state[1] * betas.1 + gradient.square() * (1 - betas.1)
        state = [mean, square]
        // One formula for steps with the mean square and for the first, without it: the operations stay the same.
        let numbers = rectified(step)
        let denominator = square.sqrt() * numbers.share + numbers.least
        return shrunk - mean / denominator * numbers.rate
    }

    /// Of the denominator `share sqrt(square) + least`, and the rate of the mean by it.
    private func rectified(_ step: Int) -> (share: Double, least: Double, rate: Double) {
        let correction2 = 1 - power(betas.1, step)
        let longest = 2 / (1 - betas.1) - 1
        let length = longest - 2 * Double(step) * power(betas.1, step) / correction2
        let rate = learningRate / (1 - power(betas.0, step))
        guard length > 5 else { return (0, 1, rate) }
        let ratio = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        return (1, epsilon, rate * (ratio * correction2).squareRoot())
    }

    func numbers(step: Int) -> [Double] {
        let numbers = rectified(step)
        return (weightDecay == 0 ? [] : [isDecoupled ? 1 - learningRate * weightDecay : weightDecay])
            + [1 - betas.0, betas.1, 1 - betas.1, numbers.share, numbers.least, numbers.rate]
    }
}

/// RAdam, as [torch.optim.RAdam](https://pytorch.org/docs/stable/generated/torch.optim.RAdam.html).
public final class RAdam: Optimizer {
    /// One group of these parameters under an ``RAdamRule`` with these settings.
    public init(
        _ parameters: [Parameter], learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999),
        epsilon: Double = 1e-8, weightDecay: Double = 0, decoupledWeightDecay: Bool = false, maximize: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: RAdamRule(
                learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay,
                isDecoupled: decoupledWeightDecay, maximizes: maximize, file: file, line: line), file: file,
            line: line)
    }
}
