import NeedletailTraining

/// Cross entropy of a batch of three by its formula: the mean of -Σ y ln p over the rows.
func batchCrossEntropy(_ lesson: Lesson) throws {
    let probabilities = Tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]], dtype: .float32)
    let targets = Tensor([[1, 0, 0], [0, 1, 0], [1, 0, 0]], dtype: .float32)

    let rows = -(targets * probabilities.log()).sum(axes: 1)
    let loss = rows.mean()

    lesson.expect(
        "-ln 0.7, -ln 0.8, -ln 0.3", try rows.plotted().values, are: [0.356675, 0.223144, 1.203973], within: 1e-6)
    lesson.expect("their mean", try loss.item(), is: 0.594597, within: 1e-6)
    // Softmax takes the logarithms back, so that they serve as logits.
    lesson.expect("crossEntropy", try crossEntropy(probabilities.log(), targets).item(), is: 0.594597, within: 1e-6)
}
