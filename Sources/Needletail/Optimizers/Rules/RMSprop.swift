import TensorRuntime

/// [torch.optim.RMSprop](https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html).
public struct RMSpropRule: MomentumRule, NumberedRule {
    public var learningRate: Double
    /// Decay of the mean of the gradient's square.
    public var alpha: Double
    /// What is added to the denominator, so that a gradient of 0 divides nothing by 0.
    public var epsilon: Double
    /// This much of the parameters is added to their gradients, as if half its square sum were part of the loss.
    public var weightDecay: Double
    /// The share of the change before in each change; 0 keeps none.
    public var momentum: Double
    /// Whether to divide by the standard deviation, not by the root of the mean square.
    public var isCentered: Bool
    /// Whether the objective grows: the parameters then follow the gradient, not its negative.
    public var maximizes: Bool

    /// Defaults are PyTorch's. A number that is negative or not finite is a wrong call.
    public init(
        learningRate: Double = 1e-2, alpha: Double = 0.99, epsilon: Double = 1e-8, weightDecay: Double = 0,
        momentum: Double = 0, isCentered: Bool = false, maximizes: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        checkHyperparameters(
            of: "RMSprop",
            [
                ("learning rate", learningRate), ("epsilon", epsilon), ("momentum", momentum),
                ("weight decay", weightDecay), ("alpha", alpha),
            ], CallSite(file, line))
        self.learningRate = learningRate
        self.alpha = alpha
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.momentum = momentum
        self.isCentered = isCentered
        self.maximizes = maximizes
    }

    public let name = "rmsprop"
    public var cycledMomentum: Double {
        get { momentum }
        set { momentum = newValue }
    }
    public var stateNames: [String] {
        ["square_avg"] + (momentum > 0 ? ["momentum_buffer"] : []) + (isCentered ? ["grad_avg"] : [])
    }
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("momentum", momentum), ("alpha", alpha), ("eps", epsilon),
            ("centered", isCentered ? 1 : 0), ("weight_decay", weightDecay), ("maximize", maximizes ? 1 : 0),
        ]
    }

    public func update(
        _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
    ) -> Tensor {
        let gradient = followed(gradient, of: value, maximizes: maximizes, weightDecay: weightDecay)
        let square = state[0] * alpha + gradient.square() * (1 - alpha)
        state[0] = square
        var spread = square
        if isCentered {
            let last = state.count - 1
            let mean = state[last] + (gradient - state[last]) * (1 - alpha)
            state[last] = mean
            // A rounding may bring it below 0.
            spread = Tensor.maximum(square - mean.square(), 0.0)
        }
        let scaled = gradient / (spread.sqrt() + epsilon)
        guard momentum > 0 else { return value - scaled * learningRate }
        let buffer = state[1] * momentum + scaled
        state[1] = buffer
        return value - buffer * learningRate
    }

    func numbers(step: Int) -> [Double] {
        (weightDecay == 0 ? [] : [weightDecay]) + [alpha, 1 - alpha] + (isCentered ? [1 - alpha, 0] : []) + [epsilon]
            + (momentum > 0 ? [momentum] : []) + [learningRate]
    }
}

/// RMSprop, as [torch.optim.RMSprop](https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html).
public final class RMSprop: Optimizer {
    /// One group of these parameters under an ``RMSpropRule`` with these settings.
    public init(
        _ parameters: [Parameter], learningRate: Double = 1e-2, alpha: Double = 0.99, epsilon: Double = 1e-8,
        weightDecay: Double = 0, momentum: Double = 0, centered: Bool = false, maximize: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: RMSpropRule(
                learningRate: learningRate, alpha: alpha, epsilon: epsilon, weightDecay: weightDecay,
                momentum: momentum, isCentered: centered, maximizes: maximize, file: file, line: line), file: file,
            line: line)
    }
}
