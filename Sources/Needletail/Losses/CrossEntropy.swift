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
///   - labelSmoothing: 0...1; this much of the target's weight is spread over all classes.
///   - ignoredIndex: places with this class have no loss and do not count in a mean; only with classes as target.
public func crossEntropy(
    _ logits: Tensor, _ target: Tensor, reduction: Reduction = .mean, labelSmoothing: Double = 0,
    ignoredIndex: Int? = nil, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    guard let problem = ClassProblem("crossEntropy", logits, target, file, line) else {
        return ClassProblem.failure("crossEntropy", logits, target, file, line)
    }
    precondition(
        (0...1).contains(labelSmoothing), "crossEntropy: labelSmoothing \(labelSmoothing) is outside 0...1", file: file,
        line: line)
    precondition(
        ignoredIndex == nil || problem.hasClasses, "crossEntropy: ignoredIndex needs classes as target", file: file,
        line: line)
    let entropy = CrossEntropy(problem: problem, smoothing: labelSmoothing)
    guard let ignoredIndex else { return entropy.loss(reduction) }
    let counted = target .!= ignoredIndex
    let losses = Tensor.where(counted, entropy.loss(.none), 0)
    switch reduction {
    case .none: return losses
    case .sum: return losses.sum()
    case .mean: return losses.sum() / counted.to(logits.dtype).sum()
    }
}

/// The negative log likelihood `-x_n[y_n]` of log probabilities, as
/// [torch.nn.functional.nll_loss](https://pytorch.org/docs/stable/generated/torch.nn.functional.nll_loss.html).
///
/// Shapes as in ``crossEntropy(_:_:reduction:labelSmoothing:ignoredIndex:file:line:)`` with classes; a class outside
/// `0..<C` has a loss of 0.
public func nllLoss(
    _ logProbabilities: Tensor, _ target: Tensor, reduction: Reduction = .mean, file: StaticString = #fileID,
    line: UInt = #line
) -> Tensor {
    guard let problem = ClassProblem("nllLoss", logProbabilities, target, file, line), problem.hasClasses else {
        return ClassProblem.failure("nllLoss", logProbabilities, target, file, line)
    }
    let picked = Tensor.where(problem.isTarget, logProbabilities, 0).sum(axes: [problem.axis])
    return (-picked).reduced(by: reduction)
}

/// Logits and targets whose shapes fit each other.
private struct ClassProblem {
    let logits: Tensor
    let target: Tensor
    let axis: Int
    /// Whether the target holds classes, not probabilities.
    let hasClasses: Bool

    /// Nil where shapes or dtypes do not fit.
    init?(_ loss: String, _ logits: Tensor, _ target: Tensor, _ file: StaticString, _ line: UInt) {
        guard logits.rank > 0, logits.dtype.isFloat else { return nil }
        self.logits = logits
        self.target = target
        axis = logits.rank == 1 ? 0 : 1
        hasClasses = target.dtype.kind == .integer
        guard target.shape == (hasClasses ? logits.shape.removing(axis: axis) : logits.shape) else { return nil }
        guard hasClasses || target.dtype.isFloat else { return nil }
    }

    static func failure(
        _ loss: String, _ logits: Tensor, _ target: Tensor, _ file: StaticString, _ line: UInt
    ) -> Tensor {
        logits.invalid(
            loss, "logits \(logits.dtype)\(logits.shape) and target \(target.dtype)\(target.shape) do not fit",
            remedy: "give float logits [N, C, ...], and integer classes [N, ...] or float probabilities [N, C, ...]",
            [logits, target], file, line)
    }

    var classCount: Int { logits.shape[axis] }

    /// Of the logits' shape: whether an element is its place's target.
    var isTarget: Tensor {
        var row = Shape(repeating: 1, rank: logits.rank)
        row[axis] = classCount
        let classes = Tensor(logits.context.trace(.index, shape: [classCount], dtype: .int64))
        let wanted = (target.dtype == .int64 ? target : target.to(.int64)).unsqueeze(axis)
        return classes.reshape(row) .== wanted
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
        /// Of classes: which element is the target. Of probabilities: the weights themselves.
        var target: Tensor
        /// The sum of probabilities over the classes; nil where it is 1.
        var weight: Tensor?
        var losses: Tensor
    }

    func loss(_ reduction: Reduction) -> Tensor {
        let logits = problem.logits
        let parts = withNoGrad { forward() }
        let result = withNoGrad { parts.losses.reduced(by: reduction) }
        guard logits.requiresGrad, ExecutionContext.current.recordsGradients else { return result }
        let axis = problem.axis
        let scale = reduction == .mean ? 1 / Double(parts.losses.elementCount) : 1
        return Tensor.custom([logits]) {
            result
        } pullback: {
            [
                self, exponentials = parts.exponentials, sum = parts.sum, target = parts.target,
                weight = parts.weight
            ] gradient, _ in
            // Differentiated again, the softmax has to be a function of the logits.
            let recording = ExecutionContext.current.recordsGradients
            var probabilities = recording ? logits.softmax(axis: axis) : exponentials / sum
            if let weight { probabilities = probabilities * weight }
            var factor = reduction == .none ? gradient.unsqueeze(axis) : gradient
            if scale != 1 { factor = factor * scale }
            return [(probabilities - weights(target)) * factor]
        }
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
            losses = logSum - (smoothing == 0 ? picked : picked * (1 - smoothing))
            if smoothing != 0 {
                losses = losses - logits.sum(axes: [axis], keepDims: true) * (smoothing / Double(problem.classCount))
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
        let plain = problem.hasClasses ? target.to(dtype) : target
        guard smoothing != 0 else { return plain }
        return plain * (1 - smoothing) + smoothing / Double(problem.classCount)
    }
}
