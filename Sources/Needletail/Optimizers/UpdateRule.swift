import TensorRuntime

/// How an optimizer changes parameters: its formula and its hyperparameters, a value.
///
/// A rule sees flat tensors, in which many parameters lie one after another. Written in pointwise operations it is one
/// kernel for any number of parameters; what needs single ones (a norm of each, a product of matrices) takes them from the
/// ``ParameterLayout``. Numbers that change from step to step are computed on the host in `Double` and enter as scalars:
/// a plan is the same every step. So that a captured step can be replayed, the operations are the same at every step too.
public protocol UpdateRule: Sendable {
    /// The name in checkpoints and on the command line: `sgd`, `adam`.
    var name: String { get }
    /// How far a step goes, 0 or more; what a ``LearningRateScheduler`` sets.
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
    ///   - layout: which elements are which parameter's.
    func update(_ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout) -> Tensor

    /// Why the rule cannot change a parameter of this shape, in the words of an error; nil where it can. (optional: it can)
    func complaint(about shape: Shape) -> String?

    /// Whether the rule itself computes float16 and bfloat16 in float32; else it is given float32. (optional: it does not)
    var widensItself: Bool { get }
}

extension UpdateRule {
    public func complaint(about shape: Shape) -> String? { nil }
    public var widensItself: Bool { false }
}

/// A rule with a decay of past gradients that a schedule may move: ``OneCycleSchedule``, ``CyclicSchedule``.
public protocol MomentumRule: UpdateRule {
    /// The momentum, or the first of `betas`.
    var cycledMomentum: Double { get set }
}

/// Reports a hyperparameter that is below 0 or no finite number, as PyTorch does.
func checkHyperparameters(of rule: String, _ values: [(name: String, value: Double)], _ site: CallSite) {
    guard let wrong = values.first(where: { !($0.value >= 0 && $0.value.isFinite) }) else { return }
    WrongCall.report(rule, "a \(wrong.name) of \(wrong.value)", remedy: "use a finite number of at least 0", at: site)
}

/// Reports betas outside of 0..<1, as PyTorch does.
func checkBetas(of rule: String, _ betas: (Double, Double), _ site: CallSite) {
    for beta in [betas.0, betas.1] where !(beta >= 0 && beta < 1) {
        WrongCall.report(
            rule, "betas (\(betas.0), \(betas.1))", remedy: "use numbers of at least 0, below 1", at: site)
        break
    }
}

/// `base^exponent` by squaring, so that no platform's `pow` decides bits.
func power(_ base: Double, _ exponent: Int) -> Double {
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

/// The gradient to follow: its negative where the objective grows, with weight decay where that goes through it.
func followed(_ gradient: Tensor, of value: Tensor, maximizes: Bool, weightDecay: Double) -> Tensor {
    let gradient = maximizes ? -gradient : gradient
    return weightDecay == 0 ? gradient : gradient + value * weightDecay
}
