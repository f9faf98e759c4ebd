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
    public func callAsFunction(
        _ input: Tensor, _ target: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        loss(input, target, file: file, line: line)
    }
}

/// ``mseLoss(_:_:reduction:file:line:)`` with its settings, as
/// [torch.nn.MSELoss](https://pytorch.org/docs/stable/generated/torch.nn.MSELoss.html).
public struct MSELoss: Loss {
    public var reduction: Reduction

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
    public var reduction: Reduction

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
    public var reduction: Reduction
    public var beta: Double

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
    public var reduction: Reduction
    public var delta: Double

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
    public var logInput: Bool
    public var full: Bool
    public var epsilon: Double
    public var reduction: Reduction

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
    public var full: Bool
    public var epsilon: Double
    public var reduction: Reduction

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
