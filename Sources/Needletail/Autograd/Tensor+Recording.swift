import TensorGraph
import TensorRuntime

extension Tensor {
    /// Adds an operation to the trace and, where an operand requires gradients, to the tape.
    ///
    /// Operands have the shapes and dtypes that the operation wants. `pullback` is called only where the operation is
    /// recorded, so that a closure is made only then. An operand that is a scalar is nil.
    ///
    /// What all operations share is one copy of its code, in functions that get no closure to call (for each of those the
    /// compiler makes a copy for each closure, inlined or not): between the kernels of two steps the processor's caches
    /// forget what code there was, and fetching it again is half of what tracing costs.
    @inline(__always)
    static func traced(
        _ operation: NodeOperation, shape: Shape, dtype: DType, _ a: Tensor, _ b: Tensor? = nil, _ c: Tensor? = nil,
        scalar0: Scalar = .int(0), scalar1: Scalar = .int(0), starts: Shape = Shape(), savesOutput: Bool = false,
        pullback: () -> Pullback
    ) -> Tensor {
        traced(
            operation, shape: shape, dtype: dtype, a, b, c, scalar0: scalar0, scalar1: scalar1, starts: starts,
            savesOutput: savesOutput, function: recorded(a, b, c, pullback: pullback))
    }

    @inline(never)
    private static func traced(
        _ operation: NodeOperation, shape: Shape, dtype: DType, _ a: Tensor, _ b: Tensor?, _ c: Tensor?,
        scalar0: Scalar, scalar1: Scalar, starts: Shape, savesOutput: Bool, function: GradientFunction?
    ) -> Tensor {
        var tag: (any AnyObject & Sendable)? = function
        if a.handle.tag != nil, !dtype.isFloat, operation.isView {
            tag = a.knowledge(of: operation, shape: shape, dtype: dtype)
        }
        let handle = a.context.trace(
            operation, shape: shape, dtype: dtype, a.handle, b?.handle, c?.handle, scalar0: scalar0, scalar1: scalar1,
            starts: starts, tag: tag)
        if savesOutput, let function { function.save(output: handle.retagged(nil)) }
        return Tensor(handle)
    }

    /// The step of the tape for an operation on these operands; nil where it is not recorded.
    @inline(__always)
    static func recorded(
        _ a: Tensor, _ b: Tensor? = nil, _ c: Tensor? = nil, pullback: () -> Pullback
    ) -> GradientFunction? {
        isRecorded(a, b, c) ? step(a, b, c, pullback()) : nil
    }

    /// Whether an operation on these operands belongs on the tape.
    @inline(never)
    private static func isRecorded(_ a: Tensor, _ b: Tensor?, _ c: Tensor?) -> Bool {
        (a.requiresGrad || b?.requiresGrad == true || c?.requiresGrad == true)
            && ExecutionContext.current.recordsGradients
    }

    @inline(never)
    private static func step(_ a: Tensor, _ b: Tensor?, _ c: Tensor?, _ pullback: @escaping Pullback)
        -> GradientFunction
    {
        GradientFunction(
            GradientFunction.Links(
                first: a.gradientFunction, second: b?.gradientFunction, third: c?.gradientFunction,
                pullback: pullback))
    }

    /// Adds an operation without a gradient to the trace.
    @inline(__always)
    static func untracked(
        _ operation: NodeOperation, shape: Shape, dtype: DType, _ a: Tensor, _ b: Tensor? = nil, _ c: Tensor? = nil,
        scalar0: Scalar = .int(0), scalar1: Scalar = .int(0), starts: Shape = Shape()
    ) -> Tensor {
        Tensor(
            a.context.trace(
                operation, shape: shape, dtype: dtype, a.handle, b?.handle, c?.handle, scalar0: scalar0,
                scalar1: scalar1, starts: starts))
    }

    /// Gives the result of a composite one pullback of its own in place of its steps'. `forward` is not recorded.
    static func composite(
        _ a: Tensor, _ b: Tensor? = nil, _ c: Tensor? = nil, savesOutput: Bool = false, forward: () -> Tensor,
        pullback: () -> Pullback
    ) -> Tensor {
        guard let function = recorded(a, b, c, pullback: pullback) else { return forward() }
        let result = withRecording(false, forward)
        if savesOutput { function.save(output: result.handle.retagged(nil)) }
        return Tensor(result.handle.retagged(function))
    }

    /// A function of `inputs` with a gradient of one's own.
    ///
    /// - Parameters:
    ///   - inputs: the tensors that gradients flow to.
    ///   - forward: computes the result; its steps are not recorded.
    ///   - pullback: gives, for each of `inputs`, its gradient (of its shape) or nil, from the result's gradient and the
    ///     result. Write it in tensor operations, and capture the tensors it needs: then it can be differentiated again.
    public static func custom(
        _ inputs: [Tensor], forward: () -> Tensor,
        pullback: @escaping @Sendable (_ gradient: Tensor, _ output: Tensor) -> [Tensor?]
    ) -> Tensor {
        guard inputs.contains(where: \.requiresGrad), ExecutionContext.current.recordsGradients else {
            return withRecording(false, forward)
        }
        let result = withRecording(false, forward)
        // Integers are flat.
        guard result.dtype.isFloat else { return result }
        let links = GradientFunction.Links(more: inputs.map(\.gradientFunction)) { arguments in
            InputGradients(all: pullback(arguments.gradient, arguments.output))
        }
        let function = GradientFunction(links)
        function.save(output: result.handle.retagged(nil))
        return Tensor(result.handle.retagged(function))
    }
}
