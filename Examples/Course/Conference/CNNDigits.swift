import NeedletailVision

/// A convolutional net reads digits.
func cnnDigits(_ lesson: Lesson) throws {
    let digits = try Digits.dataset(.train, lesson.isQuick ? 3000 : 60_000)
    let test = try Digits.batch(.test, lesson.isQuick ? 1000 : 10_000)
    let model = Sequential {
        Conv2d(1, 8, kernel: 3)
        ReLU()
        MaxPool2d(kernel: 2)
        Conv2d(8, 16, kernel: 3)
        ReLU()
        MaxPool2d(kernel: 2)
        Flatten()
        Linear(16 * 5 * 5, 10)
    }
    let optimizer = Adam(model.parameters, learningRate: 0.002)

    for epoch in 0..<2 {
        for batch in DataLoader(digits, batchSize: 64, shuffle: true).epoch(epoch) {
            optimizer.zeroGrad()
            let loss = crossEntropy(model(batch.features), batch.labels)
            loss.backward()
            try optimizer.step()
        }
        let isRight = withNoGrad { model(test.features).argmax(1) .== test.labels }
        lesson.say("epoch \(epoch + 1): test accuracy \(try isRight.to(.float32).mean().item())")
    }

    let logits = withNoGrad { model(test.features) }
    let accuracy = try (logits.argmax(1) .== test.labels).to(.float32).mean().item()
    lesson.expect("test accuracy", accuracy, atLeast: lesson.isQuick ? 0.85 : 0.975)
    try lesson.draw("cnn-digits", Chart.mistakes(images: test.features, logits: logits, labels: test.labels, count: 12))
}
