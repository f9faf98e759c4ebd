import Needletail
import TensorRuntime
import Testing

/// What losses say of operands that do not fit, and what becomes of classes that are none.
@Suite struct LossErrorTests {
    struct Call: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let text: String
        let make: @Sendable () -> Tensor

        init(_ name: String, _ text: String, _ make: @escaping @Sendable () -> Tensor) {
            testDescription = name
            self.text = text
            self.make = make
        }
    }

    private static let x = Tensor.ones([2, 3])
    private static let calls: [Call] = [
        Call("other shape", "input [2, 3] and target [3] differ") { mseLoss(x, Tensor.ones([3])) },
        Call("beta", "a beta of -1.0") { smoothL1Loss(x, x, beta: -1) },
        Call("delta", "a delta of 0.0") { HuberLoss(delta: 0)(x, x) },
        Call("huber weight", "weight [2] does not broadcast to input [2, 3]") {
            huberLoss(x, x, weight: Tensor.ones([2]))
        },
        Call("posWeight", "posWeight [4] does not broadcast") {
            BCEWithLogitsLoss(posWeight: Tensor.ones([4]))(x, x)
        },
        Call("variance", "variance [3, 2] does not fit input [2, 3]") {
            gaussianNLLLoss(x, x, variance: Tensor.ones([3, 2]))
        },
        Call("p", "a p of 3.0") { multiMarginLoss(x, Tensor([Int64(0), 1]), p: 3) },
        Call("multi margin class", "class 3 is outside 0..<3") { multiMarginLoss(x, Tensor([Int64(0), 3])) },
        Call("multi label class", "class -2 is outside -1..<3") {
            multiLabelMarginLoss(x, Tensor([[Int64(0), -1, -1], [1, -2, -1]]))
        },
        Call("margin", "a margin of 0.0") { tripletMarginLoss(x, x, x, margin: 0) },
        Call("negative p", "a p of -1.0") { tripletMarginLoss(x, x, x, p: -1) },
        Call("triplet shapes", "negative [3, 3] do not fit") { tripletMarginLoss(x, x, Tensor.ones([3, 3])) },
        Call("ranking ranks", "target [3] do not fit") { marginRankingLoss(x, x, Tensor.ones([3])) },
        Call("cosine target", "target [3] do not fit") { cosineEmbeddingLoss(x, x, Tensor.ones([3])) },
        Call("ctc blank", "blank 4 is outside 0..<4") { ctc(blank: 4) },
        Call("ctc input length", "an input length of 6 of 5 steps") { ctc(inputs: [6, 5]) },
        Call("ctc target length", "a target length of 3 of 2 targets") { ctc(targets: [3, 1]) },
        Call("ctc lengths", "1 input lengths and 2 target lengths of 2 sequences") { ctc(inputs: [5]) },
        Call("ctc class", "class 9 is outside 0..<4") { ctc(labels: [1, 9, 2, 1]) },
    ]

    private static func ctc(
        inputs: [Int] = [5, 5], targets: [Int] = [2, 2], labels: [Int64] = [1, 2, 2, 1], blank: Int = 0
    ) -> Tensor {
        ctcLoss(
            Tensor.zeros([5, 2, 4]), Tensor(labels, shape: [2, 2]), inputLengths: inputs, targetLengths: targets,
            blank: blank)
    }

    @Test(arguments: calls) func aWrongCallSaysWhatWasFound(_ call: Call) {
        expectWrongCall(containing: call.text) { _ = call.make() }
    }

    @Test func aClassThatTheDeviceComputedPoisonsTheLoss() throws {
        let x = Tensor([[1, 2, 3], [3, 1, 2]] as [[Float]])
        let computed = Tensor([Int64(0), 2]) + Tensor([Int64(0), 1])
        let margin = MultiMarginLoss()(x, computed)
        #expect(throws: TensorError.self) { try margin.item() }
        let labels = Tensor([[Int64(0), -1, -1], [1, -1, -1]]) * Tensor([[Int64(1), 1, 1], [7, 1, 1]])
        let multi = MultiLabelMarginLoss()(x, labels)
        #expect(throws: TensorError.self) { try multi.item() }
        let targets = Tensor([[Int64(1), 2]]) * Tensor([[Int64(1), 4]])
        let alignment = ctcLoss(x.unsqueeze(1), targets, inputLengths: [2], targetLengths: [2])
        #expect(throws: TensorError.self) { try alignment.item() }
        // Padding may be anything.
        let padded = ctcLoss(x.unsqueeze(1), Tensor([[Int64(1), -7]]), inputLengths: [2], targetLengths: [1])
        #expect(try padded.item().isFinite)
    }

    @Test func inputsOutsideOfTheirRangeAreNaN() throws {
        let x = Tensor([1.5, 0.5] as [Float])
        #expect(try binaryCrossEntropy(x, Tensor.ones([2]), reduction: .none).scalars(as: Float.self)[0].isNaN)
        #expect(try binaryCrossEntropy(-x, Tensor.ones([2])).item().isNaN)
        #expect(try gaussianNLLLoss(x, x, variance: Tensor([-1, 1] as [Float])).item().isNaN)
    }

    @Test func anImpossibleAlignmentIsInfinite() throws {
        let x = Tensor.zeros([2, 1, 3]).requiringGrad()
        let loss = ctcLoss(x, Tensor([[Int64(1), 1]]), inputLengths: [2], targetLengths: [2])
        #expect(try loss.item() == .infinity)
        let gradient = try #require(gradients(of: loss, withRespectTo: [x])[0])
        #expect(try gradient.scalars(as: Float.self).allSatisfy { $0 == 0 })
        let none = ctcLoss(
            x.detach(), Tensor.zeros([1, 0], dtype: .int64), inputLengths: [0], targetLengths: [0], reduction: .none)
        #expect(try none.scalars(as: Float.self) == [0])
    }

    @Test func lossesOfShortFloatsKeepTheirType() throws {
        let x = Tensor([[1, 2, 3], [3, 1, 2]] as [[Float]]).to(.bfloat16)
        let y = x.flip(0)
        let one = Tensor([1, -1] as [Float]).to(.bfloat16)
        for loss in [
            smoothL1Loss(x, y), huberLoss(x, y), klDivLoss(x, y), poissonNLLLoss(x, y),
            binaryCrossEntropyWithLogits(x, y),
            tripletMarginLoss(x, y, x), cosineEmbeddingLoss(x, y, one), multiMarginLoss(x, Tensor([Int64(0), 1])),
            ctcLoss(x.unsqueeze(1), Tensor([[Int64(1)]]), inputLengths: [2], targetLengths: [1]),
        ] {
            #expect(loss.dtype == .bfloat16 && loss.shape == [])
            #expect(try loss.item().isFinite)
        }
    }
}
