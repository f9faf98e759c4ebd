import Needletail
import Testing

/// Five steps of each optimizer on a small network against PyTorch's: every loss, and all weights at the end.
@Suite struct GoldenOptimizerTests {
    static let file = GoldenFile("optimizers")

    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        var clipping: Double?
        let make: @Sendable ([Parameter]) -> Optimizer

        init(_ name: String, clipping: Double? = nil, _ make: @escaping @Sendable ([Parameter]) -> Optimizer) {
            self.name = name
            self.clipping = clipping
            self.make = make
        }

        var testDescription: String { name }
    }

    static let rows: [Row] = [
        Row("sgd") { SGD($0, learningRate: 0.1) },
        Row("sgd_momentum") { SGD($0, learningRate: 0.1, momentum: 0.9) },
        Row("sgd_dampening") { SGD($0, learningRate: 0.1, momentum: 0.9, dampening: 0.3) },
        Row("sgd_nesterov") { SGD($0, learningRate: 0.1, momentum: 0.9, nesterov: true) },
        Row("sgd_decay") { SGD($0, learningRate: 0.1, momentum: 0.5, weightDecay: 0.05) },
        Row("adam") { Adam($0, learningRate: 0.02) },
        Row("adam_decay") {
            Adam($0, learningRate: 0.02, betas: (0.8, 0.95), epsilon: 1e-6, weightDecay: 0.1)
        },
        Row("adam_amsgrad") { Adam($0, learningRate: 0.02, amsgrad: true) },
        Row("adamw") { AdamW($0, learningRate: 0.02, weightDecay: 0.1) },
        Row("adamw_clipped", clipping: 0.25) { AdamW($0, learningRate: 0.02) },
    ]

    @Test(arguments: rows) func fiveStepsGiveTheLossesAndWeightsOfPyTorch(_ row: Row) throws {
        let file = GoldenOptimizerTests.file
        // An Adam step divides by the root of a mean square, so that a rounding of a small gradient counts in full.
        let tolerance = GoldenTolerance(relative: 2e-5, absolute: 4e-6, normalizedSquare: 1e-9)
        try withDevice(.cpu) {
            let weights = try file.tensors("start/").map { Parameter($0) }
            let optimizer = row.make(weights)
            let x = try file.tensor("x")
            let t = try file.tensor("t")
            var losses: [Double] = []
            for step in 0..<5 {
                optimizer.zeroGrad()
                let hidden = Tensor.linear(x[step], weights[0].value, bias: weights[1].value).tanh()
                let loss = crossEntropy(Tensor.linear(hidden, weights[2].value, bias: weights[3].value), t[step])
                loss.backward()
                if let clipping = row.clipping { optimizer.clipGradientNorm(clipping) }
                try optimizer.step()
                losses.append(try loss.item())
            }
            expectGolden(losses, try file.numbers("\(row.name)/losses"), "\(row.name) losses", tolerance)
            for (index, weight) in weights.enumerated() {
                try expectGolden(weight.value, file, "\(row.name)/\(index)", tolerance)
            }
        }
    }

    @Test func everyOptimizerOfTheFileIsChecked() {
        let names = GoldenOptimizerTests.file.names.filter { $0.hasSuffix("/losses") }.map { String($0.dropLast(7)) }
        #expect(GoldenOptimizerTests.rows.map(\.name).sorted() == names)
    }
}
