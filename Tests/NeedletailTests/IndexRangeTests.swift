import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

/// Classes and indices that are outside of what they choose from.
@Suite struct IndexRangeTests {
    private static let table = Tensor([[1, 2], [3, 4], [5, 6]] as [[Float]])
    private static let logits = Tensor([[1, 2, 3], [3, 2, 1]] as [[Float]])

    struct Call: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let texts: [String]
        let make: @Sendable () -> Tensor

        init(_ name: String, _ texts: String..., make: @escaping @Sendable () -> Tensor) {
            testDescription = name
            self.texts = texts
            self.make = make
        }
    }

    private static let calls: [Call] = [
        Call("a class", "crossEntropy: class 7", "0..<3") { crossEntropy(logits, Tensor([0, 7])) },
        Call("a class of bytes", "class 3", "0..<3") { crossEntropy(logits, Tensor([3, 0] as [UInt8])) },
        Call("a class below 0", "class -1", "0..<3") { crossEntropy(logits, Tensor([-1, 0])) },
        Call("a class beside an ignored one", "class 9") { crossEntropy(logits, Tensor([-100, 9])) },
        Call("an ignored class that is not named", "class -100") {
            crossEntropy(logits, Tensor([-100, 0]), ignoredIndex: nil)
        },
        Call("a class of a likelihood", "nllLoss: class 3") { nllLoss(logits, Tensor([3, 0])) },
        Call("a class of a view", "class 7") {
            crossEntropy(logits, Tensor([[0], [7]] as [[Int]]).squeeze(1).flip(0))
        },
        Call("a class cast", "class 7") { crossEntropy(logits, Tensor([0, 7] as [Int32]).to(.int64)) },
        Call("a filled class", "class 4") { crossEntropy(logits, Tensor.full([2], 4)) },
        Call("gather", "gather: index 3", "axis 0 of shape [3, 2]", "0..<3") {
            table.gather(axis: 0, index: Tensor([[3, 0]] as [[Int]]))
        },
        Call("indexSelect", "indexSelect: index 5", "axis 0 of shape [3, 2]") {
            table.indexSelect(index: Tensor([0, 5]))
        },
        Call("indexSelect from the end", "indexSelect: index -1") { table.indexSelect(index: Tensor([-1])) },
        Call("indexSelect of counted numbers", "indexSelect: index 3") { table.indexSelect(index: Tensor.arange(4)) },
        Call("scatterAdd", "scatterAdd: index 3") {
            table.scatterAdd(axis: 0, index: Tensor([[3, 0]] as [[Int]]), source: Tensor.ones([1, 2]))
        },
        Call("a subscript", "subscript: index 3", "-3..<3") { table[Tensor([0, 3])] },
        Call("a subscript from the end", "subscript: index -4", "-3..<3") { table[Tensor([0, -4])] },
        Call("one hot", "oneHot: class 4", "0..<4") { Tensor([1, 4]).oneHot(classes: 4) },
        Call("an axis of none", "indexSelect: index 0", "no element") {
            Tensor.ones([0, 2]).indexSelect(index: Tensor([0]))
        },
    ]

    @Test(arguments: calls) func isAnErrorThatNamesTheValueAndTheBound(_ call: Call) throws {
        let error = #expect(throws: TensorError.self) { try checked { call.make() } }
        #expect(error?.kind == .invalidArgument)
        for text in call.texts { #expect(error?.message.contains(text) == true, "no \(text) in: \(error as Any)") }
    }

    @Test func aPartIsJudgedByItsOwnElements() throws {
        // The whole has a class that the part has not.
        let classes = Tensor([0, 2, 9, 9])
        #expect(try crossEntropy(IndexRangeTests.logits, classes.slice(axis: 0, to: 2)).item().isFinite)
        #expect(try crossEntropy(IndexRangeTests.logits, classes[Tensor([0, 1])]).item().isFinite)
        #expect(try IndexRangeTests.table.indexSelect(index: classes[0..<2]).scalars(as: Float.self) == [1, 2, 5, 6])
    }

    private static func makeTable() -> Tensor { Tensor([[1, 2], [3, 4], [5, 6]] as [[Float]]) }
    private static func makeLogits() -> Tensor { Tensor([[1, 2, 3], [3, 2, 1]] as [[Float]]) }

    private static let computed: [Call] = [
        Call("a class", "crossEntropy: a class", "0..<3 of logits [2, 3]") {
            crossEntropy(makeLogits(), Tensor([0, 3]) + Tensor([0, 4]))
        },
        Call("losses", "crossEntropy: a class") {
            crossEntropy(makeLogits(), Tensor([0, 3]) + Tensor([0, 4]), reduction: .none)
        },
        Call("a class below 0", "crossEntropy: a class") { crossEntropy(makeLogits(), Tensor([0, 1]) - 1) },
        Call("a class of halves", "crossEntropy: a class") {
            crossEntropy(makeLogits().to(.float16), Tensor([0, 3]) * 2)
        },
        Call("a class of a likelihood", "nllLoss: a class") {
            nllLoss(makeLogits(), Tensor([0, 3]) + Tensor([0, 4]))
        },
        Call("an argument's place", "crossEntropy: a class") {
            crossEntropy(makeLogits(), Tensor([[0, 0, 0, 9], [9, 0, 0, 0]] as [[Float]]).argmax(1))
        },
        Call("gather", "gather: an index", "axis 0 of shape [3, 2]", "0..<3") {
            makeTable().gather(axis: 0, index: Tensor([[1, 0]] as [[Int]]) * 3)
        },
        Call("integers gathered", "gather: an index") {
            makeTable().to(.int32).gather(axis: 0, index: Tensor([[1, 0]] as [[Int]]) * 3)
        },
        Call("indexSelect", "indexSelect: an index") { makeTable().indexSelect(index: Tensor([0, 5]) + 0) },
        Call("bytes", "indexSelect: an index") { makeTable().indexSelect(index: Tensor([0, 5] as [UInt8]) + 0) },
        Call("what is computed from it", "indexSelect: an index") {
            (makeTable().indexSelect(index: Tensor([0, 5]) + 0) * 2).sum(axes: 1).exp()
        },
        Call("a view of it", "indexSelect: an index") {
            makeTable().indexSelect(index: Tensor([0, 5]) + 0).transpose(0, 1).flip(0)
        },
        Call("scatterAdd", "scatterAdd: an index") {
            makeTable().scatterAdd(axis: 0, index: Tensor([[3, 0]] as [[Int]]) + 0, source: Tensor.ones([1, 2]))
        },
        Call("a subscript", "subscript: an index", "-3..<3") { makeTable()[Tensor([0, 3]) + 0] },
        Call("a subscript from the end", "subscript: an index", "-3..<3") { makeTable()[Tensor([0, -4]) + 0] },
        Call("one hot", "oneHot: a class", "0..<4") { (Tensor([1, 4]) + 0).oneHot(classes: 4) },
    ]

    @Test(arguments: computed, [false, true])
    func isAnErrorWhenAValueMadeOfAComputedOneIsRead(_ call: Call, isEager: Bool) throws {
        var configuration = RuntimeConfiguration()
        configuration.eager = isEager
        try ObservedContext.run(configuration) { _ in
            let value = call.make()
            try value.evaluate()
            expectRefusal(call) { _ = try value.bytes() }
            expectRefusal(call) { _ = try value.scalars(as: Double.self) }
            expectRefusal(call) { _ = try (value + 1).bytes() }
        }
    }

    private func expectRefusal(_ call: Call, _ read: () throws -> Void) {
        let error = #expect(throws: TensorError.self) { try read() }
        #expect(error?.kind == .invalidArgument)
        for text in call.texts { #expect(error?.message.contains(text) == true, "no \(text) in: \(error as Any)") }
    }

    @Test func computedIndicesThatAreInsideAreReadAsTheyAre() throws {
        let index = Tensor([0, 1]) * 2
        let chosen = IndexRangeTests.table.indexSelect(index: index)
        #expect(try chosen.scalars(as: Float.self) == [1, 2, 5, 6])
        #expect(try chosen.scalars(as: Float.self) == [1, 2, 5, 6])
        #expect(try crossEntropy(IndexRangeTests.logits, index).item().isFinite)
        #expect(try IndexRangeTests.table.gather(axis: 0, index: index.unsqueeze(0)).scalars(as: Float.self) == [1, 6])
    }

    @Test func anIndexOutsideSpoilsWhatItChoosesAndNothingElse() throws {
        let index = Tensor([0, 1]) * 5
        let table = IndexRangeTests.table * 2
        let chosen = table.indexSelect(index: index)
        let other = table.sum()
        // Evaluated together.
        try chosen.evaluate()
        #expect(try other.item() == 42)
        #expect(try index.scalars(as: Int.self) == [0, 5])
        #expect(try table.scalars(as: Float.self) == [2, 4, 6, 8, 10, 12])
        #expect(throws: TensorError.self) { try chosen.bytes() }
    }

    @Test func aClassThatTheDeviceComputedSpoilsTheStep() throws {
        let weight = Parameter(IndexRangeTests.logits)
        let optimizer = SGD([weight], learningRate: 0.1)
        crossEntropy(weight.value * 1, Tensor([0, 3]) + Tensor([0, 4])).backward()
        let gradient = try #require(weight.grad)
        try optimizer.step()
        #expect(throws: TensorError.self) { try gradient.bytes() }
        let error = #expect(throws: TensorError.self) { try weight.value.bytes() }
        #expect(error?.message.contains("crossEntropy: a class") == true)
    }

    /// Every step is made from the one before, and hands its guards on.
    @Test func manyStepsOfComputedClassesHoldNoMoreMemory() throws {
        try withOwnDevice { context in
            let weight = Parameter(IndexRangeTests.makeLogits())
            let optimizer = SGD([weight], learningRate: 0.1)
            func run(_ steps: Int) throws {
                for step in 0..<steps {
                    optimizer.zeroGrad()
                    crossEntropy(weight.value * 1, Tensor([0, 1]) * (step % 2 + 1)).backward()
                    try optimizer.step()
                    try weight.value.evaluate()
                }
            }
            try run(20)
            let held = context.statistics.allocatedBytes
            try run(20)
            #expect(context.statistics.allocatedBytes <= held)
            #expect(try weight.value.scalars(as: Float.self).allSatisfy(\.isFinite))
        }
    }

    @Test func minus100IsIgnoredUnlessToldOtherwise() throws {
        let logits = Parameter(IndexRangeTests.logits)
        let loss = crossEntropy(logits.value, Tensor([0, -100]))
        loss.backward()
        #expect(abs(try loss.item() - 2.407606) < 1e-5)
        #expect(try #require(logits.grad).scalars(as: Float.self)[3...] == [0, 0, 0])
        #expect(abs(try nllLoss(IndexRangeTests.logits, Tensor([-100, 1])).item() + 2) < 1e-6)
        // Computed on the device too.
        let classes = Tensor([0, -50]) * 2
        let other = Parameter(IndexRangeTests.logits)
        let computed = crossEntropy(other.value, classes)
        computed.backward()
        #expect(abs(try computed.item() - 2.407606) < 1e-5)
        #expect(try #require(other.grad).scalars(as: Float.self)[3...] == [0, 0, 0])
    }

    @Test func bytesHaveNoNegativeIgnoredIndex() throws {
        let loss = crossEntropy(IndexRangeTests.logits, Tensor([0, 2] as [UInt8]), ignoredIndex: -100)
        #expect(abs(try loss.item() - 2.407606) < 1e-5)
        let void = crossEntropy(IndexRangeTests.logits, Tensor([0, 255] as [UInt8]), ignoredIndex: 255)
        #expect(abs(try void.item() - 2.407606) < 1e-5)
    }

    @Test func aDatasetsClassesAreCheckedOnce() throws {
        let dataset = DeviceDataset(features: [1, 2, 3, 4], shape: [1], labels: [0, 2, 1, 7])
        let batch = dataset.batches(of: 4, shuffledBy: Generator(seed: 1))[0]
        // No part of the classes is known to have the largest: that is said when the loss is read.
        let error = #expect(throws: TensorError.self) { try crossEntropy(Tensor.ones([4, 3]), batch.labels).item() }
        #expect(error?.message.contains("0..<3") == true)
        #expect(try crossEntropy(Tensor.ones([4, 8]), batch.labels).item().isFinite)
        #expect(throws: TensorError.self) { try checked { crossEntropy(Tensor.ones([4, 3]), dataset.labels) } }
    }

    @Test func knownClassesCostAStepNothing() throws {
        func launches(_ classes: (Tensor) -> Tensor) throws -> Int {
            try withOwnDevice { context in
                let weight = Parameter(Tensor(sampleNumbers(30), shape: [3, 10]))
                let x = Tensor(sampleNumbers(40), shape: [4, 10])
                let before = context.statistics.launches
                crossEntropy(Tensor.linear(x, weight.value), classes(Tensor([0, 1, 2, 1]))).backward()
                _ = try #require(weight.grad).scalars(as: Float.self)
                return context.statistics.launches - before
            }
        }
        let plain = try launches { $0 }
        let ofView = try launches { $0.reshape(4) }
        #expect(plain == ofView)
    }

    @Test func indicesFromTheEndAreASubscripts() throws {
        let x = IndexRangeTests.table
        #expect(try x[Tensor([-1, 0])].scalars(as: Float.self) == [5, 6, 1, 2])
        // Those of the device are not read.
        #expect(try x[Tensor([0, 1]) - 1].scalars(as: Float.self) == [5, 6, 1, 2])
        #expect(try x[Tensor([2, 0] as [UInt8])].scalars(as: Float.self) == [5, 6, 1, 2])
    }
}
