import TensorGraph
import TensorRuntime

/// The cross entropy of classes, from logits:
/// `loss_n = log(sum_j exp(x_nj)) - sum_j t_nj x_nj`, as
/// [torch.nn.functional.cross_entropy](https://pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html).
///
/// Classes stand on axis 1 of the input, or on axis 0 of one of rank 1: `[N, C]`, `[N, C, d...]`, `[C]`. The target holds
/// either the class of each place, an integer tensor `[N]`, `[N, d...]`, `[]`; or the probability of each class, a
/// float tensor of the input's shape. The result is of rank 0, or of the places' shape without reduction.
///
/// A class outside `0..<C` is an error. Where the classes came from the host they were looked through when their tensor was
/// made, and the call says so. Reading classes that the device computed would wait for it: there a read of the loss, or of
/// what is computed from it, throws, and the loss of such a class is NaN.
///
/// Gradients flow to the logits, and to a target of probabilities.
///
/// Loss and gradient are pointwise work and reductions over the class axis, so that the forward pass, the loss and the
/// gradient by the logits are one kernel.
///
/// - Parameters:
///   - weight: `[C]`, a factor for the loss of each class; a mean over classes as target is then by the sum of the targets'
///     weights. No gradient flows to it.
///   - labelSmoothing: 0...1; this much of the target's weight is spread over all classes.
///   - ignoredIndex: places with this class have no loss and do not count in a mean; one of `0..<C` only with classes as
///     target. nil ignores none.
public func crossEntropy(
    _ logits: Tensor, _ target: Tensor, weight: Tensor? = nil, reduction: Reduction = .mean, labelSmoothing: Double = 0,
    ignoredIndex: Int? = -100, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    guard var problem = ClassProblem(logits, target, weight) else {
        return ClassProblem.failure("crossEntropy", logits, target, weight, file, line)
    }
    guard (0...1).contains(labelSmoothing) else {
        return logits.invalid(
            "crossEntropy", "labelSmoothing \(labelSmoothing)", remedy: "use a number in 0...1", [logits, target], file,
            line)
    }
    guard problem.hasClasses || (ignoredIndex ?? -1) < 0 else {
        return logits.invalid(
            "crossEntropy", "ignoredIndex with probabilities as target", remedy: "give classes, integers",
            [logits, target], file, line)
    }
    if logits.dtype.isShortFloat {
        return crossEntropy(
            logits.cast(to: .float32), target, weight: weight, reduction: reduction, labelSmoothing: labelSmoothing,
            ignoredIndex: ignoredIndex, file: file, line: line
        ).cast(to: logits.dtype)
    }
    guard problem.hasClasses else { return CrossEntropy(problem: problem, smoothing: labelSmoothing).loss(reduction) }
    let classes = problem.classes("crossEntropy", ignoring: ignoredIndex, CallSite(file, line))
    let entropy = CrossEntropy(problem: problem, smoothing: labelSmoothing)
    switch classes {
    case .wrong(let poisoned): return poisoned
    case .right where weight == nil || reduction != .mean: return entropy.loss(reduction)
    case .right, .open: return problem.reduced(entropy.loss(.none), by: reduction, classes)
    }
}

/// The negative log likelihood `-w[y_n] x_n[y_n]` of log probabilities, as
/// [torch.nn.functional.nll_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.nll_loss.html).
///
/// Shapes, and classes outside `0..<C`, as in ``crossEntropy(_:_:weight:reduction:labelSmoothing:ignoredIndex:file:line:)``.
///
/// - Parameters:
///   - weight: `[C]`, a factor for the loss of each class; a mean is then by the sum of the targets' weights.
///   - ignoredIndex: places with this class have no loss and do not count in a mean.
public func nllLoss(
    _ logProbabilities: Tensor, _ target: Tensor, weight: Tensor? = nil, reduction: Reduction = .mean,
    ignoredIndex: Int? = -100, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    guard var problem = ClassProblem(logProbabilities, target, weight), problem.hasClasses else {
        return ClassProblem.failure("nllLoss", logProbabilities, target, weight, file, line)
    }
    if logProbabilities.dtype.isShortFloat {
        return nllLoss(
            logProbabilities.cast(to: .float32), target, weight: weight, reduction: reduction,
            ignoredIndex: ignoredIndex, file: file, line: line
        ).cast(to: logProbabilities.dtype)
    }
    let classes = problem.classes("nllLoss", ignoring: ignoredIndex, CallSite(file, line))
    if case .wrong(let poisoned) = classes { return poisoned }
    let picked = -Tensor.where(problem.isTarget, logProbabilities, 0).sum(axes: [problem.axis])
    let losses = problem.targetWeights.map { picked * $0.squeeze(problem.axis) } ?? picked
    return problem.reduced(losses, by: reduction, classes)
}

/// The forward pass and its gradient, with maximum, exponentials and sums in common.
private struct CrossEntropy {
    let problem: ClassProblem
    let smoothing: Double

    /// What the gradient is made of, besides the logits: of the logits' shape, or with one class.
    private struct Parts {
        var exponentials: Tensor
        var sum: Tensor
        /// Of classes: which element is the target. Of probabilities: these.
        var target: Tensor
        /// The sum of the targets' weights over the classes; nil where it is 1.
        var weight: Tensor?
        var losses: Tensor
    }

    func loss(_ reduction: Reduction) -> Tensor {
        let logits = problem.logits
        let (parts, result) = withNoGrad {
            let parts = forward()
            return (parts, parts.losses.reduced(by: reduction))
        }
        let probabilities = problem.hasClasses ? nil : problem.target
        let function = Tensor.recorded(logits, probabilities) {
            let axis = problem.axis
            let scale = reduction == .mean ? 1 / Double(parts.losses.elementCount) : 1
            return {
                [
                    self, exponentials = parts.exponentials, sum = parts.sum, target = parts.target,
                    weight = parts.weight
                ] p in
                var factor = reduction == .none ? p.gradient.unsqueeze(axis) : p.gradient
                if scale != 1 { factor = factor * scale }
                // Differentiated again, all has to be a function of logits and target.
                if ExecutionContext.current.recordsGradients {
                    let live = problem.hasClasses ? target : problem.target.to(logits.dtype)
                    let weights = weights(live)
                    let weight = problem.hasClasses ? weight : weights.sum(axes: [axis], keepDims: true)
                    var probabilities = logits.softmax(axis: axis)
                    if let weight { probabilities = probabilities * weight }
                    return InputGradients(
                        p.needs(0) ? (probabilities - weights) * factor : nil,
                        p.needs(1) ? byTarget(logits.logSoftmax(axis: axis), factor) : nil)
                }
                var byLogits: Tensor?
                if p.needs(0) {
                    var probabilities = exponentials / sum
                    if let weight { probabilities = probabilities * weight }
                    byLogits = (probabilities - weights(target)) * factor
                }
                return InputGradients(
                    byLogits, p.needs(1) ? byTarget(logits.detach().logSoftmax(axis: axis), factor) : nil)
            }
        }
        return function.map { Tensor(result.handle.retagged($0)) } ?? result
    }

    /// The gradient by a target of probabilities.
    private func byTarget(_ logProbabilities: Tensor, _ factor: Tensor) -> Tensor {
        var slope = logProbabilities * (smoothing - 1)
        if let factors = problem.classWeights { slope = slope * factors }
        return (slope * factor).to(problem.target.dtype)
    }

    private func forward() -> Parts {
        let logits = problem.logits.detach()
        let axis = problem.axis
        let maximum = logits.max(axes: [axis], keepDims: true)
        let shifted = logits - maximum
        let exponentials = shifted.exp()
        let sum = exponentials.sum(axes: [axis], keepDims: true)
        // Everything is relative to the maximum: a large one would swallow the logarithm.
        let logSum = sum.log()
        var losses: Tensor
        var target: Tensor
        var weight: Tensor?
        if problem.hasClasses {
            target = problem.isTarget
            let picked = Tensor.where(target, logits, 0).sum(axes: [axis], keepDims: true) - maximum
            let share = smoothing / Double(problem.classCount)
            if let factors = problem.classWeights, let ofTarget = problem.targetWeights {
                losses = (logSum - picked) * ofTarget
                weight = ofTarget
                if smoothing != 0 {
                    let all = factors.sum(axes: [axis], keepDims: true)
                    let spread = logSum * all - (factors * shifted).sum(axes: [axis], keepDims: true)
                    losses = losses * (1 - smoothing) + spread * share
                    weight = ofTarget * (1 - smoothing) + all * share
                }
            } else {
                losses = logSum - (smoothing == 0 ? picked : picked * (1 - smoothing))
                if smoothing != 0 { losses = losses - shifted.sum(axes: [axis], keepDims: true) * share }
            }
        } else {
            target = problem.target.detach()
            if target.dtype != logits.dtype { target = target.to(logits.dtype) }
            let weights = weights(target)
            weight = weights.sum(axes: [axis], keepDims: true)
            losses = logSum * weight! - (weights * shifted).sum(axes: [axis], keepDims: true)
        }
        losses = losses.squeeze(axis)
        return Parts(exponentials: exponentials, sum: sum, target: target, weight: weight, losses: losses)
    }

    /// The target weight of each class, of the logits' shape.
    private func weights(_ target: Tensor) -> Tensor {
        let dtype = problem.logits.dtype
        var result = problem.hasClasses ? target.to(dtype) : target
        if smoothing != 0 { result = result * (1 - smoothing) + smoothing / Double(problem.classCount) }
        return problem.classWeights.map { result * $0 } ?? result
    }
}
