import TensorRuntime

/// A loss of an input against a target, with its settings: what a trainer takes.
///
///     let loss = CrossEntropyLoss(labelSmoothing: 0.1)
///     loss(model(images), labels).backward()
public protocol Loss: Sendable {
    /// The loss of `input` against `target`.
    ///
    /// - Parameters:
    ///   - file: where it is called, for errors.
    ///   - line: of that file.
    func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor
}

extension Loss {
    /// The loss of `input` against `target`; what shapes it takes stands at the function that the loss is named after.
    public func callAsFunction(
        _ input: Tensor, _ target: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        loss(input, target, file: file, line: line)
    }
}

/// ``mseLoss(_:_:reduction:file:line:)`` with its settings, as
/// [torch.nn.MSELoss](https://pytorch.org/docs/stable/generated/torch.nn.MSELoss.html).
public struct MSELoss: Loss {
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// A mean unless told otherwise, as in PyTorch.
    public init(reduction: Reduction = .mean) {
        self.reduction = reduction
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        mseLoss(input, target, reduction: reduction, file: file, line: line)
    }
}

/// ``l1Loss(_:_:reduction:file:line:)`` with its settings, as
/// [torch.nn.L1Loss](https://pytorch.org/docs/stable/generated/torch.nn.L1Loss.html).
public struct L1Loss: Loss {
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// A mean unless told otherwise, as in PyTorch.
    public init(reduction: Reduction = .mean) {
        self.reduction = reduction
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        l1Loss(input, target, reduction: reduction, file: file, line: line)
    }
}

/// ``smoothL1Loss(_:_:reduction:beta:file:line:)`` with its settings, as
/// [torch.nn.SmoothL1Loss](https://pytorch.org/docs/stable/generated/torch.nn.SmoothL1Loss.html).
public struct SmoothL1Loss: Loss {
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction
    /// Where the squared error becomes the absolute one; 0 is ``L1Loss``.
    public var beta: Double

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(reduction: Reduction = .mean, beta: Double = 1) {
        self.reduction = reduction
        self.beta = beta
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        smoothL1Loss(input, target, reduction: reduction, beta: beta, file: file, line: line)
    }
}

/// ``huberLoss(_:_:reduction:delta:weight:file:line:)`` with its settings, as
/// [torch.nn.HuberLoss](https://pytorch.org/docs/stable/generated/torch.nn.HuberLoss.html).
public struct HuberLoss: Loss {
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction
    /// Above 0: where the squared error becomes one that grows linearly.
    public var delta: Double

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(reduction: Reduction = .mean, delta: Double = 1) {
        self.reduction = reduction
        self.delta = delta
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        huberLoss(input, target, reduction: reduction, delta: delta, file: file, line: line)
    }
}

/// ``poissonNLLLoss(_:_:logInput:full:epsilon:reduction:file:line:)`` with its settings, as
/// [torch.nn.PoissonNLLLoss](https://pytorch.org/docs/stable/generated/torch.nn.PoissonNLLLoss.html).
public struct PoissonNLLLoss: Loss {
    /// Whether the input is the logarithm of the rate.
    public var logInput: Bool
    /// Whether to add Stirling's approximation of `log(t!)`, which does not depend on the input.
    public var full: Bool
    /// Keeps the logarithm of a rate of 0 finite.
    public var epsilon: Double
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(logInput: Bool = true, full: Bool = false, epsilon: Double = 1e-8, reduction: Reduction = .mean) {
        self.logInput = logInput
        self.full = full
        self.epsilon = epsilon
        self.reduction = reduction
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        poissonNLLLoss(
            input, target, logInput: logInput, full: full, epsilon: epsilon, reduction: reduction, file: file,
            line: line)
    }
}

/// ``gaussianNLLLoss(_:_:variance:full:epsilon:reduction:file:line:)`` with its settings, as
/// [torch.nn.GaussianNLLLoss](https://pytorch.org/docs/stable/generated/torch.nn.GaussianNLLLoss.html).
public struct GaussianNLLLoss: Sendable {
    /// Whether to add `log(2 pi) / 2`, a constant.
    public var full: Bool
    /// The least variance; above 0.
    public var epsilon: Double
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(full: Bool = false, epsilon: Double = 1e-6, reduction: Reduction = .mean) {
        self.full = full
        self.epsilon = epsilon
        self.reduction = reduction
    }

    /// The loss; shapes and errors are the function's.
    public func callAsFunction(
        _ input: Tensor, _ target: Tensor, variance: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        gaussianNLLLoss(
            input, target, variance: variance, full: full, epsilon: epsilon, reduction: reduction, file: file,
            line: line)
    }
}
