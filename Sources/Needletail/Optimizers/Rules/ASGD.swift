import Foundation
import TensorRuntime

/// [torch.optim.ASGD](https://pytorch.org/docs/stable/generated/torch.optim.ASGD.html): descent with a falling rate, and in
/// the state `ax` the mean of the parameters since step `averagingStart`
/// ([Polyak and Juditsky](https://dl.acm.org/citation.cfm?id=131098)).
///
/// PyTorch's states `eta` and `mu` are functions of the number of steps, and are computed from it. So a rate that a schedule sets
/// counts at once, in PyTorch one step later.
public struct ASGDRule: UpdateRule, NumberedRule {
    public var learningRate: Double
    /// What shrinks the parameters, and with ``power`` the rate.
    public var decay: Double
    /// The rate of step `n` is `learningRate / (1 + decay learningRate (n - 1))^power`.
    public var power: Double
    /// The step from which on the parameters are averaged.
    public var averagingStart: Double
    /// This much of the parameters is added to their gradients, as if half its square sum were part of the loss.
    public var weightDecay: Double
    /// Whether the objective grows: the parameters then follow the gradient, not its negative.
    public var maximizes: Bool

    /// Defaults are PyTorch's. A number that is negative or not finite is a wrong call.
    public init(
        learningRate: Double = 1e-2, decay: Double = 1e-4, power: Double = 0.75, averagingStart: Double = 1e6,
        weightDecay: Double = 0, maximizes: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) {
        checkHyperparameters(
            of: "ASGD",
            [
                ("learning rate", learningRate), ("decay", decay), ("power", power),
                ("start of averaging", averagingStart), ("weight decay", weightDecay),
            ], CallSite(file, line))
        self.learningRate = learningRate
        self.decay = decay
        self.power = power
        self.averagingStart = averagingStart
        self.weightDecay = weightDecay
        self.maximizes = maximizes
    }

    public let name = "asgd"
    public let stateNames = ["ax"]
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("lambd", decay), ("alpha", power), ("t0", averagingStart),
            ("weight_decay", weightDecay), ("maximize", maximizes ? 1 : 0),
        ]
    }

    public func update(
        _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
    ) -> Tensor {
        let gradient = followed(gradient, of: value, maximizes: maximizes, weightDecay: weightDecay)
        let (rate, share) = rates(of: step)
        let result = value * (1 - decay * rate) - gradient * rate
        // With a share of 1 the mean is the value, bit by bit.
        state[0] = state[0] * (1 - share) + result * share
        return result
    }

    /// The rate of a step, and the share of its result in the mean.
    private func rates(of step: Int) -> (rate: Double, share: Double) {
        let done = Double(step - 1)
        let rate = learningRate / Foundation.pow(1 + decay * learningRate * done, power)
        return (rate, 1 / Swift.max(1, done - averagingStart))
    }

    func numbers(step: Int) -> [Double] {
        let (rate, share) = rates(of: step)
        return (weightDecay == 0 ? [] : [weightDecay]) + [1 - decay * rate, rate, 1 - share, share]
    }
}

/// Averaged descent, as [torch.optim.ASGD](https://pytorch.org/docs/stable/generated/torch.optim.ASGD.html); see ``ASGDRule``.
public final class ASGD: Optimizer {
    /// One group of these parameters under an ``ASGDRule`` with these settings.
    public init(
        _ parameters: [Parameter], learningRate: Double = 1e-2, decay: Double = 1e-4, power: Double = 0.75,
        averagingStart: Double = 1e6, weightDecay: Double = 0, maximize: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: ASGDRule(
                learningRate: learningRate, decay: decay, power: power, averagingStart: averagingStart,
                weightDecay: weightDecay, maximizes: maximize, file: file, line: line), file: file, line: line)
    }
}
