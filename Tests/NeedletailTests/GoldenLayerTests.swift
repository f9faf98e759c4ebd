import Needletail
import NeedletailTraining
import Testing

/// Layers and losses against PyTorch, with the gradients by inputs and parameters.
@Suite struct GoldenLayerTests {
    static let file = GoldenFile("layers")
    static let lossFile = GoldenFile("losses")
    static let weightedLossFile = GoldenFile("weighted_losses")

    /// Runs a layer whose parameters are the case's inputs from the second on, forwards and backwards.
    private func check(_ name: String, _ layer: any UnaryLayer) throws {
        let file = GoldenLayerTests.file
        let inputs = try file.tensors("\(name)/in")
        #expect(layer.parameters.count == inputs.count - 1)
        for (parameter, value) in zip(layer.parameters, inputs.dropFirst()) { parameter.assign(value) }
        let x = inputs[0].requiringGrad()
        let out = layer(x)
        try expectGolden(out, file, "\(name)/out")
        out.backward(gradient: try file.tensor("\(name)/g"))
        let found = [x.grad] + layer.parameters.map(\.grad)
        for (index, gradient) in found.enumerated() {
            try expectGolden(try #require(gradient), file, "\(name)/d\(index)")
        }
    }

    @Test func linearIsPyTorchs() throws {
        try withDevice(.cpu) { try check("linear", Linear(4, 3)) }
    }

    @Test func layerNormIsPyTorchsOverOneAxisAndOverTwo() throws {
        try withDevice(.cpu) {
            try check("layer_norm", LayerNorm(6))
            try check("layer_norm_two_axes", LayerNorm([3, 4]))
        }
    }

    @Test func batchNormTrainsWithTheBatchAndEvaluatesWithTheRunningStatistics() throws {
        try withDevice(.cpu) {
            let layer = BatchNorm2d(3)
            try check("batch_norm_train", layer)
            try expectGolden(layer.runningMean!.value, GoldenLayerTests.file, "batch_norm_train/mean")
            try expectGolden(layer.runningVar!.value, GoldenLayerTests.file, "batch_norm_train/variance")
            #expect(try layer.numBatchesTracked!.value.item() == 1)
            layer.zeroGrad()
            layer.eval()
            try check("batch_norm_eval", layer)
            // Evaluation leaves them alone.
            try expectGolden(layer.runningMean!.value, GoldenLayerTests.file, "batch_norm_train/mean")
            #expect(try layer.numBatchesTracked!.value.item() == 1)
        }
    }

    @Test func activationsAreLayersToo() throws {
        try withDevice(.cpu) {
            try check("gelu", GELU())
            try check("softmax", Softmax())
        }
    }

    static let losses: [GoldenCase] = [
        GoldenCase("mse") { mseLoss($0[0], $0[1]) },
        GoldenCase("mse_sum") { mseLoss($0[0], $0[1], reduction: .sum) },
        GoldenCase("l1") { l1Loss($0[0], $0[1]) },
        GoldenCase("cross_entropy") { crossEntropy($0[0], $0[1]) },
        GoldenCase("cross_entropy_none") { crossEntropy($0[0], $0[1], reduction: .none) },
        GoldenCase("cross_entropy_sum") { crossEntropy($0[0], $0[1], reduction: .sum) },
        GoldenCase("cross_entropy_smooth") { crossEntropy($0[0], $0[1], labelSmoothing: 0.1) },
        GoldenCase("cross_entropy_ignored") { crossEntropy($0[0], $0[1], ignoredIndex: 1) },
        GoldenCase("cross_entropy_images") { crossEntropy($0[0], $0[1]) },
        GoldenCase("cross_entropy_large") { crossEntropy($0[0], $0[1]) },
        GoldenCase("cross_entropy_soft") { crossEntropy($0[0], $0[1]) },
        GoldenCase("nll") { nllLoss($0[0].logSoftmax(axis: 1), $0[1]) },
        GoldenCase("bce") { binaryCrossEntropyWithLogits($0[0], $0[1]) },
    ]

    /// Inputs: logits, target, a weight for each class.
    static let weightedLosses: [GoldenCase] = [
        GoldenCase("mean") { crossEntropy($0[0], $0[1], weight: $0[2]) },
        GoldenCase("none") { crossEntropy($0[0], $0[1], weight: $0[2], reduction: .none) },
        GoldenCase("sum") { crossEntropy($0[0], $0[1], weight: $0[2], reduction: .sum) },
        GoldenCase("smooth") { crossEntropy($0[0], $0[1], weight: $0[2], labelSmoothing: 0.1) },
        GoldenCase("smooth_none") {
            crossEntropy($0[0], $0[1], weight: $0[2], reduction: .none, labelSmoothing: 0.3)
        },
        GoldenCase("ignored") { crossEntropy($0[0], $0[1], weight: $0[2], ignoredIndex: 1) },
        GoldenCase("ignored_smooth") {
            crossEntropy($0[0], $0[1], weight: $0[2], labelSmoothing: 0.2, ignoredIndex: 1)
        },
        GoldenCase("ignored_smooth_sum") {
            crossEntropy($0[0], $0[1], weight: $0[2], reduction: .sum, labelSmoothing: 0.2, ignoredIndex: 1)
        },
        GoldenCase("images") { crossEntropy($0[0], $0[1], weight: $0[2]) },
        GoldenCase("soft") { crossEntropy($0[0], $0[1], weight: $0[2]) },
        GoldenCase("soft_smooth") { crossEntropy($0[0], $0[1], weight: $0[2], labelSmoothing: 0.1) },
        GoldenCase("nll") { nllLoss($0[0], $0[1], weight: $0[2]) },
        GoldenCase("nll_none") { nllLoss($0[0], $0[1], weight: $0[2], reduction: .none) },
        GoldenCase("nll_ignored") { nllLoss($0[0], $0[1], weight: $0[2], ignoredIndex: 1) },
        GoldenCase("nll_only_ignored") { nllLoss($0[0], $0[1], ignoredIndex: 1) },
    ]

    @Test(arguments: weightedLosses) func lossesWithClassWeightsArePyTorchs(_ row: GoldenCase) throws {
        try withOwnDevice { _ in try row.compare(with: GoldenLayerTests.weightedLossFile) }
    }

    @Test(arguments: losses) func lossesAndTheirGradientsArePyTorchs(_ row: GoldenCase) throws {
        try row.check(GoldenLayerTests.lossFile)
    }

    @Test func everyLossOfTheFileIsChecked() {
        #expect(GoldenLayerTests.losses.map(\.name).sorted() == GoldenLayerTests.lossFile.cases)
        #expect(GoldenLayerTests.weightedLosses.map(\.name).sorted() == GoldenLayerTests.weightedLossFile.cases)
    }
}
