import Needletail
import Testing

/// Eight steps of each rule of `make_golden_training.py` on a small network against PyTorch's, on every device.
@Suite struct GoldenRuleTests {
    static let file = GoldenFile("more_optimizers")

    typealias Row = GoldenOptimizerTests.Row

    private static let rmsprop: [Row] = [
        Row("rmsprop") { RMSprop($0, learningRate: 0.02) },
        Row("rmsprop_all") {
            RMSprop(
                $0, learningRate: 0.01, alpha: 0.9, epsilon: 1e-6, weightDecay: 0.1, momentum: 0.8, centered: true)
        },
        Row("rmsprop_centered") { RMSprop($0, learningRate: 0.01, epsilon: 1e-4, centered: true) },
        Row("adagrad") { Adagrad($0, learningRate: 0.1) },
        Row("adagrad_all") {
            Adagrad(
                $0, learningRate: 0.1, learningRateDecay: 0.1, weightDecay: 0.05, initialAccumulator: 0.2,
                maximize: true)
        },
        Row("adadelta") { Adadelta($0) },
        Row("adadelta_all") { Adadelta($0, learningRate: 0.5, rho: 0.8, epsilon: 1e-4, weightDecay: 0.1) },
    ]

    private static let adam: [Row] = [
        Row("adamax") { Adamax($0, learningRate: 0.02) },
        Row("adamax_all") { Adamax($0, learningRate: 0.02, betas: (0.8, 0.95), epsilon: 1e-4, weightDecay: 0.1) },
        Row("nadam") { NAdam($0, learningRate: 0.02) },
        Row("nadam_all") {
            NAdam($0, learningRate: 0.02, betas: (0.8, 0.95), weightDecay: 0.1, momentumDecay: 0.1)
        },
        Row("nadam_decoupled") { NAdam($0, learningRate: 0.02, weightDecay: 0.1, decoupledWeightDecay: true) },
        Row("radam") { RAdam($0, learningRate: 0.02) },
        Row("radam_all") { RAdam($0, learningRate: 0.02, betas: (0.8, 0.9), epsilon: 1e-4, weightDecay: 0.1) },
        Row("radam_decoupled") { RAdam($0, learningRate: 0.02, weightDecay: 0.1, decoupledWeightDecay: true) },
        Row("lion") { Lion($0, learningRate: 0.003) },
        Row("lion_decay") { Lion($0, learningRate: 0.003, betas: (0.8, 0.9), weightDecay: 0.1) },
    ]

    private static let layouts: [Row] = [
        Row("lamb") { LAMB($0, learningRate: 0.05) },
        Row("lamb_all") { LAMB($0, learningRate: 0.05, betas: (0.8, 0.95), epsilon: 1e-4, weightDecay: 0.1) },
        Row("muon") { Muon($0.filter { $0.shape.rank == 2 }, learningRate: 0.02) },
        Row("muon_all") {
            Muon(
                $0.filter { $0.shape.rank == 2 }, learningRate: 0.02, weightDecay: 0, momentum: 0.8, nesterov: false,
                adjustment: .matchRMSAdamW)
        },
    ]

    private static let searches: [Row] = [
        Row("lbfgs") { LBFGS($0, learningRate: 0.3, iterations: 6) },
        Row("lbfgs_wolfe") { LBFGS($0, iterations: 8, historySize: 4, lineSearch: .strongWolfe) },
    ]

    static let rows = rmsprop + adam + layouts

    @Test(arguments: rows, GraphDevice.wanted)
    func stepsGiveTheLossesAndWeightsOfPyTorch(_ row: Row, _ device: GraphDevice) throws {
        let file = GoldenRuleTests.file
        // As in GoldenOptimizerTests; Muon's iteration enlarges roundings.
        let isMuon = row.name.hasPrefix("muon")
        let tolerance = GoldenTolerance(
            relative: isMuon ? 2e-4 : 5e-5, absolute: isMuon ? 5e-5 : 1e-5, normalizedSquare: 1e-8)
        try device.run { _ in
            let weights = try file.tensors("start/").map { Parameter($0) }
            let optimizer = row.make(weights)
            let x = try file.tensor("x")
            let t = try file.tensor("t")
            var losses: [Double] = []
            for step in 0..<8 {
                for weight in weights { weight.zeroGrad() }
                let loss = GoldenRuleTests.loss(weights, x[step], t[step])
                loss.backward()
                try optimizer.step()
                losses.append(try loss.item())
            }
            try check(row, losses, weights, tolerance)
        }
    }

    @Test(arguments: searches) func searchesGoTheWayOfPyTorchs(_ row: Row) throws {
        let file = GoldenRuleTests.file
        try withDevice(.cpu) {
            // In float64: where a search turns, it turns by small differences.
            let weights = try file.tensors("start/").map { Parameter($0.to(.float64)) }
            let optimizer = try #require(row.make(weights) as? LBFGS)
            let x = try file.tensor("x").slice(axis: 0, to: 2).reshape(-1, 6).to(.float64)
            let t = try file.tensor("t").slice(axis: 0, to: 2).reshape(-1)
            var losses: [Double] = []
            for _ in 0..<4 {
                losses.append(
                    try optimizer.step {
                        optimizer.zeroGrad()
                        let loss = GoldenRuleTests.loss(weights, x, t)
                        loss.backward()
                        return loss
                    })
            }
            let singles = weights.map { Parameter($0.value.to(.float32)) }
            try check(
                row, losses, singles, GoldenTolerance(relative: 1e-4, absolute: 1e-4, normalizedSquare: 1e-7))
        }
    }

    static func loss(_ weights: [Parameter], _ x: Tensor, _ t: Tensor) -> Tensor {
        let hidden = Tensor.linear(x, weights[0].value, bias: weights[1].value).tanh()
        return crossEntropy(Tensor.linear(hidden, weights[2].value, bias: weights[3].value), t)
    }

    private func check(_ row: Row, _ losses: [Double], _ weights: [Parameter], _ tolerance: GoldenTolerance) throws {
        let file = GoldenRuleTests.file
        expectGolden(losses, try file.numbers("\(row.name)/losses"), "\(row.name) losses", tolerance)
        for (index, weight) in weights.enumerated() {
            try expectGolden(weight.value, file, "\(row.name)/\(index)", tolerance)
        }
    }

    @Test func everyRuleOfTheFileIsChecked() {
        let names = GoldenRuleTests.file.names.filter { $0.hasSuffix("/losses") }.map { String($0.dropLast(7)) }
        #expect((GoldenRuleTests.rows + GoldenRuleTests.searches).map(\.name).sorted() == names)
    }
}
