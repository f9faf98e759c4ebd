import NeedletailVision

/// 10 % of the images for the test; of the others 80 % for training and 20 % for validation, which is looked at each epoch.
func validationSplit(_ lesson: Lesson) throws {
    let digits = DeviceDataset(
        try MNISTFiles.load(.train, from: MNISTFiles.directory()).prefix(lesson.isQuick ? 6000 : 60_000))
    let count = digits.count

    let order = Tensor(Generator(seed: 1).permutation(count))
    let test = order[0..<count / 10]
    let validation = order[count / 10..<count * 28 / 100]
    let training = order[(count * 28 / 100)...]
    func share(_ part: Tensor) -> Double { Double(part.elementCount) / Double(count) }
    lesson.expect("test", share(test), is: 0.1, within: 0.001)
    lesson.expect("validation", share(validation), is: 0.9 * 0.2, within: 0.001)
    lesson.expect("training", share(training), is: 0.9 * 0.8, within: 0.001)

    func images(_ places: Tensor) -> Tensor { digits.features[places].to(.float32) / 255 }
    func labels(_ places: Tensor) -> Tensor { digits.labels[places].to(.int64) }

    try withGenerator(Generator(seed: 2)) {
        let model = Sequential {
            Flatten()
            Linear(784, 64)
            ReLU()
            Linear(64, 10)
        }
        let optimizer = Adam(model.parameters, learningRate: 2e-3)
        func score(_ part: Tensor) throws -> (loss: Double, accuracy: Double) {
            let logits = withNoGrad { model(images(part)) }
            let hits = (logits.argmax(1) .== labels(part)).to(.float32).mean()
            return (try crossEntropy(logits, labels(part)).item(), try hits.item())
        }

        var (trainingLosses, validationLosses) = ([Double](), [Double]())
        for epoch in 1...(lesson.isQuick ? 3 : 10) {
            let shuffled = training[Tensor.permutation(training.elementCount)]
            for batch in shuffled.split(64) {
                optimizer.zeroGrad()
                let loss = crossEntropy(model(images(batch)), labels(batch))
                loss.backward()
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
