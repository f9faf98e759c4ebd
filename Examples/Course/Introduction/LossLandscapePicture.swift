import NeedletailTraining

/// The loss around a small net that has learned a sine: uphill on all sides, though not evenly.
func lossLandscape(_ lesson: Lesson) throws {
    let x = Tensor.linspace(-3, 3, count: 64).unsqueeze(1)
    let y = x.sin()
    let model = Sequential {
        Linear(1, 16)
        Tanh()
        Linear(16, 1)
    }
    let optimizer = Adam(model.parameters, learningRate: 0.02)
    for _ in 1...300 {
        optimizer.zeroGrad()
        mseLoss(model(x), y).backward()
        try optimizer.step()
    }

    let landscape = try LossLandscape(of: model, resolution: lesson.isQuick ? 11 : 31) { mseLoss(model(x), y) }

    let middle = landscape.losses[landscape.y.count / 2][landscape.x.count / 2]
    let edges = landscape.losses[0] + landscape.losses.last! + landscape.losses.flatMap { [$0[0], $0.last!] }
    lesson.expect("loss in the middle", middle, atMost: 0.01)
    lesson.expect("least loss along the edge", edges.min()!, atLeast: middle)
    try lesson.draw(
        "loss-landscape",
        Figure([[landscape.surface(title: "Loss landscape"), landscape.chart(title: "From above", logarithmic: true)]]))
}
