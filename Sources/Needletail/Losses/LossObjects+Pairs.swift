import TensorRuntime

/// ``hingeEmbeddingLoss(_:_:margin:reduction:file:line:)`` with its settings, as
/// [torch.nn.HingeEmbeddingLoss](https://pytorch.org/docs/stable/generated/torch.nn.HingeEmbeddingLoss.html).
public struct HingeEmbeddingLoss: Loss {
    public var margin: Double
    public var reduction: Reduction

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
    public var margin: Double
    public var reduction: Reduction

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
    public var margin: Double
    public var reduction: Reduction

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
    public var margin: Double
    public var p: Double
    public var epsilon: Double
    public var swap: Bool
    public var reduction: Reduction

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
    public var distance: (@Sendable (Tensor, Tensor) -> Tensor)?
    public var margin: Double
    public var swap: Bool
    public var reduction: Reduction

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
    public var blank: Int
    public var reduction: Reduction
    public var zeroInfinity: Bool

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
