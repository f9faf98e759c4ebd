import NeedletailVision

/// Keras's first lesson, in as many lines: digits by three layers, six epochs with validation.
func kerasMNIST(_ lesson: Lesson) throws {
    let train = DataLoader(try Digits.dataset(.train, lesson.isQuick ? 6000 : 60_000), batchSize: 32, shuffle: true)
    let test = DataLoader(try Digits.dataset(.test, lesson.isQuick ? 1000 : 10_000), batchSize: 500)
    let model = KerasModel {
        Flatten()
        Dense(128, activation: .relu)
        Dropout(0.2)
        Dense(128, activation: .relu)
        Dense(10)
    }
    model.compile(
        optimizer: .adam(0.001), loss: .sparseCategoricalCrossentropy(fromLogits: true), metrics: [.accuracy])
    let history = try model.fit(train, epochs: 6, validationData: test)

    lesson.say("\(history)")
    lesson.expect("val_accuracy", history["val_accuracy"].last!, atLeast: lesson.isQuick ? 0.9 : 0.975)
    let loss = Chart("Loss", x: "epoch", y: "cross entropy")
        .line(x: 1...6, y: history["loss"], name: "training")
        .line(x: 1...6, y: history["val_loss"], name: "validation", dashed: true)
    let accuracy = Chart("Accuracy", x: "epoch", y: "share")
        .line(x: 1...6, y: history["accuracy"], name: "training")
        .line(x: 1...6, y: history["val_accuracy"], name: "validation", dashed: true)
    try lesson.draw("keras-mnist", Figure([[loss, accuracy]]))
}
