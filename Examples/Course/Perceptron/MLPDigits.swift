import NeedletailVision

/// The multi-layer perceptron 784-64-32-10: 12 epochs of stochastic gradient descent in batches of 64, at a rate of 0.01.
final class MLP: UnaryLayer {
    let layers = Sequential {
        Flatten()
        Linear(784, 64)
        ReLU()
        Linear(64, 32)
        ReLU()
        Linear(32, 10)
    }

    func callAsFunction(_ x: Tensor) -> Tensor { layers(x) }
}

/// Trains it from three seeds, and says what it takes for what.
func mlpDigits(_ lesson: Lesson) throws {
    let digits = try Digits.dataset(.train, lesson.isQuick ? 6000 : 60_000)
    let test = try Digits.batch(.test, lesson.isQuick ? 1000 : 10_000)
    var accuracies: [Double] = []
    var (losses, testLosses): ([Double], [Double]) = ([], [])
    var confusion: Chart?

    for seed in (lesson.isQuick ? 0..<1 : 0..<3) as Range<UInt64> {
        manualSeed(seed)
        let model = MLP()
        let optimizer = SGD(model.parameters, learningRate: 0.01)
        lesson.expect("parameters", Double(model.parameterCount), is: 52_650)
        let loader = DataLoader(digits, batchSize: 64, shuffle: true, seed: seed)

        (losses, testLosses) = ([], [])
        for epoch in 0..<12 {
            let mean = MeanMetric()
            for batch in loader.epoch(epoch) {
                optimizer.zeroGrad()
                let loss = crossEntropy(model(batch.features), batch.labels)
                loss.backward()
                mean.update(loss, count: batch.count)
                try optimizer.step()
            }
            losses.append(try mean.value()!)
            testLosses.append(try withNoGrad { try crossEntropy(model(test.features), test.labels).item() })
        }

        let predicted = withNoGrad { model(test.features).argmax(1) }
        accuracies.append(try (predicted .== test.labels).to(.float32).mean().item())
        lesson.say("seed \(seed): loss \(losses.last!), test accuracy \(accuracies.last!)")
        confusion = try Chart.confusion(
            predicted: predicted.scalars(as: Int64.self).map(Int.init),
            actual: test.labels.scalars(as: Int64.self).map(Int.init), title: "Test digits")
    }

    let mean = accuracies.reduce(0, +) / Double(accuracies.count)
    // A tenth of the images learn a tenth as many steps.
    lesson.expect("test accuracy, mean of \(accuracies.count) seeds", mean, atLeast: lesson.isQuick ? 0.7 : 0.93)
    let curves = Chart("Loss", x: "epoch", y: "cross entropy")
        .line(x: 1...12, y: losses, name: "training")
        .line(x: 1...12, y: testLosses, name: "test", dashed: true)
    try lesson.draw("mlp-digits", Figure([[curves, confusion!]]))
}
