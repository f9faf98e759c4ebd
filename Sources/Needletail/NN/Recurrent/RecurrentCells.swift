import TensorRuntime

/// What ``RNNCell``, ``LSTMCell`` and ``GRUCell`` have in common: one step, of inputs `[batch, inputs]` or `[inputs]` and
/// states `[batch, hidden]` or `[hidden]`. Weights are `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`.
///
/// Safety: all stored properties are constants of sendable types.
public class RecurrentCell: Module, @unchecked Sendable {
    private let kind: RecurrentKind
    private let name: String
    private let inputs: Int
    private let hidden: Int
    private let part: RecurrentParameters

    fileprivate init(
        _ kind: RecurrentKind, _ inputs: Int, _ hidden: Int, bias: Bool, generator: Generator?, device: DeviceID?,
        dtype: DType,
        name: String, at site: CallSite
    ) {
        let name = "\(name)(\(inputs), \(hidden))"
        self.kind = kind
        self.name = name
        self.inputs = inputs
        self.hidden = hidden
        part = RecurrentParameters(
            kind, inputs: inputs, hidden: hidden, projection: 0, bias: bias, generator: generator, device: device,
            dtype: dtype,
            for: name, at: site)
    }

    public final var members: [ModuleMember] { part.members("") }
    public final var configuration: String {
        "\(inputs), \(hidden)" + (part.inputBias == nil ? ", bias=False" : "")
            + (kind == .relu ? ", nonlinearity=relu" : "")
    }

    fileprivate final func step(_ input: Tensor, _ h: Tensor?, _ c: Tensor?) -> (h: Tensor, c: Tensor?) {
        let expected = Shape(Array(input.shape.dropLast()) + [hidden])
        let states = [h, c].compactMap { $0 }
        guard input.rank == 1 || input.rank == 2, input.shape[input.rank - 1] == inputs, input.dtype.isFloat,
            states.allSatisfy({ $0.shape == expected && $0.shares(input) })
        else {
            let found = states.map { "\($0.shape)" }.joined(separator: " and ")
            let failed = input.invalid(
                name, "input \(input.dtype)\(input.shape)\(found.isEmpty ? "" : " with states \(found)")",
                remedy: "use floats [batch, \(inputs)] and states [batch, \(hidden)], or all without the batch",
                [input] + states, at: nil)
            return (failed, kind.hasCell ? failed : nil)
        }
        if input.rank == 1 {
            let result = step(input.unsqueeze(0), h?.unsqueeze(0), c?.unsqueeze(0))
            return (result.h.squeeze(0), result.c?.squeeze(0))
        }
        let x = part.product(kind, input)
        let zeros = x.filled(expected, .float(0), dtype: x.dtype)
        let before = h ?? zeros
        let product = Tensor.linear(before, part.stateWeight.value, bias: part.ownStateBias(kind))
        let made = kind.step(x, product, h: before, c: kind.hasCell ? c ?? zeros : nil)
        return (made.h, made.c)
    }
}

/// One step of an ``RNN``, as [torch.nn.RNNCell](https://pytorch.org/docs/stable/generated/torch.nn.RNNCell.html).
public final class RNNCell: RecurrentCell, @unchecked Sendable {
    /// Weights and biases are uniform in `±1 / sqrt(hidden)`, as in PyTorch.
    ///
    /// - Parameters:
    ///   - bias: whether both products have one.
    ///   - nonlinearity: what is made of their sum.
    public init(
        _ inputs: Int, _ hidden: Int, bias: Bool = true, nonlinearity: RNN.Nonlinearity = .tanh,
        generator: Generator? = nil, device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            nonlinearity == .tanh ? .tanh : .relu, inputs, hidden, bias: bias, generator: generator, device: device,
            dtype: dtype,
            name: "RNNCell", at: CallSite(file, line))
    }

    /// The state behind the step.
    ///
    /// - Parameter state: the one before; nil is 0.
    public func callAsFunction(_ input: Tensor, state: Tensor? = nil) -> Tensor { step(input, state, nil).h }
}

/// One step of a ``GRU``, as [torch.nn.GRUCell](https://pytorch.org/docs/stable/generated/torch.nn.GRUCell.html).
public final class GRUCell: RecurrentCell, @unchecked Sendable {
    /// Weights and biases are uniform in `±1 / sqrt(hidden)`, as in PyTorch.
    ///
    /// - Parameter bias: whether both products have one.
    public init(
        _ inputs: Int, _ hidden: Int, bias: Bool = true, generator: Generator? = nil, device: DeviceID? = nil,
        dtype: DType = .float32,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            .gru, inputs, hidden, bias: bias, generator: generator, device: device, dtype: dtype, name: "GRUCell",
            at: CallSite(file, line))
    }

    /// The state behind the step.
    ///
    /// - Parameter state: the one before; nil is 0.
    public func callAsFunction(_ input: Tensor, state: Tensor? = nil) -> Tensor { step(input, state, nil).h }
}

/// One step of an ``LSTM``, as [torch.nn.LSTMCell](https://pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html).
public final class LSTMCell: RecurrentCell, @unchecked Sendable {
    /// Weights and biases are uniform in `±1 / sqrt(hidden)`, as in PyTorch.
    ///
    /// - Parameter bias: whether both products have one.
    public init(
        _ inputs: Int, _ hidden: Int, bias: Bool = true, generator: Generator? = nil, device: DeviceID? = nil,
        dtype: DType = .float32,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            .lstm, inputs, hidden, bias: bias, generator: generator, device: device, dtype: dtype, name: "LSTMCell",
            at: CallSite(file, line))
    }

    /// The states behind the step.
    ///
    /// - Parameter state: those before; nil is 0.
    public func callAsFunction(_ input: Tensor, state: LSTM.State? = nil) -> LSTM.State {
        let made = step(input, state?.hidden, state?.cell)
        return LSTM.State(hidden: made.h, cell: made.c!)
    }
}
