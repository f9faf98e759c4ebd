import Needletail
import TensorRuntime

/// Five convolutions and three products ([Krizhevsky](https://arxiv.org/abs/1404.5997)), with the names of
/// [torchvision's](https://pytorch.org/vision/stable/models/alexnet.html): `features.0.weight`, `classifier.1.weight`.
///
/// Images `[N, channels, height, width]` of 63x63 or more, those of ImageNet being 224x224, to logits `[N, classes]`.
///
///     let model = AlexNet()
///     try model.load(stateDictionary: weights)
///     let logits = model(images)
public final class AlexNet: UnaryLayer {
    let features: Sequential
    let avgpool = AdaptiveAvgPool2d(6)
    let classifier: Sequential

    private let channels: Int

    /// The least height and width from which the last pooling gets something.
    private static let smallest = 63

    /// Weights are drawn as each layer does it, as in torchvision.
    ///
    /// - Parameters:
    ///   - channels: of the images.
    ///   - dropout: the probability of dropout in front of the first two products.
    ///   - width: the channels of the first convolution; the other layers' sizes are multiples of it.
    public init(
        classes: Int = 1000, channels: Int = 3, dropout: Double = 0.5, width: Int = 64, generator: Generator? = nil,
        device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        let sizes = [("classes:", classes), ("channels:", channels), ("a width of", width)]
        for (what, size) in sizes where size < 1 {
            WrongCall.report("AlexNet", "\(what) \(size)", remedy: "use 1 or more", at: CallSite(file, line))
        }
        self.channels = channels
        let unit = max(width, 1)
        func conv(_ inputs: Int, _ outputs: Int, kernel: Extent2D, stride: Extent2D = 1, padding: Int) -> Conv2d {
            Conv2d(
                inputs, outputs, kernel: kernel, stride: stride, padding: .by([padding]), generator: generator,
                device: device, file: file, line: line)
        }
        func linear(_ inputs: Int, _ outputs: Int) -> Linear {
            Linear(inputs, outputs, generator: generator, device: device, file: file, line: line)
        }
        features = Sequential {
            conv(max(channels, 1), unit, kernel: 11, stride: 4, padding: 2)
            ReLU()
            MaxPool2d(kernel: 3, stride: 2)
            conv(unit, 3 * unit, kernel: 5, padding: 2)
            ReLU()
            MaxPool2d(kernel: 3, stride: 2)
            conv(3 * unit, 6 * unit, kernel: 3, padding: 1)
            ReLU()
            conv(6 * unit, 4 * unit, kernel: 3, padding: 1)
            ReLU()
            conv(4 * unit, 4 * unit, kernel: 3, padding: 1)
            ReLU()
            MaxPool2d(kernel: 3, stride: 2)
        }
        classifier = Sequential {
            Dropout(dropout, file: file, line: line)
            linear(4 * unit * 36, 64 * unit)
            ReLU()
            Dropout(dropout, file: file, line: line)
            linear(64 * unit, 64 * unit)
            ReLU()
            linear(64 * unit, max(classes, 1))
        }
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard input.rank == 4, input.dtype.isFloat, input.shape[1] == channels,
            input.shape[2] >= AlexNet.smallest, input.shape[3] >= AlexNet.smallest
        else {
            return input.invalid(
                "AlexNet",
                "input \(input.dtype)\(input.shape) is not floats [N, \(channels), height, width] of "
                    + "\(AlexNet.smallest)x\(AlexNet.smallest) or more",
                remedy: "resize the images, or make the model for their channels", [input], at: nil)
        }
        return classifier(avgpool(features(input)).flatten(from: 1))
    }
}
