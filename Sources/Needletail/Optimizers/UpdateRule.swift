import TensorRuntime

/// How an optimizer changes parameters: its formula and its hyperparameters, a value.
///
/// A rule sees flat tensors, in which many parameters lie one after another, so it is written in pointwise operations
/// alone. Numbers that change from step to step are computed on the host in `Double` and enter as scalars: a plan is the
/// same every step.
public protocol UpdateRule: Sendable {
    /// The name in checkpoints and on the command line: `sgd`, `adam`.
    var name: String { get }
    var learningRate: Double { get set }
    /// What is kept for each element, under PyTorch's names (`exp_avg`); all zeros at first.
    var stateNames: [String] { get }
    /// All hyperparameters by PyTorch's names, for checkpoints.
    var hyperparameters: [(name: String, value: Double)] { get }

    /// The value after a step. Called without gradient recording.
    ///
    /// - Parameters:
    ///   - value: the parameters, flat.
    ///   - gradient: the gradients by them, of the same shape.
    ///   - state: what ``stateNames`` lists, of the same shape; to be replaced by what the next step needs.
    ///   - step: 1 at the first step of these parameters.
    func update(_ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int) -> Tensor
}

/// Reports a hyperparameter that is below 0 or no finite number, as PyTorch does.
private func checkHyperparameters(of rule: String, _ values: [(name: String, value: Double)], _ site: CallSite) {
    guard let wrong = values.first(where: { !($0.value >= 0 && $0.value.isFinite) }) else { return }
    WrongCall.report(rule, "a \(wrong.name) of \(wrong.value)", remedy: "use a finite number of at least 0", at: site)
}

/// Stochastic gradient descent, as [torch.optim.SGD](https://pytorch.org/docs/stable/generated/torch.optim.SGD.html).
public struct SGDRule: UpdateRule, NumberedRule {
    public var learningRate: Double
    public var momentum: Double
    public var dampening: Double
    public var weightDecay: Double
    public var isNesterov: Bool
    /// Whether the objective grows.
    public var maximizes: Bool

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
    public var stateNames: [String] { momentum == 0 ? [] : ["momentum_buffer"] }
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("momentum", momentum), ("dampening", dampening), ("weight_decay", weightDecay),
            ("nesterov", isNesterov ? 1 : 0), ("maximize", maximizes ? 1 : 0),
        ]
    }

    public func update(_ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int) -> Tensor {
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

/// [torch.optim.Adam](https://pytorch.org/docs/stable/generated/torch.optim.Adam.html), or, with decoupled weight decay,
/// [torch.optim.AdamW](https://pytorch.org/docs/stable/generated/torch.optim.AdamW.html).
public struct AdamRule: UpdateRule, NumberedRule {
    public var learningRate: Double
    /// Decay of the means of the gradient and of its square.
    public var betas: (Double, Double)
    public var epsilon: Double
    public var weightDecay: Double
    /// Whether weight decay shrinks the parameters directly (AdamW), not through the gradient.
    public var isDecoupled: Bool
    /// Whether to divide by the largest mean square so far.
    public var usesAMSGrad: Bool
    public var maximizes: Bool

    public init(
        learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
        weightDecay: Double = 0, isDecoupled: Bool = false, usesAMSGrad: Bool = false, maximizes: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        let title = isDecoupled ? "AdamW" : "Adam"
        checkHyperparameters(
            of: title, [("learning rate", learningRate), ("epsilon", epsilon), ("weight decay", weightDecay)], site)
        for beta in [betas.0, betas.1] where !(beta >= 0 && beta < 1) {
            WrongCall.report(
                title, "betas (\(betas.0), \(betas.1))", remedy: "use numbers of at least 0, below 1", at: site)
            break
        }
        self.learningRate = learningRate
        self.betas = betas
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.isDecoupled = isDecoupled
        self.usesAMSGrad = usesAMSGrad
        self.maximizes = maximizes
    }

    public var name: String { isDecoupled ? "adamw" : "adam" }
    public var stateNames: [String] { ["exp_avg", "exp_avg_sq"] + (usesAMSGrad ? ["max_exp_avg_sq"] : []) }
    public var hyperparameters: [(name: String, value: Double)] {
        [
            ("lr", learningRate), ("beta1", betas.0), ("beta2", betas.1), ("eps", epsilon),
            ("weight_decay", weightDecay), ("amsgrad", usesAMSGrad ? 1 : 0), ("maximize", maximizes ? 1 : 0),
        ]
    }

    public func update(_ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int) -> Tensor {
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

    /// By squaring, so that no platform's `pow` decides bits.
    private func power(_ base: Double, _ exponent: Int) -> Double {
        var result = 1.0
        var square = base
        var rest = exponent
        while rest > 0 {
            if rest & 1 == 1 { result *= square }
            square *= square
            rest >>= 1
        }
        return result
    }
}
