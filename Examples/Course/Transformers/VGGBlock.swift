import NeedletailVision

/// A block of VGG: convolutions of 3x3 that keep the size, and a pooling that halves it.
func vggBlock(_ lesson: Lesson) throws {
    func block(_ inputs: Int, _ outputs: Int) -> Sequential {
        Sequential {
            Conv2d(inputs, outputs, kernel: 3, padding: 1)
            ReLU()
            Conv2d(outputs, outputs, kernel: 3, padding: 1)
            ReLU()
            MaxPool2d(kernel: 2, stride: 2)
        }
    }

    let image = Tensor.normal([1, 64, 112, 112], generator: Generator(seed: 0))
    let second = block(64, 128)
    lesson.say("\(second)")
    lesson.expect("half the size, twice the channels", second(image).shape == [1, 128, 56, 56])
    // (3·3·64 + 1)·128 and (3·3·128 + 1)·128
    lesson.expect("parameters of the block", Double(second.parameterCount), is: 73_856 + 147_584)
    lesson.expect("parameters of VGG-16", Double(VGG.vgg16().parameterCount), is: 138_357_544)
}
