import NeedletailVision

/// What a first convolution has learnt: its kernels, and what they make of a digit.
func featureMaps(_ lesson: Lesson) throws {
    let directory = try MNISTFiles.directory()
    let digits = DeviceDataset(try MNISTFiles.load(.train, from: directory).prefix(lesson.isQuick ? 3000 : 60_000))
    let generator = Generator(seed: 1)
    try withGenerator(generator) {
        let first = Conv2d(1, 16, kernel: 5, padding: 2)
        let net = Sequential([first, ReLU(), MaxPool2d(kernel: 4), Flatten(), Linear(16 * 7 * 7, 10)])
        let optimizer = Adam(net.parameters, learningRate: 3e-3)
        for batch in digits.batches(of: 64, shuffledBy: generator) {
            optimizer.zeroGrad()
            let loss = crossEntropy(net(batch.features), batch.labels)
            loss.backward()
            try optimizer.step()
        }

        let digit = digits.batches(of: 1)[0].features
        let maps = withNoGrad { first(digit).relu().squeeze(0) }
        lesson.expect("16 maps of the digit's size", maps.shape == [16, 28, 28])
        lesson.expect("accuracy", try net.evaluate(on: digits).accuracy, atLeast: 0.85)
        try lesson.draw(
            "feature-maps",
            Figure([
                [
                    try Chart.images(digit, title: "Digit"),
                    try Chart.kernels(of: first.weight.value, title: "Kernels"),
                    try Chart.featureMaps(maps, title: "Feature maps"),
                ]
            ]))
    }
}
