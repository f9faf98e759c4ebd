/// The squared error `(input - target)^2`, as
/// [torch.nn.functional.mse_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.mse_loss.html).
///
/// Both of one shape; the result is of rank 0, or of that shape without reduction.
public func mseLoss(
    _ input: Tensor, _ target: Tensor, reduction: Reduction = .mean, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    if let wrong = checkedTarget("mseLoss", input, target, file, line) { return wrong }
    return (input - target).square().reduced(by: reduction)
}

/// The absolute error `|input - target|`, as
/// [torch.nn.functional.l1_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.l1_loss.html).
///
/// Both of one shape; the result is of rank 0, or of that shape without reduction.
public func l1Loss(
    _ input: Tensor, _ target: Tensor, reduction: Reduction = .mean, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    if let wrong = checkedTarget("l1Loss", input, target, file, line) { return wrong }
    return (input - target).abs().reduced(by: reduction)
}

/// The cross entropy of independent yes-or-no answers, from logits:
/// `max(x, 0) - x y + log(1 + exp(-|x|))`, which does not overflow. As
/// [torch.nn.functional.binary_cross_entropy_with_logits](https://pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy_with_logits.html).
///
/// Both of one shape, targets from 0 to 1; the result is of rank 0, or of that shape without reduction.
public func binaryCrossEntropyWithLogits(
    _ input: Tensor, _ target: Tensor, reduction: Reduction = .mean, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    if let wrong = checkedTarget("binaryCrossEntropyWithLogits", input, target, file, line) { return wrong }
    let target = target.dtype == input.dtype ? target : target.to(input.dtype)
    let losses = Tensor.custom([input, target]) {
        input.relu() - input * target + (-input.abs()).exp().log1p()
    } pullback: { gradient, _ in
        [(input.sigmoid() - target) * gradient, target.requiresGrad ? -input * gradient : nil]
    }
    return losses.reduced(by: reduction)
}
