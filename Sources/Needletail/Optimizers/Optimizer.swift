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
///
/// A formula of one's own is an ``UpdateRule``. A subclass changes what a step does (``step()``), what it forgets
/// (``zeroGrad()``) and what it saves (``state``, ``load(_:)``).
open class Optimizer {
    /// In the order in which they were added; at first one of all parameters that the optimizer was made with.
    public private(set) var groups: [ParameterGroup] = []

    /// - Parameter rule: one of this package's (``SGDRule``, ``AdamRule``) or your own.
    public init(
        _ parameters: [Parameter], rule: any UpdateRule, file: StaticString = #fileID, line: UInt = #line
    ) {
        append(parameters.map { (nil, $0) }, rule, CallSite(file, line))
    }

    /// As above, of parameters with names (``Module/namedParameters``), which the rule finds in its ``ParameterLayout`` and
    /// errors say.
    public init(
        named parameters: [(name: String, parameter: Parameter)], rule: any UpdateRule,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        append(parameters, rule, CallSite(file, line))
    }

    /// Adds parameters that follow a rule of their own. One that is in a group already is left where it is.
    public func addGroup(
        _ parameters: [Parameter], rule: any UpdateRule, file: StaticString = #fileID, line: UInt = #line
    ) {
        append(parameters.map { (nil, $0) }, rule, CallSite(file, line))
    }

    /// As above, of parameters with names.
    public func addGroup(
        named parameters: [(name: String, parameter: Parameter)], rule: any UpdateRule,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        append(parameters, rule, CallSite(file, line))
    }

    private func append(_ parameters: [(name: String?, parameter: Parameter)], _ rule: any UpdateRule, _ site: CallSite)
    {
        if parameters.isEmpty {
            WrongCall.report(
                "Optimizer", "there are no parameters", remedy: "pass those of a model: model.parameters", at: site)
        }
        var seen = Set(self.parameters.map(ObjectIdentifier.init))
        let first = seen.count
        let new = parameters.filter { seen.insert(ObjectIdentifier($0.parameter)).inserted }
        let names = new.enumerated().map { $1.name ?? "\(first + $0)" }
        for (name, (_, parameter)) in zip(names, new) {
            if parameter.parametrization != nil {
                WrongCall.report(
                    "Optimizer", "parameter '\(name)' is computed from others",
                    remedy: "pass those, as model.parameters does", at: site)
                return
            }
            guard let complaint = rule.complaint(about: parameter.shape) else { continue }
            WrongCall.report("Optimizer", "parameter '\(name)' is \(parameter.shape)", remedy: complaint, at: site)
            // It is recorded: the optimizer has what its rule can change.
            return
        }
        groups.append(ParameterGroup(new.map(\.parameter), names: names, rule: rule))
    }

    /// All parameters, group by group.
    public var parameters: [Parameter] { groups.flatMap(\.parameters) }

    /// The learning rate of the first group; setting it sets all groups'.
    public var learningRate: Double {
        get { groups.first?.learningRate ?? 0 }
        set { for group in groups { group.learningRate = newValue } }
    }

    /// Sets all gradients to nil. To be called before the backward pass.
    open func zeroGrad() {
        for group in groups { for parameter in group.parameters { parameter.zeroGrad() } }
    }

    /// Changes the parameters, and evaluates all that is pending on their devices.
    ///
    /// - Throws: `outOfMemory`, `deviceFailure`, and the error of a gradient that failed: then no parameter has changed.
    open func step() throws(TensorError) {
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

    /// The state to save. Hyperparameters stand in ``UpdateRule/hyperparameters`` of each group's rule.
    open var state: OptimizerState { ownState }

    /// Goes on from a saved state, of an optimizer with the same parameters and rules.
    ///
    /// - Throws: `data` where counts, names or shapes differ, before anything is changed; `outOfMemory`.
    open func load(_ state: OptimizerState) throws(TensorError) { try restore(state) }

    private var contexts: [DeviceContext] {
        var result: [DeviceContext] = []
        for group in groups {
            for context in group.contexts where !result.contains(where: { $0 === context }) { result.append(context) }
        }
        return result
    }
}

extension Optimizer: CustomStringConvertible {
    /// The class, and the hyperparameters of each group, as PyTorch prints an optimizer.
    public var description: String {
        var text = "\(type(of: self)) ("
        for (number, group) in groups.enumerated() {
            let count = group.parameters.reduce(0) { $0 + $1.shape.elementCount }
            text += "\nParameter Group \(number): \(group.parameters.count) parameters, \(count) elements"
            for (name, value) in group.rule.hyperparameters {
                let isWhole = value == value.rounded() && abs(value) < 1e15
                text += "\n    \(name): \(isWhole ? "\(Int(value))" : "\(value)")"
            }
        }
        return text + "\n)"
    }
}
