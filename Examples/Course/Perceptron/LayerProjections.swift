import NeedletailVision

/// What layers see: test images as they are, after the first, and after the second hidden layer, in two dimensions by
/// principal components. Measured by how far classes are apart: the share of the variance that lies between their means.
func layerProjections(_ lesson: Lesson) throws {
    let digits = try Digits.dataset(.train, lesson.isQuick ? 6000 : 60_000)
    let test = try Digits.batch(.test, 500)
    let layers: [any UnaryLayer] = [Flatten(), Linear(784, 64), ReLU(), Linear(64, 32), ReLU(), Linear(32, 10)]
    let model = Sequential(layers)
    let optimizer = Adam(model.parameters, learningRate: 1e-3)
    for epoch in 0..<3 {
        for batch in DataLoader(digits, batchSize: 64, shuffle: true).epoch(epoch) {
            optimizer.zeroGrad()
            crossEntropy(model(batch.features), batch.labels).backward()
            try optimizer.step()
        }
    }

    let classes = try test.labels.scalars(as: Int64.self).map(Int.init)
    let oneHot = test.labels.oneHot(classes: 10)
    var charts: [Chart] = []
    var shares: [Double] = []
    for (number, depth) in [1, 3, 5].enumerated() {
        let seen = withNoGrad { Sequential(Array(layers[0..<depth]))(test.features) }

        let centered = seen - seen.mean(axes: 0)
        let means = oneHot.T.matmul(centered) / oneHot.sum(axes: 0).unsqueeze(1)
        let between = oneHot.matmul(means).square().sum()
        shares.append(try (between / centered.square().sum()).item())
        charts.append(try Chart.embedding(seen.to(device: .cpu), classes: classes, title: "Layer \(number)"))
    }
    lesson.say("share of the variance between classes, layer by layer: \(rounded(shares))")
    lesson.expect("it grows", shares[0] < shares[1] && shares[1] < shares[2])
    try lesson.draw("layer-projections", Figure([charts]))
}
