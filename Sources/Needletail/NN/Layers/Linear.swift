import TensorRuntime

/// An affine map of the last axis, `y = x W^T + b`, as
/// [torch.nn.Linear](https://pytorch.org/docs/stable/generated/torch.nn.Linear.html).
///
/// Input `[..., inputs]`, output `[..., outputs]`.
public final class Linear: UnaryLayer, Sendable {
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
        _ inputs: Int, _ outputs: Int, bias: Bool = true, generator: Generator? = nil, device: DeviceID? = nil,
        dtype: DType = .float32,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        let name = "Linear(\(inputs), \(outputs))"
        let site = CallSite(file, line)
        self.inputs = inputs
        self.outputs = outputs
        let shape: Shape = [outputs, inputs]
        weight = Parameter(
            Initialization.kaimingUniform(
                shape, fanIn: inputs, generator: generator, device: device, dtype: dtype, for: name, at: site))
        let bound = inputs > 0 ? 1 / Double(inputs).squareRoot() : 0
        self.bias =
            bias
            ? Parameter(
                Initialization.uniform(
                    shape.isValid ? [outputs] : shape, bound: bound, generator: generator, device: device, dtype: dtype,
                    for: name,
                    at: site)) : nil
    }

    public var configuration: String {
        "in_features=\(inputs), out_features=\(outputs), bias=\(Printed.bool(bias != nil))"
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard input.rank > 0, input.shape[input.rank - 1] == inputs else {
            return input.invalid(
                "Linear(\(inputs), \(outputs))", "input \(input.shape) does not end in \(inputs)",
                remedy: "flatten or reshape the input, or change the layer's size", [input], at: nil)
        }
        return Tensor.linear(input, weight.value, bias: bias?.value)
    }
}
