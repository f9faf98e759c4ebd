import Foundation
import Needletail
import NeedletailVision
import Testing

/// Weights of whole PyTorch models (`make_golden_models.py`) load by name, all of them, and give PyTorch's outputs.
@Suite struct GoldenModelTests {
    enum Model: String, CaseIterable {
        case lstm, encoder, resnet18, resnet20, alexnet, vgg11
        case vitTiny = "vit_tiny"
        case vgg16Norm = "vgg16_bn"

        /// The same model of ours with other weights, and what calls it.
        func make() -> (module: any Module, call: (Tensor) -> [Tensor]) {
            switch self {
            case .lstm:
                let lstm = LSTM(10, 12, layers: 2, bidirectional: true)
                return (
                    lstm,
                    { input in
                        let (output, state) = lstm(input)
                        return [output, state.hidden, state.cell]
                    }
                )
            case .encoder:
                let options = TransformerOptions(feedForward: 32, activation: .gelu, batchFirst: true)
                let encoder = TransformerEncoder((0..<2).map { _ in TransformerEncoderLayer(16, heads: 4, options) })
                return (encoder, { [encoder($0)] })
            case .resnet18: return GoldenModelTests.unary(ResNet.resNet18(classes: 10, width: 4))
            case .resnet20: return GoldenModelTests.unary(ResNet.resNet20(width: 4))
            case .alexnet: return GoldenModelTests.unary(AlexNet(classes: 10, width: 1))
            case .vgg11: return GoldenModelTests.unary(VGG.vgg11(classes: 10, width: 1))
            case .vgg16Norm: return GoldenModelTests.unary(VGG.vgg16(batchNorm: true, classes: 10, width: 1))
            case .vitTiny:
                return GoldenModelTests.unary(
                    VisionTransformer(image: 32, patch: 8, layers: 12, heads: 3, hidden: 12, classes: 10, dropout: 0.1))
            }
        }
    }

    private static func unary(_ layer: any UnaryLayer) -> (any Module, (Tensor) -> [Tensor]) {
        (layer, { [layer($0)] })
    }

    /// A state dictionary as PyTorch saved it.
    private static func weights(_ name: String) throws -> StateDictionary {
        let file = GoldenFile("model_\(name)")
        var state = StateDictionary()
        for entry in file.names { state[entry] = try file.tensor(entry) }
        return state
    }

    private static func compare(_ model: Model) throws {
        let file = GoldenFile("models")
        let (module, call) = model.make()
        let report = try module.load(stateDictionary: try weights(model.rawValue))
        #expect(report.missing.isEmpty && report.unexpected.isEmpty)
        module.eval()
        let outputs = try checked { try withNoGrad { call(try file.tensor("\(model.rawValue)/in")) } }
        #expect(outputs.count == file.names.count { $0.hasPrefix("\(model.rawValue)/out") })
        let tolerance = GoldenTolerance(relative: 0, absolute: 1e-5, normalizedSquare: 1e-10)
        for (index, output) in outputs.enumerated() {
            try expectGolden(output, file, "\(model.rawValue)/out\(index)", tolerance)
        }
    }

    @Test(arguments: Model.allCases, GraphDevice.wanted)
    func weightsOfPyTorchGiveItsOutputs(_ model: Model, _ device: GraphDevice) throws {
        try device.run { _ in try GoldenModelTests.compare(model) }
    }

    @Test func weightsOfAnotherModelAreRefused() throws {
        let other = ResNet.resNet18(classes: 10, width: 4, stem: .cifar)
        expectError(.data, containing: "'conv1.weight' is float32[4, 3, 7, 7], but float32[4, 3, 3, 3] in the model") {
            () throws(TensorError) in
            var state = StateDictionary()
            do { state = try GoldenModelTests.weights("resnet18") } catch { Issue.record(error) }
            try other.load(stateDictionary: state)
        }
    }

    @Test func theUsualSizesHaveTheirParameters() {
        #expect(ResNet.resNet18().parameterCount == 11_689_512)
        #expect(VisionTransformer.tiny().parameterCount == 5_717_416)
        #expect(LeNet().parameterCount == 61_706)
        #expect(AlexNet().parameterCount == 61_100_840)
        #expect(VGG.vgg11().parameterCount == 132_863_336)
        #expect(VGG.vgg16().parameterCount == 138_357_544)
        #expect(VGG.vgg16(batchNorm: true).parameterCount == 138_365_992)
        let names = ResNet.resNet18(classes: 10, width: 4).namedBuffers.map(\.name)
        #expect(names.contains("layer2.0.downsample.1.running_mean"))
    }

    @Test func wrongSizesAreErrors() {
        let images = Tensor.ones([2, 3, 32, 32])
        expectWrongCalls([
            (
                "LeNet: input float32[2, 3, 32, 32] is not floats [N, 3, 28, 28]; resize",
                { LeNet(channels: 3)(images) }
            ),
            (
                "LeNet: images of 30x30; resize them to 28x28 or 32x32",
                { LeNet(channels: 3, image: 30)(images) }
            ),
            ("LeNet: 0 channels and 10 classes; use 1 or more", { LeNet(channels: 0)(images) }),
            (
                "ResNet: input float32[2, 3, 32, 32] is not floats [N, 1, height, width]; reshape",
                { ResNet.resNet20(width: 2, channels: 1)(images) }
            ),
            (
                "ResNet: stages of [2, 0] blocks; use one stage or more, each of 1 block or more",
                { ResNet(blocks: [2, 0], width: 2, classes: 2, stem: .cifar)(images) }
            ),
            ("ResNet: a width of 0; use 1 or more", { ResNet.resNet20(width: 0)(images) }),
            (
                "AlexNet: input float32[2, 3, 32, 32] is not floats [N, 3, height, width] of 63x63 or more; resize",
                { AlexNet(width: 1)(images) }
            ),
            ("AlexNet: a width of 0; use 1 or more", { AlexNet(width: 0)(Tensor.ones([1, 3, 64, 64])) }),
            (
                "VGG: input float32[2, 3, 32, 32] is not floats [N, 1, height, width] of 32x32 or more; resize",
                { VGG.vgg11(channels: 1, width: 1)(images) }
            ),
            (
                "VGG: stages of [1, 0] convolutions; use 1 to 16 stages, each of 1 convolution or more",
                { VGG(convolutions: [1, 0], width: 1)(images) }
            ),
            (
                "VisionTransformer: patches of 5 in images of 32; let the patch divide the image",
                { VisionTransformer(image: 32, patch: 5, layers: 1, heads: 1, hidden: 4)(images) }
            ),
            (
                "VisionTransformer: input float32[2, 3, 32, 32] is not floats [N, 3, 16, 16]; resize",
                { VisionTransformer(image: 16, patch: 8, layers: 1, heads: 1, hidden: 4)(images) }
            ),
            (
                "MultiheadAttention(4, heads: 3): 3 heads do not divide 4; change heads",
                { VisionTransformer(image: 32, patch: 8, layers: 1, heads: 3, hidden: 4)(images) }
            ),
        ])
    }
}
