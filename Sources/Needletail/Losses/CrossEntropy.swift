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

/// Logits and targets whose shapes fit each other.
private struct ClassProblem {
    let logits: Tensor
    private(set) var target: Tensor
    let axis: Int
    /// Whether the target holds classes, not probabilities.
    let hasClasses: Bool
    /// A weight for each class, along the class axis, in the logits' type.
    let classWeights: Tensor?

    /// Nil where shapes or dtypes do not fit.
    init?(_ logits: Tensor, _ target: Tensor, _ weight: Tensor?) {
        guard logits.rank > 0, logits.dtype.isFloat, logits.shares(target), weight.map(logits.shares) ?? true else {
            return nil
        }
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
        for other in [target, weight] {
            if let other, !logits.shares(other) { return logits.deviceMismatch(loss, other, at: CallSite(file, line)) }
        }
        let weights = weight.map { ", weight \($0.dtype)\($0.shape)" } ?? ""
        return logits.invalid(
            loss,
            "logits \(logits.dtype)\(logits.shape) and target \(target.dtype)\(target.shape)\(weights) do not fit",
            remedy:
                "give float logits [N, C, ...], integer classes [N, ...] or float probabilities [N, C, ...], and float weights [C]",
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

    /// What is known of the target's classes.
    enum Classes {
        /// All are classes of the logits, and none is ignored.
        case right
        /// Where this is given, places with it are ignored. The others may be no classes, unless they are known to be.
        case open(ignored: Int?, isChecked: Bool)
        /// One is no class: the poisoned loss.
        case wrong(Tensor)
    }

    /// Checks the target. Classes that the device computed are guarded: what is made of them throws when it is read.
    mutating func classes(_ loss: String, ignoring ignored: Int?, _ site: CallSite) -> Classes {
        let all = 0..<classCount
        switch target.checkIndices(in: all, ignoring: ignored) {
        case .outside(let value):
            return .wrong(
                logits.invalid(
                    loss, "class \(value) is outside 0..<\(classCount) of logits \(logits.shape)",
                    remedy: "use classes of the logits, or ignoredIndex: \(value)", [logits, target], at: site))
        case .unknown:
            target = target.guarded(
                in: all, ignoring: ignored, loss,
                "a class that was computed is outside 0..<\(classCount) of logits \(logits.shape)",
                remedy: "use classes of the logits" + (ignored.map { ", or \($0), which is ignored" } ?? ""))
            return .open(ignored: ignored, isChecked: false)
        case .inside:
            // Only a class among the logits', or one that was left out of account, can be ignored.
            if let ignored, elementsMayBe(ignored) { return .open(ignored: ignored, isChecked: true) }
            return .right
        }
    }

    private func elementsMayBe(_ ignored: Int) -> Bool {
        if (0..<classCount).contains(ignored) { return true }
        if case .inside = target.checkIndices(in: 0..<classCount) { return false }
        return true
    }

    /// Reduces the losses of places with classes as target: ignored ones are 0, those of no class NaN, and a mean is by the
    /// weights of the others.
    func reduced(_ losses: Tensor, by reduction: Reduction, _ classes: Classes) -> Tensor {
        var losses = losses
        var counted: Tensor?
        if case .open(let ignored, let isChecked) = classes {
            if !isChecked {
                var isClass = (target .>= 0).logicalAnd(target .< classCount)
                if let ignored { isClass = isClass.logicalOr(target .== ignored) }
                // A factor, so that the gradient is NaN too.
                losses = losses * Tensor.where(isClass, 1.0, Double.nan).to(losses.dtype)
            }
            counted = ignored.map { target .!= $0 }
        }
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
