import NeedletailVision

/// LeNet: two convolutions with poolings, three products.
func leNet(_ lesson: Lesson) throws {
    let net = Sequential {
        Conv2d(1, 6, kernel: 5)
        ReLU()
        MaxPool2d(kernel: 2)
        Conv2d(6, 16, kernel: 5)
        ReLU()
        MaxPool2d(kernel: 2)
        Flatten()
        Linear(16 * 5 * 5, 120)
        ReLU()
        Linear(120, 84)
        ReLU()
        Linear(84, 10)
    }

    let images = Tensor.normal([1, 1, 32, 32], generator: Generator(seed: 0))
    lesson.say(net.summary(input: images).description)
    lesson.expect("parameters", Double(net.parameterCount), is: 61_706)
    lesson.expect("parameters of NeedletailVision's LeNet", Double(LeNet().parameterCount), is: 61_706)
    lesson.expect("logits of one image", net(images).shape == [1, 10])
}
