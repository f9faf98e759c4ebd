import NeedletailTraining

/// A perceptron learns 1 + 3 x1 - 2 x2 with steps that are too small, right and too large.
func perceptronSteps(_ lesson: Lesson) throws {
    let x = Tensor.normal([1000, 2], generator: Generator(seed: 1))
    let y = 1 + 3 * x[0..., 0] - 2 * x[0..., 1]

    var curves = Chart("Loss by step", x: "step", y: "mean squared error", yScale: .logarithmic)
    var paths = try bowl(x, y)
    for rate in [1.05, 0.1, 0.005] {
        let perceptron = Linear(2, 1)
        perceptron.weight.assign(Tensor([[-1, 2]] as [[Float]]))
        perceptron.bias?.assign(Tensor([0] as [Float]))
        let optimizer = SGD(perceptron.parameters, learningRate: rate)

        var (losses, w1, w2) = ([Double](), [Double](), [Double]())
        for _ in 0..<60 {
            optimizer.zeroGrad()
            let loss = mseLoss(perceptron(x).squeeze(1), y)
            loss.backward()
            losses.append(try loss.item())
            w1.append(try perceptron.weight.value[0, 0].item())
            w2.append(try perceptron.weight.value[0, 1].item())
            try optimizer.step()
        }

        switch rate {
        case 0.1:
            try lesson.expect("rate 0.1: weights", perceptron.weight.value, are: [3, -2], within: 1e-3)
            try lesson.expect("rate 0.1: bias", perceptron.bias!.value, are: [1], within: 1e-3)
        case 0.005: lesson.expect("rate 0.005: loss after 60 steps, far from 0", losses[59], atLeast: 1)
        default: lesson.expect("rate 1.05: loss after 60 steps, above the first", losses[59], atLeast: losses[0])
        }
        curves = curves.line(losses, name: "rate \(rate)")
        let shown = rate > 1 ? 6 : 60
        paths = paths.path(x: Array(w1.prefix(shown)), y: Array(w2.prefix(shown)), name: "rate \(rate)")
    }
    try lesson.draw("perceptron-steps", Figure(curves, paths))
}

/// The loss by both weights at the right bias.
private func bowl(_ x: Tensor, _ y: Tensor) throws -> Chart {
    let w1 = (0...40).map { -2.5 + 0.275 * Double($0) }
    let w2 = (0...40).map { -7.5 + 0.275 * Double($0) }
    let losses = try w2.map { b in
        let row = w1.map { a in mseLoss(1 + a * x[0..., 0] + b * x[0..., 1], y) }
        return try Tensor.stack(row).plotted().values
    }
    return Chart("Paths of the weights", x: "w₁", y: "w₂").contour(losses, x: w1, y: w2, label: "loss")
}
