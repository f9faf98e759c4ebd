import TensorRuntime

/// The weights of one layer in one direction, or of a cell, under PyTorch's names: gates lie one behind another in the rows.
struct RecurrentParameters: Sendable {
    /// `[gates * hidden, inputs]`
    let inputWeight: Parameter
    /// `[gates * hidden, state]`
    let stateWeight: Parameter
    /// `[gates * hidden]`
    let inputBias: Parameter?
    /// `[gates * hidden]`
    let stateBias: Parameter?
    /// `[projection, hidden]`
    let projection: Parameter?

    /// All are uniform in `±1 / sqrt(hidden)`, as in PyTorch.
    init(
        _ kind: RecurrentKind, inputs: Int, hidden: Int, projection: Int, bias: Bool, generator: Generator?,
        device: DeviceID?, dtype: DType, for name: String, at site: CallSite
    ) {
        let bound = hidden > 0 ? 1 / Double(hidden).squareRoot() : 0
        func drawn(_ shape: Shape) -> Parameter {
            Parameter(
                Initialization.uniform(
                    shape, bound: bound, generator: generator, device: device, dtype: dtype, for: name, at: site))
        }
        let rows = ([kind.gates, hidden] as Shape).elementCount
        inputWeight = drawn([rows, inputs])
        stateWeight = drawn([rows, projection > 0 ? projection : hidden])
        inputBias = bias ? drawn([rows]) : nil
        stateBias = bias ? drawn([rows]) : nil
        self.projection = projection > 0 ? drawn([projection, hidden]) : nil
    }

    /// The members, with a suffix as `_l0_reverse`.
    func members(_ suffix: String) -> [ModuleMember] {
        let named = [
            ("weight_ih", inputWeight), ("weight_hh", stateWeight), ("bias_ih", inputBias), ("bias_hh", stateBias),
            ("weight_hr", projection),
        ]
        return named.compactMap { name, parameter in parameter.map { ModuleMember(name + suffix, .parameter($0)) } }
    }

    /// The input's product with its bias, and with the state's where the steps do not need that apart: `[..., inputs]`
    /// gives `[..., gates * hidden]`.
    func product(_ kind: RecurrentKind, _ input: Tensor) -> Tensor {
        var bias = inputBias?.value
        if !kind.needsStateBias, let stateBias { bias = bias.map { $0 + stateBias.value } }
        return Tensor.linear(input, inputWeight.value, bias: bias)
    }

    /// The bias of the state's product, where that has one of its own.
    func ownStateBias(_ kind: RecurrentKind) -> Tensor? { kind.needsStateBias ? stateBias?.value : nil }
}
