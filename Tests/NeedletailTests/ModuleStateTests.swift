import Needletail
import NeedletailTraining
import TensorRuntime
import TestSupport
import Testing

/// What a model keeps: its members, modes and names.
@Suite struct ModuleStateTests {
    private final class Child: UnaryLayer {
        weak var parent: Parent?
        unowned var owner: Parent?
        let layer = Linear(2, 2)
        func callAsFunction(_ input: Tensor) -> Tensor { layer(input) }
    }

    private final class Parent: UnaryLayer {
        let child = Child()
        let head = Linear(2, 1)
        init() {
            child.parent = self
            child.owner = self
        }
        func callAsFunction(_ input: Tensor) -> Tensor { head(child(input)) }
    }

    @Test func aReferenceToTheParentIsNoMember() {
        let parent = Parent()
        #expect(
            parent.namedParameters.map(\.name) == [
                "child.layer.weight", "child.layer.bias", "head.weight", "head.bias",
            ])
        #expect(parent.child.namedParameters.map(\.name) == ["layer.weight", "layer.bias"])
        #expect(parent.stateDictionary().count == 4)
    }

    @Test func anOptionalLayerIsAMember() {
        final class Block: UnaryLayer {
            let main = Linear(2, 2)
            var shortcut: Linear? = Linear(2, 2, bias: false)
            func callAsFunction(_ input: Tensor) -> Tensor { input }
        }
        #expect(Block().namedParameters.map(\.name) == ["main.weight", "main.bias", "shortcut.weight"])
    }

    private final class Doubled: UnaryLayer {
        let hiddenLayer = Linear(2, 2)
        // swift-format-ignore: AlwaysUseLowerCamelCase
        let hidden_layer = Linear(2, 2)
        func callAsFunction(_ input: Tensor) -> Tensor { input }
    }

    private final class Cases: UnaryLayer {
        let w = Parameter(Tensor.ones([2]))
        // swift-format-ignore: AlwaysUseLowerCamelCase
        let W = Parameter(Tensor.zeros([2]))
        func callAsFunction(_ input: Tensor) -> Tensor { input }
    }

    @Test func twoMembersOfOneNameAreAnErrorThatNamesBoth() throws {
        let saved = #expect(throws: TensorError.self) { try checked { Cases().stateDictionary() } }
        #expect(saved?.message.contains("'w' and 'W' are both named 'w'") == true, "\(saved as Any)")
        var dictionary = StateDictionary()
        dictionary["w"] = Tensor.ones([2])
        expectError(.invalidArgument, containing: "'w' and 'W'") { () throws(TensorError) in
            try Cases().load(stateDictionary: dictionary)
        }
        let nested = #expect(throws: TensorError.self) {
            try checked { Sequential([ReLU(), Doubled()]).stateDictionary() }
        }
        #expect(nested?.message.contains("'hiddenLayer' and 'hidden_layer' are both named '1.hidden_layer'") == true)
        // One parameter under one name twice is no loss.
        let layer = Linear(2, 2)
        #expect(Sequential([layer, layer]).stateDictionary().count == 4)
    }

    @Test func aFrozenLayerStaysFrozenThroughAnEvaluation() throws {
        let frozen = BatchNorm1d(3)
        let free = BatchNorm1d(3)
        let model = Sequential([Flatten(), frozen, free, Linear(3, 2)])
        let dataset = DeviceDataset(features: [1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 8, 7], shape: [3], labels: [0, 1, 1, 0])
        frozen.eval()
        _ = try model.evaluate(on: dataset)
        #expect(!frozen.isTraining && free.isTraining)
        let before = try frozen.runningMean!.value.scalars(as: Float.self)
        // A hook that sets all to evaluation does not thaw or freeze.
        let trainer = Trainer(
            model: model, optimizer: SGD(model.parameters, learningRate: 0.1), loss: { crossEntropy($0, $1) },
            callbacks: [LambdaCallback(epochEnd: { trainer, _ in trainer.model.eval() })], generator: Generator(seed: 1)
        )
        try trainer.fit(DataLoader(dataset, batchSize: 2, shuffle: true), epochs: 2)
        #expect(try frozen.numBatchesTracked!.value.item() == 0)
        #expect(try frozen.runningMean!.value.scalars(as: Float.self) == before)
        #expect(try free.numBatchesTracked!.value.item() == 4)
    }

    @Test func aRefusedBatchLeavesTheRunningStatistics() throws {
        let layer = BatchNorm2d(2)
        #expect(throws: TensorError.self) { try checked { layer(Tensor.ones([0, 2, 3, 3])) } }
        #expect(throws: TensorError.self) { try checked { layer(Tensor.ones([1, 2, 1, 1])) } }
        #expect(try layer.runningVar!.value.scalars(as: Float.self) == [1, 1])
        #expect(try layer.numBatchesTracked!.value.item() == 0)
        // One image of several places has a variance.
        #expect(layer(Tensor.ones([1, 2, 1, 2])).shape == [1, 2, 1, 2])
        layer.eval()
        #expect(layer(Tensor.ones([0, 2, 3, 3])).shape == [0, 2, 3, 3])
    }

    @Test func activationsAreTheFunctions() throws {
        let x = Tensor([[-2, -0.5, 0, 3]] as [[Float]])
        func values(_ layer: any UnaryLayer) throws -> [Float] { try layer(x).scalars(as: Float.self) }
        #expect(isClose(try values(Tanh()), [-0.9640276, -0.4621172, 0, 0.9950548]))
        #expect(isClose(try values(Sigmoid()), [0.1192029, 0.3775407, 0.5, 0.9525741]))
        #expect(isClose(try values(LogSoftmax()), [-5.0831662, -3.5831662, -3.0831662, -0.0831662]))
        #expect(try values(LogSoftmax(axis: 0)) == [0, 0, 0, 0])
        #expect(try values(Identity()) == [-2, -0.5, 0, 3])
        #expect(Identity().parameters.isEmpty)
    }

    @Test func initialValuesAreTheStreamsNumbers() throws {
        for (offset, count) in [(0, 1000), (3, 10), (1, 1), (2, 7)] {
            let generator = Generator()
            generator.state = Generator.State(key: 9, offset: UInt64(offset))
            let values = try Initialization.uniform([count], bound: 0.25, generator: generator).scalars(as: Float.self)
            let expected = (0..<count).map { index in
                let unit = Philox.uniform(index: UInt64(index), key: 9, offset: UInt64(offset))
                return Float((2 * Double(unit) - 1) * 0.25)
            }
            #expect(values == expected)
            #expect(generator.state.offset == UInt64(offset + (count + 3) / 4 * 4))
        }
        expectError(.outOfMemory, containing: "Linear(") { () throws(TensorError) in
            try Linear(1 << 25, 1 << 25).weight.value.evaluate()
        }
    }
}
