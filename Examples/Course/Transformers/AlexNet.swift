import NeedletailVision

/// AlexNet: five convolutions and three products.
func alexNet(_ lesson: Lesson) throws {
    let net = Sequential {
        Conv2d(3, 64, kernel: 11, stride: 4, padding: 2)
        ReLU()
        MaxPool2d(kernel: 3, stride: 2)
        Conv2d(64, 192, kernel: 5, padding: 2)
        ReLU()
        MaxPool2d(kernel: 3, stride: 2)
        Conv2d(192, 384, kernel: 3, padding: 1)
        ReLU()
        Conv2d(384, 256, kernel: 3, padding: 1)
        ReLU()
        Conv2d(256, 256, kernel: 3, padding: 1)
        ReLU()
        MaxPool2d(kernel: 3, stride: 2)
        Flatten()
        Dropout(0.5)
        Linear(256 * 6 * 6, 4096)
        ReLU()
        Dropout(0.5)
        Linear(4096, 4096)
        ReLU()
        Linear(4096, 1000)
    }

    let image = Tensor.normal([1, 3, 224, 224], generator: Generator(seed: 0))
    lesson.say(net.summary(input: image).description)
    lesson.expect("parameters", Double(net.parameterCount), is: 61_100_840)
    lesson.expect("parameters of NeedletailVision's AlexNet", Double(AlexNet().parameterCount), is: 61_100_840)
    net.eval()
    let likely = withNoGrad { net(image).softmax() }
    lesson.expect("probabilities of one image", likely.shape == [1, 1000])
    lesson.expect("they sum to", try likely.sum().item(), is: 1, within: 1e-4)
}
