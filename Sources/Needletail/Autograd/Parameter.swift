import Synchronization
import TensorGraph
import TensorRuntime

/// A tensor that training changes: a name for a current value, and the gradient by it.
///
/// Tensors are values, so a value read earlier stays as it was when the parameter is assigned. Tied weights share one
/// parameter.
public final class Parameter: Sendable {
    private struct State {
        var handle: Handle
        var requiresGrad: Bool
    }

    private let leaf: GradientFunction
    private let accumulator: GradientAccumulator
    private let state: Mutex<State>

    /// A parameter with the value of `tensor`, whose past is forgotten.
    public init(_ tensor: Tensor, requiresGrad: Bool = true) {
        accumulator = GradientAccumulator()
        leaf = GradientFunction(leaf: accumulator)
        let tag = requiresGrad ? leaf : nil
        state = Mutex(State(handle: tensor.handle.retagged(tag), requiresGrad: requiresGrad))
    }

    /// The current value. Gradients flow to the parameter through it.
    public var value: Tensor { Tensor(state.withLock { $0.handle }) }
    /// The current value; another name of ``value``.
    public var tensor: Tensor { value }

    public var shape: Shape { value.shape }
    public var dtype: DType { value.dtype }
    public var device: DeviceID { value.device }

    /// Makes `tensor`, without its past, the current value. Its shape, dtype and device are the parameter's.
    public func assign(_ tensor: Tensor, file: StaticString = #fileID, line: UInt = #line) {
        let now = value
        guard tensor.shape == now.shape, tensor.dtype == now.dtype else {
            _ = tensor.invalid(
                "assign", "\(tensor.dtype)\(tensor.shape) to a parameter of \(now.dtype)\(now.shape)",
                remedy: "reshape or cast the tensor", [tensor], file, line)
            return
        }
        replace(tensor)
    }

    /// Makes `tensor` the current value, of any device: what moving a model does.
    func replace(_ tensor: Tensor) {
        let old = state.withLock { state in
            let old = state.handle
            state.handle = tensor.handle.retagged(state.requiresGrad ? leaf : nil)
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
        get { state.withLock { $0.requiresGrad } }
        set {
            let old = state.withLock { state in
                let old = state.handle
                state.requiresGrad = newValue
                state.handle = old.retagged(newValue ? leaf : nil)
                return old
            }
            withExtendedLifetime(old) {}
        }
    }
}

/// A tensor that a layer keeps beside its parameters, as the running statistics of a batch normalisation.
public final class Buffer: Sendable {
    private let state: Mutex<Tensor>

    /// A buffer with the value of `tensor`, whose past is forgotten.
    public init(_ tensor: Tensor) { state = Mutex(tensor.detach()) }

    /// The current value.
    public var value: Tensor { state.withLock { $0 } }
    /// The current value; another name of ``value``.
    public var tensor: Tensor { value }

    public var shape: Shape { value.shape }
    public var dtype: DType { value.dtype }

    /// Makes `tensor`, without its past, the current value. Its shape and dtype are the buffer's.
    public func assign(_ tensor: Tensor, file: StaticString = #fileID, line: UInt = #line) {
        let now = value
        guard tensor.shape == now.shape, tensor.dtype == now.dtype else {
            _ = tensor.invalid(
                "assign", "\(tensor.dtype)\(tensor.shape) to a buffer of \(now.dtype)\(now.shape)",
                remedy: "reshape or cast the tensor", [tensor], file, line)
            return
        }
        replace(tensor)
    }

    /// Makes `tensor` the current value, of any device.
    func replace(_ tensor: Tensor) {
        let new = tensor.detach()
        let old = state.withLock { state in
            let old = state
            state = new
            return old
        }
        withExtendedLifetime(old) {}
    }
}
