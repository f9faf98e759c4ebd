import TensorRuntime

/// A two-dimensional convolution, as
/// [torch.nn.Conv2d](https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html).
///
/// Input `[N, inputs, H, W]`, output `[N, outputs, H', W']` with
/// `H' = (H + 2 padding - dilation (kernel - 1) - 1) / stride + 1`.
public final class Conv2d: UnaryLayer, Sendable {
    /// `[outputs, inputs / groups, kernel.height, kernel.width]`
    public let weight: Parameter
    /// `[outputs]`
    public let bias: Parameter?

    private let inputs: Int
    private let outputs: Int
    private let kernel: Extent2D
    private let stride: Extent2D
    private let padding: Extent2D
    private let dilation: Extent2D
    private let groups: Int

    /// Weight and bias are uniform in `±1 / sqrt(inputs / groups * kernel)`, as in PyTorch.
    ///
    /// - Parameter groups: divides both channel counts.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: Extent2D, stride: Extent2D = 1, padding: Extent2D = 0,
        dilation: Extent2D = 1, groups: Int = 1, bias: Bool = true, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        let name = "Conv2d(\(inputs), \(outputs), kernel: \(kernel))"
        let site = CallSite(file, line)
        let divides = groups > 0 && inputs % groups == 0 && outputs % groups == 0
        if !divides {
            WrongCall.report(
                name, "\(groups) groups do not divide both channel counts", remedy: "change groups", at: site)
        }
        Window.check(name, kernel, stride, padding, dilation, at: site)
        self.inputs = inputs
        self.outputs = outputs
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        let inputsOfGroup = divides ? inputs / groups : inputs
        let shape: Shape = [outputs, inputsOfGroup, kernel.height, kernel.width]
        let fanIn = shape.isValid ? inputsOfGroup * kernel.height * kernel.width : 0
        weight = Parameter(
            Initialization.kaimingUniform(
                shape, fanIn: fanIn, generator: generator, device: device, for: name, at: site))
        let bound = fanIn > 0 ? 1 / Double(fanIn).squareRoot() : 0
        self.bias =
            bias
            ? Parameter(
                Initialization.uniform(
                    shape.isValid ? [outputs] : shape, bound: bound, generator: generator, device: device, for: name,
                    at: site)) : nil
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard input.rank == 4, input.shape[1] == inputs else {
            return input.invalid(
                "Conv2d(\(inputs), \(outputs), kernel: \(kernel))",
                "input \(input.shape) is not [N, \(inputs), height, width]",
                remedy: "reshape the input, or change the layer's input channels", [input], at: nil)
        }
        return Tensor.conv2d(
            input, weight: weight.value, bias: bias?.value, stride: stride.vector, padding: padding.vector,
            dilation: dilation.vector, groups: groups)
    }
}
