import TensorRuntime

/// ``crossEntropy(_:_:weight:reduction:labelSmoothing:ignoredIndex:file:line:)`` with its settings, as
/// [torch.nn.CrossEntropyLoss](https://pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html).
public struct CrossEntropyLoss: Loss {
    /// `[C]`, a factor for the loss of each class; nil is 1 for all.
    public var weight: Tensor?
    /// Places with this class have no loss and do not count in a mean; nil ignores none.
    public var ignoredIndex: Int?
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction
    /// 0...1: this much of the target's weight is spread over all classes.
    public var labelSmoothing: Double

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(
        weight: Tensor? = nil, ignoredIndex: Int? = -100, reduction: Reduction = .mean, labelSmoothing: Double = 0
    ) {
        self.weight = weight
        self.ignoredIndex = ignoredIndex
        self.reduction = reduction
        self.labelSmoothing = labelSmoothing
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        crossEntropy(
            input, target, weight: weight, reduction: reduction, labelSmoothing: labelSmoothing,
            ignoredIndex: ignoredIndex, file: file, line: line)
    }
}

/// ``nllLoss(_:_:weight:reduction:ignoredIndex:file:line:)`` with its settings, as
/// [torch.nn.NLLLoss](https://pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html).
public struct NLLLoss: Loss {
    /// `[C]`, a factor for the loss of each class; nil is 1 for all.
    public var weight: Tensor?
    /// Places with this class have no loss and do not count in a mean; nil ignores none.
    public var ignoredIndex: Int?
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(weight: Tensor? = nil, ignoredIndex: Int? = -100, reduction: Reduction = .mean) {
        self.weight = weight
        self.ignoredIndex = ignoredIndex
        self.reduction = reduction
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        nllLoss(input, target, weight: weight, reduction: reduction, ignoredIndex: ignoredIndex, file: file, line: line)
    }
}

/// ``binaryCrossEntropy(_:_:weight:reduction:file:line:)`` with its settings, as
/// [torch.nn.BCELoss](https://pytorch.org/docs/stable/generated/torch.nn.BCELoss.html).
public struct BCELoss: Loss {
    /// A factor for each loss, which broadcasts to them; nil is 1 for all.
    public var weight: Tensor?
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(weight: Tensor? = nil, reduction: Reduction = .mean) {
        self.weight = weight
        self.reduction = reduction
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        binaryCrossEntropy(input, target, weight: weight, reduction: reduction, file: file, line: line)
    }
}

/// ``binaryCrossEntropyWithLogits(_:_:weight:posWeight:reduction:file:line:)`` with its settings, as
/// [torch.nn.BCEWithLogitsLoss](https://pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html).
public struct BCEWithLogitsLoss: Loss {
    /// A factor for each loss, which broadcasts to them; nil is 1 for all.
    public var weight: Tensor?
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction
    /// A factor for the part of a target of 1, which broadcasts to the losses: above 1 it raises recall, below 1
    /// precision.
    public var posWeight: Tensor?

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(weight: Tensor? = nil, reduction: Reduction = .mean, posWeight: Tensor? = nil) {
        self.weight = weight
        self.reduction = reduction
        self.posWeight = posWeight
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        binaryCrossEntropyWithLogits(
            input, target, weight: weight, posWeight: posWeight, reduction: reduction, file: file, line: line)
    }
}

/// ``klDivLoss(_:_:reduction:logTarget:file:line:)`` with its settings, as
/// [torch.nn.KLDivLoss](https://pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html).
public struct KLDivLoss: Loss {
    /// What becomes of the losses of elements.
    public enum Reduction: String, Hashable, Sendable, CaseIterable {
        /// Gives them all.
        case none
        /// Their sum by their number.
        case mean
        /// Their sum over everything, the batch too.
        case sum
        /// Their sum by the first extent: the divergence's mean.
        case batchMean
    }

    /// `batchMean` is the divergence's mathematical mean; PyTorch's default, `mean`, divides by all elements.
    public var reduction: Reduction
    /// Whether the target holds log probabilities too.
    public var logTarget: Bool

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(reduction: Reduction = .mean, logTarget: Bool = false) {
        self.reduction = reduction
        self.logTarget = logTarget
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        klDivLoss(input, target, reduction: reduction, logTarget: logTarget, file: file, line: line)
    }
}

/// ``multiMarginLoss(_:_:p:margin:weight:reduction:file:line:)`` with its settings, as
/// [torch.nn.MultiMarginLoss](https://pytorch.org/docs/stable/generated/torch.nn.MultiMarginLoss.html).
public struct MultiMarginLoss: Loss {
    /// The power of each margin that is missed, 1 or 2.
    public var p: Int
    /// By how much the score of the right class is to exceed every other.
    public var margin: Double
    /// `[C]`, a factor for the loss of each class; nil is 1 for all.
    public var weight: Tensor?
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(p: Int = 1, margin: Double = 1, weight: Tensor? = nil, reduction: Reduction = .mean) {
        self.p = p
        self.margin = margin
        self.weight = weight
        self.reduction = reduction
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        multiMarginLoss(
            input, target, p: p, margin: margin, weight: weight, reduction: reduction, file: file, line: line)
    }
}

/// ``multiLabelMarginLoss(_:_:reduction:file:line:)`` with its settings, as
/// [torch.nn.MultiLabelMarginLoss](https://pytorch.org/docs/stable/generated/torch.nn.MultiLabelMarginLoss.html).
public struct MultiLabelMarginLoss: Loss {
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// A mean unless told otherwise, as in PyTorch.
    public init(reduction: Reduction = .mean) {
        self.reduction = reduction
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        multiLabelMarginLoss(input, target, reduction: reduction, file: file, line: line)
    }
}

/// ``multiLabelSoftMarginLoss(_:_:weight:reduction:file:line:)`` with its settings, as
/// [torch.nn.MultiLabelSoftMarginLoss](https://pytorch.org/docs/stable/generated/torch.nn.MultiLabelSoftMarginLoss.html).
public struct MultiLabelSoftMarginLoss: Loss {
    /// `[C]`, a factor for the loss of each class; nil is 1 for all.
    public var weight: Tensor?
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(weight: Tensor? = nil, reduction: Reduction = .mean) {
        self.weight = weight
        self.reduction = reduction
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        multiLabelSoftMarginLoss(input, target, weight: weight, reduction: reduction, file: file, line: line)
    }
}

/// ``softMarginLoss(_:_:reduction:file:line:)`` with its settings, as
/// [torch.nn.SoftMarginLoss](https://pytorch.org/docs/stable/generated/torch.nn.SoftMarginLoss.html).
public struct SoftMarginLoss: Loss {
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// A mean unless told otherwise, as in PyTorch.
    public init(reduction: Reduction = .mean) {
        self.reduction = reduction
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        softMarginLoss(input, target, reduction: reduction, file: file, line: line)
    }
}
