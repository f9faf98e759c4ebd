import NeedletailVision

/// 10 % of the images for the test; of the others 80 % for training and 20 % for validation, which is looked at each epoch.
func validationSplit(_ lesson: Lesson) throws {
    let digits = try Digits.dataset(.train, lesson.isQuick ? 6000 : 60_000)
    let outer = randomSplit(digits, fractions: [0.1, 0.9], seed: 1)
    let inner = randomSplit(outer[1], fractions: [0.8, 0.2], seed: 2)
    let (test, training, validation) = (outer[0], inner[0], inner[1])
    func share(_ part: Subset) -> Double { Double(part.count) / Double(digits.count) }
    lesson.expect("test", share(test), is: 0.1, within: 0.001)
    lesson.expect("validation", share(validation), is: 0.9 * 0.2, within: 0.001)
    lesson.expect("training", share(training), is: 0.9 * 0.8, within: 0.001)

    try withGenerator(Generator(seed: 2)) {
        let model = Sequential {
            Flatten()
            Linear(784, 64)
            ReLU()
            Linear(64, 10)
        }
        let optimizer = Adam(model.parameters, learningRate: 2e-3)
        func score(_ part: Subset) throws -> (loss: Double, accuracy: Double) {
            let (loss, accuracy) = (MeanMetric(), Accuracy())
            for batch in DataLoader(part, batchSize: 1000).epoch(0) {
                withNoGrad {
                    let logits = model(batch.features)
                    loss.update(crossEntropy(logits, batch.labels), count: batch.count)
                    accuracy.update(logits, batch.labels)
                }
            }
            return (try loss.value()!, try accuracy.value()!)
        }

        var (trainingLosses, validationLosses) = ([Double](), [Double]())
        for epoch in 1...(lesson.isQuick ? 3 : 10) {
            for batch in DataLoader(training, batchSize: 64, shuffle: true).epoch(epoch) {
                optimizer.zeroGrad()
                crossEntropy(model(batch.features), batch.labels).backward()
                try optimizer.step()
            }
            let (known, held) = (try score(training), try score(validation))
            lesson.say(
                "epoch \(epoch): loss \(rounded(known.loss)), validation loss \(rounded(held.loss)), "
                    + "accuracy \(rounded(held.accuracy))")
            trainingLosses.append(known.loss)
            validationLosses.append(held.loss)
        }
        lesson.expect("test accuracy, looked at once", try score(test).accuracy, atLeast: lesson.isQuick ? 0.88 : 0.95)
        try lesson.draw(
            "validation-split",
            Chart("Each epoch", x: "epoch", y: "cross entropy")
                .line(x: 1...trainingLosses.count, y: trainingLosses, name: "training")
                .line(x: 1...validationLosses.count, y: validationLosses, name: "validation"))
    }
}
