// Clipping joins the trace of the backward pass and of the step: nothing is read on the host.

extension Optimizer {
    /// Scales all gradients so that their norm, taken together, is at most `maximum`, as
    /// [clip_grad_norm_](https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html):
    /// by `min(1, maximum / (norm + 1e-6))`.
    ///
    /// The gradients stay in one flat tensor, so that the step after it is still one kernel.
    ///
    /// All parameters are on one device.
    ///
    /// - Returns: the norm before, of rank 0.
    @discardableResult
    public func clipGradientNorm(_ maximum: Double) -> Tensor {
        withNoGrad {
            let parts = groups.map { $0.gradientParts() }
            guard let norm = totalNorm(parts.flatMap { $0 }) else { return Tensor.zeros([]) }
            let scale = Tensor.minimum((norm + 1e-6).reciprocal() * maximum, 1)
            for (group, parts) in zip(groups, parts) {
                group.replaceGradients(parts[...]) { $0 * scale }
            }
            return norm
        }
    }

    /// Limits every element of the gradients to `-limit...limit`, as
    /// [clip_grad_value_](https://pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_value_.html).
    public func clipGradientValue(_ limit: Double) {
        withNoGrad {
            for group in groups {
                group.replaceGradients(group.gradientParts()[...]) { $0.clamp(min: -limit, max: limit) }
            }
        }
    }
}

/// Scales the gradients of any parameters so that their norm, taken together, is at most `maximum`.
///
/// An optimizer's own ``Optimizer/clipGradientNorm(_:)`` is faster.
///
/// - Returns: the norm before, of rank 0.
@discardableResult
public func clipGradientNorm(_ parameters: [Parameter], _ maximum: Double) -> Tensor {
    withNoGrad {
        let holders = parameters.filter { $0.grad != nil }
        guard let norm = totalNorm(holders.map { $0.grad!.detach() }) else { return Tensor.zeros([]) }
        let scale = Tensor.minimum((norm + 1e-6).reciprocal() * maximum, 1)
        for holder in holders { holder.grad = holder.grad!.detach() * scale }
        return norm
    }
}

/// Limits every element of the gradients of any parameters to `-limit...limit`.
public func clipGradientValue(_ parameters: [Parameter], _ limit: Double) {
    withNoGrad {
        for parameter in parameters {
            if let gradient = parameter.grad { parameter.grad = gradient.detach().clamp(min: -limit, max: limit) }
        }
    }
}

/// The Euclidean norm of all elements of all tensors; nil of none.
private func totalNorm(_ tensors: [Tensor]) -> Tensor? {
    guard let first = tensors.first else { return nil }
    let sum = tensors.dropFirst().reduce(first.square().sum()) { $0 + $1.square().sum() }
    return sum.sqrt()
}
