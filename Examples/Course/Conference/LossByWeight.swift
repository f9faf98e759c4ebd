import NeedletailTraining

/// The loss as a function of the weight is convex; the gradient's sign says on which side of its minimum a weight is,
/// and its size how far.
func lossByWeight(_ lesson: Lesson) throws {
    let (x, y) = (Tensor(Hotels.distances), Tensor(Hotels.prices))
    func loss(_ w: Tensor) -> Tensor { (w * x + 152.19 - y).square().mean(axes: -1) }

    let weights = Tensor.linspace(-20, 5, count: 101)
    let losses = loss(weights.unsqueeze(1))

    var chart = Chart("Loss by weight", x: "w", y: "mean squared error").line(
        x: try weights.plotted(), y: try losses.plotted())
    var gradients: [Double] = []
    for start in [-17, -11, -7.43, -3, 3] {
        let w = Tensor(start, dtype: .float32).requiringGrad()
        let here = loss(w)
        here.backward()
        let (height, slope) = try (here.item(), w.grad!.item())
        gradients.append(slope)
        lesson.say("w = \(start): loss \(height), gradient \(slope)")
        chart = chart.line(
            x: [start - 2, start + 2], y: [height - 2 * slope, height + 2 * slope], dashed: true, color: 1)
    }
    lesson.expect("left of the minimum the gradient is negative", gradients[0] < gradients[1] && gradients[1] < 0)
    lesson.expect("at the minimum it is 0", gradients[2], is: 0, within: 0.2)
    lesson.expect("right of it, it is positive", 0 < gradients[3] && gradients[3] < gradients[4])
    lesson.expect("least bend of the curve (convex)", try losses.diff(n: 2).min().item(), atLeast: 0)
    try lesson.draw("loss-by-weight", chart)
}
