import TensorGraph
import TensorRuntime

/// A tensor that training changes: a name for a current value, and the gradient by it.
///
/// Tensors are values, so a value read earlier stays as it was when the parameter is assigned. Tied weights share one
/// parameter.
public final class Parameter: Sendable {
    private struct State {
        /// The current value; nil until it is asked for, where the parameter is a part.
        var handle: Handle?
        var part: Part?
        /// What each row of the part is multiplied by, since the optimizer last wrote it.
        var rowScale: Tensor?
        /// What the value is computed by, where it has neither a handle nor a part.
        var parametrization: (any Parametrization)?
        var shape: Shape
        var requiresGrad: Bool
    }

    /// A place in an optimizer's flat tensor.
    private struct Part {
        var flat: Handle
        var start: Int
    }

    private let leaf: GradientFunction
    private let accumulator: GradientAccumulator
    private let state: Lock<State>

    /// A parameter with the value of `tensor`, whose past is forgotten.
    public init(
        _ tensor: Tensor, requiresGrad: Bool = true, file: StaticString = #fileID, line: UInt = #line
    ) {
        if requiresGrad, !tensor.dtype.isFloat { Parameter.reportNoGradient(of: tensor.dtype, CallSite(file, line)) }
        accumulator = GradientAccumulator()
        leaf = GradientFunction(leaf: accumulator)
        let handle = tensor.handle.retagged(requiresGrad ? leaf : nil)
        state = Lock(
            State(
                handle: handle, part: nil, rowScale: nil, parametrization: nil, shape: tensor.shape,
                requiresGrad: requiresGrad))
    }

    @inline(never)
    private static func reportNoGradient(of dtype: DType, _ site: CallSite?) {
        WrongCall.report(
            "Parameter", "only float tensors have gradients, and this is \(dtype)",
            remedy: "cast it, to(.float32), or pass requiresGrad: false", at: site)
    }

    /// The current value. Gradients flow to the parameter through it.
    public var value: Tensor {
        if let capture = Capture.current { _ = note(in: capture) }
        let (handle, part, shape, tag) = state.withLock { ($0.handle, $0.part, $0.shape, $0.requiresGrad ? leaf : nil) }
        if let handle { return Tensor(handle) }
        guard let part else { return parametrization!.value() }
        if let scale = rowScale { return scaledPart(part, shape, scale, tag) }
        // Outside of the lock: where traces have reached their bound, this evaluates them.
        let view = part.flat.context.part(of: part.flat, from: part.start, shape: shape, tag: tag)
        state.withLock { state in
            guard state.handle == nil, state.part?.flat === part.flat, state.requiresGrad == (tag != nil) else {
                return
            }
            state.handle = view
        }
        return Tensor(view)
    }
    /// The current value; another name of ``value``.
    public var tensor: Tensor { value }

    /// The value of a part whose rows are scaled: not kept, so that what reads a few rows computes no others.
    @inline(never)
    private func scaledPart(_ part: Part, _ shape: Shape, _ scale: Tensor, _ tag: GradientFunction?) -> Tensor {
        let rows = Tensor(part.flat.context.part(of: part.flat, from: part.start, shape: shape))
        let value = withNoGrad { rows * scale.along(0, of: shape) }
        return Tensor(value.handle.retagged(tag))
    }

    /// What the rows of an optimizer's part are multiplied by, which the optimizer's next step does in its tensor; nil: nothing.
    var rowScale: Tensor? { state.withLock { $0.rowScale } }

    /// Multiplies each row by its number, of a vector of this dtype. A part of an optimizer's tensor stays one: nothing is made
    /// flat again.
    func scaleRows(by scale: Tensor) {
        if scale.elementCount == 0 { return }
        let isPart = state.withLock { $0.part != nil }
        guard isPart, Capture.current == nil else {
            assign((value * scale.along(0, of: shape)).detach())
            return
        }
        let whole = rowScale.map { $0 * scale } ?? scale
        change { state in
            state.handle = nil
            state.rowScale = whole
        }
    }

    /// That of the value; a parameter keeps it for life.
    public var shape: Shape { state.withLock { $0.shape } }
    /// That of the value, and of the gradient.
    public var dtype: DType { source.dtype }
    /// Where the value lies.
    public var device: DeviceID { source.context.deviceID }

    /// What has the parameter's dtype and device.
    private var source: Handle {
        let (own, parametrization) = state.withLock { ($0.part?.flat ?? $0.handle, $0.parametrization) }
        return own ?? parametrization!.originals[0].source
    }

    /// How the value is computed from other parameters; nil where it is one of its own.
    var parametrization: (any Parametrization)? { state.withLock { $0.parametrization } }

    /// Whether the value lies in an optimizer's tensor.
    var isPart: Bool { state.withLock { $0.part != nil } }

    /// Makes the value one that is computed from other parameters, or again one of its own.
    func parametrize(_ parametrization: (any Parametrization)?, value: Tensor? = nil) {
        change { state in
            state.handle = value?.handle.retagged(nil)
            state.part = nil
            state.rowScale = nil
            state.parametrization = parametrization
        }
    }

    /// Makes `tensor`, without its past, the current value. Its shape, dtype and device are the parameter's.
    public func assign(_ tensor: Tensor, file: StaticString = #fileID, line: UInt = #line) {
        guard tensor.shape == shape, tensor.dtype == dtype, tensor.device == device else {
            _ = tensor.invalid(
                "assign",
                "\(tensor.dtype)\(tensor.shape) on \(tensor.device) to a parameter of \(dtype)\(shape) on \(device)",
                remedy: "reshape, cast or move the tensor", [tensor], file, line)
            return
        }
        replace(tensor)
    }

    /// Makes `tensor` the current value, of any device: what moving a model does.
    func replace(_ tensor: Tensor) {
        if let parametrization { return parametrization.assign(tensor) }
        let capture = Capture.current
        if let capture, !note(in: capture, isReplaced: true) { return }
        defer { capture?.didChange(self) }
        change { state in
            state.handle = tensor.handle.retagged(state.requiresGrad ? leaf : nil)
            state.part = nil
            state.rowScale = nil
            state.shape = tensor.shape
        }
    }

    /// Makes the elements of `flat` from `start` on the current value. They become a tensor when they are asked for, so
    /// that a step of an optimizer traces nothing for its parameters.
    func replace(partOf flat: Tensor, from start: Int) {
        change { state in
            state.handle = nil
            state.part = Part(flat: flat.handle, start: start)
            state.rowScale = nil
        }
    }

    /// Whether the value is still the part of `flat` that an optimizer made it, and gradients flow to it.
    func isDifferentiatedPart(of flat: Tensor) -> Bool {
        state.withLock { $0.requiresGrad && $0.part?.flat === flat.handle }
    }

    /// Changes the state; what it held is released after the lock.
    private func change(_ body: (inout sending State) -> Void) {
        let old = state.withLock { state in
            let old = (state.handle, state.part, state.rowScale, state.parametrization)
            body(&state)
            return old
        }
        withExtendedLifetime(old) {}
    }

    /// The gradient added up by `backward()` since it was last nil.
    public var grad: Tensor? {
        get { accumulator.gradient }
        set { accumulator.gradient = newValue }
    }

    /// Forgets the gradient: ``grad`` is nil afterwards.
    public func zeroGrad() { accumulator.gradient = nil }

    /// Whether tensors computed from the parameter record gradients.
    public var requiresGrad: Bool {
        get { parametrization?.originals.contains(where: \.requiresGrad) ?? state.withLock { $0.requiresGrad } }
        set {
            if let parametrization {
                for original in parametrization.originals { original.requiresGrad = newValue }
                return
            }
            if newValue, !dtype.isFloat { Parameter.reportNoGradient(of: dtype, nil) }
            change { state in
                state.requiresGrad = newValue
                state.handle = state.part == nil ? state.handle!.retagged(newValue ? leaf : nil) : nil
            }
        }
    }
}

extension Parameter: CustomStringConvertible {
    /// The value, as PyTorch prints a parameter. Evaluates it.
    public var description: String { "Parameter containing:\n\(value)" }
}

/// A tensor that a layer keeps beside its parameters, as the running statistics of a batch normalisation.
public final class Buffer: Sendable {
    private let state: Lock<Tensor>

    /// A buffer with the value of `tensor`, whose past is forgotten.
    public init(_ tensor: Tensor) { state = Lock(tensor.detach()) }

    /// The current value.
    public var value: Tensor {
        if let capture = Capture.current { capture.own(self) }
        return state.withLock { $0 }
    }
    /// The current value; another name of ``value``.
    public var tensor: Tensor { value }

    /// That of the value; a buffer keeps it for life.
    public var shape: Shape { state.withLock { $0.shape } }
    /// That of the value.
    public var dtype: DType { state.withLock { $0.dtype } }

    /// Makes `tensor`, without its past, the current value. Its shape, dtype and device are the buffer's.
    public func assign(_ tensor: Tensor, file: StaticString = #fileID, line: UInt = #line) {
        let now = value
        guard tensor.shape == now.shape, tensor.dtype == now.dtype, tensor.device == now.device else {
            _ = tensor.invalid(
                "assign",
                "\(tensor.dtype)\(tensor.shape) on \(tensor.device) to a buffer of \(now.dtype)\(now.shape) on "
                    + "\(now.device)", remedy: "reshape, cast or move the tensor", [tensor], file, line)
            return
        }
        replace(tensor)
    }

    /// Makes `tensor` the current value, of any device.
    func replace(_ tensor: Tensor) {
        let capture = Capture.current
        capture?.own(self)
        defer { capture?.didChange(self) }
        let new = tensor.detach()
        let old = state.withLock { state in
            let old = state
            state = new
            return old
        }
        withExtendedLifetime(old) {}
    }
}

extension Parameter: Carrier {
    package var carriedCount: Int { 1 }
    package func carried(_ index: Int) -> Handle? { source }
    package func setCarried(_ handles: [Handle?]) {
        guard let handle = handles[0], state.withLock({ $0.part == nil }) else { return }
        replace(Tensor(handle))
    }
    package var carrierName: String { "a parameter's values" }

    /// A part of an optimizer's tensor is the optimizer's to replace.
    ///
    /// - Returns: whether the value may be replaced.
    private func note(in capture: Capture, isReplaced: Bool = false) -> Bool {
        // The originals are the carriers.
        if parametrization != nil { return true }
        guard state.withLock({ $0.part != nil }) else {
            capture.own(self)
            return true
        }
        if rowScale != nil {
            capture.refuse(
                "rows of a parameter of an optimizer were shortened since its last step; run one step before the capture"
            )
        }
        if isReplaced {
            capture.refuse(
                "a parameter of an optimizer is assigned in the step, so that the optimizer would take it in anew at each; "
                    + "assign it between replays and capture again")
        }
        capture.observe(self)
        return !isReplaced
    }
}

extension Buffer: Carrier {
    package var carriedCount: Int { 1 }
    package func carried(_ index: Int) -> Handle? { state.withLock { $0.handle } }
    package func setCarried(_ handles: [Handle?]) {
        guard let handle = handles[0] else { return }
        replace(Tensor(handle))
    }
    package var carrierName: String { "a buffer's values" }
}
