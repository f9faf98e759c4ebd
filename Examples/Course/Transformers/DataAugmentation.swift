import NeedletailVision

/// Each image turned by up to 17 degrees, moved by up to 2 pixels and enlarged by up to 18 %, at random.
private func augmented(_ images: Tensor, _ generator: Generator) -> Tensor {
    RandomAffine(degrees: 17, translate: (0.075, 0.075), scale: 1...1.18)(images, generator: generator)
}

/// Few images, trained on as they are and augmented anew in each step: the second does better on the test.
func dataAugmentation(_ lesson: Lesson) throws {
    let digits = try Digits.dataset(.train, 500)
    let test = try Digits.dataset(.test, lesson.isQuick ? 1000 : 10_000)

    func accuracy(augments: Bool) throws -> Double {
        let generator = Generator(seed: 1)
        return try withGenerator(generator) {
            let net = Sequential {
                Conv2d(1, 8, kernel: 5, stride: 2, padding: 2)
                ReLU()
                Conv2d(8, 16, kernel: 5, stride: 2, padding: 2)
                ReLU()
                Flatten()
                Linear(16 * 7 * 7, 64)
                ReLU()
                Linear(64, 10)
            }
            let optimizer = Adam(net.parameters, learningRate: 3e-3)
            for _ in 0..<(lesson.isQuick ? 25 : 60) {
                for batch in digits.batches(of: 50, shuffledBy: generator) {
                    optimizer.zeroGrad()
                    let images = augments ? augmented(batch.features, generator) : batch.features
                    let loss = crossEntropy(net(images), batch.labels)
                    loss.backward()
                    try optimizer.step()
                }
            }
            return try net.evaluate(on: test).accuracy
        }
    }
    let plain = try accuracy(augments: false)
    lesson.say("500 images as they are: \(rounded(plain))")
    lesson.expect("500 images augmented", try accuracy(augments: true), atLeast: plain + 0.01)
    try lesson.draw("data-augmentation", pictures(of: digits.batches(of: 1)[0].features))
}

/// A digit and what the deck makes of it. A flip is drawn and not trained with: a digit in the mirror is another sign.
private func pictures(of digit: Tensor) throws -> Chart {
    func mapped(_ map: [Float]) -> Tensor {
        gridSample(digit, grid: affineGrid(Tensor(map, shape: [1, 2, 3]), size: [1, 1, 28, 28]))
    }
    let rows = (0..<5).map { _ in augmented(digit, Generator.current) }
    let images = [
        digit, mapped([0.94, -0.34, 0, 0.34, 0.94, 0]), mapped([1, 0, 0.25, 0, 1, -0.2]), digit.flip(3),
        mapped([0.7, 0, 0, 0, 0.7, 0]),
    ]
    let captions = ["a digit", "rotated", "shifted", "flipped", "cropped"] + rows.map { _ in "at random" }
    return try Chart.images(Tensor.concatenate(images + rows, axis: 0), captions: captions, columns: 5)
}
