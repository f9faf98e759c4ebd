import TensorGraph
import TensorRuntime

extension Tensor {
    /// A float32 in 0..<1 for each element of this tensor's shape, or of `shape`, where this tensor is.
    ///
    /// The generator's place in the stream travels as a scalar, so that a plan is the same every step.
    func uniformNumbers(_ generator: Generator = .current, shape: Shape? = nil) -> Tensor {
        let shape = shape ?? self.shape
        let start = generator.reserve(shape.elementCount)
        let index = Tensor(context.trace(.index, shape: shape, dtype: .int64))
        let drawn = Tensor.untracked(
            .pointwise(.randomUniform), shape: shape, dtype: .float32, index,
            scalar0: .int(Int64(bitPattern: start.key)), scalar1: .int(Int64(bitPattern: start.offset)))
        if let capture = Capture.current { capture.attach(start, of: generator, to: drawn.handle) }
        return drawn
    }

    /// This tensor with elements set to 0 with a probability, the others scaled by `1 / (1 - probability)`. Where `unit` is
    /// given, of a shape that broadcasts to this one's, the elements that it repeats over go together.
    func droppedOut(_ probability: Double, over unit: Shape? = nil) -> Tensor {
        if probability <= 0 { return self }
        if probability >= 1 { return self * 0 }
        let isKept = uniformNumbers(shape: unit) .>= probability
        return Tensor.where(isKept, self * (1 / (1 - probability)), 0)
    }
}
