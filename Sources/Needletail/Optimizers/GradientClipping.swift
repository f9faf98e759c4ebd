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
                group.replaceGradients(parts[...]) { ($0 * scale).cast(to: $0.dtype) }
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
/// The gradients become views of one flat tensor for each dtype. Those that were not evaluated yet are written there by the
/// kernels that compute them, so that clipping adds one launch for any number of parameters of one dtype. Evaluated ones
/// are copied there first, each by a launch. All parameters are on one device.
///
/// - Returns: the norm before, of rank 0.
@discardableResult
public func clipGradientNorm(_ parameters: [Parameter], _ maximum: Double) -> Tensor {
    withNoGrad {
        let gradients = LooseGradients(of: parameters)
        guard let norm = totalNorm(gradients.flat) else { return Tensor.zeros([]) }
        let scale = Tensor.minimum((norm + 1e-6).reciprocal() * maximum, 1)
        gradients.replace { gradient in
            let wide = gradient.widened
            return (wide * scale.cast(to: wide.dtype)).cast(to: gradient.dtype)
        }
        return norm
    }
}

/// Limits every element of the gradients of any parameters to `-limit...limit`.
///
/// It costs as many launches as ``clipGradientNorm(_:_:)``.
public func clipGradientValue(_ parameters: [Parameter], _ limit: Double) {
    withNoGrad { LooseGradients(of: parameters).replace { $0.clamp(min: -limit, max: limit) } }
}

/// The gradients of parameters that no optimizer holds together, joined to one flat tensor for each device and dtype.
private struct LooseGradients {
    /// The parameters that have gradients, by their device and dtype, in the order of the first of each.
    private var members: [[Parameter]] = []
    /// Rank 1, in the order of `members`.
    private(set) var flat: [Tensor] = []

    init(of parameters: [Parameter]) {
        for parameter in parameters {
            guard let gradient = parameter.grad else { continue }
            let place = members.firstIndex { holders in
                let first = holders[0].grad!
                return first.context === gradient.context && first.dtype == gradient.dtype
            }
            if let place { members[place].append(parameter) } else { members.append([parameter]) }
        }
        flat = members.map { holders in
            Tensor.concatenate(holders.map { $0.grad!.detach().reshape([$0.shape.elementCount]) }, axis: 0)
        }
    }

    /// Makes the gradients views of `change` of the flat ones.
    func replace(_ change: (Tensor) -> Tensor) {
        for (holders, gradient) in zip(members, flat) {
            let changed = change(gradient)
            var start = 0
            for holder in holders {
                let end = start + holder.shape.elementCount
                holder.grad = changed.slice(axis: 0, from: start, to: end).reshape(holder.shape)
                start = end
            }
        }
    }
}

/// The Euclidean norm of all elements of all tensors; nil of none.
private func totalNorm(_ tensors: [Tensor]) -> Tensor? {
    func squares(_ tensor: Tensor) -> Tensor {
        (tensor.dtype.isShortFloat ? tensor.cast(to: .float32) : tensor).square().sum()
    }
    guard let first = tensors.first else { return nil }
    return tensors.dropFirst().reduce(squares(first)) { $0 + squares($1) }.sqrt()
}
