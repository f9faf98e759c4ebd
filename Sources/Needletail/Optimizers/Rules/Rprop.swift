import TensorRuntime

/// [torch.optim.Rprop](https://pytorch.org/docs/stable/generated/torch.optim.Rprop.html): a step size for each element, that
/// grows while the gradient's sign stays and shrinks where it turns; where it turned, the element stays for a step.
public struct RpropRule: UpdateRule {
    /// The step sizes that training begins with.
    public var learningRate: Double
    /// What a step size is multiplied by where the sign turned, and where it stayed.
    public var factors: (Double, Double)
    /// The bounds of step sizes.
    public var stepSizes: (Double, Double)
    /// Whether the objective grows: the parameters then follow the gradient, not its negative.
    public var maximizes: Bool

    /// Defaults are PyTorch's. A first factor that is not between 0 and 1, or a second not above 1, is a wrong call.
    public init(
        learningRate: Double = 1e-2, factors: (Double, Double) = (0.5, 1.2), stepSizes: (Double, Double) = (1e-6, 50),
        maximizes: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        checkHyperparameters(
            of: "Rprop",
            [
                ("learning rate", learningRate), ("least step size", stepSizes.0), ("largest step size", stepSizes.1),
            ], site)
        if !(0 < factors.0 && factors.0 < 1 && 1 < factors.1 && factors.1.isFinite) {
            WrongCall.report(
                "Rprop", "factors (\(factors.0), \(factors.1))",
                remedy: "use one between 0 and 1, and one above 1", at: site)
        }
        self.learningRate = learningRate
        self.factors = factors
        self.stepSizes = stepSizes
        self.maximizes = maximizes
    }

    public let name = "rprop"
    public let stateNames = ["prev", "step_size"]
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("eta_minus", factors.0), ("eta_plus", factors.1), ("step_size_min", stepSizes.0),
            ("step_size_max", stepSizes.1), ("maximize", maximizes ? 1 : 0),
        ]
    }

    public func update(
        _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
    ) -> Tensor {
        let gradient = maximizes ? -gradient : gradient
        let agreement = gradient * state[0]
        // State begins at 0. The sum is one of every step, so that all are one plan.
        let before = state[1] + (step == 1 ? learningRate : 0)
        let (slower, faster) = (before * factors.0, before * factors.1)
        let changed = Tensor.where(agreement .> 0, faster, Tensor.where(agreement .< 0, slower, before))
        let size = Tensor.minimum(Tensor.maximum(changed, stepSizes.0), stepSizes.1)
        let followed = Tensor.where(agreement .< 0, 0, gradient)
        state = [followed, size]
        return value - followed.sign() * size
    }
}

/// Rprop, as [torch.optim.Rprop](https://pytorch.org/docs/stable/generated/torch.optim.Rprop.html); see ``RpropRule``.
public final class Rprop: Optimizer {
    /// One group of these parameters under an ``RpropRule`` with these settings. It is for gradients of all data, not
    /// of batches.
    public init(
        _ parameters: [Parameter], learningRate: Double = 1e-2, factors: (Double, Double) = (0.5, 1.2),
        stepSizes: (Double, Double) = (1e-6, 50), maximize: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: RpropRule(
                learningRate: learningRate, factors: factors, stepSizes: stepSizes, maximizes: maximize, file: file,
                line: line), file: file, line: line)
    }
}
