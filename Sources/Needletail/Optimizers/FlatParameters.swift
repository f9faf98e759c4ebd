import TensorGraph
import TensorRuntime

/// Parameters of one device and dtype in one flat tensor, their state in flat tensors beside it.
///
/// The parameters are parts of the flat tensor, so that any number of them is updated by one kernel, in place: once they
/// are parts of the next one, nothing holds the old.
///
/// Parameters that nothing differentiates (`requiresGrad` false) take no part until they require gradients.
struct FlatParameters {
    let parameters: [Parameter]
    /// Where each parameter begins, and the number of all elements at the end.
    let starts: [Int]
    let layout: ParameterLayout
    let context: DeviceContext
    /// Steps that each parameter has made.
    var steps: [Int]
    /// Tensors of the shape of `value`, in the order of the rule's names.
    var state: [Tensor]
    private(set) var value: Tensor

    /// Makes the parameters parts. They are of one device and dtype.
    ///
    /// - Parameter state: for each parameter, its steps and its state; empty where it has none yet.
    init(
        _ parameters: [Parameter], names: [String], stateCount: Int, state saved: [(step: Int, tensors: [Tensor])]
    ) {
        self.parameters = parameters
        let values = parameters.map { $0.value.detach() }
        var starts = [0]
        for value in values { starts.append(starts.last! + value.elementCount) }
        self.starts = starts
        layout = ParameterLayout(names: names, shapes: values.map(\.shape))
        context = values[0].context
        steps = saved.map(\.step)
        value = FlatParameters.joined(values)
        state = (0..<stateCount).map { index in
            FlatParameters.joined(
                zip(values, saved).map { value, saved in
                    saved.tensors.isEmpty
                        ? Tensor.zerosLike(value)
                        : FlatParameters.moved(saved.tensors[index], to: value.context).cast(to: value.dtype)
                })
        }
        assignParts()
    }

    /// State on the device of its parameter, which may have been moved. Where it cannot be copied there, it is poisoned, and
    /// the next step throws why.
    private static func moved(_ state: Tensor, to context: DeviceContext) -> Tensor {
        if state.context === context { return state }
        do throws(TensorError) {
            let bytes = try state.detach().bytes()
            return bytes.withUnsafeBytes { Tensor.host($0, shape: state.shape, dtype: state.dtype, in: context) }
        } catch {
            return Tensor(context.failed(error, shape: state.shape, dtype: state.dtype))
        }
    }

    private static func joined(_ tensors: [Tensor]) -> Tensor {
        // A copy even of one: nobody else's tensor is to be written over or held.
        if tensors.count == 1 {
            let only = tensors[0].reshape([tensors[0].elementCount])
            return Tensor.untracked(.pointwise(.identity), shape: only.shape, dtype: only.dtype, only)
        }
        return Tensor.concatenate(tensors.map { $0.reshape([$0.elementCount]) }, axis: 0)
    }

    /// Puts other tensors in place of the value and the state: the same numbers at other places, or those of before.
    mutating func replace(value: Tensor, state: [Tensor]) {
        self.value = value
        self.state = state
        assignParts()
    }

    /// Whether all parameters still hold what they were last assigned here, and still require gradients.
    var isCurrent: Bool {
        parameters.allSatisfy { $0.isDifferentiatedPart(of: value) }
    }

    /// The state of parameter `index`, of its shape.
    func state(of index: Int) -> (step: Int, tensors: [Tensor]) {
        (steps[index], steps[index] == 0 ? [] : state.map { view(of: $0, index) })
    }

    private func view(of flat: Tensor, _ index: Int) -> Tensor {
        Tensor(context.part(of: flat.handle, from: starts[index], shape: parameters[index].shape))
    }

    private func assignParts() {
        for (index, parameter) in parameters.enumerated() { parameter.replace(partOf: value, from: starts[index]) }
    }

    /// The scalars of the next step of parameters that have made equally many, found by tracing it.
    func tracedNumbers(_ rule: some UpdateRule, _ range: Range<Int>) -> [Scalar] {
        let segment = Segment(range: range, isUpdated: true, steps: steps[range.lowerBound])
        let isWhole = range == parameters.indices
        let old = isWhole ? value : part(of: value, segment)
        var parts = isWhole ? state : state.map { part(of: $0, segment) }
        let first = context.nextValueID
        let result = updated(rule, old, old, &parts, segment)
        return context.tracedScalars(since: first, with: result.handle)
    }

    // MARK: The step

    /// Parameters next to each other that a step treats alike.
    private struct Segment {
        var range: Range<Int>
        /// Whether they have gradients; the others stay as they are.
        var isUpdated: Bool
        /// Steps made before this one.
        var steps: Int
    }

    /// Traces a step of all parameters that have a gradient. There is no ``gradientProblem()``.
    ///
    /// - Parameters:
    ///   - flatGradient: the gradients in one tensor, where the caller has them so.
    ///   - onUpdate: called after each call of the rule; nothing of this may be asked there.
    mutating func traceUpdate(
        _ rule: some UpdateRule, flatGradient: Tensor?, onUpdate: ((CapturedUpdate) -> Void)? = nil
    ) {
        let gradients = parameters.map(\.grad)
        let segments = segments(gradients)
        guard segments.contains(where: \.isUpdated) else { return }
        takeRowScales()
        var values: [Tensor] = []
        var states: [[Tensor]] = state.map { _ in [] }
        for segment in segments {
            let isWhole = segments.count == 1
            let old = isWhole ? value : part(of: value, segment)
            var parts = isWhole ? state : state.map { part(of: $0, segment) }
            if segment.isUpdated {
                let gradient = flatGradient ?? joinedGradients(gradients, segment)
                let first = onUpdate == nil ? 0 : context.nextValueID
                values.append(updated(rule, old, gradient, &parts, segment))
                onUpdate?(
                    CapturedUpdate(
                        range: segment.range, step: segment.steps + 1, result: values.last!, firstValue: first))
                for index in segment.range { steps[index] += 1 }
            } else {
                values.append(old)
            }
            for (index, part) in parts.enumerated() { states[index].append(part) }
        }
        value = values.count == 1 ? values[0] : Tensor.concatenate(values, axis: 0)
        state = states.map { $0.count == 1 ? $0[0] : Tensor.concatenate($0, axis: 0) }
        assignParts()
    }

    /// The rule's new value and state. Of float16 and bfloat16 it computes in float32, and what it makes is rounded once.
    private func updated(
        _ rule: some UpdateRule, _ value: Tensor, _ gradient: Tensor, _ state: inout [Tensor], _ segment: Segment
    ) -> Tensor {
        let (step, layout) = (segment.steps + 1, layout.part(segment.range))
        let dtype = value.dtype
        guard dtype.isShortFloat, !rule.widensItself else {
            return rule.update(value, gradient: gradient, state: &state, step: step, layout: layout)
        }
        var wide = state.map { $0.cast(to: .float32) }
        let result = rule.update(
            value.cast(to: .float32), gradient: gradient.cast(to: .float32), state: &wide, step: step, layout: layout)
        state = wide.map { $0.cast(to: dtype) }
        return result.cast(to: dtype)
    }

    /// Takes the factors of rows that are pending into the value.
    mutating func takeRowScales() {
        var hasTaken = false
        for (index, parameter) in parameters.enumerated() {
            guard let scale = parameter.rowScale else { continue }
            value = scaled(by: scale, index)
            hasTaken = true
        }
        if hasTaken { assignParts() }
    }

    /// The value with the rows of a parameter multiplied by their numbers: one pass with the step that reads it.
    private func scaled(by scale: Tensor, _ index: Int) -> Tensor {
        let whole = starts[starts.count - 1]
        let count = starts[index + 1] - starts[index]
        let rows = scale.elementCount
        let target: Shape = [rows, count / rows]
        if count == whole { return value * scale.along(0, of: target).viewed(as: [whole]) }
        let place = value.indices([whole]) - starts[index]
        let isInside = (place .>= 0).logicalAnd(place .< count)
        let row = Tensor.select(isInside, .tensor(place.floorDivide(count / rows)), .scalar(.int(0)))
        let factor = scale.gathered(axis: 0, row)
        return value * Tensor.select(isInside, .tensor(factor), .scalar(.float(1)))
    }

    /// The error of the first gradient that cannot change its parameter: it failed itself, or is none of that parameter.
    /// The latter is a wrong call.
    func gradientProblem() -> (error: TensorError, isWrongCall: Bool)? {
        for parameter in parameters {
            guard let gradient = parameter.grad else { continue }
            if let failure = gradient.handle.failure { return (failure, false) }
            let shape = parameter.shape
            if gradient.shape == shape, gradient.context === context { continue }
            let error = TensorError(
                .invalidArgument,
                "step: a gradient of shape \(gradient.shape) on \(gradient.device) for a parameter of shape \(shape) on "
                    + "\(context.deviceID); assign gradients of the parameter's shape and device")
            return (error, true)
        }
        return nil
    }

    private func segments(_ gradients: [Tensor?]) -> [Segment] {
        var result: [Segment] = []
        for index in parameters.indices {
            let isUpdated = gradients[index] != nil
            if let last = result.last, last.isUpdated == isUpdated, !isUpdated || last.steps == steps[index] {
                result[result.count - 1].range = last.range.lowerBound..<index + 1
            } else {
                result.append(Segment(range: index..<index + 1, isUpdated: isUpdated, steps: steps[index]))
            }
        }
        return result
    }

    private func part(of flat: Tensor, _ segment: Segment) -> Tensor {
        flat.slice(axis: 0, from: starts[segment.range.lowerBound], to: starts[segment.range.upperBound])
    }

    private func joinedGradients(_ gradients: [Tensor?], _ segment: Segment) -> Tensor {
        var lines: [Handle] = []
        lines.reserveCapacity(segment.range.count)
        for index in segment.range {
            let gradient = gradients[index]!.detach().cast(to: value.dtype)
            let line: Shape = [starts[index + 1] - starts[index]]
            lines.append(
                gradient.shape == line
                    ? gradient.handle : context.trace(.reshape, shape: line, dtype: value.dtype, gradient.handle))
        }
        if lines.count == 1 { return Tensor(lines[0]) }
        let count = starts[segment.range.upperBound] - starts[segment.range.lowerBound]
        return Tensor(context.trace(.concatenate(axis: 0), shape: [count], dtype: value.dtype, more: lines))
    }

    // MARK: Clipping

    /// All gradients in one tensor; nil where a parameter has none.
    func flatGradient() -> Tensor? {
        let gradients = parameters.map(\.grad)
        guard !gradients.contains(where: { $0 == nil }) else { return nil }
        if let problem = gradientProblem() {
            if problem.isWrongCall { WrongCall.report(problem.error, at: nil) }
            return Tensor(context.failed(problem.error, shape: value.shape, dtype: value.dtype))
        }
        return joinedGradients(gradients, Segment(range: parameters.indices, isUpdated: true, steps: 0))
    }

    /// Makes the gradients views of `flat`.
    ///
    /// - Returns: the views' numbers.
    func assignGradients(_ flat: Tensor) -> [UInt64] {
        parameters.indices.map { index in
            let view = view(of: flat, index)
            parameters[index].grad = view
            return view.handle.valueID
        }
    }

    /// Whether the gradients are still the views that ``assignGradients(_:)`` made.
    func haveGradients(withIDs ids: [UInt64]) -> Bool {
        zip(parameters, ids).allSatisfy { parameter, id in
            guard let gradient = parameter.grad else { return false }
            return gradient.handle.valueID == id && gradient.context === context
        }
    }
}
