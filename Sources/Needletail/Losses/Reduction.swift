import TensorRuntime

/// What a loss does with the losses of its elements.
public enum Reduction: String, Hashable, Sendable, CaseIterable {
    /// Gives them all.
    case none
    /// One number, rank 0: their mean over batch and places, as each loss counts them.
    case mean
    /// One number, rank 0: their sum over batch and places.
    case sum
}

extension Tensor {
    func reduced(by reduction: Reduction) -> Tensor {
        switch reduction {
        case .none: self
        case .mean: mean()
        case .sum: sum()
        }
    }

    /// The losses by a weight that broadcasts to them, through which no gradient flows.
    func weighted(by weight: Tensor?) -> Tensor {
        guard let weight else { return self }
        return self * weight.detach().to(dtype)
    }
}

/// The poisoned result where a loss's operands differ in shape.
func checkedTarget(
    _ loss: String, _ input: Tensor, _ target: Tensor, _ file: StaticString, _ line: UInt
) -> Tensor? {
    guard input.shares(target) else { return input.deviceMismatch(loss, target, at: CallSite(file, line)) }
    guard input.shape == target.shape else {
        return input.invalid(
            loss, "input \(input.shape) and target \(target.shape) differ", remedy: "give both one shape",
            [input, target], file, line)
    }
    return nil
}

/// The poisoned result where a loss's weight is elsewhere, or does not broadcast to the input.
func checkedWeight(
    _ loss: String, _ input: Tensor, _ weight: Tensor?, as name: String = "weight", _ file: StaticString, _ line: UInt
) -> Tensor? {
    guard let weight else { return nil }
    guard input.shares(weight) else { return input.deviceMismatch(loss, weight, at: CallSite(file, line)) }
    guard weight.shape.broadcast(with: input.shape) == input.shape else {
        return input.invalid(
            loss, "\(name) \(weight.shape) does not broadcast to input \(input.shape)",
            remedy: "give one number for each element, or a shape with extents of 1", [input, weight], file, line)
    }
    return nil
}

/// The poisoned result where a number is not what a loss can be computed with.
func checkedNumber(
    _ loss: String, _ input: Tensor, _ name: String, _ value: Double, isRight: Bool, remedy: String,
    _ file: StaticString, _ line: UInt
) -> Tensor? {
    isRight ? nil : input.invalid(loss, "\(name) of \(value)", remedy: remedy, [input], file, line)
}
