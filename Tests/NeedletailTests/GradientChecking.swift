import Needletail
import Testing

/// Checks the gradients of a function against central differences, in float64.
///
/// The function's result is folded with fixed weights into one number. First derivatives are compared with differences of
/// values, second ones with differences of first ones.
struct GradientCheck: CustomTestStringConvertible {
    var name: String
    var inputs: [Tensor]
    var function: @Sendable ([Tensor]) -> Tensor
    /// Whether second derivatives are compared too.
    var second = true
    var step = 1e-5
    var tolerance = 1e-6

    var testDescription: String { name }

    func run(_ location: SourceLocation = #_sourceLocation) throws {
        let function = self.function
        let loss: @Sendable ([Tensor]) -> Tensor = { inputs in GradientCheck.fold(function(inputs)) }
        try compare("first derivative", loss, location)
        guard second else { return }
        // The folded gradients are a function too; its differences are compared with its own gradients.
        try compare(
            "second derivative",
            { inputs in
                let leaves = withGrad { inputs.map { $0.requiresGrad ? $0 : $0.requiringGrad() } }
                let value = withGrad { loss(leaves) }
                let first = gradients(of: value, withRespectTo: leaves, createGraph: true)
                return withGrad {
                    var total = Tensor(0.0)
                    for gradient in first { if let gradient { total = total + GradientCheck.fold(gradient) } }
                    return total
                }
            }, location)
    }

    private func compare(
        _ what: String, _ loss: @Sendable ([Tensor]) -> Tensor, _ location: SourceLocation
    ) throws {
        let leaves = inputs.map { $0.requiringGrad() }
        let found = gradients(of: loss(leaves), withRespectTo: leaves)
        for (position, input) in inputs.enumerated() {
            let gradient = try found[position]?.scalars(as: Double.self)
            let values = try input.scalars(as: Double.self)
            for index in values.indices {
                func value(_ offset: Double) throws -> Double {
                    var moved = values
                    moved[index] += offset
                    var all = inputs
                    all[position] = Tensor(moved, shape: input.shape)
                    return try loss(all).item()
                }
                let expected = (try value(step) - value(-step)) / (2 * step)
                let actual = gradient?[index] ?? 0
                let scale = Swift.max(1, Swift.abs(expected))
                #expect(
                    Swift.abs(actual - expected) <= tolerance * scale,
                    "\(name): \(what) by input \(position) at \(index): \(actual), by differences \(expected)",
                    sourceLocation: location)
            }
        }
    }

    /// A sum with weights that differ from place to place.
    static func fold(_ result: Tensor) -> Tensor {
        let weights = (Tensor.arange(result.elementCount, dtype: .float64) * 0.37 + 0.4).cos().reshape(result.shape)
        return (result * weights).sum()
    }

    /// Values away from kinks and poles, the same every time.
    static func sample(_ shape: Shape, low: Double = -1.5, high: Double = 1.5, seed: UInt64 = 1) -> Tensor {
        let generator = Generator(seed: seed)
        return Tensor.uniform(shape, low: low, high: high, dtype: .float64, generator: generator)
    }
}
