import TensorRuntime

/// Normalises groups of channels of each example,
/// `y = (x - mean) / sqrt(variance + epsilon) * weight + bias`, as
/// [torch.nn.GroupNorm](https://pytorch.org/docs/stable/generated/torch.nn.GroupNorm.html).
///
/// Input and output `[N, channels, ...]`.
public final class GroupNorm: UnaryLayer, Sendable {
    /// `[channels]`
    public let weight: Parameter?
    /// `[channels]`
    public let bias: Parameter?

    private let groups: Int
    private let channels: Int
    private let epsilon: Double
    private let divides: Bool

    /// - Parameters:
    ///   - groups: divides the channels.
    ///   - affine: whether there are a weight (ones at first) and a bias (zeros).
    public init(
        _ groups: Int, _ channels: Int, epsilon: Double = 1e-5, affine: Bool = true, device: DeviceID? = nil,
        dtype: DType = .float32,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        let name = "GroupNorm(\(groups), \(channels))"
        divides = groups > 0 && channels % groups == 0
        if !divides {
            WrongCall.report(
                name, "\(groups) groups do not divide \(channels) channels", remedy: "change groups", at: site)
        }
        self.groups = groups
        self.channels = channels
        self.epsilon = epsilon
        weight =
            affine ? Parameter(Tensor.made(.fill, [channels], dtype, .int(1), device, for: name, at: site)) : nil
        bias = affine ? Parameter(Tensor.made(.fill, [channels], dtype, .int(0), device, for: name, at: site)) : nil
    }

    public var configuration: String {
        "\(groups), \(channels), eps=\(Printed.number(epsilon)), affine=\(Printed.bool(weight != nil)), "
            + "bias=\(Printed.bool(bias != nil))"
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let name = "GroupNorm(\(groups), \(channels))"
        guard divides, input.rank >= 2, input.shape[1] == channels else {
            return input.invalid(
                name, "input \(input.shape) is not [N, \(channels), ...]",
                remedy: "reshape the input, or change the layer's channels", [input], at: nil)
        }
        let batch = input.shape[0]
        let each = batch == 0 ? 0 : input.elementCount / (batch * groups)
        guard each != 1 || batch > 1 else {
            return input.invalid(
                name, "input \(input.shape) has one value a group", remedy: "use fewer groups or larger inputs",
                [input], at: nil)
        }
        let wide = input.widened
        if input.elementCount == 0 { return wide.scaled(by: nil, plus: nil, roundedAs: input) }
        // Weights vary within a group: as its rows' own axis they are part of the same pass.
        let members = channels / groups
        let x = wide.viewed(as: [batch, groups, members, each / members])
        func row(_ parameter: Parameter?) -> Tensor? { parameter?.value.viewed(as: [1, groups, members, 1]) }
        return x.standardised(over: [2, 3], epsilon: epsilon)
            .scaled(by: row(weight), plus: row(bias), roundedAs: input)
            .viewed(as: input.shape)
    }
}

/// Divides by the root mean square over the last axes of each example,
/// `y = x / sqrt(mean(x^2) + epsilon) * weight`, as
/// [torch.nn.RMSNorm](https://pytorch.org/docs/stable/generated/torch.nn.RMSNorm.html).
///
/// Input and output `[..., shape]`.
public final class RMSNorm: UnaryLayer, Sendable {
    /// Of the normalised shape.
    public let weight: Parameter?

    private let shape: Shape
    private let epsilon: Double?

    /// - Parameters:
    ///   - epsilon: nil is the distance from 1 to the next number of the input's dtype, of float32 for short floats.
    ///   - affine: whether there is a weight (ones at first).
    public init(
        _ shape: Shape, epsilon: Double? = nil, affine: Bool = true, device: DeviceID? = nil, dtype: DType = .float32,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        let name = "RMSNorm(\(shape))"
        let site = CallSite(file, line)
        if shape.rank == 0 { WrongCall.report(name, "no axis to normalise", remedy: "give one or more", at: site) }
        self.shape = shape
        self.epsilon = epsilon
        weight = affine ? Parameter(Tensor.made(.fill, shape, dtype, .int(1), device, for: name, at: site)) : nil
    }

    /// Of the last axis alone, which has this extent.
    public convenience init(
        _ size: Int, epsilon: Double? = nil, affine: Bool = true, device: DeviceID? = nil, dtype: DType = .float32,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.init([size], epsilon: epsilon, affine: affine, device: device, dtype: dtype, file: file, line: line)
    }

    public var configuration: String {
        "\(Printed.tuple(Array(shape))), eps=\(epsilon.map(Printed.number) ?? "None"), "
            + "elementwise_affine=\(Printed.bool(weight != nil))"
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard shape.rank > 0, input.rank >= shape.rank, Shape(input.shape.suffix(shape.rank)) == shape else {
            return input.invalid(
                "RMSNorm(\(shape))", "input \(input.shape) does not end in \(shape)",
                remedy: "reshape the input, or change the layer's shape", [input], at: nil)
        }
        let axes = Array((input.rank - shape.rank)..<input.rank)
        let x = input.dtype.isShortFloat ? input.cast(to: .float32) : input
        let least = epsilon ?? (x.dtype == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne))
        let normalised = x * (x.square().mean(axes: axes, keepDims: true) + least).rsqrt()
        return normalised.scaled(by: weight?.value, plus: nil, roundedAs: input)
    }
}

/// Divides each value by a power of the mean square of its neighbours among the channels,
/// `y = x / (k + alpha * mean(x^2))^beta`, as
/// [torch.nn.LocalResponseNorm](https://pytorch.org/docs/stable/generated/torch.nn.LocalResponseNorm.html).
///
/// Input and output `[N, C, ...]`; the mean counts `size` channels, those beyond the edge as 0.
public final class LocalResponseNorm: UnaryLayer, Sendable {
    private let size: Int
    private let alpha: Double
    private let beta: Double
    private let k: Double

    /// - Parameter size: the channels of a neighbourhood, at least 1.
    public init(
        _ size: Int, alpha: Double = 1e-4, beta: Double = 0.75, k: Double = 1, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k
        if size < 1 {
            WrongCall.report(
                "LocalResponseNorm(\(size))", "no channel in a neighbourhood", remedy: "use a size of 1 or more",
                at: CallSite(file, line))
        }
    }

    public var configuration: String {
        "\(size), alpha=\(Printed.number(alpha)), beta=\(Printed.number(beta)), k=\(Printed.number(k))"
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard size >= 1, input.rank >= 3, input.dtype.isFloat else {
            return input.invalid(
                "LocalResponseNorm(\(size))", "input \(input.dtype)\(input.shape)",
                remedy: "use floats of [N, channels, length] or more axes", [input], at: nil)
        }
        let x = input.dtype.isShortFloat ? input.cast(to: .float32) : input
        let squares = x.square().padded(axis: 1, before: size / 2, after: (size - 1) / 2, value: .float(0))
        var sum = squares.narrowed(axis: 1, start: 0, count: input.shape[1])
        for offset in 1..<max(size, 1) { sum = sum + squares.narrowed(axis: 1, start: offset, count: input.shape[1]) }
        let scale = sum * (alpha / Double(size)) + k
        return (x * scale.pow(-beta)).cast(to: input.dtype)
    }
}
