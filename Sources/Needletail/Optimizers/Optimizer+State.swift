/// What an optimizer has to remember between two runs: steps and state of each parameter, as in PyTorch's `state_dict`.
public struct OptimizerState: Sendable {
    /// Steps made by each parameter, in the order of ``Optimizer/parameters``.
    public var steps: [Int]
    /// `3.exp_avg` for the fourth parameter, of its shape; parameters without a step have none.
    public var tensors: StateDictionary

    /// To be given to ``Optimizer/load(_:)``, which checks that it fits.
    public init(steps: [Int], tensors: StateDictionary) {
        self.steps = steps
        self.tensors = tensors
    }
}

extension Optimizer {
    /// Steps and state of the groups.
    final var ownState: OptimizerState {
        var result = OptimizerState(steps: [], tensors: StateDictionary())
        for group in groups {
            for index in group.parameters.indices {
                let number = result.steps.count
                let (step, tensors) = group.state(of: index)
                result.steps.append(step)
                for (name, tensor) in zip(group.rule.stateNames, tensors) {
                    result.tensors["\(number).\(name)"] = tensor
                }
            }
        }
        return result
    }

    /// Goes on from ``ownState``.
    final func restore(_ state: OptimizerState) throws(TensorError) {
        let parameters = parameters
        guard state.steps.count == parameters.count, state.steps.allSatisfy({ $0 >= 0 }) else {
            throw TensorError(
                .data,
                "optimizer state: of \(state.steps.count) parameters, but there are \(parameters.count); load "
                    + "the state of this model's optimizer")
        }
        var number = 0
        var restored: [[(step: Int, tensors: [Tensor])]] = []
        for group in groups {
            var states: [(step: Int, tensors: [Tensor])] = []
            for parameter in group.parameters {
                let step = state.steps[number]
                var tensors: [Tensor] = []
                for name in step == 0 ? [] : group.rule.stateNames {
                    let key = "\(number).\(name)"
                    guard let tensor = state.tensors[key], tensor.shape == parameter.shape,
                        tensor.dtype.isFloat == parameter.dtype.isFloat
                    else {
                        let found = state.tensors[key].map { "is \($0.dtype)\($0.shape)" } ?? "is missing"
                        throw TensorError(
                            .data,
                            "optimizer state: '\(key)' \(found), not \(parameter.dtype)\(parameter.shape); load the state of "
                                + "this model's optimizer")
                    }
                    let isThere = tensor.context === parameter.value.context
                    tensors.append(isThere ? tensor : try tensor.detach().to(device: parameter.device))
                }
                states.append((step, tensors))
                number += 1
            }
            restored.append(states)
        }
        for (group, states) in zip(groups, restored) { group.restore(states) }
    }
}
