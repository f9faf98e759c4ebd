import TensorGraph

/// The cross entropy of classes, from logits:
/// `loss_n = log(sum_j exp(x_nj)) - sum_j t_nj x_nj`, as
/// [torch.nn.functional.cross_entropy](https://pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html).
///
/// Classes stand on axis 1 of the input, or on axis 0 of one of rank 1: `[N, C]`, `[N, C, d...]`, `[C]`. The target holds
/// either the class of each place, an integer tensor `[N]`, `[N, d...]`, `[]`; or the probability of each class, a
/// float tensor of the input's shape. The result is of rank 0, or of the places' shape without reduction.
///
/// A class outside `0..<C` is no class: nothing of the input is its logit, so that its loss is the logarithm alone. Data
/// is checked where it is read; finding such a class here would wait for the device.
///
/// Gradients flow to the logits, not to a target of probabilities.
///
/// Loss and gradient are pointwise work and reductions over the class axis, so that the forward pass, the loss and the
/// gradient by the logits are one kernel.
///
/// - Parameters:
///   - weight: `[C]`, a factor for the loss of each class; a mean over classes as target is then by the sum of the targets'
///     weights. No gradient flows to it.
///   - labelSmoothing: 0...1; this much of the target's weight is spread over all classes.
///   - ignoredIndex: places with this class have no loss and do not count in a mean; only with classes as target.
public func crossEntropy(
    _ logits: Tensor, _ target: Tensor, weight: Tensor? = nil, reduction: Reduction = .mean, labelSmoothing: Double = 0,
    ignoredIndex: Int? = nil, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    guard let problem = ClassProblem(logits, target, weight) else {
        return ClassProblem.failure("crossEntropy", logits, target, weight, file, line)
    }
    guard (0...1).contains(labelSmoothing) else {
        return logits.invalid(
            "crossEntropy", "labelSmoothing \(labelSmoothing)", remedy: "use a number in 0...1", [logits, target], file,
            line)
    }
    guard ignoredIndex == nil || problem.hasClasses else {
        return logits.invalid(
            "crossEntropy", "ignoredIndex with probabilities as target", remedy: "give classes, integers",
            [logits, target], file, line)
    }
    let entropy = CrossEntropy(problem: problem, smoothing: labelSmoothing)
    let countsAlike = weight == nil || !problem.hasClasses
    if ignoredIndex == nil && (countsAlike || reduction != .mean) { return entropy.loss(reduction) }
    return problem.reduced(entropy.loss(.none), by: reduction, ignoring: ignoredIndex)
}

/// The negative log likelihood `-w[y_n] x_n[y_n]` of log probabilities, as
/// [torch.nn.functional.nll_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.nll_loss.html).
///
/// Shapes as in ``crossEntropy(_:_:weight:reduction:labelSmoothing:ignoredIndex:file:line:)`` with classes; a class outside
/// `0..<C` has a loss of 0.
///
/// - Parameters:
///   - weight: `[C]`, a factor for the loss of each class; a mean is then by the sum of the targets' weights.
///   - ignoredIndex: places with this class have no loss and do not count in a mean.
public func nllLoss(
    _ logProbabilities: Tensor, _ target: Tensor, weight: Tensor? = nil, reduction: Reduction = .mean,
    ignoredIndex: Int? = nil, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    guard let problem = ClassProblem(logProbabilities, target, weight), problem.hasClasses else {
        return ClassProblem.failure("nllLoss", logProbabilities, target, weight, file, line)
    }
    let picked = -Tensor.where(problem.isTarget, logProbabilities, 0).sum(axes: [problem.axis])
    let losses = problem.targetWeights.map { picked * $0.squeeze(problem.axis) } ?? picked
    return problem.reduced(losses, by: reduction, ignoring: ignoredIndex)
}

/// Logits and targets whose shapes fit each other.
private struct ClassProblem {
    let logits: Tensor
    let target: Tensor
    let axis: Int
    /// Whether the target holds classes, not probabilities.
    let hasClasses: Bool
    /// A weight for each class, along the class axis, in the logits' type.
    let classWeights: Tensor?

    /// Nil where shapes or dtypes do not fit.
    init?(_ logits: Tensor, _ target: Tensor, _ weight: Tensor?) {
        guard logits.rank > 0, logits.dtype.isFloat else { return nil }
        self.logits = logits
        self.target = target
        axis = logits.rank == 1 ? 0 : 1
        hasClasses = target.dtype.kind == .integer
        guard target.shape == (hasClasses ? logits.shape.removing(axis: axis) : logits.shape) else { return nil }
        guard hasClasses || target.dtype.isFloat else { return nil }
        guard let weight else {
            classWeights = nil
            return
        }
        guard weight.shape == [logits.shape[axis]], weight.dtype.isFloat else { return nil }
        classWeights = weight.detach().to(logits.dtype).reshape(ClassProblem.row(logits.shape, axis))
    }

    static func failure(
        _ loss: String, _ logits: Tensor, _ target: Tensor, _ weight: Tensor?, _ file: StaticString, _ line: UInt
    ) -> Tensor {
        let weights = weight.map { ", weight \($0.dtype)\($0.shape)" } ?? ""
        return logits.invalid(
            loss,
            "logits \(logits.dtype)\(logits.shape) and target \(target.dtype)\(target.shape)\(weights) do not fit",
            remedy: "give float logits [N, C, ...], integer classes [N, ...] or float probabilities [N, C, ...], and "
                + "float weights [C]",
            [logits, target] + (weight.map { [$0] } ?? []), file, line)
    }

    var classCount: Int { logits.shape[axis] }

    /// One dimension for each of `shape`, unit but for `axis`.
    private static func row(_ shape: Shape, _ axis: Int) -> Shape {
        var result = Shape(repeating: 1, rank: shape.rank)
        result[axis] = shape[axis]
        return result
    }

    /// The weight of each place's class, with the class axis of extent 1; nil where classes have none.
    var targetWeights: Tensor? {
        classWeights.map { Tensor.where(isTarget, $0, 0).sum(axes: [axis], keepDims: true) }
    }

    /// Reduces the losses of places with classes as target: ignored ones are 0, and a mean is by the weights of the others.
    func reduced(_ losses: Tensor, by reduction: Reduction, ignoring ignored: Int?) -> Tensor {
        let counted = ignored.map { target .!= $0 }
        let kept = counted.map { Tensor.where($0, losses, 0) } ?? losses
        guard reduction == .mean else { return kept.reduced(by: reduction) }
        switch (targetWeights?.squeeze(axis), counted) {
        case (let weights?, let counted?): return kept.sum() / Tensor.where(counted, weights, 0).sum()
        case (let weights?, nil): return kept.sum() / weights.sum()
        case (nil, let counted?): return kept.sum() / counted.to(logits.dtype).sum()
        case (nil, nil): return kept.mean()
        }
    }

    /// Of the logits' shape: whether an element is its place's target.
    var isTarget: Tensor {
        let classes = logits.indices(ClassProblem.row(logits.shape, axis))
        let wanted = (target.dtype == .int64 ? target : target.to(.int64)).unsqueeze(axis)
        return classes .== wanted
    }
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
        let function = Tensor.recorded(logits) {
            let axis = problem.axis
            let scale = reduction == .mean ? 1 / Double(parts.losses.elementCount) : 1
            return {
                [
                    self, exponentials = parts.exponentials, sum = parts.sum, target = parts.target,
                    weight = parts.weight
                ] p in
                // Differentiated again, the softmax has to be a function of the logits.
                let recording = ExecutionContext.current.recordsGradients
                var probabilities = recording ? logits.softmax(axis: axis) : exponentials / sum
                if let weight { probabilities = probabilities * weight }
                var factor = reduction == .none ? p.gradient.unsqueeze(axis) : p.gradient
                if scale != 1 { factor = factor * scale }
                return InputGradients((probabilities - weights(target)) * factor)
            }
        }
        return function.map { Tensor(result.handle.retagged($0)) } ?? result
    }

    private func forward() -> Parts {
        let logits = problem.logits.detach()
        let axis = problem.axis
        let maximum = logits.max(axes: [axis], keepDims: true)
        let exponentials = (logits - maximum).exp()
        let sum = exponentials.sum(axes: [axis], keepDims: true)
        let logSum = sum.log() + maximum
        var losses: Tensor
        var target: Tensor
        var weight: Tensor?
        if problem.hasClasses {
            target = problem.isTarget
            let picked = Tensor.where(target, logits, 0).sum(axes: [axis], keepDims: true)
            let share = smoothing / Double(problem.classCount)
            if let factors = problem.classWeights, let ofTarget = problem.targetWeights {
                losses = (logSum - picked) * ofTarget
                weight = ofTarget
                if smoothing != 0 {
                    let all = factors.sum(axes: [axis], keepDims: true)
                    let spread = logSum * all - (factors * logits).sum(axes: [axis], keepDims: true)
                    losses = losses * (1 - smoothing) + spread * share
                    weight = ofTarget * (1 - smoothing) + all * share
                }
            } else {
                losses = logSum - (smoothing == 0 ? picked : picked * (1 - smoothing))
                if smoothing != 0 { losses = losses - logits.sum(axes: [axis], keepDims: true) * share }
            }
        } else {
            target = problem.target.detach()
            if target.dtype != logits.dtype { target = target.to(logits.dtype) }
            let weights = weights(target)
            weight = weights.sum(axes: [axis], keepDims: true)
            losses = logSum * weight! - (weights * logits).sum(axes: [axis], keepDims: true)
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
