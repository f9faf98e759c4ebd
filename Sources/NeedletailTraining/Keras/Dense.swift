import Needletail
import TensorRuntime

/// An affine map and an activation, as [keras.layers.Dense](https://keras.io/api/layers/core_layers/dense/): input `[..., inputs]`,
/// output `[..., units]`. How many inputs there are it learns at its first call; weights are Glorot's, biases begin at 0.
///
/// Before the first call it has no parameters: an optimizer is made after it, as ``KerasModel`` does.
public final class Dense: UnaryLayer {
    /// What an output goes through.
    public struct Activation: Sendable {
        let name: String
        let function: @Sendable (Tensor) -> Tensor

        /// An activation of one's own.
        public init(_ name: String, _ function: @escaping @Sendable (Tensor) -> Tensor) {
            self.name = name
            self.function = function
        }

        /// The input as it is.
        public static let linear = Activation("linear") { $0 }
        /// `x < 0 ? 0 : x`
        public static let relu = Activation("relu") { $0.relu() }
        /// `1 / (1 + exp(-x))`
        public static let sigmoid = Activation("sigmoid") { $0.sigmoid() }
        /// The hyperbolic tangent.
        public static let tanh = Activation("tanh") { $0.tanh() }
        /// `x Φ(x)`
        public static let gelu = Activation("gelu") { $0.gelu() }
        /// Over the last axis.
        public static let softmax = Activation("softmax") { $0.softmax(axis: -1) }
    }

    private let units: Int
    private let hasBias: Bool
    private let activation: Activation
    private let site: CallSite
    private var layer: Linear?

    /// - Parameters:
    ///   - units: outputs, 1 or more.
    ///   - useBias: whether a number is added to each.
    public init(
        _ units: Int, activation: Activation = .linear, useBias: Bool = true, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        site = CallSite(file, line)
        if units < 1 {
            WrongCall.report("Dense(\(units))", "no number of outputs", remedy: "give 1 or more", at: site)
        }
        self.units = Swift.max(units, 1)
        hasBias = useBias
        self.activation = activation
    }

    /// `weight` `[units, inputs]` and `bias` `[units]`; nothing before the first call.
    public var members: [ModuleMember] { layer?.members ?? [] }

    /// What `print` writes between the parentheses.
    public var configuration: String {
        "units=\(units), activation=\(activation.name), inputs=\(layer.map { "\($0.weight.shape[1])" } ?? "unknown")"
    }

    /// Maps the last axis; the first call makes the weights.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard input.rank > 0, input.dtype.isFloat else {
            return input.invalid(
                "Dense(\(units))", "input \(input.dtype)\(input.shape)", remedy: "give floats [..., inputs]", [input],
                at: site)
        }
        if layer == nil { layer = made(for: input) }
        return activation.function(layer!(input))
    }

    private func made(for input: Tensor) -> Linear {
        let inputs = input.shape[input.rank - 1]
        return withDeviceContext(input.context) {
            let made = Linear(inputs, units, bias: hasBias, dtype: input.dtype)
            made.weight.assign(Initialization.xavierUniform([units, inputs]).to(input.dtype))
            if let bias = made.bias { bias.assign(Tensor.zeros([units], dtype: input.dtype)) }
            return made
        }
    }
}
