import Foundation
import Needletail
import Testing

@Suite("Losses")
struct LossTests {
    private let logits = sampleNumbers(24).map { 4 * $0 }
    private let classes: [Int64] = [2, 0, 5, 1]

    /// Loss of each row and its gradient, from the definition, in Double.
    private func reference(_ targets: [[Double]]) -> (losses: [Double], gradients: [[Double]]) {
        var losses: [Double] = []
        var gradients: [[Double]] = []
        for row in 0..<4 {
            let x = logits[(6 * row)..<(6 * row + 6)].map(Double.init)
            let sum = x.reduce(0) { $0 + exp($1) }
            let weight = targets[row].reduce(0, +)
            losses.append(zip(x, targets[row]).reduce(0) { $0 - $1.1 * ($1.0 - log(sum)) })
            gradients.append(zip(x, targets[row]).map { exp($0) / sum * weight - $1 })
        }
        return (losses, gradients)
    }

    private func oneHot(smoothing: Double = 0) -> [[Double]] {
        classes.map { label in (0..<6).map { (Int64($0) == label ? 1 - smoothing : 0) + smoothing / 6 } }
    }

    private func check(_ targets: [[Double]], _ reduction: Reduction, _ loss: (Tensor) -> Tensor) throws {
        let expected = reference(targets)
        let parameter = Parameter(Tensor(logits, shape: [4, 6]))
        let result = loss(parameter.value)
        switch reduction {
        case .none:
            result.backward(gradient: Tensor([Float(1), 2, 3, 4], shape: [4]))
            #expect(isClose(try result.scalars(as: Float.self), expected.losses))
        case .mean, .sum:
            result.backward()
            let total = expected.losses.reduce(0, +) / (reduction == .mean ? 4 : 1)
            #expect(isClose([Float(try result.item())], [total]))
        }
        let gradients = expected.gradients.enumerated().flatMap { row, values in
            values.map { $0 * (reduction == .none ? Double(row + 1) : reduction == .mean ? 0.25 : 1) }
        }
        #expect(isClose(try parameter.grad!.scalars(as: Float.self), gradients))
    }

    @Test("cross entropy of classes and its gradient", arguments: Reduction.allCases)
    func computesCrossEntropy(_ reduction: Reduction) throws {
        try check(oneHot(), reduction) { crossEntropy($0, Tensor(classes, shape: [4]), reduction: reduction) }
    }

    @Test("cross entropy with smoothed labels", arguments: Reduction.allCases)
    func smoothsLabels(_ reduction: Reduction) throws {
        try check(oneHot(smoothing: 0.3), reduction) {
            crossEntropy($0, Tensor(classes, shape: [4]), reduction: reduction, labelSmoothing: 0.3)
        }
    }

    @Test("cross entropy of probabilities", arguments: Reduction.allCases)
    func takesProbabilities(_ reduction: Reduction) throws {
        let targets = (0..<4).map { row in sampleNumbers(6, seed: UInt64(row + 7)).map { Double(abs($0)) } }
        let target = Tensor(targets.flatMap { $0.map(Float.init) }, shape: [4, 6])
        try check(targets, reduction) { crossEntropy($0, target, reduction: reduction) }
    }

    @Test("cross entropy does not overflow")
    func survivesLargeLogits() throws {
        let loss = crossEntropy(Tensor([Float(1000), 0, -1000], shape: [1, 3]), Tensor([Int64(1)], shape: [1]))
        #expect(try loss.item() == 1000)
    }

    @Test("ignored places have no loss, no gradient and no part in the mean")
    func ignoresAnIndex() throws {
        let parameter = Parameter(Tensor(logits, shape: [4, 6]))
        let loss = crossEntropy(parameter.value, Tensor([Int64(2), -100, 5, -100], shape: [4]), ignoredIndex: -100)
        loss.backward()
        let expected = reference(oneHot())
        #expect(isClose([Float(try loss.item())], [(expected.losses[0] + expected.losses[2]) / 2]))
        let gradient = try parameter.grad!.scalars(as: Float.self)
        #expect(isClose(Array(gradient[..<6]), expected.gradients[0].map { $0 / 2 }))
        #expect(gradient[6..<12].allSatisfy { $0 == 0 })
    }

    @Test("cross entropy of images has classes on axis 1")
    func takesImages() throws {
        let x = sampleNumbers(2 * 3 * 4)
        let labels: [Int64] = [0, 1, 2, 0, 2, 2, 1, 0]
        let losses = try crossEntropy(
            Tensor(x, shape: [2, 3, 4]), Tensor(labels, shape: [2, 4]), reduction: .none
        ).scalars(as: Float.self)
        var expected: [Double] = []
        for n in 0..<2 {
            for place in 0..<4 {
                let values = (0..<3).map { Double(x[n * 12 + $0 * 4 + place]) }
                expected.append(
                    log(values.reduce(0) { $0 + exp($1) }) - values[Int(labels[n * 4 + place])])
            }
        }
        #expect(isClose(losses, expected))
    }

    @Test("negative log likelihood of log softmax is cross entropy")
    func agreesWithLikelihood() throws {
        let x = Tensor(logits, shape: [4, 6])
        let y = Tensor(classes, shape: [4])
        let a = try nllLoss(x.logSoftmax(axis: 1), y).item()
        let b = try crossEntropy(x, y).item()
        #expect(abs(a - b) < 1e-5)
    }

    @Test("the gradient of cross entropy can be differentiated")
    func differentiatesTwice() throws {
        let x = Tensor(logits, shape: [4, 6]).requiringGrad()
        let loss = crossEntropy(x, Tensor(classes, shape: [4]), reduction: .sum)
        let first = gradients(of: loss, withRespectTo: [x], createGraph: true)[0]!
        let second = gradients(of: first.square().sum(), withRespectTo: [x])[0]
        let values = try #require(try second?.scalars(as: Float.self))
        #expect(values.contains { abs($0) > 1e-3 })
        // d/dx sum(g^2) = 2 (diag(p) - p p^T) g.
        let expected = reference(oneHot()).gradients.enumerated().flatMap { row, g in
            let p = g.enumerated().map { $1 + oneHot()[row][$0] }
            let dot = zip(p, g).reduce(0) { $0 + $1.0 * $1.1 }
            return zip(p, g).map { 2 * $0 * ($1 - dot) }
        }
        #expect(isClose(values, expected, tolerance: 1e-4))
    }

    @Test("class weights are of the classes' number")
    func reportsWeights() {
        #expect {
            try checked {
                crossEntropy(Tensor.zeros([4, 10]), Tensor.zeros([4], dtype: .int64), weight: Tensor.ones([4]))
            }
        } throws: {
            "\($0)".contains("[4, 10]") && "\($0)".contains("weight float32[4]")
        }
    }

    @Test("wrong targets name both shapes")
    func reportsShapes() {
        #expect {
            try checked { crossEntropy(Tensor.zeros([4, 10]), Tensor.zeros([3], dtype: .int64)) }
        } throws: {
            "\($0)".contains("[4, 10]") && "\($0)".contains("[3]")
        }
    }

    @Test("squared and absolute error")
    func computesErrors() throws {
        let parameter = Parameter(Tensor([Float(1), -2, 4], shape: [3]))
        let target = Tensor([Float(0), 1, 2], shape: [3])
        let squared = mseLoss(parameter.value, target)
        squared.backward()
        #expect(isClose([Float(try squared.item())], [14.0 / 3]))
        #expect(isClose(try parameter.grad!.scalars(as: Float.self), [2.0 / 3, -2, 4.0 / 3]))
        #expect(try l1Loss(parameter.value, target, reduction: .sum).item() == 6)
        #expect(try mseLoss(parameter.value, target, reduction: .none).scalars(as: Float.self) == [1, 9, 4])
    }

    @Test("binary cross entropy with logits")
    func computesBinaryCrossEntropy() throws {
        let x: [Float] = [-200, -1, 0, 3, 200]
        let y: [Float] = [0, 1, 0.25, 1, 1]
        let parameter = Parameter(Tensor(x, shape: [5]))
        let loss = binaryCrossEntropyWithLogits(parameter.value, Tensor(y, shape: [5]), reduction: .sum)
        loss.backward()
        let expected = zip(x, y).reduce(0.0) { sum, pair in
            let (x, y) = (Double(pair.0), Double(pair.1))
            return sum + max(x, 0) - x * y + log1p(exp(-abs(x)))
        }
        #expect(isClose([Float(try loss.item())], [expected]))
        #expect(
            isClose(
                try parameter.grad!.scalars(as: Float.self),
                zip(x, y).map { 1 / (1 + exp(-Double($0))) - Double($1) }))
    }
}
