import TensorRuntime

/// [torch.optim.Adam](https://pytorch.org/docs/stable/generated/torch.optim.Adam.html), or, with decoupled weight decay,
/// [torch.optim.AdamW](https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html).
public struct AdamRule: MomentumRule, NumberedRule {
    public var learningRate: Double
    /// Decay of the means of the gradient and of its square.
    public var betas: (Double, Double)
    /// What is added to the denominator, so that a gradient of 0 divides nothing by 0.
    public var epsilon: Double
    /// This much of the parameters is added to the gradient; where ``isDecoupled``, `learningRate * weightDecay` of
    /// them is taken off directly.
    public var weightDecay: Double
    /// Whether weight decay shrinks the parameters directly (AdamW), not through the gradient.
    public var isDecoupled: Bool
    /// Whether to divide by the largest mean square so far.
    public var usesAMSGrad: Bool
    /// Whether the objective grows: the parameters then follow the gradient, not its negative.
    public var maximizes: Bool

    /// Defaults are PyTorch's of Adam. A number that is negative or not finite, or a beta of 1 or more, is a wrong call.
    public init(
        learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
        weightDecay: Double = 0, isDecoupled: Bool = false, usesAMSGrad: Bool = false, maximizes: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        let title = isDecoupled ? "AdamW" : "Adam"
        checkHyperparameters(
            of: title, [("learning rate", learningRate), ("epsilon", epsilon), ("weight decay", weightDecay)], site)
        checkBetas(of: title, betas, site)
        self.learningRate = learningRate
        self.betas = betas
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.isDecoupled = isDecoupled
        self.usesAMSGrad = usesAMSGrad
        self.maximizes = maximizes
    }

    public var cycledMomentum: Double {
        get { betas.0 }
        set { betas.0 = newValue }
    }
    public var name: String { isDecoupled ? "adamw" : "adam" }
    public var stateNames: [String] { ["exp_avg", "exp_avg_sq"] + (usesAMSGrad ? ["max_exp_avg_sq"] : []) }
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("beta1", betas.0), ("beta2", betas.1), ("eps", epsilon),
            ("weight_decay", weightDecay), ("amsgrad", usesAMSGrad ? 1 : 0), ("maximize", maximizes ? 1 : 0),
        ]
    }

    public func update(
        _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
    ) -> Tensor {
        var value = value
        var gradient = maximizes ? -gradient : gradient
        if weightDecay != 0 {
            if isDecoupled {
                value = value * (1 - learningRate * weightDecay)
            } else {
                gradient = gradient + value * weightDecay
            }
        }
        let mean = state[0] + (gradient - state[0]) * (1 - betas.0)
        let square = state[1] * betas.1 + gradient.square() * (1 - betas.1)
        state[0] = mean
        state[1] = square
        var largest = square
        if usesAMSGrad {
            largest = Tensor.maximum(state[2], square)
            state[2] = largest
        }
        let correction1 = 1 - power(betas.0, step)
        let correction2 = 1 - power(betas.1, step)
        let denominator = largest.sqrt() * (1 / correction2.squareRoot()) + epsilon
        return value - mean / denominator * (learningRate / correction1)
    }

    func numbers(step: Int) -> [Double] {
        (weightDecay == 0 ? [] : [isDecoupled ? 1 - learningRate * weightDecay : weightDecay])
            + [
                1 - betas.0, betas.1, 1 - betas.1, 1 / (1 - power(betas.1, step)).squareRoot(), epsilon,
                learningRate / (1 - power(betas.0, step)),
            ]
    }
}

/// Adam, as [torch.optim.Adam](https://pytorch.org/docs/stable/generated/torch.optim.Adam.html).
public final class Adam: Optimizer {
    /// One group of these parameters under an ``AdamRule`` with these settings.
    public init(
        _ parameters: [Parameter], learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999),
        epsilon: Double = 1e-8, weightDecay: Double = 0, amsgrad: Bool = false, maximize: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: AdamRule(
                learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay,
                isDecoupled: false, usesAMSGrad: amsgrad, maximizes: maximize, file: file, line: line), file: file,
            line: line)
    }
}

/// Adam with decoupled weight decay, as
/// [torch.optim.AdamW](https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html).
public final class AdamW: Optimizer {
    /// One group of these parameters under an ``AdamRule`` that is decoupled; weight decay is 0.01 here, 0 in ``Adam``.
    public init(
        _ parameters: [Parameter], learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999),
        epsilon: Double = 1e-8, weightDecay: Double = 1e-2, amsgrad: Bool = false, maximize: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: AdamRule(
                learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay,
                isDecoupled: true, usesAMSGrad: amsgrad, maximizes: maximize, file: file, line: line), file: file,
            line: line)
    }
}
