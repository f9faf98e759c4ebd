import TensorRuntime

/// [torch.optim.Adadelta](https://pytorch.org/docs/stable/generated/torch.optim.Adadelta.html).
public struct AdadeltaRule: UpdateRule, NumberedRule {
    public var learningRate: Double
    /// Decay of the means of the squares of gradients and of changes.
    public var rho: Double
    /// What is added below both roots; the larger, the faster training begins.
    public var epsilon: Double
    /// This much of the parameters is added to their gradients, as if half its square sum were part of the loss.
    public var weightDecay: Double
    /// Whether the objective grows: the parameters then follow the gradient, not its negative.
    public var maximizes: Bool

    /// Defaults are PyTorch's. A number that is negative or not finite, or a `rho` above 1, is a wrong call.
    public init(
        learningRate: Double = 1, rho: Double = 0.9, epsilon: Double = 1e-6, weightDecay: Double = 0,
        maximizes: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        checkHyperparameters(
            of: "Adadelta", [("learning rate", learningRate), ("epsilon", epsilon), ("weight decay", weightDecay)],
            site)
        if !(0...1).contains(rho) {
            WrongCall.report("Adadelta", "a rho of \(rho)", remedy: "use a number from 0 to 1", at: site)
        }
        self.learningRate = learningRate
        self.rho = rho
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.maximizes = maximizes
    }

    public let name = "adadelta"
    public let stateNames = ["square_avg", "acc_delta"]
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("rho", rho), ("eps", epsilon), ("weight_decay", weightDecay),
            ("maximize", maximizes ? 1 : 0),
        ]
    }

    public func update(
        _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
    ) -> Tensor {
        let gradient = followed(gradient, of: value, maximizes: maximizes, weightDecay: weightDecay)
        let square = state[0] * rho + gradient.square() * (1 - rho)
        let change = (state[1] + epsilon).sqrt() / (square + epsilon).sqrt() * gradient
        state[0] = square
        state[1] = state[1] * rho + change.square() * (1 - rho)
        return value - change * learningRate
    }

    func numbers(step: Int) -> [Double] {
        (weightDecay == 0 ? [] : [weightDecay])
            + [rho, 1 - rho, epsilon, epsilon, rho, 1 - rho, learningRate]
    }
}

/// Adadelta, as [torch.optim.Adadelta](https://pytorch.org/docs/stable/generated/torch.optim.Adadelta.html).
public final class Adadelta: Optimizer {
    /// One group of these parameters under an ``AdadeltaRule`` with these settings.
    public init(
        _ parameters: [Parameter], learningRate: Double = 1, rho: Double = 0.9, epsilon: Double = 1e-6,
        weightDecay: Double = 0, maximize: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: AdadeltaRule(
                learningRate: learningRate, rho: rho, epsilon: epsilon, weightDecay: weightDecay, maximizes: maximize,
                file: file, line: line), file: file, line: line)
    }
}
