import TensorRuntime

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

/// The squared error `d^2 / (2 beta)` where `|d| < beta`, with `d = input - target`, and `|d| - beta / 2` elsewhere, as
/// [torch.nn.functional.smooth_l1_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.smooth_l1_loss.html).
///
/// Both of one shape; the result is of rank 0, or of that shape without reduction.
///
/// - Parameter beta: at least 0; with 0 the loss is ``l1Loss(_:_:reduction:file:line:)``.
public func smoothL1Loss(
    _ input: Tensor, _ target: Tensor, reduction: Reduction = .mean, beta: Double = 1, file: StaticString = #fileID,
    line: UInt = #line
) -> Tensor {
    if let wrong = checkedTarget("smoothL1Loss", input, target, file, line) { return wrong }
    let isRight = beta >= 0 && beta.isFinite
    if let wrong = checkedNumber(
        "smoothL1Loss", input, "a beta", beta, isRight: isRight, remedy: "use a number of at least 0", file, line)
    {
        return wrong
    }
    if beta == 0 { return (input - target).abs().reduced(by: reduction) }
    return (huber(input - target, beta) * (1 / beta)).reduced(by: reduction)
}

/// The squared error `d^2 / 2` where `|d| < delta`, with `d = input - target`, and `delta (|d| - delta / 2)` elsewhere, as
/// [torch.nn.functional.huber_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.huber_loss.html).
///
/// Both of one shape; the result is of rank 0, or of that shape without reduction.
///
/// - Parameters:
///   - delta: above 0.
///   - weight: a factor for each loss, which broadcasts to them; no gradient flows to it. A mean is by their number.
public func huberLoss(
    _ input: Tensor, _ target: Tensor, reduction: Reduction = .mean, delta: Double = 1, weight: Tensor? = nil,
    file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    if let wrong = checkedTarget("huberLoss", input, target, file, line) { return wrong }
    if let wrong = checkedWeight("huberLoss", input, weight, file, line) { return wrong }
    let isRight = delta > 0 && delta.isFinite
    if let wrong = checkedNumber(
        "huberLoss", input, "a delta", delta, isRight: isRight, remedy: "use a number above 0", file, line)
    {
        return wrong
    }
    return huber(input - target, delta).weighted(by: weight).reduced(by: reduction)
}

/// `m (|d| - m / 2)` with `m = min(|d|, delta)`: both branches of the loss without a choice between them.
private func huber(_ difference: Tensor, _ delta: Double) -> Tensor {
    let distance = difference.abs()
    let least = Tensor.minimum(distance, delta)
    return least * (distance - least * 0.5)
}

/// The negative log likelihood of counts that are distributed by Poisson, `exp(x) - t x` of a logarithm or
/// `x - t log(x + epsilon)` of a rate, as
/// [torch.nn.functional.poisson_nll_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.poisson_nll_loss.html).
///
/// Both of one shape; the result is of rank 0, or of that shape without reduction.
///
/// - Parameters:
///   - logInput: whether the input is the logarithm of the rate.
///   - full: whether to add Stirling's approximation of `log(t!)`, `t log t - t + log(2 pi t) / 2`, where `t > 1`.
///   - epsilon: keeps the logarithm of a rate of 0 finite.
public func poissonNLLLoss(
    _ input: Tensor, _ target: Tensor, logInput: Bool = true, full: Bool = false, epsilon: Double = 1e-8,
    reduction: Reduction = .mean, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    if let wrong = checkedTarget("poissonNLLLoss", input, target, file, line) { return wrong }
    let target = target.dtype == input.dtype ? target : target.to(input.dtype)
    var losses: Tensor
    if logInput {
        losses = input.exp() - target * input
    } else {
        losses = input - target * (input + epsilon).log()
    }
    if full {
        // Where the term does not count, it is computed from 1, so that neither it nor its gradient is NaN.
        let counts = target .> 1
        let count = Tensor.where(counts, target, 1)
        let logarithm = count.log()
        let term = count * logarithm - count + (logarithm + Double.log2Pi) * 0.5
        losses = losses + Tensor.where(counts, term, 0)
    }
    return losses.reduced(by: reduction)
}

/// The negative log likelihood of a normal distribution, `(log v + (input - target)^2 / v) / 2`, as
/// [torch.nn.functional.gaussian_nll_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.gaussian_nll_loss.html).
///
/// Input and target of one shape; the result is of rank 0, or of that shape without reduction. A variance below 0 makes
/// the loss NaN.
///
/// - Parameters:
///   - variance: of the input's shape; or with one extent of 1 in place of the input's; or without its last dimension.
///   - full: whether to add `log(2 pi) / 2`.
///   - epsilon: above 0, the least variance; the gradient is that by the larger of both.
public func gaussianNLLLoss(
    _ input: Tensor, _ target: Tensor, variance: Tensor, full: Bool = false, epsilon: Double = 1e-6,
    reduction: Reduction = .mean, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    let name = "gaussianNLLLoss"
    if let wrong = checkedTarget(name, input, target, file, line) { return wrong }
    guard input.shares(variance) else { return input.deviceMismatch(name, variance, at: CallSite(file, line)) }
    let isRight = epsilon > 0 && epsilon.isFinite
    if let wrong = checkedNumber(
        name, input, "an epsilon", epsilon, isRight: isRight, remedy: "use a number above 0", file, line)
    {
        return wrong
    }
    var spread = variance
    if variance.shape != input.shape {
        let isShort = input.rank > 0 && variance.shape == input.shape.removing(axis: input.rank - 1)
        let differing = zip(input.shape, variance.shape).filter { $0 != $1 }
        if isShort {
            spread = variance.unsqueeze(-1)
        } else if variance.rank != input.rank || differing.count != 1 || differing[0].1 != 1 {
            return input.invalid(
                name, "variance \(variance.shape) does not fit input \(input.shape)",
                remedy: "give the input's shape, with 1 in place of one extent, or without the last one",
                [input, target, variance], file, line)
        }
    }
    let raw = spread
    let safe = Tensor.custom([raw]) {
        Tensor.where(raw .< 0, Double.nan, raw.clamp(min: epsilon)).to(raw.dtype)
    } pullback: { gradient, _ in
        [gradient]
    }
    let difference = input - target
    var losses = (safe.log() + difference.square() / safe) * 0.5
    if full { losses = losses + 0.5 * Double.log2Pi }
    return losses.reduced(by: reduction)
}

extension Double {
    /// `log(2 pi)`
    fileprivate static let log2Pi = 1.8378770664093453
}
