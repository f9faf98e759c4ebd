import TensorRuntime

/// A recurrent layer, `h' = tanh(W x + b + V h + c)`, or with ReLU, as
/// [torch.nn.RNN](https://pytorch.org/docs/stable/generated/torch.nn.RNN.html). Shapes are those of ``Recurrent``.
public final class RNN: Recurrent, @unchecked Sendable {
    /// What is made of the sum of both products: `tanh`, or `relu`, whose states have no bound.
    public enum Nonlinearity: Sendable { case tanh, relu }

    /// Weights and biases are uniform in `±1 / sqrt(hidden)`, as in PyTorch.
    ///
    /// - Parameters:
    ///   - bias: whether both products have one.
    ///   - batchFirst: whether the batch is the first axis and time the second.
    ///   - dropout: the probability with which, in training, each output of a layer but the last is dropped.
    public init(
        _ inputs: Int, _ hidden: Int, layers: Int = 1, nonlinearity: Nonlinearity = .tanh, bias: Bool = true,
        batchFirst: Bool = false, dropout: Double = 0, bidirectional: Bool = false, generator: Generator? = nil,
        device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            nonlinearity == .tanh ? .tanh : .relu,
            Options(
                inputs: inputs, hidden: hidden, layers: layers, bias: bias, batchFirst: batchFirst, dropout: dropout,
                bidirectional: bidirectional, generator: generator, device: device, dtype: dtype), name: "RNN",
            at: CallSite(file, line))
    }

    /// - Parameters:
    ///   - state: the states before the first step; nil is 0.
    ///   - lengths: the time steps of each example, all of them unless given: behind its end an output is 0, and its last
    ///     state is the one at its end.
    /// - Returns: the states of the last layer at all time steps, and the last states of all layers.
    public func callAsFunction(
        _ input: Tensor, state: Tensor? = nil, lengths: [Int]? = nil
    ) -> (output: Tensor, state: Tensor) {
        let result = run(input, hidden: state, cell: nil, lengths: lengths)
        return (result.output, result.hidden)
    }
}

/// Gated recurrent units, as [torch.nn.GRU](https://pytorch.org/docs/stable/generated/torch.nn.GRU.html). Shapes are those of
/// ``Recurrent``; gates lie in the order reset, update, new.
public final class GRU: Recurrent, @unchecked Sendable {
    /// Weights and biases are uniform in `±1 / sqrt(hidden)`, as in PyTorch.
    ///
    /// - Parameters:
    ///   - bias: whether both products have one.
    ///   - batchFirst: whether the batch is the first axis and time the second.
    ///   - dropout: the probability with which, in training, each output of a layer but the last is dropped.
    public init(
        _ inputs: Int, _ hidden: Int, layers: Int = 1, bias: Bool = true, batchFirst: Bool = false,
        dropout: Double = 0, bidirectional: Bool = false, generator: Generator? = nil, device: DeviceID? = nil,
        dtype: DType = .float32,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            .gru,
            Options(
                inputs: inputs, hidden: hidden, layers: layers, bias: bias, batchFirst: batchFirst, dropout: dropout,
                bidirectional: bidirectional, generator: generator, device: device, dtype: dtype), name: "GRU",
            at: CallSite(file, line))
    }

    /// - Parameters:
    ///   - state: the states before the first step; nil is 0.
    ///   - lengths: the time steps of each example, all of them unless given: behind its end an output is 0, and its last
    ///     state is the one at its end.
    /// - Returns: the states of the last layer at all time steps, and the last states of all layers.
    public func callAsFunction(
        _ input: Tensor, state: Tensor? = nil, lengths: [Int]? = nil
    ) -> (output: Tensor, state: Tensor) {
        let result = run(input, hidden: state, cell: nil, lengths: lengths)
        return (result.output, result.hidden)
    }
}

/// Long short-term memory, as [torch.nn.LSTM](https://pytorch.org/docs/stable/generated/torch.nn.LSTM.html). Shapes are those
/// of ``Recurrent``; gates lie in the order input, forget, cell, output.
public final class LSTM: Recurrent, @unchecked Sendable {
    /// The states of all layers, and of their cells.
    public struct State: Sendable {
        /// `[layers * directions, batch, hidden]`, or with a projection its size.
        public var hidden: Tensor
        /// `[layers * directions, batch, hidden]`
        public var cell: Tensor

        /// To be given to a call as its state; both of the layer's dtype and device.
        public init(hidden: Tensor, cell: Tensor) {
            self.hidden = hidden
            self.cell = cell
        }
    }

    /// Weights and biases are uniform in `±1 / sqrt(hidden)`, as in PyTorch.
    ///
    /// - Parameters:
    ///   - bias: whether both products have one.
    ///   - batchFirst: whether the batch is the first axis and time the second.
    ///   - dropout: the probability with which, in training, each output of a layer but the last is dropped.
    ///   - projection: the size to which states are projected ([Sak et al.](https://arxiv.org/abs/1402.1128)); 0 is none.
    public init(
        _ inputs: Int, _ hidden: Int, layers: Int = 1, bias: Bool = true, batchFirst: Bool = false,
        dropout: Double = 0, bidirectional: Bool = false, projection: Int = 0, generator: Generator? = nil,
        device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            .lstm,
            Options(
                inputs: inputs, hidden: hidden, layers: layers, bias: bias, batchFirst: batchFirst, dropout: dropout,
                bidirectional: bidirectional, projection: projection, generator: generator, device: device, dtype: dtype
            ),
            name: "LSTM", at: CallSite(file, line))
    }

    /// - Parameters:
    ///   - state: the states before the first step; nil is 0.
    ///   - lengths: the time steps of each example, all of them unless given: behind its end an output is 0, and its last
    ///     state is the one at its end.
    /// - Returns: the states of the last layer at all time steps, and the last states of all layers.
    public func callAsFunction(
        _ input: Tensor, state: State? = nil, lengths: [Int]? = nil
    ) -> (output: Tensor, state: State) {
        let result = run(input, hidden: state?.hidden, cell: state?.cell, lengths: lengths)
        return (result.output, State(hidden: result.hidden, cell: result.cell!))
    }
}
