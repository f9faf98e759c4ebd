/// `x < 0 ? 0 : x`, as [torch.nn.ReLU](https://pytorch.org/docs/stable/generated/torch.nn.ReLU.html). Any shape; NaN
/// stays NaN.
public final class ReLU: UnaryLayer, Sendable {
    /// Element by element; there is nothing to set and nothing learnt.
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.relu() }
}

/// `1 / (1 + exp(-x))`, any shape.
public final class Sigmoid: UnaryLayer, Sendable {
    /// Of any shape, element by element; there is nothing to set and nothing learnt.
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.sigmoid() }
}

/// The hyperbolic tangent, any shape.
public final class Tanh: UnaryLayer, Sendable {
    /// Of any shape, element by element; there is nothing to set and nothing learnt.
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input.tanh() }
}

/// `x Φ(x)`, as [torch.nn.GELU](https://pytorch.org/docs/stable/generated/torch.nn.GELU.html); any shape.
public final class GELU: UnaryLayer, Sendable {
    private let approximate: Bool

    /// - Parameter approximate: whether to use the formula with tanh in place of the error function.
    public init(approximate: Bool = false) { self.approximate = approximate }

    public var configuration: String { "approximate='\(approximate ? "tanh" : "none")'" }
    public func callAsFunction(_ input: Tensor) -> Tensor { input.gelu(approximate: approximate) }
}

/// Scales along an axis to numbers that sum to 1; any shape of rank 1 or more.
public final class Softmax: UnaryLayer, Sendable {
    private let axis: Int

    /// - Parameter axis: the one whose numbers are to sum to 1; a negative one counts from the end.
    public init(axis: Int = -1) { self.axis = axis }

    public var configuration: String { "dim=\(axis)" }
    public func callAsFunction(_ input: Tensor) -> Tensor { input.softmax(axis: axis) }
}

/// The logarithm of ``Softmax``, computed without its overflow.
public final class LogSoftmax: UnaryLayer, Sendable {
    private let axis: Int

    /// - Parameter axis: that of the ``Softmax``; a negative one counts from the end.
    public init(axis: Int = -1) { self.axis = axis }

    public var configuration: String { "dim=\(axis)" }
    public func callAsFunction(_ input: Tensor) -> Tensor { input.logSoftmax(axis: axis) }
}

/// The input as it is.
public final class Identity: UnaryLayer, Sendable {
    /// For a place in a model where a layer can stand, and none does. Any shape and dtype.
    public init() {}
    public func callAsFunction(_ input: Tensor) -> Tensor { input }
}

/// Joins axes into one, the first (the batch) left alone: `[N, C, H, W]` to `[N, C * H * W]`, as
/// [torch.nn.Flatten](https://pytorch.org/docs/stable/generated/torch.nn.Flatten.html).
public final class Flatten: UnaryLayer, Sendable {
    private let first: Int
    private let last: Int

    /// - Parameters:
    ///   - first: the first axis that is joined.
    ///   - last: the last one, itself included; negative ones count from the end.
    public init(from first: Int = 1, through last: Int = -1) {
        self.first = first
        self.last = last
    }

    public var configuration: String { "start_dim=\(first), end_dim=\(last)" }

    public func callAsFunction(_ input: Tensor) -> Tensor { input.flatten(from: first, through: last) }
}
