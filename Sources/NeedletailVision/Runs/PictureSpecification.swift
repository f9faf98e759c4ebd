import Needletail
import NeedletailTraining
import TensorRuntime

/// The models of pictures that the command line knows.
package enum ImageModel: String, Hashable, Sendable, CaseIterable {
    case mlp
    case mlpSmall = "mlp-small"
    case cnn, lenet, resnet18, resnet20

    /// The optimizer that is taken unless told otherwise.
    package var defaultOptimizer: OptimizerKind { MNISTModel(rawValue: rawValue)?.defaultOptimizer ?? .adam }

    /// The least height and width of its images.
    package var leastSize: Int { MNISTModel(rawValue: rawValue)?.leastSize ?? 8 }

    /// The model with initial weights.
    ///
    /// - Parameter shape: of an image: channels, height, width.
    package func make(
        shape: Shape, classes: Int, generator: Generator, device: DeviceID, dtype: DType
    ) -> any UnaryLayer {
        if let plain = MNISTModel(rawValue: rawValue) {
            return plain.make(shape: shape, classes: classes, generator: generator, device: device, dtype: dtype)
        }
        let channels = shape[0]
        // Small images keep their size up to the blocks.
        let isSmall = Swift.min(shape[1], shape[2]) < 128
        let net =
            self == .resnet20
            ? ResNet.resNet20(
                classes: classes, channels: channels, stem: isSmall ? .cifar : .imageNet, generator: generator,
                device: device)
            : ResNet.resNet18(
                classes: classes, channels: channels, stem: isSmall ? .cifar : .imageNet, generator: generator,
                device: device)
        if dtype != .float32 { net.to(dtype: dtype) }
        return net
    }
}

/// A classifier of pictures.
package struct PictureSpecification: RunSpecification, Hashable {
    /// An ``ImageModel`` or an `MNISTPreset`.
    package let modelName: String
    /// Of a picture: channels, height, width.
    package let shape: Shape
    package let classes: [String]
    /// Of each channel, pixels being 0...1; none where pixels are taken as they are.
    package let mean: [Double]
    package let deviation: [Double]

    package var problem: RunProblem { .classes(classes) }

    init(modelName: String, shape: Shape, classes: [String], mean: [Double] = [], deviation: [Double] = []) {
        self.modelName = modelName
        self.shape = shape
        self.classes = classes
        self.mean = mean
        self.deviation = deviation
    }

    private static let largest = 1 << 10

    init(_ saved: SavedRun) throws(TensorError) {
        let name = saved.checkpoint.model
        // A file without a recipe is of the models that are MNIST's own.
        var known =
            saved.recipe.texts.isEmpty ? MNISTModel.allCases.map(\.rawValue) : ImageModel.allCases.map(\.rawValue)
        if saved.kind == .mnist { known += MNISTPreset.allCases.map(\.rawValue) }
        guard known.contains(name) else {
            throw TensorError(
                .data,
                "\(saved.path): of model '\(name)', which is none of \(known.joined(separator: ", ")); name another file"
            )
        }
        modelName = name
        if let collection = saved.kind.collection {
            shape = collection.imageShape
            classes = collection.classNames
            mean = []
            deviation = []
        } else {
            let extents: [Int] = try saved.numbers("shape")
            let least = ImageModel(rawValue: name)?.leastSize ?? 1
            guard extents.count == 3, extents[0] == 1 || extents[0] == 3,
                extents[1...].allSatisfy({ (least...PictureSpecification.largest).contains($0) })
            else { throw saved.wrong("shape") }
            shape = Shape(extents)
            classes = try saved.words("classes")
            guard classes.count > 1 else { throw saved.wrong("classes") }
            mean = try saved.numbers("mean")
            deviation = try saved.numbers("deviation")
            guard mean.count == extents[0], mean.allSatisfy(\.isFinite) else { throw saved.wrong("mean") }
            guard deviation.count == extents[0], deviation.allSatisfy({ $0 > 0 && $0.isFinite }) else {
                throw saved.wrong("deviation")
            }
            // Layers are made as large as the weights are that are there.
            let weights = saved.checkpoint.weights.entries.map(\.tensor.shape)
            guard weights.contains([classes.count]) else { throw saved.wrong("classes") }
            if let plain = MNISTModel(rawValue: name) {
                let inputs = plain.flattenedCount(of: shape)
                guard weights.contains(where: { $0.rank == 2 && $0[1] == inputs }) else { throw saved.wrong("shape") }
            }
        }
    }

    package func words() -> [String: [String]] {
        [
            "shape": shape.map { "\($0)" }, "classes": classes, "mean": mean.map { "\($0)" },
            "deviation": deviation.map { "\($0)" },
        ]
    }

    package func make(generator: Generator, device: DeviceID, dtype: DType) -> any UnaryLayer {
        let net: any UnaryLayer
        if let preset = MNISTPreset(rawValue: modelName) {
            net = preset.makeModel(generator: generator, device: device)
            if dtype != .float32 { net.to(dtype: dtype) }
        } else {
            let model = ImageModel(rawValue: modelName) ?? .mlp
            net = model.make(
                shape: shape, classes: classes.count, generator: generator, device: device, dtype: dtype)
        }
        return mean.isEmpty ? net : NormalizedNet(net, Normalize(mean: mean, std: deviation))
    }
}

/// A net whose pictures are normalised first, so that everything around it has them as they are seen: 0...1.
private final class NormalizedNet: UnaryLayer {
    private let net: any UnaryLayer
    private let normalize: Normalize
    private let unused = Generator(seed: 0)

    init(_ net: any UnaryLayer, _ normalize: Normalize) {
        self.net = net
        self.normalize = normalize
    }

    /// The net's, under its names.
    var members: [ModuleMember] { net.members }
    var configuration: String { "mean=\(normalize.mean), std=\(normalize.std)" }

    func callAsFunction(_ input: Tensor) -> Tensor { net(normalize(input, generator: unused)) }
}
