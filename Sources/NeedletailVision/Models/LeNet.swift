import Needletail
import TensorRuntime

/// Two convolutions and three products, as in [LeCun et al.](http://yann.lecun.com/exdb/publis/pdf/lecun-98.pdf), with ReLU
/// and maxima in place of sigmoids and means.
///
/// Images `[N, channels, 28, 28]` or `[N, channels, 32, 32]`, as the initialiser says, to logits `[N, classes]`. Weights are
/// named `conv1`, `conv2`, `fc1`, `fc2` and `fc3`.
public final class LeNet: UnaryLayer {
    let conv1: Conv2d
    let conv2: Conv2d
    let fc1: Linear
    let fc2: Linear
    let fc3: Linear

    private let channels: Int
    private let image: Int

    /// - Parameters:
    ///   - channels: of the images.
    ///   - classes: 1 or more.
    ///   - image: height and width of the images: 28, to which a border of 2 is added, or 32.
    public init(
        channels: Int = 1, classes: Int = 10, image: Int = 28, generator: Generator? = nil, device: DeviceID? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        if image != 28 && image != 32 {
            WrongCall.report("LeNet", "images of \(image)x\(image)", remedy: "resize them to 28x28 or 32x32", at: site)
        }
        if channels < 1 || classes < 1 {
            WrongCall.report("LeNet", "\(channels) channels and \(classes) classes", remedy: "use 1 or more", at: site)
        }
        self.channels = channels
        self.image = image
        func linear(_ inputs: Int, _ outputs: Int) -> Linear {
            Linear(inputs, outputs, generator: generator, device: device, file: file, line: line)
        }
        conv1 = Conv2d(
            max(channels, 1), 6, kernel: 5, padding: image == 28 ? 2 : 0, generator: generator, device: device,
            file: file, line: line)
        conv2 = Conv2d(6, 16, kernel: 5, generator: generator, device: device, file: file, line: line)
        fc1 = linear(400, 120)
        fc2 = linear(120, 84)
        fc3 = linear(84, max(classes, 1))
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard input.rank == 4, input.dtype.isFloat, Array(input.shape.dropFirst()) == [channels, image, image] else {
            return input.invalid(
                "LeNet", "input \(input.dtype)\(input.shape) is not floats [N, \(channels), \(image), \(image)]",
                remedy: "resize or reshape the images, or make the model for them", [input], at: nil)
        }
        let first = Tensor.maxPool2d(conv1(input).relu(), kernel: [2, 2])
        let second = Tensor.maxPool2d(conv2(first).relu(), kernel: [2, 2])
        return fc3(fc2(fc1(second.flatten(from: 1)).relu()).relu())
    }
}
