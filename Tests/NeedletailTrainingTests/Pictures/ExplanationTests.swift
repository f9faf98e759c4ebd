import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

/// What is computed for pictures, against what is known.
@Suite struct ExplanationTests {
    private func values(_ tensor: Tensor) throws -> [Float] { try tensor.scalars(as: Float.self) }

    private func isNear(_ a: [Float], _ b: [Float], _ tolerance: Float = 1e-4) -> Bool {
        a.count == b.count && zip(a, b).allSatisfy { abs($0 - $1) <= tolerance }
    }

    // MARK: Attribution

    private let weight = Tensor([[Float(1), -2, 0.5], [3, 0, -1]])
    private let input = Tensor([[Float(2), 1, -4], [0, 5, 1]])

    /// Scores of two classes, linear in the input.
    private func linear(_ x: Tensor) -> Tensor { x.matmul(weight.T) }
    /// Not linear at all.
    private func curved(_ x: Tensor) -> Tensor { (x.tanh() * Tensor([Float(1), 2, 3])).sum(axes: 1).exp() }

    @Test func aLinearModelsSaliencyIsItsWeights() throws {
        let found = try Attribution.saliency(linear, input, target: [0, 1])
        #expect(try values(found) == [1, 2, 0.5, 3, 0, 1])
        // Inside of withNoGrad too.
        let within = try withNoGrad { () throws(TensorError) in try Attribution.saliency(linear, input, target: [1, 1])
        }
        #expect(try values(within) == [3, 0, 1, 3, 0, 1])
        #expect(try values(Attribution.saliency({ _ in Tensor.ones([2]) }, input)) == [Float](repeating: 0, count: 6))
    }

    @Test func aLinearModelsIntegratedGradientsAreWeightsTimesDifferences() throws {
        let found = try Attribution.integratedGradients(linear, input, target: [0, 1], steps: 3)
        #expect(isNear(try values(found), [2, -2, -2, 0, 0, -1]))
        let base = Tensor([Float(1), 1, 1])
        let other = try Attribution.integratedGradients(linear, input, target: [0, 1], baseline: base, steps: 1)
        #expect(isNear(try values(other), [1, 0, -2.5, -3, 0, 0]))
    }

    @Test func integratedGradientsSumToTheScoresDifference() throws {
        let start = Tensor([[Float(0.1), -0.2, 0.3]])
        let found = try Attribution.integratedGradients(curved, input, baseline: start, steps: 600)
        let sums = try values(found.sum(axes: 1))
        let wanted = try values(curved(input) - curved(start))
        #expect(isNear(sums, wanted, 0.02), "\(sums) for \(wanted)")
    }

    @Test func expectedGradientsSumToTheDifferenceFromTheMean() throws {
        let background = Tensor([[Float(0.1), -0.2, 0.3], [1, 1, -1], [-0.5, 0, 0]])
        let found = try Attribution.expectedGradients(
            curved, input, background: background, samples: 900, generator: Generator(seed: 3))
        let sums = try values(found.sum(axes: 1))
        let wanted = try values(curved(input) - curved(background).mean())
        for (a, b) in zip(sums, wanted) { #expect(abs(a - b) <= 0.01 * abs(b), "\(sums) for \(wanted)") }
        let flat = try Attribution.expectedGradients(
            linear, input, background: background, target: [0, 1], samples: 3, generator: Generator(seed: 3))
        let linearSums = try values(flat.sum(axes: 1))
        let scores = try values(linear(input))
        let means = try values(linear(background).mean(axes: 0))
        #expect(isNear(linearSums, [scores[0] - means[0], scores[3] - means[1]]))
    }

    @Test func attributionOfWhatDoesNotFitIsAWrongCall() {
        let wrong = PictureChecks.expectWrong
        wrong("1 targets", #_sourceLocation) { _ = try Attribution.saliency(linear, input, target: [0]) }
        wrong("targets up to 2", #_sourceLocation) { _ = try Attribution.saliency(linear, input, target: [0, 2]) }
        wrong("an output of shape [2, 2]", #_sourceLocation) { _ = try Attribution.saliency(linear, input) }
        wrong("0 steps", #_sourceLocation) { _ = try Attribution.integratedGradients(curved, input, steps: 0) }
        wrong("background of shape [3]", #_sourceLocation) {
            _ = try Attribution.expectedGradients(curved, input, background: Tensor([Float(1), 2, 3]))
        }
        wrong("int64", #_sourceLocation) { _ = try Attribution.saliency(curved, Tensor([[Int64(1)]])) }
    }

    // MARK: Principal components

    @Test func componentsOfKnownDataAreFound() throws {
        // Spread 3 along (0.6, 0.8, 0), 1 along (0, 0, 1), around (5, 5, 5).
        var rows: [[Float]] = []
        for (a, b) in [(3.0, 1.0), (-3, 1), (3, -1), (-3, -1)] {
            rows.append([Float(5 + 0.6 * a), Float(5 + 0.8 * a), Float(5 + b)])
        }
        let found = try PrincipalComponents(of: Tensor(rows))
        #expect(isNear(try values(found.mean), [5, 5, 5]))
        #expect(isNear(try values(found.components), [0.6, 0.8, 0, 0, 0, 1]))
        #expect(abs(found.explainedShare[0] - 0.9) < 1e-5 && abs(found.explainedShare[1] - 0.1) < 1e-5)
        #expect(isNear(try values(found(Tensor(rows))), [3, 1, -3, 1, 3, -1, -3, -1]))
    }

    @Test func largeDataHaveTheComponentsOfSmallOnes() throws {
        let generator = Generator(seed: 11)
        let scales = Tensor((0..<80).map { Float(pow(0.7, Double($0))) })
        let data = Tensor.normal([300, 80], generator: generator) * scales + 2.0
        let found = try PrincipalComponents(of: data, count: 3, generator: generator)
        // By the eigenvectors of the covariance, exactly.
        let centered = data - data.mean(axes: 0)
        let (_, _, vt) = centered.matmul(Tensor.eye(80)).T.matmul(centered).svd()
        let cosines = try values((found.components * vt[0..<3]).sum(axes: 1).abs())
        #expect(cosines.allSatisfy { abs($0 - 1) < 1e-3 }, "\(cosines)")
        #expect(zip(found.explainedShare, found.explainedShare.dropFirst()).allSatisfy { $0 > $1 })
        PictureChecks.expectWrong("5 components") { _ = try PrincipalComponents(of: Tensor.ones([9, 4]), count: 5) }
    }

    // MARK: Loss landscapes

    @Test func aLandscapeIsTheLossAtMovedParametersAndLeavesThem() throws {
        let model = Linear(2, 1, bias: true)
        model.weight.assign(Tensor([[Float(3), -4]]))
        let before = try values(model.weight.value)
        let along = [[Tensor([[Float(1), 0]]), Tensor.zeros([1])], [Tensor([[Float(0), 2]]), Tensor.zeros([1])]]
        let found = try LossLandscape(of: model, x: -1...1, y: 0...1, resolution: 3, directions: along) {
            model.weight.value.square().sum()
        }
        #expect(found.x == [-1, 0, 1] && found.y == [0, 0.5, 1])
        #expect(found.losses == [[20, 25, 32], [13, 18, 25], [8, 13, 20]])
        #expect(try values(model.weight.value) == before && model.weight.value.requiresGrad)
        // Also where the loss fails.
        #expect(throws: TensorError.self) {
            try LossLandscape(of: model, resolution: 2) { () throws(TensorError) in throw TensorError(.data, "no; more")
            }
        }
        #expect(try values(model.weight.value) == before)
    }

    @Test func randomDirectionsAreAsLongAsTheFilters() throws {
        let model = Linear(50, 4)
        let own = try values(model.weight.value.square().sum(axes: 1))
        let bias = try values(model.bias!.value)
        var moved: [[Float]] = []
        let found = try LossLandscape(of: model, x: 0...1, y: nil, resolution: 2, generator: Generator(seed: 1)) {
            () throws(TensorError) in
            moved.append(try model.weight.value.scalars(as: Float.self))
            #expect(try model.bias!.value.scalars(as: Float.self) == bias)
            return model.weight.value.sum()
        }
        #expect(found.losses.count == 1 && found.y.isEmpty)
        for row in 0..<4 {
            let length = (0..<50).reduce(Float(0)) { sum, column in
                let step = moved[1][row * 50 + column] - moved[0][row * 50 + column]
                return sum + step * step
            }
            #expect(abs(length - own[row]) < 1e-3 * own[row])
        }
        PictureChecks.expectWrong("resolution 1") {
            _ = try LossLandscape(of: model, resolution: 1) { Tensor.zeros([]) }
        }
        PictureChecks.expectWrong("1 directions") {
            _ = try LossLandscape(of: model, directions: [[]]) { Tensor.zeros([]) }
        }
    }

    // MARK: Pictures of models

    @Test func decisionRegionsEndWhereTheScoreChanges() throws {
        // Class 1 right of x = 0.5.
        var calls = 0
        let chart = try Chart().decisionRegions(
            of: { points in
                calls += 1
                return points[.all, 0] - 0.5
            }, x: 0...1, y: 0...1, resolution: 11)
        #expect(calls == 1)
        let svg = Figure([[chart.equalUnits()]]).svg()
        #expect(svg.contains(Theme.lightSeries[0].hex) && svg.contains(Theme.lightSeries[1].hex))
        let three = try Chart().scatter(x: [0.0, 1], y: [0.0, 1], classes: [0, 2]).decisionRegions(
            of: { $0.matmul(Tensor([[Float(1), 0, -1], [0, 1, -1]])) }, resolution: 20)
        let text = Figure([[three]]).svg()
        #expect((0..<3).allSatisfy { text.contains(Theme.lightSeries[$0].hex) })
        PictureChecks.expectWrong("an output of shape [4, 2, 2]") {
            _ = try Chart().decisionRegions(of: { _ in Tensor.zeros([4, 2, 2]) }, resolution: 2)
        }
    }

    private func texts(_ chart: Chart) -> [String] { PictureChecks.texts(Figure([[chart]]).scene.items).map(\.string) }

    @Test func theWorstMistakesComeFirst() throws {
        let logits = Tensor([[Float(5), 0], [0, 1], [3, 0], [0, 4]])
        let labels = Tensor([Int64(0), 0, 1, 0])
        let images = Tensor.uniform([4, 6, 6])
        let found = try texts(
            Chart.mistakes(images: images, logits: logits, labels: labels, count: 2, classes: ["no", "yes"]))
        #expect(found == ["yes (98 %), not no", "no (95 %), not yes"])
        let right = Tensor([Int64(0), 1, 0, 1])
        #expect(try texts(Chart.mistakes(images: images, logits: logits, labels: right)) == ["no data"])
        PictureChecks.expectWrong("images [3, 6, 6]") {
            _ = try Chart.mistakes(images: Tensor.ones([3, 6, 6]), logits: logits, labels: labels)
        }
    }

    @Test func confusionCountsEachPair() {
        let chart = Chart.confusion(predicted: [0, 1, 1, 2], actual: [0, 1, 2, 2], classes: ["a", "b", "c"])
        let found = texts(chart)
        #expect(found.filter { $0 == "1" }.count == 4)
        PictureChecks.expectWrong("2 predictions for 1 examples") {
            _ = Chart.confusion(predicted: [0, 1], actual: [0])
        }
        PictureChecks.expectWrong("square") { _ = Chart.confusion([[1, 2]]) }
    }

    @Test func weightsKernelsAndAttentionAreDrawn() throws {
        let svg = Figure([
            [try Chart.weights(of: Tensor.normal([4, 36]), captions: ["a", "b", "c", "d"], title: "Weights")],
            [try Chart.kernels(of: Tensor.normal([3, 2, 5, 5]))],
            [try Chart.featureMaps(Tensor.normal([4, 1, 8, 8]))],
        ]).svg()
        #expect(svg.components(separatedBy: "<image").count == 1 + 4 + 6 + 4)
        let words = ["the", "cat", "sat"]
        let figure = try Figure.attention(heads: Tensor.full([2, 3, 3], 1.0 / 3), queries: words)
        #expect(PictureChecks.texts(figure.scene.items).map(\.string).filter { $0 == "cat" }.count == 4)
        let images = Tensor.uniform([2, 3, 4, 4])
        let shares = try Figure.attributions(of: images, images - 0.5, captions: ["7", "1"])
        #expect(shares.svg().components(separatedBy: "<image").count == 5)
        let points = try texts(Chart.embedding(Tensor.normal([9, 5]), classes: (0..<9).map { $0 % 3 }))
        #expect(points.contains { $0.hasPrefix("1st component (") })
        PictureChecks.expectWrong("in rows of 5") { _ = try Chart.weights(of: Tensor.ones([2, 36]), width: 5) }
        PictureChecks.expectWrong("weight of shape [2]") { _ = try Chart.kernels(of: Tensor.ones([2])) }
    }
}
