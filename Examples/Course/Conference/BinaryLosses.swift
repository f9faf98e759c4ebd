import NeedletailTraining

/// Why a classifier is trained by cross entropy: the squared error of a sigmoid is not convex in its weight, and flat
/// where the model is most wrong; cross entropy is convex.
func binaryLosses(_ lesson: Lesson) throws {
    let x = Tensor(Hotels.distances) - 4
    let y = (Tensor(Hotels.prices) .> 125).to(.float32)
    let weights = Tensor.linspace(-6, 6, count: 121)

    let logits = weights.unsqueeze(1) * x
    let targets = y.expand(121, 8)
    let squared = mseLoss(logits.sigmoid(), targets, reduction: .none).mean(axes: 1)
    let entropy = binaryCrossEntropyWithLogits(logits, targets, reduction: .none).mean(axes: 1)

    // The second differences are the curve's bend.
    lesson.expect("least bend of the squared error (not convex)", try squared.diff(n: 2).min().item(), atMost: -1e-3)
    lesson.expect("least bend of the cross entropy (convex)", try entropy.diff(n: 2).min().item(), atLeast: -1e-5)
    try lesson.draw(
        "binary-losses",
        Figure([
            [
                Chart("Squared error of a sigmoid", x: "w", y: "loss").line(x: weights.plotted(), y: squared.plotted()),
                Chart("Cross entropy", x: "w", y: "loss").line(x: weights.plotted(), y: entropy.plotted(), color: 1),
            ]
        ]))
}
