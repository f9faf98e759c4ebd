import TensorRuntime

/// Stochastic gradient descent, as [torch.optim.SGD](https://pytorch.org/docs/stable/generated/torch.optim.SGD.html).
public struct SGDRule: MomentumRule, NumberedRule {
    public var learningRate: Double
    /// The share of the change before in each change; 0 keeps none, and no state.
    public var momentum: Double
    /// The gradient enters the momentum times `1 - dampening`, at the first step whole.
    public var dampening: Double
    /// This much of the parameters is added to their gradients, as if half its square sum were part of the loss.
    public var weightDecay: Double
    /// Whether to look ahead: the momentum enters once more. It needs a momentum and no dampening.
    public var isNesterov: Bool
    /// Whether the objective grows.
    public var maximizes: Bool

    /// Defaults are PyTorch's. A number that is negative or not finite is a wrong call; dampening may be negative.
    public init(
        learningRate: Double = 1e-3, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
        isNesterov: Bool = false, maximizes: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        checkHyperparameters(
            of: "SGD", [("learning rate", learningRate), ("momentum", momentum), ("weight decay", weightDecay)], site)
        if !dampening.isFinite {
            WrongCall.report("SGD", "a dampening of \(dampening)", remedy: "use a finite number", at: site)
        }
        if isNesterov, momentum <= 0 || dampening != 0 {
            WrongCall.report(
                "SGD", "nesterov with a momentum of \(momentum) and a dampening of \(dampening)",
                remedy: "give a momentum, and no dampening", at: site)
        }
        self.learningRate = learningRate
        self.momentum = momentum
        self.dampening = dampening
        self.weightDecay = weightDecay
        self.isNesterov = isNesterov
        self.maximizes = maximizes
    }

    public let name = "sgd"
    public var cycledMomentum: Double {
        get { momentum }
        set { momentum = newValue }
    }
    public var stateNames: [String] { momentum == 0 ? [] : ["momentum_buffer"] }
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("momentum", momentum), ("dampening", dampening), ("weight_decay", weightDecay),
            ("nesterov", isNesterov ? 1 : 0), ("maximize", maximizes ? 1 : 0),
        ]
    }

    public func update(
        _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
    ) -> Tensor {
        var gradient = maximizes ? -gradient : gradient
        if weightDecay != 0 { gradient = gradient + value * weightDecay }
        if momentum != 0 {
            // The first buffer is the gradient itself, undamped.
            let buffer = state[0] * momentum + gradient * (step == 1 ? 1 : 1 - dampening)
            state[0] = buffer
            gradient = isNesterov ? gradient + buffer * momentum : buffer
        }
        return value - gradient * learningRate
    }

    func numbers(step: Int) -> [Double] {
        (weightDecay != 0 ? [weightDecay] : [])
            + (momentum != 0 ? [momentum, step == 1 ? 1 : 1 - dampening] + (isNesterov ? [momentum] : []) : [])
            + [learningRate]
    }
}

/// Stochastic gradient descent with momentum, as
/// [torch.optim.SGD](https://pytorch.org/docs/stable/generated/torch.optim.SGD.html).
public final class SGD: Optimizer {
    /// One group of these parameters under an ``SGDRule`` with these settings.
    public init(
        _ parameters: [Parameter], learningRate: Double = 1e-3, momentum: Double = 0, dampening: Double = 0,
        weightDecay: Double = 0, nesterov: Bool = false, maximize: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: SGDRule(
                learningRate: learningRate, momentum: momentum, dampening: dampening, weightDecay: weightDecay,
                isNesterov: nesterov, maximizes: maximize, file: file, line: line), file: file, line: line)
    }
}
