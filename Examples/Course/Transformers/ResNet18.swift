import NeedletailVision

/// ResNet's block: what two convolutions make is added to what they were given.
private final class Block: UnaryLayer {
    let conv1 = Conv2d(64, 64, kernel: 3, padding: 1, bias: false)
    let bn1 = BatchNorm2d(64)
    let conv2 = Conv2d(64, 64, kernel: 3, padding: 1, bias: false)
    let bn2 = BatchNorm2d(64)

    func callAsFunction(_ x: Tensor) -> Tensor {
        let y = bn2(conv2(bn1(conv1(x)).relu()))
        return (y + x).relu()
    }
}

func resNet18(_ lesson: Lesson) throws {
    let maps = Tensor.normal([1, 64, 56, 56], generator: Generator(seed: 0))
    let block = Block()
    lesson.expect("a block keeps the shape", block(maps).shape == maps.shape)
    lesson.expect("its parameters", Double(block.parameterCount), is: 73_984)

    let net = ResNet.resNet18()
    lesson.expect("parameters of 18 layers", Double(net.parameterCount), is: 11_689_512)
    let image = Tensor.normal([1, 3, 224, 224], generator: Generator(seed: 0))
    net.eval()
    let likely = withNoGrad { net(image).softmax() }
    lesson.expect("probabilities of one image", likely.shape == [1, 1000])
    lesson.expect("they sum to", try likely.sum().item(), is: 1, within: 1e-4)
}
