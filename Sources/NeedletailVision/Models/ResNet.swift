import Needletail
import TensorRuntime

/// A residual network of ``BasicBlock``s ([He et al.](https://arxiv.org/abs/1512.03385)), with the names of
/// [torchvision's](https://pytorch.org/vision/stable/models/resnet.html): `conv1.weight`, `bn1.running_mean`,
/// `layer1.0.conv1.weight`, `layer2.0.downsample.0.weight`, `fc.weight`.
///
/// Images `[N, channels, height, width]` of any size to logits `[N, classes]`.
///
///     let model = ResNet.resNet18(classes: 1000)
///     try model.load(stateDictionary: weights)
///     let logits = model(images)
public final class ResNet: UnaryLayer {
    /// What stands in front of the blocks.
    public enum Stem: String, Hashable, Sendable, CaseIterable {
        /// A convolution of 7x7 with stride 2 and a pooling of stride 2: images of 224x224 come to the blocks with 56x56.
        case imageNet
        /// A convolution of 3x3: images of 32x32 keep their size.
        case cifar
    }

    let conv1: Conv2d
    let bn1: BatchNorm2d
    let stages: [Sequential]
    let fc: Linear

    private let channels: Int
    private let stem: Stem

    /// A convolution's weights are Kaiming normal by its outputs, those of normalisations 1, their biases 0, as in torchvision.
    ///
    /// - Parameters:
    ///   - blocks: the number of blocks of each stage; each but the first stage halves the image.
    ///   - width: the channels of the first stage; each other has twice those of the one before.
    ///   - channels: of the images.
    public init(
        blocks: [Int], width: Int, classes: Int, stem: Stem, channels: Int = 3, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        func report(_ problem: String, _ remedy: String) {
            WrongCall.report("ResNet", problem, remedy: remedy, at: site)
        }
        if blocks.isEmpty || blocks.contains(where: { $0 < 1 }) {
            report("stages of \(blocks) blocks", "use one stage or more, each of 1 block or more")
        }
        let sizes = [("a width of", width), ("classes:", classes), ("channels:", channels)]
        for (what, size) in sizes where size < 1 { report("\(what) \(size)", "use 1 or more") }
        self.channels = channels
        self.stem = stem
        let first = max(width, 1)
        conv1 = Conv2d.drawn(
            max(channels, 1), first, kernel: stem == .cifar ? 3 : 7, stride: stem == .cifar ? 1 : 2,
            generator: generator,
            device: device, at: (file, line))
        bn1 = BatchNorm2d(first, device: device, file: file, line: line)
        var inputs = first
        var stages: [Sequential] = []
        for (stage, count) in blocks.enumerated() {
            let outputs = first << stage
            let layers = (0..<max(count, 1)).map { block in
                let made = BasicBlock(
                    inputs, outputs, stride: block == 0 && stage > 0 ? 2 : 1, generator: generator, device: device,
                    file: file, line: line)
                inputs = outputs
                return made
            }
            stages.append(Sequential(layers))
        }
        self.stages = stages
        fc = Linear(inputs, max(classes, 1), generator: generator, device: device, file: file, line: line)
    }

    /// The network of 18 layers for images of 224x224: stages of 64, 128, 256 and 512 channels, two blocks each.
    ///
    /// - Parameter width: the channels of the first stage.
    public static func resNet18(
        classes: Int = 1000, width: Int = 64, channels: Int = 3, stem: Stem = .imageNet, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> ResNet {
        ResNet(
            blocks: [2, 2, 2, 2], width: width, classes: classes, stem: stem, channels: channels, generator: generator,
            device: device, file: file, line: line)
    }

    /// The network of 20 layers for images of 32x32 (4.2 of the paper): stages of 16, 32 and 64 channels, three blocks each.
    /// Where a stage changes the channels, a convolution of 1x1 does so beside its first block.
    ///
    /// - Parameter width: the channels of the first stage.
    public static func resNet20(
        classes: Int = 10, width: Int = 16, channels: Int = 3, stem: Stem = .cifar, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> ResNet {
        ResNet(
            blocks: [3, 3, 3], width: width, classes: classes, stem: stem, channels: channels, generator: generator,
            device: device, file: file, line: line)
    }

    /// torchvision's names: stages are `layer1`, `layer2`, ...
    public var members: [ModuleMember] {
        let middle = stages.enumerated().map { ModuleMember("layer\($0 + 1)", .module($1)) }
        return [ModuleMember("conv1", .module(conv1)), ModuleMember("bn1", .module(bn1))] + middle
            + [ModuleMember("fc", .module(fc))]
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard input.rank == 4, input.dtype.isFloat, input.shape[1] == channels, input.shape[2] > 0, input.shape[3] > 0
        else {
            return input.invalid(
                "ResNet", "input \(input.dtype)\(input.shape) is not floats [N, \(channels), height, width]",
                remedy: "reshape the images, or make the model for their channels", [input], at: nil)
        }
        var x = bn1(conv1(input)).relu()
        if stem == .imageNet { x = Tensor.maxPool2d(x, kernel: [3, 3], stride: [2, 2], padding: [1, 1]) }
        for stage in stages { x = stage(x) }
        return fc(x.mean(axes: [2, 3]))
    }
}

/// Two convolutions of 3x3, each normalised, added to what goes in: `relu(x + bn2(conv2(relu(bn1(conv1(x))))))`.
///
/// `[N, inputs, H, W]` to `[N, outputs, ceil(H / stride), ceil(W / stride)]`; where that is another shape, what goes in passes a
/// normalised convolution of 1x1, `downsample`.
public final class BasicBlock: UnaryLayer {
    let conv1: Conv2d
    let bn1: BatchNorm2d
    let conv2: Conv2d
    let bn2: BatchNorm2d
    let downsample: Sequential?

    /// - Parameters:
    ///   - inputs: channels of what goes in.
    ///   - outputs: channels of the result.
    ///   - stride: of the first convolution: what height and width are divided by.
    public init(
        _ inputs: Int, _ outputs: Int, stride: Int = 1, generator: Generator? = nil, device: DeviceID? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        func conv(_ inputs: Int, _ outputs: Int, kernel: Int, stride: Int) -> Conv2d {
            Conv2d.drawn(
                inputs, outputs, kernel: kernel, stride: stride, generator: generator, device: device, at: (file, line))
        }
        func norm() -> BatchNorm2d { BatchNorm2d(outputs, device: device, file: file, line: line) }
        conv1 = conv(inputs, outputs, kernel: 3, stride: stride)
        bn1 = norm()
        conv2 = conv(outputs, outputs, kernel: 3, stride: 1)
        bn2 = norm()
        let changes = stride != 1 || inputs != outputs
        downsample = changes ? Sequential([conv(inputs, outputs, kernel: 1, stride: stride), norm()]) : nil
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let made = bn2(conv2(bn1(conv1(input)).relu()))
        return (made + (downsample?(input) ?? input)).relu()
    }
}

extension Conv2d {
    /// A convolution without bias that keeps sizes but for its stride, with Kaiming normal weights by its outputs.
    fileprivate static func drawn(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int, generator: Generator?, device: DeviceID?,
        at place: (file: StaticString, line: UInt)
    ) -> Conv2d {
        let made = Conv2d(
            inputs, outputs, kernel: Extent2D(kernel), stride: Extent2D(stride), padding: .by([kernel / 2]),
            bias: false,
            generator: generator, device: device, file: place.file, line: place.line)
        made.weight.assign(
            Initialization.kaimingNormal(
                made.weight.shape, mode: .fanOut, nonlinearity: .relu, generator: generator, device: device,
                file: place.file, line: place.line))
        return made
    }
}
