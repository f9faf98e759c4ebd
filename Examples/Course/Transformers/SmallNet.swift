import NeedletailVision

/// Batch normalisation, dropout, a skip connection and a concatenation in one small net.
private final class SmallNet: UnaryLayer {
    let conv1 = Conv2d(1, 16, kernel: 3, stride: 2, padding: 1)
    let norm1 = BatchNorm2d(16)
    let conv2 = Conv2d(16, 16, kernel: 3, padding: 1)
    let norm2 = BatchNorm2d(16)
    let narrow = Conv2d(16, 16, kernel: 1)
    let wide = Conv2d(16, 16, kernel: 3, padding: 1)
    let pool = MaxPool2d(kernel: 2)
    let dropout = Dropout(0.25)
    let fc = Linear(32 * 7 * 7, 10)

    func callAsFunction(_ images: Tensor) -> Tensor {
        let x = norm1(conv1(images)).relu()
        let skipped = x + norm2(conv2(x)).relu()
        let joined = Tensor.concatenate([narrow(skipped), wide(skipped)], axis: 1).relu()
        return fc(dropout(pool(joined).flatten(from: 1)))
    }
}

func smallNet(_ lesson: Lesson) throws {
    let directory = try MNISTFiles.directory()
    let digits = DeviceDataset(try MNISTFiles.load(.train, from: directory).prefix(6000))
    let test = DeviceDataset(try MNISTFiles.load(.test, from: directory).prefix(lesson.isQuick ? 1000 : 10_000))

    let generator = Generator(seed: 3)
    try withGenerator(generator) {
        let net = SmallNet()
        let optimizer = Adam(net.parameters, learningRate: 2e-3)
        for _ in 0..<2 {
            for batch in digits.batches(of: 64, shuffledBy: generator) {
                optimizer.zeroGrad()
                let loss = crossEntropy(net(batch.features), batch.labels)
                loss.backward()
                try optimizer.step()
            }
            lesson.say("test accuracy: \(try net.evaluate(on: test).accuracy)")
        }
        lesson.expect("accuracy after 2 epochs", try net.evaluate(on: test).accuracy, atLeast: 0.94)
    }
}
