/// An affine map of the last axis, `y = x W^T + b`, as
/// [torch.nn.Linear](https://pytorch.org/docs/stable/generated/torch.nn.Linear.html).
///
/// Input `[..., inputs]`, output `[..., outputs]`.
public final class Linear: Module, Sendable {
    /// `[outputs, inputs]`
    public let weight: Parameter
    /// `[outputs]`
    public let bias: Parameter?

    private let inputs: Int
    private let outputs: Int

    /// Weight and bias are uniform in `±1 / sqrt(inputs)`, as in PyTorch.
    ///
    /// - Parameter generator: draws the initial values; nil is the current one.
    public init(
        _ inputs: Int, _ outputs: Int, bias: Bool = true, generator: Generator? = nil, device: DeviceID? = nil
    ) {
        precondition(inputs >= 0 && outputs >= 0, "Linear(\(inputs), \(outputs)): sizes are negative; give 0 or more")
        self.inputs = inputs
        self.outputs = outputs
        weight = Parameter(
            Initialization.kaimingUniform([outputs, inputs], fanIn: inputs, generator: generator, device: device))
        let bound = inputs > 0 ? 1 / Double(inputs).squareRoot() : 0
        self.bias =
            bias
            ? Parameter(Initialization.uniform([outputs], bound: bound, generator: generator, device: device)) : nil
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard input.rank > 0, input.shape[input.rank - 1] == inputs else {
            return input.invalid(
                "Linear(\(inputs), \(outputs))", "input \(input.shape) does not end in \(inputs)",
                remedy: "flatten or reshape the input, or change the layer's size", [input], #fileID, #line)
        }
        return Tensor.linear(input, weight.value, bias: bias?.value)
    }
}
