import Needletail
import TensorRuntime

/// Stages of convolutions of 3x3, each ended by a pooling that halves the image, and three products
/// ([Simonyan and Zisserman](https://arxiv.org/abs/1409.1556)), with the names of
/// [torchvision's](https://pytorch.org/vision/stable/models/vgg.html): `features.0.weight`, `classifier.0.weight`.
///
/// Images `[N, channels, height, width]`, which each stage halves, those of ImageNet being 224x224, to logits `[N, classes]`.
///
///     let model = VGG.vgg16()
///     try model.load(stateDictionary: weights)
///     let logits = model(images)
public final class VGG: UnaryLayer {
    let features: Sequential
    let avgpool = AdaptiveAvgPool2d(7)
    let classifier: Sequential

    private let channels: Int
    /// The least height and width that the stages do not halve away.
    private let smallest: Int

    /// A convolution's weights are Kaiming normal by its outputs, those of products normal of deviation 0.01, biases 0, as in
    /// torchvision.
    ///
    /// - Parameters:
    ///   - convolutions: the number of convolutions of each stage.
    ///   - batchNorm: whether each convolution is followed by a normalisation.
    ///   - channels: of the images.
    ///   - dropout: the probability of dropout behind the first two products.
    ///   - width: the channels of the first stage; each other has twice those of the one before, at most 8 times `width`.
    public init(
        convolutions: [Int], batchNorm: Bool = false, classes: Int = 1000, channels: Int = 3, dropout: Double = 0.5,
        width: Int = 64, generator: Generator? = nil, device: DeviceID? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        func report(_ problem: String, _ remedy: String) {
            WrongCall.report("VGG", problem, remedy: remedy, at: CallSite(file, line))
        }
        if convolutions.isEmpty || convolutions.count > 16 || convolutions.contains(where: { $0 < 1 }) {
            report("stages of \(convolutions) convolutions", "use 1 to 16 stages, each of 1 convolution or more")
        }
        let sizes = [("classes:", classes), ("channels:", channels), ("a width of", width)]
        for (what, size) in sizes where size < 1 { report("\(what) \(size)", "use 1 or more") }
        self.channels = channels
        smallest = 1 << min(convolutions.count, 16)
        let unit = max(width, 1)
        var inputs = max(channels, 1)
        var layers: [any UnaryLayer] = []
        for (stage, count) in convolutions.enumerated() {
            let outputs = unit << min(stage, 3)
            for _ in 0..<max(count, 1) {
                layers.append(
                    VGG.convolution(inputs, outputs, generator: generator, device: device, at: (file, line)))
                if batchNorm { layers.append(BatchNorm2d(outputs, device: device, file: file, line: line)) }
                layers.append(ReLU())
                inputs = outputs
            }
            layers.append(MaxPool2d(kernel: 2, stride: 2))
        }
        features = Sequential(layers)
        func product(_ inputs: Int, _ outputs: Int) -> Linear {
            VGG.product(inputs, outputs, generator: generator, device: device, at: (file, line))
        }
        classifier = Sequential([
            product(inputs * 49, 64 * unit), ReLU(), Dropout(dropout, file: file, line: line),
            product(64 * unit, 64 * unit), ReLU(), Dropout(dropout, file: file, line: line),
            product(64 * unit, max(classes, 1)),
        ])
    }

    private static func convolution(
        _ inputs: Int, _ outputs: Int, generator: Generator?, device: DeviceID?,
        at place: (file: StaticString, line: UInt)
    ) -> Conv2d {
        let made = Conv2d(
            inputs, outputs, kernel: 3, padding: 1, generator: generator, device: device, file: place.file,
            line: place.line)
        made.weight.assign(
            Initialization.kaimingNormal(
                made.weight.shape, mode: .fanOut, nonlinearity: .relu, generator: generator, device: device,
                file: place.file, line: place.line))
        made.bias!.assign(Tensor.zerosLike(made.bias!.value.detach()))
        return made
    }

    private static func product(
        _ inputs: Int, _ outputs: Int, generator: Generator?, device: DeviceID?,
        at place: (file: StaticString, line: UInt)
    ) -> Linear {
        let (file, line) = place
        let made = Linear(inputs, outputs, generator: generator, device: device, file: file, line: line)
        made.weight.assign(
            Initialization.normal(
                made.weight.shape, std: 0.01, generator: generator, device: device, file: file, line: line))
        made.bias!.assign(Tensor.zerosLike(made.bias!.value.detach()))
        return made
    }

    /// The network of 8 convolutions and 3 products (A of the paper's table 1).
    public static func vgg11(
        batchNorm: Bool = false, classes: Int = 1000, channels: Int = 3, dropout: Double = 0.5, width: Int = 64,
        generator: Generator? = nil, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> VGG {
        VGG(
            convolutions: [1, 1, 2, 2, 2], batchNorm: batchNorm, classes: classes, channels: channels,
            dropout: dropout, width: width, generator: generator, device: device, file: file, line: line)
    }

    /// The network of 13 convolutions and 3 products (D of the paper's table 1).
    public static func vgg16(
        batchNorm: Bool = false, classes: Int = 1000, channels: Int = 3, dropout: Double = 0.5, width: Int = 64,
        generator: Generator? = nil, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> VGG {
        VGG(
            convolutions: [2, 2, 3, 3, 3], batchNorm: batchNorm, classes: classes, channels: channels,
            dropout: dropout, width: width, generator: generator, device: device, file: file, line: line)
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard input.rank == 4, input.dtype.isFloat, input.shape[1] == channels, input.shape[2] >= smallest,
            input.shape[3] >= smallest
        else {
            return input.invalid(
                "VGG",
                "input \(input.dtype)\(input.shape) is not floats [N, \(channels), height, width] of "
                    + "\(smallest)x\(smallest) or more",
                remedy: "resize the images, or make the model for their channels", [input], at: nil)
        }
        return classifier(avgpool(features(input)).flatten(from: 1))
    }
}
