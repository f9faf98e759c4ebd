import TensorRuntime

/// Normalises the last axes of each example,
/// `y = (x - mean) / sqrt(variance + epsilon) * weight + bias`, as
/// [torch.nn.LayerNorm](https://pytorch.org/docs/stable/generated/torch.nn.LayerNorm.html).
///
/// Input and output `[..., shape]`.
public final class LayerNorm: UnaryLayer, Sendable {
    /// Of the normalised shape.
    public let weight: Parameter?
    /// Of the normalised shape.
    public let bias: Parameter?

    private let shape: Shape
    private let epsilon: Double

    /// - Parameters:
    ///   - affine: whether there are a weight (ones at first) and a bias (zeros).
    ///   - hasBias: whether there is a bias, where there is a weight.
    public init(
        _ shape: Shape, epsilon: Double = 1e-5, affine: Bool = true, bias hasBias: Bool = true, device: DeviceID? = nil,
        dtype: DType = .float32,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        let name = "LayerNorm(\(shape))"
        let site = CallSite(file, line)
        if shape.rank == 0 {
            WrongCall.report(name, "no axis to normalise", remedy: "give one or more", at: site)
        }
        self.shape = shape
        self.epsilon = epsilon
        weight = affine ? Parameter(Tensor.made(.fill, shape, dtype, .int(1), device, for: name, at: site)) : nil
        bias =
            affine && hasBias
            ? Parameter(Tensor.made(.fill, shape, dtype, .int(0), device, for: name, at: site)) : nil
    }

    /// Of the last axis alone, which has this extent.
    public convenience init(
        _ size: Int, epsilon: Double = 1e-5, affine: Bool = true, bias: Bool = true, device: DeviceID? = nil,
        dtype: DType = .float32,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.init(
            [size], epsilon: epsilon, affine: affine, bias: bias, device: device, dtype: dtype, file: file, line: line)
    }

    public var configuration: String {
        "\(Printed.tuple(Array(shape))), eps=\(Printed.number(epsilon)), elementwise_affine=\(Printed.bool(weight != nil)), "
            + "bias=\(Printed.bool(bias != nil))"
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard shape.rank > 0, input.rank >= shape.rank, Shape(input.shape.suffix(shape.rank)) == shape else {
            return input.invalid(
                "LayerNorm(\(shape))", "input \(input.shape) does not end in \(shape)",
                remedy: "reshape the input, or change the layer's shape", [input], at: nil)
        }
        let axes = Array((input.rank - shape.rank)..<input.rank)
        return input.widened.standardised(over: axes, epsilon: epsilon)
            .scaled(by: weight?.value, plus: bias?.value, roundedAs: input)
    }
}

extension Tensor {
    /// Float16 and bfloat16 in float32; others as they are.
    var widened: Tensor { dtype.isShortFloat ? cast(to: .float32) : self }

    /// ``standardised(by:over:epsilon:)`` by the moments that it makes.
    func standardised(over axes: [Int], epsilon: Double) -> Tensor {
        standardised(by: withRecording(false) { moments(over: axes) }, over: axes, epsilon: epsilon)
    }

    /// The mean and the variance (of all, not all but one) over `axes`, which are kept with extent 1.
    func moments(over axes: [Int]) -> (mean: Tensor, variance: Tensor) {
        let mean = mean(axes: axes, keepDims: true)
        return (mean, (self - mean).square().mean(axes: axes, keepDims: true))
    }

    /// `y = (x - mean) r` with `r = 1 / sqrt(variance + epsilon)`, where `moments` are those of `self` over `axes`.
    ///
    /// Its gradient by x is `r (g - mean(g) - y mean(g y))`, the means over `axes`: what the chain rule through both moments
    /// comes to ([Ioffe and Szegedy](https://arxiv.org/abs/1502.03167), section 3), in fewer passes.
    func standardised(by moments: (mean: Tensor, variance: Tensor), over axes: [Int], epsilon: Double) -> Tensor {
        let scale = withRecording(false) { (moments.variance + epsilon).rsqrt() }
        return Tensor.composite(self) {
            (self - moments.mean) * scale
        } pullback: {
            { p in
                // A gradient that is differentiated again goes through the moments too.
                var (mean, r) = (moments.mean, scale)
                if ExecutionContext.current.recordsGradients {
                    let moments = self.moments(over: axes)
                    (mean, r) = (moments.mean, (moments.variance + epsilon).rsqrt())
                }
                let y = (self - mean) * r
                let slope = (p.gradient * y).mean(axes: axes, keepDims: true)
                return InputGradients((p.gradient - p.gradient.mean(axes: axes, keepDims: true) - y * slope) * r)
            }
        }
    }

    /// A normalised value, which float32 holds, times weights plus biases, rounded once to the type that these and the input
    /// have together.
    func scaled(by weight: Tensor?, plus bias: Tensor?, roundedAs input: Tensor) -> Tensor {
        var result = self
        if let weight { result = result * weight }
        if let bias { result = result + bias }
        guard input.dtype.isShortFloat else { return result }
        let dtype = [weight, bias].compactMap { $0 }.reduce(input.dtype) { $0.promoted(with: $1.dtype) }
        return result.cast(to: dtype)
    }
}
