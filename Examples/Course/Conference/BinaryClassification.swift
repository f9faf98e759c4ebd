import NeedletailTraining

/// One neuron and a sigmoid.
final class LogisticModel: UnaryLayer {
    let linear = Linear(1, 1)

    func callAsFunction(_ x: Tensor) -> Tensor { linear(x).sigmoid() }
}

/// Does a night cost more than 125 $? The probability by the distance, and a threshold at 0.5.
func binaryClassification(_ lesson: Lesson) throws {
    let x = Tensor(Hotels.distances).unsqueeze(1)
    let y = (Tensor(Hotels.prices).unsqueeze(1) .> 125).to(.float32)
    let model = LogisticModel()
    let criterion = BCELoss()
    let optimizer = SGD(model.parameters, learningRate: 0.5)

    for epoch in 1...500 {
        optimizer.zeroGrad()
        let loss = criterion(model(x), y)
        loss.backward()
        try optimizer.step()
        if epoch % 100 == 0 { lesson.say("epoch \(epoch): loss \(try loss.item())") }
    }

    let testX = Tensor(Hotels.testDistances).unsqueeze(1)
    let testY = (Tensor(Hotels.testPrices).unsqueeze(1) .> 125).to(.float32)
    for (name, x, y) in [("training", x, y), ("test", testX, testY)] {
        let probability = withNoGrad { model(x) }
        let isRight = (probability .> 0.5).to(.float32) .== y
        lesson.say("\(name): probabilities \(try rounded(probability.plotted().values))")
        lesson.expect("\(name) accuracy", try isRight.to(.float32).mean().item(), is: 1)
    }

    let distances = Tensor.linspace(0, 10, count: 101)
    let probabilities = withNoGrad { model(distances.unsqueeze(1)).squeeze(1) }
    try lesson.draw(
        "binary-classification",
        Chart("More than 125 $?", x: "miles", y: "probability")
            .line(x: distances.plotted(), y: probabilities.plotted(), name: "model")
            .scatter(x: Hotels.distances, y: y.squeeze(1).scalars(as: Float.self), name: "training")
            .rule(y: 0.5, name: "threshold"))
}
