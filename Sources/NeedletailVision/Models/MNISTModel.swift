import Needletail
import NeedletailTraining

/// The models that `needletail train mnist` knows.
public enum MNISTModel: String, Hashable, Sendable, CaseIterable {
    /// Linear layers of 784, 128, 128 and 10 with ReLU, and dropout of 0.2 behind the first.
    case mlp
    /// Linear layers of 784, 64, 32 and 10 with ReLU.
    case mlpSmall = "mlp-small"
    /// Two convolutions of 3x3 with 32 and 64 channels, pooled once, and linear layers of 128 and 10, with dropout.
    case cnn
    /// LeNet-5 with ReLU and maximum pooling: convolutions of 5x5 with 6 and 16 channels, linear layers of 120, 84 and
    /// 10.
    case lenet

    /// The model with initial weights: images `[N, 1, 28, 28]` to logits `[N, 10]`.
    ///
    /// - Parameter dropout: whether it has its dropout layers; benchmarks leave them out.
    public func make(
        generator: Generator? = nil, dropout: Bool = true, device: DeviceID? = nil, dtype: DType = .float32
    ) -> Sequential {
        make(
            shape: [1, 28, 28], classes: 10, generator: generator, dropout: dropout, device: device, dtype: dtype)
    }

    /// The least height and width of the images of ``make(shape:classes:generator:dropout:device:dtype:)``.
    package var leastSize: Int {
        switch self {
        case .mlp, .mlpSmall: 1
        case .cnn: 6
        case .lenet: 16
        }
    }

    /// The inputs of the first linear layer, of images of that shape.
    func flattenedCount(of shape: Shape) -> Int {
        let (height, width) = (shape[1], shape[2])
        switch self {
        case .mlp, .mlpSmall: return shape.elementCount
        case .cnn: return 64 * ((height - 4) / 2) * ((width - 4) / 2)
        case .lenet:
            let border = MNISTModel.border(shape)
            func pooledTwice(_ side: Int) -> Int { ((side + 2 * border - 4) / 2 - 4) / 2 }
            return 16 * pooledTwice(height) * pooledTwice(width)
        }
    }

    /// What makes 28x28 the 32x32 that LeNet was drawn for.
    private static func border(_ shape: Shape) -> Int { shape[1] == 28 && shape[2] == 28 ? 2 : 0 }

    /// The same layers for images of another shape: channels, height, width.
    package func make(
        shape: Shape, classes: Int, generator: Generator? = nil, dropout: Bool = true, device: DeviceID? = nil,
        dtype: DType = .float32
    ) -> Sequential {
        let channels = shape[0]
        let flat = flattenedCount(of: shape)
        func linear(_ inputs: Int, _ outputs: Int) -> Linear {
            Linear(inputs, outputs, generator: generator, device: device, dtype: dtype)
        }
        func conv(_ inputs: Int, _ outputs: Int, kernel: Extent2D, padding: ConvolutionPadding = 0) -> Conv2d {
            Conv2d(
                inputs, outputs, kernel: kernel, padding: padding, generator: generator, device: device, dtype: dtype)
        }
        switch self {
        case .mlp:
            return Sequential {
                Flatten()
                linear(flat, 128)
                ReLU()
                if dropout { Dropout(0.2) }
                linear(128, 128)
                ReLU()
                linear(128, classes)
            }
        case .mlpSmall:
            return Sequential {
                Flatten()
                linear(flat, 64)
                ReLU()
                linear(64, 32)
                ReLU()
                linear(32, classes)
            }
        case .cnn:
            return Sequential {
                conv(channels, 32, kernel: 3)
                ReLU()
                conv(32, 64, kernel: 3)
                ReLU()
                MaxPool2d(kernel: 2)
                if dropout { Dropout(0.25) }
                Flatten()
                linear(flat, 128)
                ReLU()
                if dropout { Dropout(0.5) }
                linear(128, classes)
            }
        case .lenet:
            return Sequential {
                conv(channels, 6, kernel: 5, padding: .by([MNISTModel.border(shape)]))
                ReLU()
                MaxPool2d(kernel: 2)
                conv(6, 16, kernel: 5)
                ReLU()
                MaxPool2d(kernel: 2)
                Flatten()
                linear(flat, 120)
                ReLU()
                linear(120, 84)
                ReLU()
                linear(84, classes)
            }
        }
    }

    /// The optimizer and learning rate that are taken unless told otherwise.
    public var defaultOptimizer: OptimizerKind { self == .mlpSmall ? .sgd : .adam }
}

/// The optimizers that can be named on the command line.
public enum OptimizerKind: String, Hashable, Sendable, CaseIterable {
    case sgd, adam, adamw

    /// 0.01 for SGD, 0.001 for the others.
    public var defaultLearningRate: Double { self == .sgd ? 1e-2 : 1e-3 }

    /// An optimizer of all these parameters, with its other settings as they are by default.
    ///
    /// - Parameter learningRate: nil is ``defaultLearningRate``.
    public func make(_ parameters: [Parameter], learningRate: Double? = nil) -> Optimizer {
        let rate = learningRate ?? defaultLearningRate
        switch self {
        case .sgd: return SGD(parameters, learningRate: rate)
        case .adam: return Adam(parameters, learningRate: rate)
        case .adamw: return AdamW(parameters, learningRate: rate)
        }
    }
}
