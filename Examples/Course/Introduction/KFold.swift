import NeedletailVision

/// Five folds: each is held out once, so that every image is tested by a net that has not seen it.
func kFoldOfDigits(_ lesson: Lesson) throws {
    let digits = try Digits.dataset(.train, lesson.isQuick ? 1000 : 5000)
    var accuracies: [Double] = []
    let labels = try digits.classes()
    let folds = stratifiedKFold(digits, labels: labels, folds: 5, seed: 1)
    lesson.expect(
        "each image is held out once", folds.flatMap(\.validation.indices).sorted() == Array(0..<digits.count))
    func count(_ digit: Int, of labels: [Int]) -> Double { Double(labels.count { $0 == digit }) }
    let off = folds.flatMap { fold in
        (0..<10).map { abs(count($0, of: fold.validation.indices.map { labels[$0] }) - count($0, of: labels) / 5) }
    }
    lesson.expect("examples by which a digit's share differs from a fifth", off.max()!, atMost: 1)
    for fold in folds {
        let model = MLP()
        let optimizer = Adam(model.parameters, learningRate: 1e-3)
        for epoch in 0..<5 {
            for batch in DataLoader(fold.training, batchSize: 32, shuffle: true).epoch(epoch) {
                optimizer.zeroGrad()
                crossEntropy(model(batch.features), batch.labels).backward()
                try optimizer.step()
            }
        }

        let held = DataLoader(fold.validation, batchSize: fold.validation.count).epoch(0).first { _ in true }!
        let isRight = withNoGrad { model(held.features).argmax(1) .== held.labels }
        accuracies.append(try isRight.to(.float32).mean().item())
    }

    let mean = accuracies.reduce(0, +) / 5
    let deviation = (accuracies.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 4).squareRoot()
    lesson.say("accuracies \(rounded(accuracies)): \(rounded(mean)) +- \(rounded(deviation))")
    lesson.expect("mean accuracy of five folds", mean, atLeast: lesson.isQuick ? 0.75 : 0.88)
    try lesson.draw(
        "k-fold",
        Chart("Accuracy by the fold held out", x: "fold", y: "accuracy")
            .bars((1...5).map(String.init), accuracies)
            .rule(y: mean, name: "mean"))
}
