import TensorGraph
import TensorRuntime

/// In training, sets elements to 0 with a probability and scales the others by `1 / (1 - probability)`; in evaluation,
/// does nothing. As [torch.nn.Dropout](https://pytorch.org/docs/stable/generated/torch.nn.Dropout.html); any shape.
///
/// The mask comes from the current ``Generator`` when the layer is called: its place in the stream travels as a scalar,
/// so that a plan is the same every step.
public final class Dropout: UnaryLayer, Sendable {
    private let probability: Double
    private let mode = TrainingMode()

    /// - Parameter probability: 0...1.
    public init(_ probability: Double = 0.5, file: StaticString = #fileID, line: UInt = #line) {
        self.probability = probability
        if !isProbability { WrongCall.report(name, problem, remedy: remedy, at: CallSite(file, line)) }
    }

    public var configuration: String { "p=\(Printed.number(probability)), inplace=False" }

    private var isProbability: Bool { (0...1).contains(probability) }
    private var name: String { "Dropout(\(probability))" }
    private let problem = "not a probability"
    private let remedy = "give a number from 0 to 1"

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard isProbability else { return input.invalid(name, problem, remedy: remedy, [input], at: nil) }
        guard mode.isTraining, probability > 0 else { return input }
        if probability == 1 { return input * 0 }
        let isKept = uniform(like: input) .>= probability
        return Tensor.where(isKept, input * (1 / (1 - probability)), 0)
    }

    /// Numbers in 0..<1 of the input's shape, where the input is.
    private func uniform(like input: Tensor) -> Tensor {
        let generator = Generator.current
        let start = generator.reserve(input.elementCount)
        let index = Tensor(input.context.trace(.index, shape: input.shape, dtype: .int64))
        let drawn = Tensor.untracked(
            .pointwise(.randomUniform), shape: input.shape, dtype: .float32, index,
            scalar0: .int(Int64(bitPattern: start.key)), scalar1: .int(Int64(bitPattern: start.offset)))
        if let capture = Capture.current { capture.attach(start, of: generator, to: drawn.handle) }
        return drawn
    }
}
