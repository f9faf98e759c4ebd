import TensorRuntime

// The activations of torch.nn as layers. Inputs and outputs have any shape, and the same one, unless a layer says otherwise.

/// `min(max(x, 0), 6)`, as [torch.nn.ReLU6](https://pytorch.org/docs/stable/generated/torch.nn.ReLU6.html).
public final class ReLU6: UnaryLayer, Sendable {
    /// Of any shape, element by element; there is nothing to set and nothing learnt.
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.relu6() }
}

/// `x` where positive, `slope * x` elsewhere, as
/// [torch.nn.LeakyReLU](https://pytorch.org/docs/stable/generated/torch.nn.LeakyReLU.html).
public final class LeakyReLU: UnaryLayer, Sendable {
    private let slope: Double

    /// - Parameter slope: of the negative half; 0 is ``ReLU``.
    public init(slope: Double = 0.01) { self.slope = slope }

    public var configuration: String { "negative_slope=\(Printed.number(slope))" }
    public func callAsFunction(_ input: Tensor) -> Tensor { input.leakyRelu(slope: slope) }
}

/// `x` where positive, `weight * x` elsewhere, with one learnt weight or one for each channel (axis 1), as
/// [torch.nn.PReLU](https://pytorch.org/docs/stable/generated/torch.nn.PReLU.html).
public final class PReLU: UnaryLayer, Sendable {
    /// `[count]`
    public let weight: Parameter

    private let count: Int

    /// - Parameter count: 1, or the number of channels.
    public init(
        _ count: Int = 1, initial: Double = 0.25, device: DeviceID? = nil, dtype: DType = .float32,
        file: StaticString = #fileID,
        line: UInt = #line
    ) {
        self.count = count
        weight = Parameter(
            Tensor.made(
                .fill, [count], dtype, .float(initial), device, for: "PReLU(\(count))", at: CallSite(file, line)))
    }

    public var configuration: String { "num_parameters=\(count)" }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard count == 1 || input.rank > 1 && input.shape[1] == count else {
            return input.invalid(
                "PReLU(\(count))", "input \(input.shape) has not \(count) channels",
                remedy: "use PReLU() or as many weights as channels", [input], at: nil)
        }
        return input.prelu(weight.value)
    }
}

/// `x` where positive, else `x` times a slope drawn for each element in training, and the middle slope in evaluation, as
/// [torch.nn.RReLU](https://pytorch.org/docs/stable/generated/torch.nn.RReLU.html).
public final class RReLU: UnaryLayer, Sendable {
    private let lower: Double
    private let upper: Double
    private let mode = TrainingMode()

    /// - Parameters:
    ///   - lower: the smallest slope that is drawn.
    ///   - upper: the largest, not below `lower`; in evaluation the slope is `(lower + upper) / 2`.
    public init(
        lower: Double = 1.0 / 8, upper: Double = 1.0 / 3, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.lower = lower
        self.upper = upper
        if !(lower <= upper) {
            WrongCall.report(
                "RReLU", "slopes from \(lower) to \(upper)", remedy: "put them in order", at: CallSite(file, line))
        }
    }

    public var configuration: String { "lower=\(Printed.number(lower)), upper=\(Printed.number(upper))" }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        input.rrelu(lower: lower, upper: upper, isTraining: mode.isTraining)
    }
}

/// `x` where positive, `alpha * (exp(x) - 1)` elsewhere, as
/// [torch.nn.ELU](https://pytorch.org/docs/stable/generated/torch.nn.ELU.html).
public final class ELU: UnaryLayer, Sendable {
    private let alpha: Double

    /// - Parameter alpha: the result of large negative elements is `-alpha`.
    public init(alpha: Double = 1) { self.alpha = alpha }

    public var configuration: String { "alpha=\(Printed.number(alpha))" }
    public func callAsFunction(_ input: Tensor) -> Tensor { input.elu(alpha: alpha) }
}

/// ``ELU`` with the constants that keep mean 0 and variance 1, as
/// [torch.nn.SELU](https://pytorch.org/docs/stable/generated/torch.nn.SELU.html).
public final class SELU: UnaryLayer, Sendable {
    /// Of any shape, element by element; there is nothing to set and nothing learnt.
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.selu() }
}

/// `max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`, as
/// [torch.nn.CELU](https://pytorch.org/docs/stable/generated/torch.nn.CELU.html).
public final class CELU: UnaryLayer, Sendable {
    private let alpha: Double

    /// - Parameter alpha: not 0.
    public init(alpha: Double = 1, file: StaticString = #fileID, line: UInt = #line) {
        self.alpha = alpha
        if alpha == 0 { WrongCall.report("CELU", "alpha is 0", remedy: "use another number", at: CallSite(file, line)) }
    }

    public var configuration: String { "alpha=\(Printed.number(alpha))" }
    public func callAsFunction(_ input: Tensor) -> Tensor { input.celu(alpha: alpha) }
}

/// `x * sigmoid(x)`, as [torch.nn.SiLU](https://pytorch.org/docs/stable/generated/torch.nn.SiLU.html).
public final class SiLU: UnaryLayer, Sendable {
    /// Of any shape, element by element; there is nothing to set and nothing learnt.
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.silu() }
}

/// `x * tanh(softplus(x))`, as [torch.nn.Mish](https://pytorch.org/docs/stable/generated/torch.nn.Mish.html).
public final class Mish: UnaryLayer, Sendable {
    /// Of any shape, element by element; there is nothing to set and nothing learnt.
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.mish() }
}

/// `relu6(x + 3) / 6`, as [torch.nn.Hardsigmoid](https://pytorch.org/docs/stable/generated/torch.nn.Hardsigmoid.html).
public final class Hardsigmoid: UnaryLayer, Sendable {
    /// Of any shape, element by element; there is nothing to set and nothing learnt.
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.hardsigmoid() }
}

/// `x * relu6(x + 3) / 6`, as [torch.nn.Hardswish](https://pytorch.org/docs/stable/generated/torch.nn.Hardswish.html).
public final class Hardswish: UnaryLayer, Sendable {
    /// Of any shape, element by element; there is nothing to set and nothing learnt.
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.hardswish() }
}

/// `x` moved into `min...max`, as [torch.nn.Hardtanh](https://pytorch.org/docs/stable/generated/torch.nn.Hardtanh.html).
public final class Hardtanh: UnaryLayer, Sendable {
    private let min: Double
    private let max: Double

    /// - Parameters:
    ///   - min: the result of what is below.
    ///   - max: the result of what is above; above `min`, or the call is wrong.
    public init(min: Double = -1, max: Double = 1, file: StaticString = #fileID, line: UInt = #line) {
        self.min = min
        self.max = max
        if !(min < max) {
            WrongCall.report(
                "Hardtanh", "bounds \(min) and \(max)", remedy: "put them in order", at: CallSite(file, line))
        }
    }

    public var configuration: String { "min_val=\(Printed.number(min)), max_val=\(Printed.number(max))" }
    public func callAsFunction(_ input: Tensor) -> Tensor { input.hardtanh(min: min, max: max) }
}

/// 0 within `lambda` of 0, `x` elsewhere, as
/// [torch.nn.Hardshrink](https://pytorch.org/docs/stable/generated/torch.nn.Hardshrink.html).
public final class Hardshrink: UnaryLayer, Sendable {
    private let lambda: Double

    /// - Parameter lambda: elements of `-lambda...lambda` become 0.
    public init(lambda: Double = 0.5) { self.lambda = lambda }

    public var configuration: String { Printed.number(lambda) }
    public func callAsFunction(_ input: Tensor) -> Tensor { input.hardshrink(lambda: lambda) }
}

/// 0 within `lambda` of 0, elsewhere `x` moved towards 0 by `lambda`, as
/// [torch.nn.Softshrink](https://pytorch.org/docs/stable/generated/torch.nn.Softshrink.html).
public final class Softshrink: UnaryLayer, Sendable {
    private let lambda: Double

    /// - Parameter lambda: 0 or more.
    public init(lambda: Double = 0.5, file: StaticString = #fileID, line: UInt = #line) {
        self.lambda = lambda
        if !(lambda >= 0) {
            WrongCall.report("Softshrink", "lambda is \(lambda)", remedy: "use 0 or more", at: CallSite(file, line))
        }
    }

    public var configuration: String { Printed.number(lambda) }
    public func callAsFunction(_ input: Tensor) -> Tensor { input.softshrink(lambda: lambda) }
}

/// `x - tanh(x)`, as [torch.nn.Tanhshrink](https://pytorch.org/docs/stable/generated/torch.nn.Tanhshrink.html).
public final class Tanhshrink: UnaryLayer, Sendable {
    /// Of any shape, element by element; there is nothing to set and nothing learnt.
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.tanhshrink() }
}

/// `log(1 + exp(beta * x)) / beta`, as
/// [torch.nn.Softplus](https://pytorch.org/docs/stable/generated/torch.nn.Softplus.html).
public final class Softplus: UnaryLayer, Sendable {
    private let beta: Double
    private let threshold: Double

    /// - Parameters:
    ///   - beta: not 0.
    ///   - threshold: where `beta * x` is beyond it, the result is `x`.
    public init(beta: Double = 1, threshold: Double = 20, file: StaticString = #fileID, line: UInt = #line) {
        self.beta = beta
        self.threshold = threshold
        if beta == 0 {
            WrongCall.report("Softplus", "beta is 0", remedy: "use another number", at: CallSite(file, line))
        }
    }

    public var configuration: String { "beta=\(Printed.number(beta)), threshold=\(Printed.number(threshold))" }
    public func callAsFunction(_ input: Tensor) -> Tensor { input.softplus(beta: beta, threshold: threshold) }
}

/// `x / (1 + |x|)`, as [torch.nn.Softsign](https://pytorch.org/docs/stable/generated/torch.nn.Softsign.html).
public final class Softsign: UnaryLayer, Sendable {
    /// Of any shape, element by element; there is nothing to set and nothing learnt.
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.softsign() }
}

/// ``Softmax`` of the negated input, as [torch.nn.Softmin](https://pytorch.org/docs/stable/generated/torch.nn.Softmin.html).
public final class Softmin: UnaryLayer, Sendable {
    private let axis: Int

    /// - Parameter axis: the one whose numbers are to sum to 1; a negative one counts from the end.
    public init(axis: Int = -1) { self.axis = axis }

    public var configuration: String { "dim=\(axis)" }
    public func callAsFunction(_ input: Tensor) -> Tensor { input.softmin(axis: axis) }
}

/// ``Softmax`` over the channels of images `[N, C, H, W]` or `[C, H, W]`, as
/// [torch.nn.Softmax2d](https://pytorch.org/docs/stable/generated/torch.nn.Softmax2d.html).
public final class Softmax2d: UnaryLayer, Sendable {
    /// The axis is the third from the end, whatever the rank; there is nothing to set.
    public init() {}

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard input.rank == 3 || input.rank == 4 else {
            return input.invalid(
                "Softmax2d", "input \(input.shape) is no image", remedy: "use [N, channels, height, width]", [input],
                at: nil)
        }
        return input.softmax(axis: -3)
    }
}

/// `x` above a threshold, a value elsewhere, as
/// [torch.nn.Threshold](https://pytorch.org/docs/stable/generated/torch.nn.Threshold.html).
public final class Threshold: UnaryLayer, Sendable {
    private let threshold: Double
    private let value: Double

    /// - Parameters:
    ///   - threshold: an element of just this is replaced too.
    ///   - value: what replaces those that are not above it.
    public init(_ threshold: Double, value: Double) {
        self.threshold = threshold
        self.value = value
    }

    public var configuration: String { "threshold=\(Printed.number(threshold)), value=\(Printed.number(value))" }
    public func callAsFunction(_ input: Tensor) -> Tensor { input.threshold(threshold, value: value) }
}

/// The first half along an axis times the sigmoid of the second, as
/// [torch.nn.GLU](https://pytorch.org/docs/stable/generated/torch.nn.GLU.html): `[..., 2n]` to `[..., n]`.
public final class GLU: UnaryLayer, Sendable {
    private let axis: Int

    /// - Parameter axis: the one that is halved, of an even extent; a negative one counts from the end.
    public init(axis: Int = -1) { self.axis = axis }

    public var configuration: String { "dim=\(axis)" }
    public func callAsFunction(_ input: Tensor) -> Tensor { input.glu(axis: axis) }
}

/// `log(sigmoid(x))`, as [torch.nn.LogSigmoid](https://pytorch.org/docs/stable/generated/torch.nn.LogSigmoid.html).
public final class LogSigmoid: UnaryLayer, Sendable {
    /// Of any shape, element by element; there is nothing to set and nothing learnt.
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.logSigmoid() }
}
