import TensorGraph
import TensorRuntime

/// Parameters that an optimizer treats by the same rule.
public final class ParameterGroup {
    /// The formula, and the hyperparameters that it reads at each step.
    public var rule: any UpdateRule {
        didSet { noteRule() }
    }
    /// The rule, where it says its numbers: a replay asks for them, and looking for that is dearer than they are.
    private(set) var numberedRule: (any NumberedRule)?
    /// How often the rule was set.
    private(set) var ruleChanges = 0
    /// In the order given; those that require no gradient stay as they are.
    public let parameters: [Parameter]
    private let names: [String]

    /// That of the group's rule; a scheduler sets it for every group.
    public var learningRate: Double {
        get { rule.learningRate }
        set { rule.learningRate = newValue }
    }

    /// One for each device and dtype.
    var flats: [FlatParameters] = []
    /// Where each parameter is: in which flat tensor, and its number there; nil while it requires no gradient.
    private var places: [(flat: Int, index: Int)?]
    /// State of parameters that are in no flat tensor.
    private var parked: [(step: Int, tensors: [Tensor])]
    /// The rule's names of the state that is held.
    private(set) var heldRows: [String] = []
    /// Clipped gradients, and the numbers of the views that the parameters got of them.
    private var clipped: [(gradient: Tensor, viewIDs: [UInt64])?] = []

    /// - Parameters:
    ///   - parameters: each once.
    ///   - names: of these.
    init(_ parameters: [Parameter], names: [String], rule: any UpdateRule) {
        self.parameters = parameters
        self.names = names
        self.rule = rule
        places = Array(repeating: nil, count: self.parameters.count)
        parked = Array(repeating: (0, []), count: self.parameters.count)
        noteRule()
        flatten()
    }

    private func noteRule() {
        numberedRule = rule as? any NumberedRule
        ruleChanges += 1
    }

    /// The devices of the parameters that are updated.
    var contexts: [DeviceContext] {
        var result: [DeviceContext] = []
        for flat in flats where !result.contains(where: { $0 === flat.context }) { result.append(flat.context) }
        return result
    }

    /// Puts all parameters that require gradients into flat tensors, with the state that they have.
    private func flatten() {
        let rows = rule.stateNames
        let states = parameters.indices.map { index -> (step: Int, tensors: [Tensor]) in
            let (step, old) = state(of: index)
            if old.isEmpty || heldRows == rows { return (step, old) }
            // The rule changed: what it goes on with is known by name, and what is new begins at 0.
            let known = withNoGrad { parameters[index].value.detach() }
            return (
                step,
                rows.map { row in
                    heldRows.firstIndex(of: row).flatMap { $0 < old.count ? old[$0] : nil } ?? Tensor.zerosLike(known)
                }
            )
        }
        heldRows = rows
        flats = []
        clipped = []
        var members: [(context: DeviceContext, dtype: DType, parameters: [Int])] = []
        for (index, parameter) in parameters.enumerated() {
            places[index] = nil
            parked[index] = states[index]
            // A computed parameter has originals, which are parameters of their own.
            guard parameter.requiresGrad, parameter.parametrization == nil else { continue }
            let value = parameter.value
            if let place = members.firstIndex(where: { $0.context === value.context && $0.dtype == value.dtype }) {
                members[place].parameters.append(index)
            } else {
                members.append((value.context, value.dtype, [index]))
            }
        }
        for (number, member) in members.enumerated() {
            for (place, index) in member.parameters.enumerated() {
                places[index] = (number, place)
                parked[index] = (0, [])
            }
            flats.append(
                withNoGrad {
                    FlatParameters(
                        member.parameters.map { parameters[$0] }, names: member.parameters.map { names[$0] },
                        stateCount: rule.stateNames.count,
                        state: member.parameters.map { states[$0] })
                })
        }
    }

    /// Flattens again where somebody assigned a parameter or changed whether it requires gradients.
    func refresh() {
        let isCurrent =
            heldRows == rule.stateNames && flats.allSatisfy(\.isCurrent)
            && zip(parameters, places).allSatisfy { $1 != nil || !$0.requiresGrad || $0.parametrization != nil }
        if isCurrent { return }
        if let capture = Capture.current {
            capture.refuse(
                "\(carrierName) were assigned or changed since the last step; run one step before the capture")
            return
        }
        flatten()
    }

    /// Whether every gradient can change its parameter. Traps, or records the error, where one is none of its parameter.
    ///
    /// - Throws: the failure of a gradient.
    func checkGradients() throws(TensorError) -> Bool {
        for flat in flats {
            guard let problem = flat.gradientProblem() else { continue }
            if !problem.isWrongCall { throw problem.error }
            WrongCall.report(problem.error, at: nil)
            return false
        }
        return true
    }

    /// Traces one step.
    func traceUpdate() {
        let capture = Capture.current
        // The state of another rule: the capture has been refused for it.
        if capture != nil && heldRows != rule.stateNames { return }
        if let capture { beginCapture(capture) }
        for index in flats.indices {
            var gradient: Tensor?
            if clipped.indices.contains(index), let kept = clipped[index],
                flats[index].haveGradients(withIDs: kept.viewIDs)
            {
                gradient = kept.gradient
            }
            flats[index].traceUpdate(
                rule, flatGradient: gradient, onUpdate: capture.map { onUpdate(of: index, in: $0) })
        }
        clipped = []
        capture?.didChange(self)
    }

    /// Evaluates what ``traceUpdate()`` traced.
    func evaluate() throws(TensorError) {
        for flat in flats { try flat.context.evaluate([flat.value.handle]) }
    }

    // MARK: Clipping

    /// All gradients, flat where every parameter has one.
    func gradientParts() -> [Tensor] {
        refresh()
        return flats.flatMap { flat -> [Tensor] in
            if let whole = flat.flatGradient() { return [whole] }
            return flat.parameters.compactMap { $0.grad?.detach() }
        }
    }

    /// Replaces the gradients by `change` of them. `parts` are what ``gradientParts()`` gave.
    func replaceGradients(_ parts: ArraySlice<Tensor>, _ change: (Tensor) -> Tensor) {
        var rest = parts
        clipped = flats.map { flat in
            let holders = flat.parameters.filter { $0.grad != nil }
            guard holders.count == flat.parameters.count else {
                for holder in holders { holder.grad = change(rest.removeFirst()) }
                return nil
            }
            let changed = change(rest.removeFirst())
            return (changed, flat.assignGradients(changed))
        }
    }

    // MARK: State

    /// Steps and state of a parameter; no tensors before its first step.
    func state(of index: Int) -> (step: Int, tensors: [Tensor]) {
        guard let place = places[index], flats.indices.contains(place.flat) else { return parked[index] }
        return flats[place.flat].state(of: place.index)
    }

    /// Replaces steps and state of all parameters. Shapes and counts have been checked.
    func restore(_ states: [(step: Int, tensors: [Tensor])]) {
        flats = []
        parked = states
        heldRows = rule.stateNames
        flatten()
    }
}
