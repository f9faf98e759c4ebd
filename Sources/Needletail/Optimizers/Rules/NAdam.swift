import Foundation
import TensorRuntime

/// [torch.optim.NAdam](https://pytorch.org/docs/stable/generated/torch.optim.NAdam.html): Adam with Nesterov's momentum.
///
/// PyTorch's state `mu_product` is a function of the number of steps and their betas, and is computed from them. Where a schedule
/// cycles the beta, steps before a restored checkpoint count with that of the first step after it, and the
/// parameters of one group must have made equally many steps.
public struct NAdamRule: MomentumRule, NumberedRule {
    public var learningRate: Double
    /// Decay of the means of the gradient and of its square.
    public var betas: (Double, Double) {
        // What another copy of the rule makes of its own betas is not this one's past.
        didSet { if betas.0 != oldValue.0 { products = products.copy() } }
    }
    /// What is added to the denominator, so that a gradient of 0 divides nothing by 0.
    public var epsilon: Double
    /// This much of the parameters is added to the gradient; where ``isDecoupled``, `learningRate * weightDecay` of
    /// them is taken off directly.
    public var weightDecay: Double
    /// How fast the momentum grows towards `betas.0`.
    public var momentumDecay: Double
    /// Whether weight decay shrinks the parameters directly, not through the gradient.
    public var isDecoupled: Bool
    /// Whether the objective grows: the parameters then follow the gradient, not its negative.
    public var maximizes: Bool
    private var products = MomentumProducts()

    /// Defaults are PyTorch's. A number that is negative or not finite, or a beta of 1 or more, is a wrong call.
    public init(
        learningRate: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
        weightDecay: Double = 0, momentumDecay: Double = 4e-3, isDecoupled: Bool = false, maximizes: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        checkHyperparameters(
            of: "NAdam",
            [
                ("learning rate", learningRate), ("epsilon", epsilon), ("weight decay", weightDecay),
                ("momentum decay", momentumDecay),
            ], site)
        checkBetas(of: "NAdam", betas, site)
        self.learningRate = learningRate
        self.betas = betas
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.momentumDecay = momentumDecay
        self.isDecoupled = isDecoupled
        self.maximizes = maximizes
    }

    public var cycledMomentum: Double {
        get { betas.0 }
        set { betas.0 = newValue }
    }

    public let name = "nadam"
    public let stateNames = ["exp_avg", "exp_avg_sq"]
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("beta1", betas.0), ("beta2", betas.1), ("eps", epsilon),
            ("weight_decay", weightDecay), ("momentum_decay", momentumDecay),
            ("decoupled_weight_decay", isDecoupled ? 1 : 0), ("maximize", maximizes ? 1 : 0),
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
        let rates = rates(of: step)
        let denominator = (square * (1 / (1 - power(betas.1, step)))).sqrt() + epsilon
        let direct = gradient / denominator * rates.direct
        let kept = mean / denominator * rates.kept
        return shrunk - direct - kept
    }

    /// What the gradient and the mean are multiplied by at a step.
    private func rates(of step: Int) -> (direct: Double, kept: Double) {
        let product = products.product(of: step, beta: betas.0, decay: momentumDecay)
        let now = MomentumProducts.momentum(of: step, betas.0, momentumDecay)
        let next = MomentumProducts.momentum(of: step + 1, betas.0, momentumDecay)
        return (learningRate * (1 - now) / (1 - product), learningRate * next / (1 - product * next))
    }

    func numbers(step: Int) -> [Double] {
        let rates = rates(of: step)
        return (weightDecay == 0 ? [] : [isDecoupled ? 1 - learningRate * weightDecay : weightDecay])
            + [1 - betas.0, betas.1, 1 - betas.1, 1 / (1 - power(betas.1, step)), epsilon, rates.direct, rates.kept]
    }
}

/// The products of the momenta of all steps up to one, each with the beta that was asked for at it: a schedule may cycle it.
/// Steps that this process did not make count with the beta of the first that it makes.
private final class MomentumProducts: Sendable {
    private struct Entry {
        var beta: Double
        var decay: Double
        var product: Double
    }
    /// Of steps 1, 2, ... until the product is nothing beside 1.
    private let entries: Lock<[Entry]>

    init() { entries = Lock([]) }

    private init(_ known: [Entry]) { entries = Lock(known) }

    func copy() -> MomentumProducts { MomentumProducts(entries.withLock { $0 }) }

    static func momentum(of step: Int, _ beta: Double, _ decay: Double) -> Double {
        beta * (1 - 0.5 * Foundation.pow(0.96, Double(step) * decay))
    }

    func product(of step: Int, beta: Double, decay: Double) -> Double {
        entries.withLock { entries in
            while entries.count < step {
                if let last = entries.last, last.product < 0x1p-60 { return 0 }
                entries.append(Entry(beta: beta, decay: decay, product: 0))
                MomentumProducts.multiply(&entries, from: entries.count)
            }
            let known = entries[step - 1]
            if known.beta != beta || known.decay != decay {
                // A checkpoint undid what was known of this step.
                entries[step - 1] = Entry(beta: beta, decay: decay, product: 0)
                MomentumProducts.multiply(&entries, from: step)
            }
            return entries[step - 1].product
        }
    }

    /// Computes the products of a step and those after it.
    private static func multiply(_ entries: inout [Entry], from step: Int) {
        for place in step - 1..<entries.count {
            let entry = entries[place]
            let before = place > 0 ? entries[place - 1].product : 1
            entries[place].product = before * momentum(of: place + 1, entry.beta, entry.decay)
        }
    }
}

/// NAdam, as [torch.optim.NAdam](https://pytorch.org/docs/stable/generated/torch.optim.NAdam.html).
public final class NAdam: Optimizer {
    /// One group of these parameters under a ``NAdamRule`` with these settings.
    public init(
        _ parameters: [Parameter], learningRate: Double = 2e-3, betas: (Double, Double) = (0.9, 0.999),
        epsilon: Double = 1e-8, weightDecay: Double = 0, momentumDecay: Double = 4e-3,
        decoupledWeightDecay: Bool = false, maximize: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            parameters,
            rule: NAdamRule(
                learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay,
                momentumDecay: momentumDecay, isDecoupled: decoupledWeightDecay, maximizes: maximize, file: file,
                line: line), file: file, line: line)
    }
}
