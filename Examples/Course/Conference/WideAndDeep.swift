import NeedletailTraining

/// Two inputs: a wide one goes straight to the output, a deep one through two layers; joined they make the result.
final class WideAndDeep: Module {
    let hidden1 = Linear(3, 30)
    let hidden2 = Linear(30, 30)
    let output = Linear(2 + 30, 1)

    func callAsFunction(wide: Tensor, deep: Tensor) -> Tensor {
        let hidden = hidden2(hidden1(deep).relu()).relu()
        return output(Tensor.concatenate([wide, hidden], axis: 1))
    }
}

/// Trains a wide and deep network on numbers of which two matter as they are, and three by a curve.
func wideAndDeep(_ lesson: Lesson) throws {
    let x = Tensor.uniform([256, 5], low: -1, high: 1)
    let (wide, deep) = (x[..., 0..<2], x[..., 2..<5])
    let bent = (deep[..., 0..<1] * 3).sin() * deep[..., 1..<2] + deep[..., 2..<3].square()
    let y = wide[..., 0..<1] * 2 - wide[..., 1..<2] + bent

    let model = WideAndDeep()
    let optimizer = Adam(model.parameters, learningRate: 0.01)
    var losses: [Double] = []
    for epoch in 1...400 {
        optimizer.zeroGrad()
        let loss = mseLoss(model(wide: wide, deep: deep), y)
        loss.backward()
        try optimizer.step()
        losses.append(try loss.item())
        if epoch % 100 == 0 { lesson.say("epoch \(epoch): loss \(losses.last!)") }
    }

    lesson.say("\(model)")
    lesson.expect("parameters", Double(model.parameterCount), is: 1083)
    lesson.expect("last loss by the first", losses.last! / losses[0], atMost: 0.01)
    try lesson.draw(
        "wide-and-deep",
        Chart("Wide and deep", x: "epoch", y: "mean squared error", yScale: .logarithmic).line(x: 1...400, y: losses))
}
