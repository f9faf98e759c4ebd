import TensorGraph
import TensorRuntime

/// Changes parameters by their gradients, a rule for each group of them.
///
///     let optimizer = Adam(model.parameters, learningRate: 1e-3)
///     for (images, labels) in batches {
///         optimizer.zeroGrad()
///         crossEntropy(model(images), labels).backward()
///         try optimizer.step()
///     }
///
/// From the optimizer's construction on, the parameters of a group are views of one flat tensor, and so is its state: a
/// step is one kernel for any number of parameters. A parameter without a gradient is left as it is, step count and
/// state included, as in PyTorch. A parameter that somebody assigns in between is taken in again at the next step.
open class Optimizer {
    public private(set) var groups: [ParameterGroup] = []

    /// - Parameter rule: one of this package's (``SGDRule``, ``AdamRule``) or your own.
    public init(
        _ parameters: [Parameter], rule: any UpdateRule, file: StaticString = #fileID, line: UInt = #line
    ) {
        addGroup(parameters, rule: rule, file: file, line: line)
    }

    /// Adds parameters that follow a rule of their own. One that is in a group already is left where it is.
    public func addGroup(
        _ parameters: [Parameter], rule: any UpdateRule, file: StaticString = #fileID, line: UInt = #line
    ) {
        if parameters.isEmpty {
            WrongCall.report(
                "Optimizer", "there are no parameters", remedy: "pass those of a model: model.parameters",
                at: CallSite(file, line))
        }
        let known = Set(self.parameters.map(ObjectIdentifier.init))
        groups.append(ParameterGroup(parameters.filter { !known.contains(ObjectIdentifier($0)) }, rule: rule))
    }

    /// All parameters, group by group.
    public var parameters: [Parameter] { groups.flatMap(\.parameters) }

    /// The learning rate of the first group; setting it sets all groups'.
    public var learningRate: Double {
        get { groups[0].learningRate }
        set { for group in groups { group.learningRate = newValue } }
    }

    /// Sets all gradients to nil. To be called before the backward pass.
    public func zeroGrad() {
        for group in groups { for parameter in group.parameters { parameter.zeroGrad() } }
    }

    /// Changes the parameters, and evaluates all that is pending on their devices.
    ///
    /// - Throws: `outOfMemory`, `deviceFailure`, and the error of a gradient that failed: then no parameter has changed.
    public func step() throws(TensorError) {
        try traceStep()
        // Nothing of the trace is held here: what was replaced may be overwritten. The trace may be one that another task
        // began, in a forward pass of its own: the parameters are named, not only what this task began.
        for group in groups { try group.evaluate() }
        for context in contexts { try context.flushAll() }
    }

    /// Changes the parameters without evaluating them, for tests that look at the plan.
    package func traceStep() throws(TensorError) {
        try withNoGrad { () throws(TensorError) in
            // All of them, or none.
            for group in groups {
                group.refresh()
                guard try group.checkGradients() else { return }
            }
            for group in groups { group.traceUpdate() }
        }
    }

    private var contexts: [DeviceContext] {
        var result: [DeviceContext] = []
        for group in groups {
            for context in group.contexts where !result.contains(where: { $0 === context }) { result.append(context) }
        }
        return result
    }
}

/// Stochastic gradient descent with momentum, as
/// [torch.optim.SGD](https://pytorch.org/docs/stable/generated/torch.optim.SGD.html).
public final class SGD: Optimizer {
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

/// Adam, as [torch.optim.Adam](https://pytorch.org/docs/stable/generated/torch.optim.Adam.html).
public final class Adam: Optimizer {
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
