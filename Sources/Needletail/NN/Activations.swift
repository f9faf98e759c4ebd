/// `x < 0 ? 0 : x`, as [torch.nn.ReLU](https://pytorch.org/docs/stable/generated/torch.nn.ReLU.html). Any shape; NaN
/// stays NaN.
public final class ReLU: Module, Sendable {
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.relu() }
}

/// `1 / (1 + exp(-x))`, any shape.
public final class Sigmoid: Module, Sendable {
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.sigmoid() }
}

/// The hyperbolic tangent, any shape.
public final class Tanh: Module, Sendable {
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.tanh() }
}

/// `x Φ(x)`, as [torch.nn.GELU](https://pytorch.org/docs/stable/generated/torch.nn.GELU.html); any shape.
public final class GELU: Module, Sendable {
    private let approximate: Bool

    /// - Parameter approximate: whether to use the formula with tanh in place of the error function.
    public init(approximate: Bool = false) { self.approximate = approximate }

    public func callAsFunction(_ input: Tensor) -> Tensor { input.gelu(approximate: approximate) }
}

/// Scales along an axis to numbers that sum to 1; any shape of rank 1 or more.
public final class Softmax: Module, Sendable {
    private let axis: Int

    public init(axis: Int = -1) { self.axis = axis }

    public func callAsFunction(_ input: Tensor) -> Tensor { input.softmax(axis: axis) }
}

/// The logarithm of ``Softmax``, computed without its overflow.
public final class LogSoftmax: Module, Sendable {
    private let axis: Int

    public init(axis: Int = -1) { self.axis = axis }

    public func callAsFunction(_ input: Tensor) -> Tensor { input.logSoftmax(axis: axis) }
}

/// The input as it is.
public final class Identity: Module, Sendable {
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input }
}

/// Joins axes into one, the first (the batch) left alone: `[N, C, H, W]` to `[N, C * H * W]`, as
/// [torch.nn.Flatten](https://pytorch.org/docs/stable/generated/torch.nn.Flatten.html).
public final class Flatten: Module, Sendable {
    private let first: Int
    private let last: Int

    public init(from first: Int = 1, through last: Int = -1) {
        self.first = first
        self.last = last
    }

    public func callAsFunction(_ input: Tensor) -> Tensor { input.flatten(from: first, through: last) }
}
