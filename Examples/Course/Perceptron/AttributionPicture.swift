import NeedletailVision

/// Why a net says 7: each pixel's share in the score, in the manner of SHAP. The shares sum to the difference of the
/// score from that of the average background.
func attributionPicture(_ lesson: Lesson) throws {
    let digits = try Digits.dataset(.train, lesson.isQuick ? 2000 : 10_000)
    let test = try Digits.batch(.test, 100)
    let model = MLP()
    let optimizer = Adam(model.parameters, learningRate: 1e-3)
    for epoch in 0..<2 {
        for batch in DataLoader(digits, batchSize: 64, shuffle: true).epoch(epoch) {
            optimizer.zeroGrad()
            crossEntropy(model(batch.features), batch.labels).backward()
            try optimizer.step()
        }
    }
    model.eval()

    let (image, label) = (test.features[0..<1], test.labels[0..<1])
    let background = test.features[1..<100]
    let shares = try Attribution.expectedGradients(
        model.callAsFunction, image, background: background, target: [7], samples: 99 * 8)
    let gradients = try Attribution.integratedGradients(model.callAsFunction, image, target: [7], steps: 64)

    let scores = withNoGrad { (model(image)[0, 7], model(background)[0..., 7].mean()) }
    let difference = try (scores.0 - scores.1).item()
    lesson.say("the digit is a \(try label.item()), its score \(try scores.0.item())")
    lesson.expect(
        "sum of the shares by the score's difference", try shares.sum().item() / difference, is: 1, within: 0.01)
    try lesson.draw(
        "attribution",
        Figure.attributions(
            of: Tensor.concatenate([image, image]), Tensor.concatenate([shares, gradients]),
            captions: ["expected gradients (SHAP)", "integrated gradients"]))
}
