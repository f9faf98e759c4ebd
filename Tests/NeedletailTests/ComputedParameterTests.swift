import Needletail
import TensorRuntime
import Testing

/// Parameters that are computed from others, or have rows shortened, under optimizers that were made before.
@Suite struct ComputedParameterTests {
    @Test func anOptimizerMadeBeforeLeavesAComputedWeightAlone() throws {
        let layer = Linear(2, 2)
        let optimizer = SGD(layer.parameters, learningRate: 0.1)
        // Loaded values end the weight's place in the optimizer, so that it may be computed from now on.
        try layer.load(stateDictionary: layer.stateDictionary())
        weightNorm(layer)
        let before = try layer.weight.value.scalars(as: Float.self)
        let bias = try #require(layer.bias).value.scalars(as: Float.self)
        for _ in 0..<2 {
            layer(Tensor.ones([1, 2])).sum().backward()
            try optimizer.step()
        }
        #expect(try layer.weight.value.scalars(as: Float.self) == before)
        #expect(try layer.bias?.value.scalars(as: Float.self) != bias)
        let names = layer.stateDictionary().entries.map(\.name)
        #expect(names.contains("parametrizations.weight.original0"))
        let original = try #require(layer.parameters.first { $0.shape == [2, 1] })
        #expect(original.grad != nil)
    }

    @Test func spectralNormBeginsInTheModulesMode() {
        let layer = BatchNorm1d(2)
        layer.eval()
        spectralNorm(layer)
        #expect(!layer.isTraining)
    }

    @Test func theLinesOfLBFGSBeginAtShortenedRows() throws {
        let embedding = Embedding(2, 2, maxNorm: 1)
        embedding.weight.assign(Tensor([3, 4, 0, 1] as [Float], shape: [2, 2]))
        let optimizer = LBFGS(embedding.parameters, learningRate: 1e-3)
        _ = try optimizer.step {
            optimizer.zeroGrad()
            let loss = embedding(Tensor([0] as [Int64])).sum()
            loss.backward()
            return loss
        }
        let row = try embedding.weight.value.scalars(as: Float.self)
        #expect(abs(row[0] - 0.6) < 0.1 && abs(row[1] - 0.8) < 0.1, "\(row)")
    }

    @Test func polygammaOfLargeNumbers() throws {
        let values = try Tensor([1e25, Float.infinity]).polygamma(1).scalars(as: Float.self)
        #expect(abs(values[0] / 1e-25 - 1) < 1e-4 && values[1] == 0, "\(values)")
    }
}
