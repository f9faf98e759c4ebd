import Needletail
import TensorRuntime

/// A transformer over the patches of an image ([Dosovitskiy et al.](https://arxiv.org/abs/2010.11929)), with the names of
/// [torchvision's](https://pytorch.org/vision/stable/models/vision_transformer.html): `conv_proj.weight`, `class_token`,
/// `encoder.pos_embedding`, `encoder.layers.encoder_layer_0.self_attention.in_proj_weight`, `heads.head.weight`.
///
/// Images `[N, channels, image, image]` to logits `[N, classes]`.
public final class VisionTransformer: UnaryLayer {
    /// `[1, 1, hidden]`
    let classToken: Parameter
    let convProj: Conv2d
    let encoder: VisionEncoder
    let heads: ModuleDictionary<Linear>

    private let image: Int
    private let channels: Int
    private let head: Linear

    /// Initial values are torchvision's: truncated normal patches, places of deviation 0.02, a head of zeros.
    ///
    /// - Parameters:
    ///   - image: height and width of the images, a multiple of `patch`.
    ///   - patch: height and width of a patch.
    ///   - heads: of each attention; divides `hidden`.
    ///   - hidden: the features of a patch.
    ///   - feedForward: the features between a layer's two products; nil is `4 hidden`.
    ///   - dropout: the probability of dropout behind places, attention and products.
    ///   - attentionDropout: the probability with which weights of attention are dropped.
    public init(
        image: Int = 224, patch: Int = 16, layers: Int, heads: Int, hidden: Int, feedForward: Int? = nil,
        classes: Int = 1000, channels: Int = 3, dropout: Double = 0, attentionDropout: Double = 0,
        generator: Generator? = nil, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        func report(_ problem: String, _ remedy: String) {
            WrongCall.report("VisionTransformer", problem, remedy: remedy, at: site)
        }
        if patch < 1 || image < patch || image % patch != 0 {
            report("patches of \(patch) in images of \(image)", "let the patch divide the image")
        }
        let sizes = [("layers", layers), ("hidden", hidden), ("classes", classes), ("channels", channels)]
        for (what, size) in sizes where size < 1 { report("\(what): \(size)", "use 1 or more") }
        self.image = image
        self.channels = channels
        let side = max(patch, 1)
        let size = max(hidden, 1)
        convProj = Conv2d(
            max(channels, 1), size, kernel: Extent2D(side), stride: Extent2D(side), generator: generator,
            device: device,
            file: file, line: line)
        let fanIn = Double(max(channels, 1) * side * side)
        let deviation = 1 / fanIn.squareRoot()
        convProj.weight.assign(
            Initialization.truncatedNormal(
                convProj.weight.shape, std: deviation, generator: generator, device: device, file: file, line: line))
        convProj.bias!.assign(Tensor.zerosLike(convProj.bias!.value.detach()))
        classToken = Parameter(Tensor.zeros([1, 1, size], device: device, file: file, line: line))
        let across = max(image / side, 1)
        encoder = VisionEncoder(
            places: across * across + 1,
            layers: (0..<max(layers, 0)).map { _ in
                VisionEncoderLayer(
                    size, heads: heads, feedForward: feedForward ?? 4 * size, dropout: dropout,
                    attentionDropout: attentionDropout, generator: generator, device: device, at: (file, line))
            }, hidden: size, dropout: dropout, generator: generator, device: device, at: (file, line))
        head = Linear(size, max(classes, 1), generator: generator, device: device, file: file, line: line)
        head.weight.assign(Tensor.zerosLike(head.weight.value.detach()))
        head.bias!.assign(Tensor.zerosLike(head.bias!.value.detach()))
        self.heads = ModuleDictionary(["head": head])
    }

    /// The smallest of the usual sizes ([Touvron et al.](https://arxiv.org/abs/2012.12877), DeiT-Ti): 12 layers of 3 heads and
    /// 192 features.
    public static func tiny(
        image: Int = 224, patch: Int = 16, classes: Int = 1000, channels: Int = 3, dropout: Double = 0,
        generator: Generator? = nil, device: DeviceID? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> VisionTransformer {
        VisionTransformer(
            image: image, patch: patch, layers: 12, heads: 3, hidden: 192, classes: classes, channels: channels,
            dropout: dropout, generator: generator, device: device, file: file, line: line)
    }

    public var members: [ModuleMember] {
        [
            ModuleMember("class_token", .parameter(classToken)), ModuleMember("conv_proj", .module(convProj)),
            ModuleMember("encoder", .module(encoder)), ModuleMember("heads", .module(heads)),
        ]
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        guard input.rank == 4, input.dtype.isFloat, Array(input.shape.dropFirst()) == [channels, image, image] else {
            return input.invalid(
                "VisionTransformer",
                "input \(input.dtype)\(input.shape) is not floats [N, \(channels), \(image), \(image)]",
                remedy: "resize the images, or make the model for them", [input], at: nil)
        }
        let patches = convProj(input).flatten(from: 2).transpose(1, 2)
        let token = classToken.value.expand(input.shape[0], 1, patches.shape[2])
        let sequence = Tensor.concatenate([token, patches], axis: 1)
        return head(encoder(sequence)[0..., 0])
    }
}

/// Places, layers and a normalisation: `[N, places, hidden]` to the same.
final class VisionEncoder: UnaryLayer {
    /// `[1, places, hidden]`
    let posEmbedding: Parameter
    let dropout: Dropout
    /// torchvision's names: `layers.encoder_layer_0`, ...
    let layers = ModuleDictionary<VisionEncoderLayer>()
    let ln: LayerNorm

    init(
        places: Int, layers: [VisionEncoderLayer], hidden: Int, dropout: Double, generator: Generator?,
        device: DeviceID?, at place: (file: StaticString, line: UInt)
    ) {
        posEmbedding = Parameter(
            Initialization.normal(
                [1, places, hidden], std: 0.02, generator: generator, device: device, file: place.file,
                line: place.line))
        self.dropout = Dropout(dropout, file: place.file, line: place.line)
        for (index, layer) in layers.enumerated() { self.layers["encoder_layer_\(index)"] = layer }
        ln = LayerNorm(hidden, epsilon: 1e-6, device: device, file: place.file, line: place.line)
    }

    func callAsFunction(_ input: Tensor) -> Tensor {
        ln(layers.values.reduce(dropout(input + posEmbedding.value)) { $1($0) })
    }
}

/// Self-attention and two products with a GELU between, each behind a normalisation and added to what it is given.
final class VisionEncoderLayer: UnaryLayer {
    let ln1: LayerNorm
    let selfAttention: MultiheadAttention
    let dropout: Dropout
    let ln2: LayerNorm
    let mlp: Sequential

    init(
        _ hidden: Int, heads: Int, feedForward: Int, dropout: Double, attentionDropout: Double, generator: Generator?,
        device: DeviceID?, at place: (file: StaticString, line: UInt)
    ) {
        let (file, line) = place
        func norm() -> LayerNorm { LayerNorm(hidden, epsilon: 1e-6, device: device, file: file, line: line) }
        func product(_ inputs: Int, _ outputs: Int) -> Linear {
            let made = Linear(inputs, outputs, generator: generator, device: device, file: file, line: line)
            made.weight.assign(
                Initialization.xavierUniform(
                    made.weight.shape, generator: generator, device: device, file: file, line: line))
            made.bias!.assign(
                Initialization.normal(
                    made.bias!.shape, std: 1e-6, generator: generator, device: device, file: file, line: line))
            return made
        }
        ln1 = norm()
        ln2 = norm()
        selfAttention = MultiheadAttention(
            hidden, heads: heads, dropout: attentionDropout, batchFirst: true, generator: generator, device: device,
            file: file, line: line)
        self.dropout = Dropout(dropout, file: file, line: line)
        mlp = Sequential([
            product(hidden, feedForward), GELU(), Dropout(dropout, file: file, line: line),
            product(feedForward, hidden), Dropout(dropout, file: file, line: line),
        ])
    }

    var members: [ModuleMember] {
        [
            ModuleMember("ln_1", .module(ln1)), ModuleMember("self_attention", .module(selfAttention)),
            ModuleMember("dropout", .module(dropout)), ModuleMember("ln_2", .module(ln2)),
            ModuleMember("mlp", .module(mlp)),
        ]
    }

    func callAsFunction(_ input: Tensor) -> Tensor {
        let normed = ln1(input)
        let x = input + dropout(selfAttention(query: normed, key: normed, value: normed).output)
        return x + mlp(ln2(x))
    }
}
