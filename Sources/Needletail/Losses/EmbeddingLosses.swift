import TensorRuntime

/// `max(0, margin + d(anchor, positive) - d(anchor, negative))` with the distance
/// `d(a, b) = (sum over the last axis of |a - b + epsilon|^p)^(1/p)`, as
/// [torch.nn.functional.triplet_margin_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.triplet_margin_loss.html).
///
/// All of one rank, `[..., D]`, of shapes that broadcast; the result is of rank 0, or `[...]` without reduction.
///
/// - Parameters:
///   - margin: above 0.
///   - p: of the norm, at least 0; infinity is the largest absolute value.
///   - swap: whether the negative's distance is the smaller one of those from anchor and positive.
public func tripletMarginLoss(
    _ anchor: Tensor, _ positive: Tensor, _ negative: Tensor, margin: Double = 1, p: Double = 2,
    epsilon: Double = 1e-6, swap: Bool = false, reduction: Reduction = .mean, file: StaticString = #fileID,
    line: UInt = #line
) -> Tensor {
    let name = "tripletMarginLoss"
    let isRight = p >= 0 && !p.isNaN
    if let wrong = checkedNumber(
        name, anchor, "a p", p, isRight: isRight, remedy: "use a number of at least 0", file, line)
    {
        return wrong
    }
    guard anchor.rank > 0 else {
        return anchor.invalid(
            name, "anchor \(anchor.shape) has no last axis", remedy: "give vectors [..., D]",
            [anchor, positive, negative], file, line)
    }
    return triplet(name, anchor, positive, negative, margin, swap, reduction, file, line) { a, b in
        norm(a - b + epsilon, p)
    }
}

/// ``tripletMarginLoss(_:_:_:margin:p:epsilon:swap:reduction:file:line:)`` with a distance of one's own, as
/// [torch.nn.functional.triplet_margin_with_distance_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.triplet_margin_with_distance_loss.html).
///
/// - Parameters:
///   - distance: of two of the tensors, in tensor operations; nil is the Euclidean one of vectors on the last axis.
///   - margin: above 0.
///   - swap: whether the negative's distance is the smaller one of those from anchor and positive.
public func tripletMarginWithDistanceLoss(
    _ anchor: Tensor, _ positive: Tensor, _ negative: Tensor, distance: ((Tensor, Tensor) -> Tensor)? = nil,
    margin: Double = 1, swap: Bool = false, reduction: Reduction = .mean, file: StaticString = #fileID,
    line: UInt = #line
) -> Tensor {
    let name = "tripletMarginWithDistanceLoss"
    guard distance != nil || anchor.rank > 0 else {
        return anchor.invalid(
            name, "anchor \(anchor.shape) has no last axis", remedy: "give vectors [..., D], or a distance",
            [anchor, positive, negative], file, line)
    }
    return triplet(
        name, anchor, positive, negative, margin, swap, reduction, file, line, distance ?? { norm($0 - $1 + 1e-6, 2) })
}

private func triplet(
    _ name: String, _ anchor: Tensor, _ positive: Tensor, _ negative: Tensor, _ margin: Double, _ swap: Bool,
    _ reduction: Reduction, _ file: StaticString, _ line: UInt, _ distance: (Tensor, Tensor) -> Tensor
) -> Tensor {
    for other in [positive, negative] where !anchor.shares(other) {
        return anchor.deviceMismatch(name, other, at: CallSite(file, line))
    }
    let common = anchor.shape.broadcast(with: positive.shape)
    let isOneRank = anchor.rank == positive.rank && anchor.rank == negative.rank
    guard isOneRank, common?.broadcast(with: negative.shape) != nil else {
        return anchor.invalid(
            name, "anchor \(anchor.shape), positive \(positive.shape) and negative \(negative.shape) do not fit",
            remedy: "give all three one shape", [anchor, positive, negative], file, line)
    }
    let isRight = margin > 0 && margin.isFinite
    if let wrong = checkedNumber(
        name, anchor, "a margin", margin, isRight: isRight, remedy: "use a number above 0", file, line)
    {
        return wrong
    }
    let near = distance(anchor, positive)
    var far = distance(anchor, negative)
    if swap { far = Tensor.minimum(far, distance(positive, negative)) }
    return (near - far + margin).relu().reduced(by: reduction)
}

/// The p-norm over the last axis. Its gradient by elements that are 0 is 0.
private func norm(_ difference: Tensor, _ p: Double) -> Tensor {
    let last = [difference.rank - 1]
    if p == 0 { return (difference .!= 0).to(difference.dtype).sum(axes: last) }
    let size = difference.abs()
    if p == 1 { return size.sum(axes: last) }
    if p == .infinity { return size.max(axes: last) }
    let powers: Tensor
    if p == 2 {
        powers = difference.square()
    } else {
        let isZero = size .== 0
        powers = Tensor.where(isZero, 0, Tensor.where(isZero, 1, size).pow(p))
    }
    let sum = powers.sum(axes: last)
    let isZero = sum .== 0
    let safe = Tensor.where(isZero, 1, sum)
    return Tensor.where(isZero, 0, p == 2 ? safe.sqrt() : safe.pow(1 / p))
}

/// `1 - cos(x1, x2)` where the target is 1 and `max(0, cos(x1, x2) - margin)` where it is -1, as
/// [torch.nn.functional.cosine_embedding_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.cosine_embedding_loss.html).
///
/// Inputs `[N, D]` with a target `[N]`, or `[D]` with `[]`; the result is of rank 0, or of the target's shape without
/// reduction. The squares of both lengths are raised by 1e-12.
public func cosineEmbeddingLoss(
    _ input1: Tensor, _ input2: Tensor, _ target: Tensor, margin: Double = 0, reduction: Reduction = .mean,
    file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    let name = "cosineEmbeddingLoss"
    for other in [input2, target] where !input1.shares(other) {
        return input1.deviceMismatch(name, other, at: CallSite(file, line))
    }
    let fits = input1.shape == input2.shape && 1...2 ~= input1.rank
    guard fits, input1.shape.removing(axis: input1.rank - 1) == target.shape else {
        return input1.invalid(
            name, "inputs \(input1.shape) and \(input2.shape), target \(target.shape) do not fit",
            remedy: "give inputs [N, D] with a target [N], or [D] with []", [input1, input2, target], file, line)
    }
    let last = [input1.rank - 1]
    let dot = (input1 * input2).sum(axes: last)
    let square1 = input1.square().sum(axes: last) + 1e-12
    let square2 = input2.square().sum(axes: last) + 1e-12
    let cosine = dot / (square1 * square2).sqrt()
    let near = Tensor.where(target .== 1, 1 - cosine, 0)
    let apart = Tensor.where(target .== -1, (cosine - margin).relu(), 0)
    return (near + apart).reduced(by: reduction)
}
