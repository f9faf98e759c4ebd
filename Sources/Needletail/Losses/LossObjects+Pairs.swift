import TensorRuntime

/// ``hingeEmbeddingLoss(_:_:margin:reduction:file:line:)`` with its settings, as
/// [torch.nn.HingeEmbeddingLoss](https://pytorch.org/docs/stable/generated/torch.nn.HingeEmbeddingLoss.html).
public struct HingeEmbeddingLoss: Loss {
    /// The distance from which on dissimilar pairs have no loss.
    public var margin: Double
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(margin: Double = 1, reduction: Reduction = .mean) {
        self.margin = margin
        self.reduction = reduction
    }

    public func loss(_ input: Tensor, _ target: Tensor, file: StaticString, line: UInt) -> Tensor {
        hingeEmbeddingLoss(input, target, margin: margin, reduction: reduction, file: file, line: line)
    }
}

/// ``marginRankingLoss(_:_:_:margin:reduction:file:line:)`` with its settings, as
/// [torch.nn.MarginRankingLoss](https://pytorch.org/docs/stable/generated/torch.nn.MarginRankingLoss.html).
public struct MarginRankingLoss: Sendable {
    /// By how much the one is to be ranked above the other.
    public var margin: Double
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(margin: Double = 0, reduction: Reduction = .mean) {
        self.margin = margin
        self.reduction = reduction
    }

    /// The loss; shapes and errors are the function's.
    public func callAsFunction(
        _ input1: Tensor, _ input2: Tensor, _ target: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        marginRankingLoss(input1, input2, target, margin: margin, reduction: reduction, file: file, line: line)
    }
}

/// ``cosineEmbeddingLoss(_:_:_:margin:reduction:file:line:)`` with its settings, as
/// [torch.nn.CosineEmbeddingLoss](https://pytorch.org/docs/stable/generated/torch.nn.CosineEmbeddingLoss.html).
public struct CosineEmbeddingLoss: Sendable {
    /// The cosine up to which dissimilar pairs have no loss, -1...1.
    public var margin: Double
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(margin: Double = 0, reduction: Reduction = .mean) {
        self.margin = margin
        self.reduction = reduction
    }

    /// The loss; shapes and errors are the function's.
    public func callAsFunction(
        _ input1: Tensor, _ input2: Tensor, _ target: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        cosineEmbeddingLoss(input1, input2, target, margin: margin, reduction: reduction, file: file, line: line)
    }
}

/// ``tripletMarginLoss(_:_:_:margin:p:epsilon:swap:reduction:file:line:)`` with its settings, as
/// [torch.nn.TripletMarginLoss](https://pytorch.org/docs/stable/generated/torch.nn.TripletMarginLoss.html).
public struct TripletMarginLoss: Sendable {
    /// By how much the negative is to be farther away than the positive; above 0.
    public var margin: Double
    /// Of the norm, at least 0: 2 is the Euclidean distance, infinity the largest difference.
    public var p: Double
    /// What is added to each difference, so that the gradient of a distance of 0 is finite.
    public var epsilon: Double
    /// Whether the negative's distance is the smaller one of those from anchor and positive.
    public var swap: Bool
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(
        margin: Double = 1, p: Double = 2, epsilon: Double = 1e-6, swap: Bool = false, reduction: Reduction = .mean
    ) {
        self.margin = margin
        self.p = p
        self.epsilon = epsilon
        self.swap = swap
        self.reduction = reduction
    }

    /// The loss; shapes and errors are the function's.
    public func callAsFunction(
        _ anchor: Tensor, _ positive: Tensor, _ negative: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        tripletMarginLoss(
            anchor, positive, negative, margin: margin, p: p, epsilon: epsilon, swap: swap, reduction: reduction,
            file: file, line: line)
    }
}

/// ``tripletMarginWithDistanceLoss(_:_:_:distance:margin:swap:reduction:file:line:)`` with its settings, as
/// [torch.nn.TripletMarginWithDistanceLoss](https://pytorch.org/docs/stable/generated/torch.nn.TripletMarginWithDistanceLoss.html).
public struct TripletMarginWithDistanceLoss: Sendable {
    /// Of two of the tensors, in tensor operations; nil is the Euclidean one of vectors on the last axis.
    public var distance: (@Sendable (Tensor, Tensor) -> Tensor)?
    /// By how much the negative is to be farther away than the positive; above 0.
    public var margin: Double
    /// Whether the negative's distance is the smaller one of those from anchor and positive.
    public var swap: Bool
    /// Whether the losses are averaged, added up, or given each.
    public var reduction: Reduction

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(
        distance: (@Sendable (Tensor, Tensor) -> Tensor)? = nil, margin: Double = 1, swap: Bool = false,
        reduction: Reduction = .mean
    ) {
        self.distance = distance
        self.margin = margin
        self.swap = swap
        self.reduction = reduction
    }

    /// The loss; shapes and errors are the function's.
    public func callAsFunction(
        _ anchor: Tensor, _ positive: Tensor, _ negative: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        tripletMarginWithDistanceLoss(
            anchor, positive, negative, distance: distance, margin: margin, swap: swap, reduction: reduction,
            file: file, line: line)
    }
}

/// ``ctcLoss(_:_:inputLengths:targetLengths:blank:reduction:zeroInfinity:file:line:)`` with its settings, as
/// [torch.nn.CTCLoss](https://pytorch.org/docs/stable/generated/torch.nn.CTCLoss.html).
public struct CTCLoss: Sendable {
    /// The number of the class that stands between labels and for no label.
    public var blank: Int
    /// Whether the losses are averaged, each first divided by its target's length, added up, or given each.
    public var reduction: Reduction
    /// Whether the infinite loss of a target that is too long for its input becomes 0.
    public var zeroInfinity: Bool

    /// The arguments are the properties of the same name; their defaults are PyTorch's.
    public init(blank: Int = 0, reduction: Reduction = .mean, zeroInfinity: Bool = false) {
        self.blank = blank
        self.reduction = reduction
        self.zeroInfinity = zeroInfinity
    }

    /// The loss; shapes and errors are the function's.
    public func callAsFunction(
        _ logProbabilities: Tensor, _ targets: Tensor, inputLengths: [Int], targetLengths: [Int],
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        ctcLoss(
            logProbabilities, targets, inputLengths: inputLengths, targetLengths: targetLengths, blank: blank,
            reduction: reduction, zeroInfinity: zeroInfinity, file: file, line: line)
    }
}
