import TensorRuntime

/// [torch.optim.Adagrad](https://pytorch.org/docs/stable/generated/torch.optim.Adagrad.html).
public struct AdagradRule: UpdateRule, NumberedRule {
    public var learningRate: Double
    /// The learning rate of step `n` is divided by `1 + (n - 1) learningRateDecay`.
    public var learningRateDecay: Double
    /// This much of the parameters is added to their gradients, as if half its square sum were part of the loss.
    public var weightDecay: Double
    /// What the sum of squares begins with.
    public var initialAccumulator: Double
    /// What is added to the denominator, so that a gradient of 0 divides nothing by 0.
    public var epsilon: Double
    /// Whether the objective grows: the parameters then follow the gradient, not its negative.
    public var maximizes: Bool

    /// Defaults are PyTorch's. A number that is negative or not finite is a wrong call.
    public init(
        learningRate: Double = 1e-2, learningRateDecay: Double = 0, weightDecay: Double = 0,
        initialAccumulator: Double = 0, epsilon: Double = 1e-10, maximizes: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        checkHyperparameters(
            of: "Adagrad",
            [
                ("learning rate", learningRate), ("learning rate decay", learningRateDecay),
                ("weight decay", weightDecay), ("initial accumulator", initialAccumulator), ("epsilon", epsilon),
            ], CallSite(file, line))
        self.learningRate = learningRate
        self.learningRateDecay = learningRateDecay
        self.weightDecay = weightDecay
        self.initialAccumulator = initialAccumulator
        self.epsilon = epsilon
        self.maximizes = maximizes
    }

    public let name = "adagrad"
    public let stateNames = ["sum"]
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("lr_decay", learningRateDecay), ("eps", epsilon), ("weight_decay", weightDecay),
            ("initial_accumulator_value", initialAccumulator), ("maximize", maximizes ? 1 : 0),
        ]
    }

    public func update(
        _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
    ) -> Tensor {
        let gradient = followed(gradient, of: value, maximizes: maximizes, weightDecay: weightDecay)
        var sum = state[0] + gradient.square()
        if initialAccumulator != 0 { sum = sum + (step == 1 ? initialAccumulator : 0) }
        state[0] = sum
        return value - gradient / (sum.sqrt() + epsilon) * rate(of: step)
    }

    private func rate(of step: Int) -> Double { learningRate / (1 + Double(step - 1) * learningRateDecay) }

    func numbers(step: Int) -> [Double] {
        (weightDecay == 0 ? [] : [weightDecay])
            + (initialAccumulator == 0 ? [] : [step == 1 ? initialAccumulator : 0]) + [epsilon, rate(of: step)]
    }
}

/// Adagrad, as [torch.optim.Adagrad](https://pytorch.org/docs/stable/generated/torch.optim.Adagrad.html).
public final class Adagrad: Optimizer {
    /// One group of these parameters under an ``AdagradRule`` with these settings.
    public init(
        _ parameters: [Parameter], learningRate: Double = 1e-2, learningRateDecay: Double = 0,
        weightDecay: Double = 0, initialAccumulator: Double = 0, epsilon: Double = 1e-10, maximize: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: AdagradRule(
                learningRate: learningRate, learningRateDecay: learningRateDecay, weightDecay: weightDecay,
                initialAccumulator: initialAccumulator, epsilon: epsilon, maximizes: maximize, file: file, line: line),
            file: file, line: line)
    }
}
