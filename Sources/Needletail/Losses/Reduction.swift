import TensorRuntime

/// What a loss does with the losses of its elements.
public enum Reduction: String, Hashable, Sendable, CaseIterable {
    /// Gives them all.
    case none
    case mean
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
