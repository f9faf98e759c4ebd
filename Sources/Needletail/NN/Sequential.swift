/// Layers called one after another, as
/// [torch.nn.Sequential](https://pytorch.org/docs/stable/generated/torch.nn.Sequential.html). Names are `0.weight`,
/// `2.bias`, ... Messages of wrong calls begin with the layer's number: `3: Linear(11, 10): ...`.
///
///     let model = Sequential {
///         Flatten()
///         Linear(784, 128)
///         ReLU()
///         if dropout > 0 { Dropout(dropout) }
///         Linear(128, 10)
///     }
public final class Sequential: UnaryLayer {
    /// In the order in which they are called; the first one's number is 0.
    public let layers: [any UnaryLayer]

    /// For layers that a program computes. Without layers the result is the input.
    public init(_ layers: [any UnaryLayer]) { self.layers = layers }

    /// Layers one a line, with `if` and `for`.
    public convenience init(@SequentialBuilder _ layers: () -> [any UnaryLayer]) { self.init(layers()) }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        LayerPlace.within { place in
            var value = input
            for (index, layer) in layers.enumerated() {
                place.pointee.index = index
                value = layer(value)
                place.pointee.note(layer, made: value)
            }
            return value
        }
    }

    /// The layers by number, without a name of the array.
    public var members: [ModuleMember] {
        layers.enumerated().map { index, layer in ModuleMember(String(index), .module(layer)) }
    }
}

/// Lists of layers, one a line, with `if` and `for`.
@resultBuilder
public enum SequentialBuilder {
    public static func buildExpression(_ layer: any UnaryLayer) -> [any UnaryLayer] { [layer] }
    public static func buildExpression(_ layers: [any UnaryLayer]) -> [any UnaryLayer] { layers }
    public static func buildBlock(_ parts: [any UnaryLayer]...) -> [any UnaryLayer] { parts.flatMap { $0 } }
    public static func buildOptional(_ part: [any UnaryLayer]?) -> [any UnaryLayer] { part ?? [] }
    public static func buildEither(first part: [any UnaryLayer]) -> [any UnaryLayer] { part }
    public static func buildEither(second part: [any UnaryLayer]) -> [any UnaryLayer] { part }
    public static func buildArray(_ parts: [[any UnaryLayer]]) -> [any UnaryLayer] { parts.flatMap { $0 } }
}
