import Needletail
import NeedletailVision
import Testing

@Suite("Layers")
struct LayerTests {
    /// A model whose members reflection finds.
    private final class Sample: UnaryLayer {
        let first = Linear(3, 4)
        let runningMean = Buffer(Tensor.zeros([2]))
        let blocks: [any Module] = [Linear(4, 4, bias: false), Sequential { Linear(4, 2) }]
        let extra: Linear? = nil
        let drop = Dropout(0.5)

        func callAsFunction(_ input: Tensor) -> Tensor { input }
    }

    @Test("names are PyTorch's, in the order of declaration")
    func namesMembers() {
        let model = Sample()
        #expect(
            model.namedParameters.map(\.name) == [
                "first.weight", "first.bias", "blocks.0.weight", "blocks.1.0.weight", "blocks.1.0.bias",
            ])
        #expect(model.namedBuffers.map(\.name) == ["running_mean"])
        #expect(model.stateDictionary().names[2] == "running_mean")
        #expect(model.parameterCount == 12 + 4 + 16 + 8 + 2)
    }

    @Test("sequential numbers its layers, and builders take conditions and loops")
    func numbersLayers() {
        let deep = true
        let model = Sequential {
            Flatten()
            Linear(4, 8)
            if deep { ReLU() }
            for _ in 0..<2 { Linear(8, 8, bias: false) }
        }
        #expect(model.layers.count == 5)
        #expect(model.namedParameters.map(\.name) == ["1.weight", "1.bias", "3.weight", "4.weight"])
    }

    @Test("a shared parameter counts once and is saved under both names")
    func countsTiedWeights() {
        let layer = Linear(2, 2)
        let model = Sequential([layer, ReLU(), layer])
        #expect(model.parameters.count == 2)
        #expect(model.stateDictionary().names == ["0.weight", "0.bias", "2.weight", "2.bias"])
    }

    @Test("train and eval reach every layer")
    func setsModes() throws {
        let model = Sample()
        #expect(model.isTraining)
        model.eval()
        #expect(!model.isTraining)
        let input = Tensor.ones([100])
        #expect(try model.drop(input).scalars(as: Float.self) == [Float](repeating: 1, count: 100))
    }

    @Test("linear is x W^T + b, with initial weights within 1 / sqrt(inputs)")
    func computesLinear() throws {
        let layer = Linear(3, 2, generator: Generator(seed: 5))
        let weights = try layer.weight.value.scalars(as: Float.self)
        let bias = try layer.bias!.value.scalars(as: Float.self)
        #expect(weights.allSatisfy { abs($0) <= 1 / Float(3).squareRoot() })
        #expect(Set(weights).count == 6)
        let x: [Float] = [1, 2, 3, -1, 0.5, 4]
        var expected: [Double] = []
        for row in 0..<2 {
            for out in 0..<2 {
                expected.append(
                    (0..<3).reduce(Double(bias[out])) { $0 + Double(x[row * 3 + $1] * weights[out * 3 + $1]) })
            }
        }
        #expect(isClose(try layer(Tensor(x, shape: [2, 3])).scalars(as: Float.self), expected))
    }

    @Test("equal seeds give equal weights, and layers of one generator differ")
    func drawsFromTheGenerator() throws {
        let a = MNISTModel.mlpSmall.make(generator: Generator(seed: 3))
        let b = MNISTModel.mlpSmall.make(generator: Generator(seed: 3))
        for (x, y) in zip(a.parameters, b.parameters) {
            #expect(try x.value.scalars(as: Float.self) == y.value.scalars(as: Float.self))
        }
    }

    @Test("the models of the command line have their parameters")
    func countsModelParameters() {
        #expect(MNISTModel.mlp.make().parameterCount == 118_282)
        #expect(MNISTModel.mlpSmall.make().parameterCount == 52_650)
        #expect(MNISTModel.cnn.make().parameterCount == 1_199_882)
        #expect(MNISTModel.lenet.make().parameterCount == 61_706)
    }

    @Test("models turn images into ten logits", arguments: MNISTModel.allCases)
    func runsModels(_ kind: MNISTModel) throws {
        let model = kind.make(generator: Generator(seed: 1))
        model.eval()
        let logits = model(Tensor.ones([2, 1, 28, 28]))
        #expect(logits.shape == [2, 10])
        let values = try logits.scalars(as: Float.self)
        #expect(values.allSatisfy { $0.isFinite })
        #expect(Array(values[..<10]) == Array(values[10...]))
    }

    @Test("a wrong shape names the layer and both shapes")
    func reportsShapes() {
        #expect {
            try checked { Linear(784, 128)(Tensor.zeros([2, 3])) }
        } throws: { error in
            let text = "\(error)"
            return text.contains("Linear(784, 128)") && text.contains("[2, 3]")
        }
        #expect {
            try checked { Conv2d(3, 8, kernel: 3)(Tensor.zeros([2, 1, 9, 9])) }
        } throws: { error in
            let text = "\(error)"
            return text.contains("Conv2d(3, 8, kernel: 3x3)") && text.contains("[2, 1, 9, 9]")
        }
    }

    @Test("dropout keeps its share, scales it, and its gradient has the same mask")
    func dropsElements() throws {
        let count = 10_000
        let parameter = Parameter(Tensor.ones([count]))
        let layer = Dropout(0.2)
        let generator = Generator(seed: 9)
        let output = withGenerator(generator) { layer(parameter.value) }
        #expect(generator.state.offset == 10_000)
        output.sum().backward()
        let values = try output.scalars(as: Float.self)
        let kept = values.count { $0 != 0 }
        #expect(abs(kept - 8000) < 150)
        #expect(values.allSatisfy { $0 == 0 || $0 == 1.25 })
        #expect(try parameter.grad!.scalars(as: Float.self) == values)
    }

    @Test("pooling takes one image as a batch of one")
    func poolsOneImage() throws {
        let image = Tensor(sampleNumbers(3 * 5 * 6), shape: [3, 5, 6]).requiringGrad()
        let functions: [(Tensor) -> Tensor] = [
            { Tensor.maxPool2d($0, kernel: [2, 3]) }, { Tensor.maxPool2dIndices($0, kernel: [2, 3]).to(.float32) },
            { Tensor.avgPool2d($0, kernel: [2, 2], stride: [1, 2]) },
        ]
        for function in functions {
            let one = function(image)
            let batch = function(image.unsqueeze(0))
            #expect(one.shape == batch.shape.removing(axis: 0))
            #expect(try one.scalars(as: Float.self) == batch.scalars(as: Float.self))
        }
        let loss = Tensor.maxPool2d(image, kernel: [2, 2]).sum()
        let gradient = try #require(gradients(of: loss, withRespectTo: [image])[0])
        #expect(gradient.shape == [3, 5, 6])
        #expect(try gradient.sum().item() == 18)
    }

    @Test("batch normalisation uses the batch in training and running statistics in evaluation")
    func normalizesBatches() throws {
        let layer = BatchNorm1d(2, momentum: 0.5)
        let x: [Float] = [1, 10, 2, 20, 3, 30, 6, 60]
        let trained = try layer(Tensor(x, shape: [4, 2])).scalars(as: Float.self)
        let mean = 3.0
        let variance = 3.5
        let expected = [1.0, 2, 3, 6].map { ($0 - mean) / (variance + 1e-5).squareRoot() }
        #expect(isClose([trained[0], trained[2], trained[4], trained[6]], expected))
        #expect(isClose(try layer.runningMean!.value.scalars(as: Float.self), [1.5, 15]))
        #expect(
            isClose(try layer.runningVar!.value.scalars(as: Float.self), [0.5 + 0.5 * 14 / 3, 0.5 + 50 * 14.0 / 3]))
        #expect(try layer.numBatchesTracked!.value.item() == 1)
        layer.eval()
        let evaluated = try layer(Tensor(x, shape: [4, 2])).scalars(as: Float.self)
        #expect(isClose([evaluated[0]], [(1 - 1.5) / (0.5 + 7.0 / 3 + 1e-5).squareRoot()]))
        #expect(
            layer.stateDictionary().names == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"])
    }

    @Test("layer normalisation gives rows of mean 0 and variance 1")
    func normalizesLayers() throws {
        let x = sampleNumbers(64).map { $0 * 7 + 3 }
        let rows = try LayerNorm(16)(Tensor(x, shape: [4, 16])).scalars(as: Float.self)
        for row in 0..<4 {
            let values = rows[(16 * row)..<(16 * row + 16)].map(Double.init)
            let mean = values.reduce(0, +) / 16
            #expect(abs(mean) < 1e-5)
            #expect(abs(values.reduce(0) { $0 + $1 * $1 } / 16 - 1) < 1e-3)
        }
    }

    @Test("a state dictionary goes from one model to another")
    func loadsState() throws {
        let a = MNISTModel.mlpSmall.make(generator: Generator(seed: 1))
        let b = MNISTModel.mlpSmall.make(generator: Generator(seed: 2))
        try b.load(stateDictionary: a.stateDictionary())
        for (x, y) in zip(a.parameters, b.parameters) {
            #expect(try x.value.scalars(as: Float.self) == y.value.scalars(as: Float.self))
        }
    }

    @Test("missing, unexpected and other-shaped tensors are errors that change nothing")
    func refusesOtherState() throws {
        let model = Sequential { Linear(2, 2) }
        let before = try model.parameters[0].value.scalars(as: Float.self)
        var state = model.stateDictionary()
        state["0.bias"] = nil
        expectError(.data, containing: "'0.bias' is missing") { () throws(TensorError) in
            try model.load(stateDictionary: state)
        }
        #expect(throws: Never.self) { try model.load(stateDictionary: state, strict: false) }
        state = model.stateDictionary()
        state["1.weight"] = Tensor.zeros([1])
        expectError(.data, containing: "'1.weight'", "not in the model") { () throws(TensorError) in
            try model.load(stateDictionary: state)
        }
        state = model.stateDictionary()
        state["0.weight"] = Tensor.zeros([2, 2])
        state["0.bias"] = Tensor.zeros([3])
        expectError(.data, containing: "'0.bias'", "[3]", "[2]") { () throws(TensorError) in
            try model.load(stateDictionary: state)
        }
        #expect(try model.parameters[0].value.scalars(as: Float.self) == before)
    }
}
