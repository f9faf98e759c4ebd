import TensorGraph
import TensorRuntime

/// A multi-dimensional array of one element type, on one device.
///
/// An immutable value: copying it copies a claim, never elements. Operations do no device work; they add to a trace,
/// which is evaluated when values are asked for (``scalars(as:)``, ``item()``, ``description``, ``evaluate()``).
public struct Tensor: Sendable {
    /// The claim on the value; its tag is the ``GradientFunction`` of floats, the ``KnownIntegers`` of integers, if any.
    package let handle: Handle

    package init(_ handle: Handle) { self.handle = handle }

    /// The extents, outermost first. Rank 0 is one element.
    public var shape: Shape { handle.shape }
    /// The element type.
    public var dtype: DType { handle.dtype }
    /// The number of dimensions.
    public var rank: Int { handle.shape.rank }
    /// The number of elements.
    public var elementCount: Int { handle.shape.elementCount }
    /// Where the elements are.
    public var device: DeviceID { handle.context.deviceID }

    /// The open device that runs this tensor's operations.
    package var context: DeviceContext { handle.context }

    /// The function that made the tensor, where gradients are recorded.
    var gradientFunction: GradientFunction? {
        guard let tag = handle.tag, dtype.isFloat else { return nil }
        // Only this module tags handles, and those of float tensors only with gradient functions.
        return unsafeDowncast(tag, to: GradientFunction.self)
    }

    /// Whether gradients flow to this tensor.
    public var requiresGrad: Bool { handle.tag != nil && dtype.isFloat }
}
