import TensorRuntime

/// `x` where the target is 1 and `max(0, margin - x)` where it is -1, for distances of similar and dissimilar pairs, as
/// [torch.nn.functional.hinge_embedding_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.hinge_embedding_loss.html).
///
/// Both of one shape; the result is of rank 0, or of that shape without reduction.
public func hingeEmbeddingLoss(
    _ input: Tensor, _ target: Tensor, margin: Double = 1, reduction: Reduction = .mean,
    file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    if let wrong = checkedTarget("hingeEmbeddingLoss", input, target, file, line) { return wrong }
    let apart = Tensor.where(target .!= 1, (margin - input).relu(), 0)
    let near = Tensor.where(target .!= -1, input, 0)
    return (apart + near).reduced(by: reduction)
}

/// `max(0, margin - y (x1 - x2))`: the first is to be ranked higher where the target `y` is 1, the second where it is -1;
/// as
/// [torch.nn.functional.margin_ranking_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.margin_ranking_loss.html).
///
/// All of one rank, of shapes that broadcast; the result is of rank 0, or of their common shape without reduction.
public func marginRankingLoss(
    _ input1: Tensor, _ input2: Tensor, _ target: Tensor, margin: Double = 0, reduction: Reduction = .mean,
    file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    for other in [input2, target] where !input1.shares(other) {
        return input1.deviceMismatch("marginRankingLoss", other, at: CallSite(file, line))
    }
    let common = input1.shape.broadcast(with: input2.shape)
    guard input1.rank == input2.rank, input1.rank == target.rank, common?.broadcast(with: target.shape) != nil else {
        return input1.invalid(
            "marginRankingLoss", "inputs \(input1.shape) and \(input2.shape), target \(target.shape) do not fit",
            remedy: "give all three one shape", [input1, input2, target], file, line)
    }
    return (margin - target.to(input1.dtype) * (input1 - input2)).relu().reduced(by: reduction)
}

/// The hinge loss of classes, `sum over i != y of max(0, margin - x_y + x_i)^p / C`, as
/// [torch.nn.functional.multi_margin_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.multi_margin_loss.html).
///
/// Scores `[N, C]` or `[C]`, classes `[N]` or `[]`; the result is of rank 0, or `[N]` without reduction. Classes outside
/// `0..<C` are treated as in ``crossEntropy(_:_:weight:reduction:labelSmoothing:ignoredIndex:file:line:)``.
///
/// - Parameters:
///   - p: 1 or 2.
///   - weight: `[C]`, a factor for the loss of each class; a mean is by the number of places all the same.
public func multiMarginLoss(
    _ input: Tensor, _ target: Tensor, p: Int = 1, margin: Double = 1, weight: Tensor? = nil,
    reduction: Reduction = .mean, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    guard input.rank <= 2, var problem = ClassProblem(input, target, weight), problem.hasClasses else {
        return ClassProblem.failure("multiMarginLoss", input, target, weight, file, line)
    }
    let isRight = p == 1 || p == 2
    if let wrong = checkedNumber(
        "multiMarginLoss", input, "a p", Double(p), isRight: isRight, remedy: "use 1 or 2", file, line)
    {
        return wrong
    }
    let classes = problem.classes("multiMarginLoss", ignoring: nil, CallSite(file, line))
    if case .wrong(let poisoned) = classes { return poisoned }
    let isTarget = problem.isTarget
    let axis = problem.axis
    let score = Tensor.where(isTarget, input, 0).sum(axes: [axis], keepDims: true)
    var hinges = (input - score + margin).relu()
    if p == 2 { hinges = hinges.square() }
    if let weights = problem.targetWeights { hinges = hinges * weights }
    let losses = Tensor.where(isTarget, 0, hinges).mean(axes: [axis])
    return problem.poisoned(losses, classes).reduced(by: reduction)
}

/// The hinge loss of several classes a place, `sum over targets j and others i of max(0, 1 - x_j + x_i) / C`, as
/// [torch.nn.functional.multilabel_margin_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.multilabel_margin_loss.html).
///
/// Scores `[N, C]` or `[C]`; the target, integers of the same shape, begins with the classes of each place and goes on
/// with -1. The result is of rank 0, or `[N]` without reduction. Classes outside of `-1..<C` are an error where they
/// came from the host; where the device computed them, a read of the loss throws.
public func multiLabelMarginLoss(
    _ input: Tensor, _ target: Tensor, reduction: Reduction = .mean, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    let name = "multiLabelMarginLoss"
    if let wrong = checkedTarget(name, input, target, file, line) { return wrong }
    guard 1...2 ~= input.rank, input.dtype.isFloat, target.dtype.kind == .integer else {
        return input.invalid(
            name, "input \(input.dtype)\(input.shape) and target \(target.dtype)\(target.shape) do not fit",
            remedy: "give float scores [N, C] and integer classes [N, C]", [input, target], file, line)
    }
    let axis = input.rank - 1
    let count = input.shape[axis]
    var labels = target.dtype == .int64 ? target : target.to(.int64)
    let remedy = "use classes of the scores, and -1 behind them"
    switch target.checkIndices(in: -1..<count) {
    case .inside: break
    case .outside(let value):
        return input.invalid(
            name, "class \(value) is outside -1..<\(count) of scores \(input.shape)", remedy: remedy, [input, target],
            file, line)
    case .unknown:
        labels = labels.guarded(
            in: -1..<count, name, "a class that was computed is outside -1..<\(count) of scores \(input.shape)",
            remedy: remedy)
    }
    if count == 0 { return input.sum(axes: [axis]).reduced(by: reduction) }
    var row = Shape(repeating: 1, rank: input.rank)
    row[axis] = count
    let places = input.indices(row)
    let end = Tensor.where(labels .< 0, places, count).min(axes: [axis], keepDims: true)
    // [N, j, i]: whether class i is the j-th target, and counts.
    let counts = (places .< end).unsqueeze(-1)
    let isIt = (labels.unsqueeze(-1) .== places.unsqueeze(-2)).logicalAnd(counts)
    let isTarget = isIt.any(axes: -2, keepDims: true)
    let x = input.unsqueeze(-2)
    let score = Tensor.where(isIt, x, 0).sum(axes: [-1], keepDims: true)
    let pairs = counts.logicalAnd(isTarget.logicalNot())
    let hinges = Tensor.where(pairs, (x - score + 1).relu(), 0)
    let losses = hinges.sum(axes: [-1, -2]) / count
    return losses.reduced(by: reduction)
}
