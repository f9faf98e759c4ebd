import NeedletailVision

/// Training on 500 images stops when the validation loss has not fallen for five epochs, and the net of the best epoch stays.
func earlyStopping(_ lesson: Lesson) throws {
    let training = DataLoader(try Digits.dataset(.train, 500), batchSize: 50, shuffle: true)
    let validation = DataLoader(try Digits.dataset(.test, 2000), batchSize: 500)
    let model = Sequential {
        Flatten()
        Linear(784, 256)
        ReLU()
        Linear(256, 10)
    }
    let stopping = EarlyStopping(monitor: "val_loss", patience: 5)
    let trainer = Trainer(
        model: model, optimizer: Adam(model.parameters, learningRate: 2e-3), loss: { crossEntropy($0, $1) },
        callbacks: [stopping])
    let history = try trainer.fit(training, validation: validation, epochs: 100)

    let losses = history["val_loss"]
    lesson.say("\(losses.count) epochs, the best was \(stopping.bestEpoch) with a validation loss of \(stopping.best!)")
    lesson.expect("it stopped before 100 epochs", losses.count < 100)
    lesson.expect("epochs after the best", Double(losses.count - stopping.bestEpoch), is: 5)
    lesson.expect("its loss is the least", losses.min()!, is: stopping.best!, within: 0)
    let restored = try trainer.evaluate(validation)["loss"]!
    lesson.expect("the net is that of the best epoch", restored, is: stopping.best!, within: 1e-5)
    try lesson.draw(
        "early-stopping",
        Chart("Early stopping", x: "epoch", y: "loss", yScale: .logarithmic)
            .line(x: 1...losses.count, y: history["loss"], name: "training")
            .line(x: 1...losses.count, y: losses, name: "validation", dashed: true)
            .rule(x: Double(stopping.bestEpoch), name: "best epoch"))
}
