import Needletail
import TensorRuntime
import TestSupport
import Testing

/// Layers that are seldom used, and parameters that are computed from others, against PyTorch.
@Suite struct GoldenLastModuleTests {
    private static let layers: [ModuleCase] = [
        .layer("transpose3d", ConvTranspose3d(2, 3, kernel: 2)),
        .layer(
            "transpose3d_options",
            ConvTranspose3d(
                4, 2, kernel: [3, 2, 1], stride: [2, 1, 3], padding: [1, 0, 0], outputPadding: [1, 0, 2], groups: 2,
                dilation: [1, 2, 1])),
        .layer("transpose3d_single", ConvTranspose3d(1, 2, kernel: 3, stride: 2, padding: 1, bias: false)),
        .layer("weight_norm", weightNorm(Linear(3, 4))),
        .layer("weight_norm_axis", weightNorm(Conv2d(2, 3, kernel: 2), axis: 1)),
        .layer("weight_norm_whole", weightNorm(Linear(3, 4), axis: nil)),
        .layer("spectral_norm", spectralNorm(Linear(3, 4))),
        .layer("spectral_norm_eval", isTraining: false, spectralNorm(Linear(3, 4))),
        .layer("spectral_norm_transposed", spectralNorm(ConvTranspose2d(2, 3, kernel: 2), iterations: 2)),
        .layer("spectral_norm_bias", spectralNorm(Linear(3, 4), name: "bias")),
    ]

    private static func fractional(
        _ name: String, _ make: @escaping @Sendable (Tensor) -> FractionalMaxPool
    ) -> ModuleCase {
        .function(name) { inputs in
            let result = make(inputs[1]).withIndices(inputs[0])
            return [result.values, result.indices]
        }
    }

    private static let others: [ModuleCase] = [
        fractional("fractional2d") { FractionalMaxPool2d(kernel: [2, 3], outputSize: [4, 3], samples: $0) },
        fractional("fractional2d_ratio") {
            FractionalMaxPool2d(kernel: 2, outputRatio: (height: 0.5, width: 0.7), samples: $0)
        },
        fractional("fractional3d") { FractionalMaxPool3d(kernel: [2, 1, 3], outputSize: [3, 4, 1], samples: $0) },
        .module(
            "adaptive_softmax",
            AdaptiveLogSoftmaxWithLoss(8, classes: 12, cutoffs: [3, 7], divisor: 2, headBias: true)
        ) { layer, inputs in
            let (output, loss) = layer(inputs[0], classes: inputs[1])
            return [output, loss]
        },
        .module("adaptive_softmax_one", AdaptiveLogSoftmaxWithLoss(4, classes: 5, cutoffs: [2])) { layer, inputs in
            let (output, loss) = layer(inputs[0], classes: inputs[1])
            return [output, loss]
        },
        .module(
            "adaptive_softmax_all", AdaptiveLogSoftmaxWithLoss(8, classes: 12, cutoffs: [3, 7], divisor: 2)
        ) { layer, inputs in [layer.logProb(inputs[0]), layer.predict(inputs[0])] },
    ]

    @Test(arguments: GraphDevice.wanted) func layersArePyTorchs(_ device: GraphDevice) throws {
        let file = GoldenFile("last_modules")
        let cases = Self.layers + Self.others
        #expect(cases.map(\.name).sorted() == file.moduleCases)
        try device.run { _ in
            for row in cases { try checked { try row.compare(with: file) } }
        }
    }

    // MARK: Parameters computed from others

    @Test func aNormedLayerTrainsAndIsSavedByItsOriginals() throws {
        try withDevice(.cpu) { () throws(any Error) in
            let layer = weightNorm(Linear(3, 2, generator: Generator(seed: 1)))
            let before = try layer.weight.value.scalars(as: Float.self)
            let plain = Linear(3, 2, generator: Generator(seed: 1))
            expectGolden(
                before.map(Double.init), try plain.weight.value.scalars(as: Float.self).map(Double.init), "same weight")
            #expect(
                layer.namedParameters.map(\.name) == [
                    "parametrizations.weight.original0", "parametrizations.weight.original1", "bias",
                ])
            let optimizer = SGD(layer.parameters, learningRate: 0.1)
            let x = Tensor.ones([4, 3])
            let first = layer(x).square().mean()
            first.backward()
            try optimizer.step()
            #expect(try layer(x).square().mean().item() < first.item())
            let copy = weightNorm(Linear(3, 2))
            try copy.load(stateDictionary: layer.stateDictionary())
            #expect(try copy(x).allClose(layer(x)))
            // Assigned, the originals follow.
            layer.weight.assign(Tensor.fullLike(layer.weight.value.detach(), 2))
            #expect(try layer.weight.value.allClose(Tensor.fullLike(plain.weight.value.detach(), 2)))
            #expect(layer.weight.requiresGrad && layer.weight.dtype == .float32)
            layer.weight.requiresGrad = false
            #expect(layer.parameters.map(\.requiresGrad) == [false, false, true])
            layer.removeParametrizations()
            #expect(layer.namedParameters.map(\.name) == ["weight", "bias"])
            #expect(try layer.weight.value.allClose(Tensor.fullLike(plain.weight.value.detach(), 2)))
        }
    }

    @Test func aSpectralNormComesToOne() throws {
        try withDevice(.cpu) { () throws(any Error) in
            let layer = spectralNorm(Linear(6, 4), generator: Generator(seed: 3))
            for _ in 0..<50 { _ = layer.weight.value }
            layer.eval()
            let norm = try layer.weight.value.detach().svd().s[0].item()
            #expect(abs(norm - 1) < 1e-4, "\(norm)")
            let kept = try layer.weight.value.scalars(as: Float.self)
            #expect(try layer.weight.value.scalars(as: Float.self) == kept)
            layer.removeParametrizations()
            #expect(try layer.weight.value.scalars(as: Float.self) == kept)
            #expect(layer.namedBuffers.isEmpty)
        }
    }

    @Test func wrongCallsAreNamed() throws {
        try withDevice(.cpu) { () throws(any Error) in
            func wrong(_ text: String, _ body: () throws -> Void) { expectWrongCall(containing: text, body: body) }
            wrong("weightNorm: Linear has no parameter 'scale'") { weightNorm(Linear(2, 2), name: "scale") }
            wrong("weightNorm: axis 2 of 'weight', which is [2, 2]") { weightNorm(Linear(2, 2), axis: 2) }
            wrong("weightNorm: 'weight' of Linear is computed from others") {
                let layer: Linear = weightNorm(Linear(2, 2))
                weightNorm(layer)
            }
            wrong("spectralNorm: 'weight' of Linear is an optimizer's") {
                let layer = Linear(2, 2)
                let optimizer = SGD(layer.parameters, learningRate: 1)
                spectralNorm(layer)
                withExtendedLifetime(optimizer) {}
            }
            wrong("spectralNorm: axis 0 of 'weight', which is [2, 2], and 0 iterations") {
                spectralNorm(Linear(2, 2), iterations: 0)
            }
            wrong("removeParametrizations: 'weight' of Linear is not computed") {
                Linear(2, 2).removeParametrizations()
            }
            wrong("Optimizer: parameter '0' is computed from others") {
                _ = SGD([weightNorm(Linear(2, 2)).weight], learningRate: 1)
            }
            wrong("FractionalMaxPool2d: kernel 0x2") { _ = FractionalMaxPool2d(kernel: [0, 2], outputSize: 1) }
            wrong("FractionalMaxPool2d: 4 windows of 2 of an axis of 4") {
                _ = FractionalMaxPool2d(kernel: 2, outputSize: 4)(Tensor.ones([1, 4, 4]))
            }
            wrong("AdaptiveLogSoftmaxWithLoss(4, classes: 5): cutoffs [3, 2]") {
                _ = AdaptiveLogSoftmaxWithLoss(4, classes: 5, cutoffs: [3, 2])
            }
            wrong("AdaptiveLogSoftmaxWithLoss(4, classes: 5): class 5 is outside of 0..<5") {
                let layer = AdaptiveLogSoftmaxWithLoss(4, classes: 5, cutoffs: [2])
                _ = layer(Tensor.ones([1, 4]), classes: Tensor([5] as [Int64]))
            }
            wrong("convTranspose3d: input float32[1, 1, 2, 2]") {
                _ = Tensor.convTranspose3d(Tensor.ones([1, 1, 2, 2]), weight: Tensor.ones([1, 1, 2, 2, 2]))
            }
        }
    }
}
