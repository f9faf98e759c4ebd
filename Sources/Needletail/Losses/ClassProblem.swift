import TensorRuntime

/// Logits and targets whose shapes fit each other.
struct ClassProblem {
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
        if case .open(let ignored, _) = classes {
            losses = poisoned(losses, classes)
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

    /// The losses of places, NaN where the target was not looked through and is no class.
    func poisoned(_ losses: Tensor, _ classes: Classes) -> Tensor {
        guard case .open(let ignored, isChecked: false) = classes else { return losses }
        var isClass = (target .>= 0).logicalAnd(target .< classCount)
        if let ignored { isClass = isClass.logicalOr(target .== ignored) }
        // A factor, so that the gradient is NaN too.
        return losses * Tensor.where(isClass, 1.0, Double.nan).to(losses.dtype)
    }

    /// Of the logits' shape: whether an element is its place's target.
    var isTarget: Tensor {
        let classes = logits.indices(ClassProblem.row(logits.shape, axis))
        let wanted = (target.dtype == .int64 ? target : target.to(.int64)).unsqueeze(axis)
        return classes .== wanted
    }
}
