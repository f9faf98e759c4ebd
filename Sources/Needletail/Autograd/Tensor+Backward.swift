import TensorGraph
import TensorRuntime

extension Tensor {
    /// The same value without a past: gradients do not flow through the result.
    public func detach() -> Tensor { requiresGrad ? Tensor(handle.retagged(nil)) : self }

    /// The same value as a leaf of its own, by which
    /// ``gradients(of:withRespectTo:gradient:createGraph:retainGraph:file:line:)`` differentiates. The dtype is a float type.
    public func requiringGrad(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard dtype.isFloat else {
            return invalid(
                "requiringGrad", "only float tensors have gradients, and this is \(dtype)", remedy: "cast it first",
                [self], file, line)
        }
        return Tensor(handle.retagged(GradientFunction(leaf: GradientAccumulator())))
    }

    /// The gradient that ``backward(gradient:retainGraph:file:line:)`` left at a leaf of ``requiringGrad(file:line:)``.
    public var grad: Tensor? { gradientFunction?.accumulator?.gradient }

    /// Adds the gradient of this tensor to `grad` of every parameter it was computed from.
    ///
    /// The tape is consumed: afterwards the tensor holds only its value, and a second call is a programmer's error.
    ///
    /// - Parameters:
    ///   - gradient: the gradient by this tensor, of its shape; 1 where the tensor has one element.
    ///   - retainGraph: whether to keep the tape for another call.
    public func backward(
        gradient: Tensor? = nil, retainGraph: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) {
        guard let function = gradientFunction else {
            _ = invalid(
                "backward", "the tensor does not require gradients",
                remedy: "compute it from a Parameter that does, "
                    + "outside withNoGrad", [self], file, line)
            return
        }
        guard let seed = seed("backward", gradient, file, line) else { return }
        let complete = withRecording(false) {
            var pass = BackwardPass(retainsGraph: retainGraph)
            pass.seed(function, gradient: seed)
            return pass.run { function, gradient in function.accumulator?.add(gradient) }
        }
        if !complete { consumed("backward", file, line) }
    }

    /// The gradient to start from, checked.
    fileprivate func seed(
        _ operation: String, _ gradient: Tensor?, _ file: StaticString, _ line: UInt
    ) -> Tensor? {
        guard let gradient else {
            if elementCount == 1 { return filled(shape, .float(1), dtype: dtype) }
            _ = invalid(
                operation, "a tensor of shape \(shape) has no single gradient",
                remedy: "reduce it to one element with sum() or mean(), or pass gradient:", [self], file, line)
            return nil
        }
        guard shares(gradient) else {
            _ = deviceMismatch(operation, gradient, at: CallSite(file, line))
            return nil
        }
        guard gradient.shape == shape, gradient.dtype == dtype else {
            _ = invalid(
                operation, "gradient \(gradient.dtype)\(gradient.shape) is not of the tensor's \(dtype)\(shape)",
                remedy: "pass a gradient of the same shape and dtype", [self, gradient], file, line)
            return nil
        }
        return gradient
    }

    fileprivate func consumed(_ operation: String, _ file: StaticString, _ line: UInt) {
        _ = invalid(
            operation, "the graph has been consumed by an earlier backward pass",
            remedy: "pass retainGraph: true to the earlier one", [self], file, line)
    }
}

/// The gradients of `output` by tensors that it was computed from: parameters' tensors, leaves of `requiringGrad()`, or
/// tensors on the way. Nothing is added to any `grad`.
///
/// - Parameters:
///   - gradient: the gradient by `output`, of its shape; 1 where it has one element.
///   - createGraph: whether the results can be differentiated again; the tape is then kept.
///   - retainGraph: whether the tape is kept; as `createGraph` unless given.
/// - Returns: a gradient of each input's shape, nil where `output` does not depend on it.
public func gradients(
    of output: Tensor, withRespectTo inputs: [Tensor], gradient: Tensor? = nil, createGraph: Bool = false,
    retainGraph: Bool? = nil, file: StaticString = #fileID, line: UInt = #line
) -> [Tensor?] {
    for (index, input) in inputs.enumerated() where !input.requiresGrad {
        _ = input.invalid(
            "gradients", "input \(index) does not require gradients", remedy: "make it a leaf with requiringGrad()",
            [input], file, line)
        return inputs.map { _ in nil }
    }
    var results = [Tensor?](repeating: nil, count: inputs.count)
    guard let start = output.gradientFunction, let seed = output.seed("gradients", gradient, file, line) else {
        return results
    }
    let targets = inputs.map(\.gradientFunction)
    let complete = withRecording(createGraph) {
        var pass = BackwardPass(retainsGraph: retainGraph ?? createGraph)
        pass.seed(start, gradient: seed)
        return pass.run { function, gradient in
            for (index, target) in targets.enumerated() where target === function {
                results[index] = results[index].map { $0 + gradient } ?? gradient
            }
        }
    }
    if !complete { output.consumed("gradients", file, line) }
    return results
}
