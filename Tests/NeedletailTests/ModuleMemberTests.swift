import Needletail
import TensorRuntime
import Testing

/// What is found among a module's stored properties, and what is refused.
@Suite struct ModuleMemberTests {
    private static func parameter() -> Parameter { Parameter(Tensor.ones([2])) }

    /// The error of asking for the members.
    private func refusal(_ module: any Module) -> String {
        let error = #expect(throws: TensorError.self) { try checked { module.parameters } }
        #expect(error?.kind == .invalidArgument)
        return error?.message ?? ""
    }

    private final class Many: Module {
        let experts = ["b": Linear(1, 1, bias: false), "a": Linear(1, 2)]
        let byNumber: [Int: Parameter] = [2: parameter()]
        let pair = (Linear(1, 1, bias: false), scale: parameter())
        let nested: [[any Module]?] = [[Linear(1, 1, bias: false)], nil]
        let none: [String: Linear]? = nil
        let names = ["a", "b"]
        let table: [String: [Float]] = ["x": [1, 2]]
        let values = [Float](repeating: 0, count: 1_000_000)
        let constant = Tensor.ones([3])
        let shape: Shape = [2]
        let generator = Generator(seed: 1)
        let activation: (Tensor) -> Tensor = { $0.relu() }
        let lock = Lock(3)
        let kind = Reduction.mean
    }

    @Test func membersStandInOptionalsArraysDictionariesAndTuples() {
        #expect(
            Many().namedParameters.map(\.name) == [
                "experts.a.weight", "experts.a.bias", "experts.b.weight", "by_number.2", "pair.0.weight", "pair.scale",
                "nested.0.0.weight",
            ])
    }

    private struct Pair {
        var scale = parameter()
        var name = "x"
    }
    private enum Choice {
        case one(Linear)
        case none
    }
    private final class Plain { let inner = [Linear(1, 1)] }

    @Test func aStructThatHoldsAParameterIsRefusedByName() {
        final class Holder: Module { let pair = Pair() }
        let message = refusal(Holder())
        #expect(message.contains("the property 'pair' is of type Pair, in which a Parameter ('scale')"), "\(message)")
        #expect(message.contains("make its type a Module"), "\(message)")
        final class InArray: Module { let pairs = [Pair()] }
        #expect(refusal(InArray()).contains("'pairs' is of type Pair"))
    }

    @Test func anEnumsPayloadAndAClassThatIsNoModuleAreRefusedByName() {
        final class Chooser: Module { let choice = Choice.one(Linear(1, 1)) }
        #expect(refusal(Chooser()).contains("the property 'choice' is of type Choice, in which a Linear"))
        final class Keeper: Module { let plain = Plain() }
        let message = refusal(Keeper())
        #expect(message.contains("'plain' is of type Plain, in which a Linear ('inner"), "\(message)")
        final class Buffered: Module { let hidden = (1, [Optional(Box(Buffer(Tensor.ones([1]))))]) }
        #expect(refusal(Buffered()).contains("a Buffer ('value')"))
        final class Empty: Module { let choice = Choice.none }
        #expect(Empty().parameters.isEmpty)
    }

    private struct Box<Value> {
        let value: Value
        init(_ value: Value) { self.value = value }
    }

    private final class Owner {
        let model = Owned()
        init() { model.owner = self }
    }
    private final class Owned: Module {
        unowned var owner: Owner?
        let layer = Linear(1, 1)
    }

    @Test func aReferenceToAnOwnerThatIsNoModuleIsNoMember() {
        let owner = Owner()
        #expect(owner.model.parameters.count == 2)
    }

    private class Base: Module {
        private let weight = parameter()
        private let size = 3
    }
    private final class Hiding: Base { let weight = parameter() }
    private final class HidingWithANumber: Base { let weight = 2 }
    private final class Fine: Base { let size = parameter() }

    @Test func aPropertyThatHidesAMemberOfASuperclassIsRefused() {
        let message = refusal(Hiding())
        #expect(message.contains("the property 'weight' of Hiding hides that of Base"), "\(message)")
        #expect(message.contains("rename it"))
        #expect(refusal(HidingWithANumber()).contains("hides that of Base"))
        #expect(Fine().parameters.count == 2)
    }

    /// Modules of other calls: two inputs, and a sequence with a state.
    private final class Similarity: Module {
        let left = Linear(3, 2, bias: false)
        let right = Linear(4, 2, bias: false)
        func callAsFunction(_ a: Tensor, _ b: Tensor) -> Tensor { (left(a) * right(b)).sum(axes: -1) }
    }
    private final class Siamese: Module {
        let similarity = Similarity()
        let scale = parameter()
    }

    @Test func aModuleOfTwoInputsIsAModuleWithoutACallThatLies() throws {
        let model = Siamese()
        #expect(!(model.similarity as any Module is any UnaryLayer))
        #expect(model.similarity(Tensor.ones([5, 3]), Tensor.ones([5, 4])).shape == [5])
        #expect(model.namedParameters.map(\.name) == ["similarity.left.weight", "similarity.right.weight", "scale"])
        try Siamese().load(stateDictionary: model.stateDictionary())
    }

    @Test func printingAModelIsPyTorchs() {
        let model = Sequential {
            Flatten()
            Linear(784, 128)
            Sequential { ReLU() }
            Dropout(0.2)
            LayerNorm(128)
        }
        #expect(
            "\(model)" == """
                Sequential(
                  (0): Flatten(start_dim=1, end_dim=-1)
                  (1): Linear(in_features=784, out_features=128, bias=True)
                  (2): Sequential(
                    (0): ReLU()
                  )
                  (3): Dropout(p=0.2, inplace=False)
                  (4): LayerNorm((128,), eps=1e-05, elementwise_affine=True, bias=True)
                )
                """)
        let owner = Owner()
        #expect("\(owner.model)" == "Owned(\n  (layer): Linear(in_features=1, out_features=1, bias=True)\n)")
        #expect("\(Sequential([]))" == "Sequential()")
    }

    @Test func aSummaryHasShapesAndCounts() {
        let frozen = Linear(4, 3)
        frozen.bias!.requiresGrad = false
        let model = Sequential {
            Flatten()
            Residual { Linear(4, 4) }
            Dropout(0.5)
            frozen
        }
        let summary = model.summary(input: Tensor.ones([2, 2, 2]))
        #expect(summary.rows.map(\.name) == ["", "0", "1", "1.0", "2", "3"])
        #expect(summary.rows.map(\.output) == [[2, 3], [2, 4], [2, 4], [2, 4], [2, 4], [2, 3]])
        #expect(summary.parameterCount == 35 && summary.trainableCount == 32)
        #expect(
            "\(summary)" == """
                Layer            Output  Parameters
                Sequential       [2, 3]  -
                  0: Flatten     [2, 4]  -
                  1: Residual    [2, 4]  -
                    1.0: Linear  [2, 4]  20
                  2: Dropout     [2, 4]  -
                  3: Linear      [2, 3]  15
                35 parameters, 32 of them trainable
                """)
        #expect(model.isTraining)
        #expect(Siamese().summary().rows.map(\.kind) == ["Siamese", "Similarity", "Linear", "Linear"])
    }
}
