import NeedletailVision

/// Three nets learn 500 images: one is too small for them, one is right, and one learns them by heart.
func overfitting(_ lesson: Lesson) throws {
    let digits = try Digits.dataset(.train, 500)
    let (train, test) = (try Digits.batch(.train, 500), try Digits.batch(.test, 2000))
    let models: [(name: String, model: Sequential, rate: Double, epochs: Int)] = [
        (
            "underfitting",
            Sequential {
                Flatten()
                Linear(784, 2)
                ReLU()
                Linear(2, 10)
            }, 1e-3, 40
        ),
        (
            "right",
            Sequential {
                Flatten()
                Linear(784, 64)
                ReLU()
                Dropout(0.5)
                Linear(64, 10)
            }, 1e-3, 40
        ),
        (
            "overfitting",
            Sequential {
                Flatten()
                Linear(784, 256)
                ReLU()
                Linear(256, 256)
                ReLU()
                Linear(256, 10)
            }, 3e-3, 40
        ),
    ]

    var charts: [Chart] = []
    var ends: [(train: Double, test: Double, least: Double)] = []
    for (name, model, rate, epochs) in models {
        let optimizer = Adam(model.parameters, learningRate: rate)
        var (losses, testLosses): ([Double], [Double]) = ([], [])
        for epoch in 0..<epochs {
            model.train()
            for batch in DataLoader(digits, batchSize: 50, shuffle: true).epoch(epoch) {
                optimizer.zeroGrad()
                crossEntropy(model(batch.features), batch.labels).backward()
                try optimizer.step()
            }
            model.eval()
            try withNoGrad {
                losses.append(try crossEntropy(model(train.features), train.labels).item())
                testLosses.append(try crossEntropy(model(test.features), test.labels).item())
            }
        }
        lesson.say("\(name): training loss \(losses.last!), test loss \(testLosses.last!), once \(testLosses.min()!)")
        ends.append((losses.last!, testLosses.last!, testLosses.min()!))
        charts.append(
            Chart(name, x: "epoch", y: "loss", yScale: .logarithmic)
                .line(x: 1...epochs, y: losses, name: "training")
                .line(x: 1...epochs, y: testLosses, name: "test", dashed: true))
    }
    lesson.expect("too small: the training loss stays high", ends[0].train, atLeast: 0.5)
    lesson.expect("too large: the training loss is gone", ends[2].train, atMost: 0.01)
    lesson.expect("and the test loss is above what it once was", ends[2].test / ends[2].least, atLeast: 1.1)
    lesson.expect("right: the least test loss of the three", ends[1].test <= min(ends[0].test, ends[2].test))
    try lesson.draw("overfitting", Figure([charts]))
}
