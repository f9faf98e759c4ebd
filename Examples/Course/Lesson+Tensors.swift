import NeedletailTraining

extension Lesson {
    /// Prints a tensor's numbers, row by row, beside what the deck says.
    package func expect(
        _ name: String, _ tensor: Tensor, are wanted: [Double], within tolerance: Double = 1e-4
    ) throws(TensorError) {
        expect(name, try tensor.plotted().values, are: wanted, within: tolerance)
    }

    /// Prints a tensor's numbers beside those of another.
    package func expect(
        _ name: String, _ tensor: Tensor, are wanted: Tensor, within tolerance: Double = 1e-4
    ) throws(TensorError) {
        expect(name, try tensor.plotted().values, are: try wanted.plotted().values, within: tolerance)
    }

    /// Prints a text, and whether it is the one wanted.
    package func expect(_ text: String, is wanted: String) {
        say(text)
        expect(text == wanted ? "as PyTorch prints it" : "as PyTorch prints it:\n\(wanted)\n", text == wanted)
    }
}
