/// Normalises the last axes of each example,
/// `y = (x - mean) / sqrt(variance + epsilon) * weight + bias`, as
/// [torch.nn.LayerNorm](https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html).
///
/// Input and output `[..., shape]`.
public final class LayerNorm: Module, Sendable {
    /// Of the normalised shape.
    public let weight: Parameter?
    /// Of the normalised shape.
    public let bias: Parameter?

    private let shape: Shape
    private let epsilon: Double

    /// - Parameter affine: whether there are a weight (ones at first) and a bias (zeros).
    public init(_ shape: Shape, epsilon: Double = 1e-5, affine: Bool = true, device: DeviceID? = nil) {
        precondition(shape.rank > 0, "LayerNorm(\(shape)): no axis to normalise; give one or more")
        self.shape = shape
        self.epsilon = epsilon
        weight = affine ? Parameter(Tensor.ones(shape, device: device)) : nil
        bias = affine ? Parameter(Tensor.zeros(shape, device: device)) : nil
    }

    public convenience init(_ size: Int, epsilon: Double = 1e-5, affine: Bool = true, device: DeviceID? = nil) {
        self.init([size], epsilon: epsilon, affine: affine, device: device)
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard input.rank >= shape.rank, Shape(input.shape.suffix(shape.rank)) == shape else {
            return input.invalid(
                "LayerNorm(\(shape))", "input \(input.shape) does not end in \(shape)",
                remedy: "reshape the input, or change the layer's shape", [input], #fileID, #line)
        }
        let axes = Array((input.rank - shape.rank)..<input.rank)
        let centered = input - input.mean(axes: axes, keepDims: true)
        var result = centered * (centered.square().mean(axes: axes, keepDims: true) + epsilon).rsqrt()
        if let weight { result = result * weight.value }
        if let bias { result = result + bias.value }
        return result
    }
}
