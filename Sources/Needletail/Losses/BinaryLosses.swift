import TensorRuntime

/// The cross entropy of independent yes-or-no answers, from probabilities: `-(y log x + (1 - y) log(1 - x))`, with
/// logarithms of at least -100, as
/// [torch.nn.functional.binary_cross_entropy](https://pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy.html).
///
/// Both of one shape, from 0 to 1; the result is of rank 0, or of that shape without reduction. An input outside of 0...1
/// makes the loss NaN. From logits, ``binaryCrossEntropyWithLogits(_:_:weight:posWeight:reduction:file:line:)`` is exact.
///
/// - Parameter weight: a factor for each loss, which broadcasts to them; no gradient flows to it.
public func binaryCrossEntropy(
    _ input: Tensor, _ target: Tensor, weight: Tensor? = nil, reduction: Reduction = .mean,
    file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    if let wrong = checkedTarget("binaryCrossEntropy", input, target, file, line) { return wrong }
    if let wrong = checkedWeight("binaryCrossEntropy", input, weight, file, line) { return wrong }
    let target = target.dtype == input.dtype ? target : target.to(input.dtype)
    let losses = Tensor.custom([input, target]) {
        let yes = input.log().clamp(min: -100)
        let no = (-input).log1p().clamp(min: -100)
        return -(target * yes + (1 - target) * no)
    } pullback: { gradient, _ in
        let slope = (input - target) / Tensor.maximum((1 - input) * input, 1e-12)
        return [slope * gradient, target.requiresGrad ? ((-input).log1p() - input.log()) * gradient : nil]
    }
    return losses.weighted(by: weight).reduced(by: reduction)
}

/// The cross entropy of independent yes-or-no answers, from logits:
/// `max(x, 0) - x y + log(1 + exp(-|x|))`, which does not overflow. As
/// [torch.nn.functional.binary_cross_entropy_with_logits](https://pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy_with_logits.html).
///
/// Both of one shape, targets from 0 to 1; the result is of rank 0, or of that shape without reduction.
///
/// - Parameters:
///   - weight: a factor for each loss, which broadcasts to them; no gradient flows to it.
///   - posWeight: a factor for the part of `y`, `-y log(sigmoid(x))`, which broadcasts to the losses: above 1 it raises
///     recall, below 1 precision. No gradient flows to it.
public func binaryCrossEntropyWithLogits(
    _ input: Tensor, _ target: Tensor, weight: Tensor? = nil, posWeight: Tensor? = nil, reduction: Reduction = .mean,
    file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    let name = "binaryCrossEntropyWithLogits"
    if let wrong = checkedTarget(name, input, target, file, line) { return wrong }
    if let wrong = checkedWeight(name, input, weight, file, line) { return wrong }
    if let wrong = checkedWeight(name, input, posWeight, as: "posWeight", file, line) { return wrong }
    let target = target.dtype == input.dtype ? target : target.to(input.dtype)
    let losses: Tensor
    if let posWeight {
        let share = (posWeight.detach().to(input.dtype) - 1) * target + 1
        losses = (1 - target) * input + share * (-input).softplus()
    } else {
        losses = Tensor.custom([input, target]) {
            input.relu() - input * target + (-input.abs()).exp().log1p()
        } pullback: { gradient, _ in
            [(input.sigmoid() - target) * gradient, target.requiresGrad ? -input * gradient : nil]
        }
    }
    return losses.weighted(by: weight).reduced(by: reduction)
}

/// The Kullback-Leibler divergence `t (log t - input)` of log probabilities from a target, as
/// [torch.nn.functional.kl_div](https://pytorch.org/docs/stable/generated/torch.nn.functional.kl_div.html).
///
/// Both of one shape, the first dimension the batch's; the result is of rank 0, or of that shape without reduction.
///
/// - Parameters:
///   - reduction: `batchMean` is the divergence's mathematical mean, the sum by the batch's size; `mean` divides by the
///     number of elements.
///   - logTarget: whether the target holds log probabilities too.
public func klDivLoss(
    _ input: Tensor, _ target: Tensor, reduction: KLDivLoss.Reduction = .mean, logTarget: Bool = false,
    file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    if let wrong = checkedTarget("klDivLoss", input, target, file, line) { return wrong }
    let losses: Tensor
    if logTarget {
        losses = target.exp() * (target - input)
    } else {
        // `0 log 0` is 0, and so is its gradient.
        let logarithm = Tensor.where(target .== 0, 1, target).log()
        losses = target * logarithm - target * input
    }
    switch reduction {
    case .none: return losses
    case .mean: return losses.mean()
    case .sum: return losses.sum()
    case .batchMean: return input.rank == 0 ? losses : losses.sum() / input.shape[0]
    }
}

/// The logistic loss `log(1 + exp(-y x))` of classes -1 and 1, which does not overflow, as
/// [torch.nn.functional.soft_margin_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.soft_margin_loss.html).
///
/// Both of one shape; the result is of rank 0, or of that shape without reduction.
public func softMarginLoss(
    _ input: Tensor, _ target: Tensor, reduction: Reduction = .mean, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    if let wrong = checkedTarget("softMarginLoss", input, target, file, line) { return wrong }
    return (-(target.to(input.dtype) * input)).softplus().reduced(by: reduction)
}

/// The mean over the classes of ``binaryCrossEntropyWithLogits(_:_:weight:posWeight:reduction:file:line:)``, as
/// [torch.nn.functional.multilabel_soft_margin_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.multilabel_soft_margin_loss.html).
///
/// Logits and targets (0 or 1) `[..., C]`; the result is of rank 0, or `[...]` without reduction.
///
/// - Parameter weight: `[C]`, a factor for each class; no gradient flows to it.
public func multiLabelSoftMarginLoss(
    _ input: Tensor, _ target: Tensor, weight: Tensor? = nil, reduction: Reduction = .mean,
    file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    let name = "multiLabelSoftMarginLoss"
    if let wrong = checkedTarget(name, input, target, file, line) { return wrong }
    if let wrong = checkedWeight(name, input, weight, file, line) { return wrong }
    guard input.rank > 0 else {
        return input.invalid(
            name, "input \(input.shape) has no classes", remedy: "give logits [..., C]", [input, target], file, line)
    }
    return binaryCrossEntropyWithLogits(input, target, weight: weight, reduction: .none).mean(axes: [-1])
        .reduced(by: reduction)
}
