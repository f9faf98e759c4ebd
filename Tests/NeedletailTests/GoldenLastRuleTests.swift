import Needletail
import TensorRuntime
import TestSupport
import Testing

/// Twenty steps of Rprop, ASGD, Adafactor, and of NAdam with a beta that a schedule cycles, against PyTorch's.
@Suite struct GoldenLastRuleTests {
    typealias Row = GoldenOptimizerTests.Row

    static let rows: [Row] = [
        Row("rprop") { Rprop($0) },
        Row("rprop_all") {
            Rprop($0, learningRate: 0.05, factors: (0.4, 1.5), stepSizes: (0.01, 0.08), maximize: true)
        },
        Row("asgd") { ASGD($0, learningRate: 0.1) },
        Row("asgd_all") {
            ASGD($0, learningRate: 0.3, decay: 0.1, power: 0.6, averagingStart: 5, weightDecay: 0.05)
        },
        Row("adafactor") { Adafactor($0) },
        Row("adafactor_all") {
            Adafactor(
                $0, learningRate: 0.3, beta2Decay: -0.6, epsilon: (1e-3, 0.05), clipping: 1.5, weightDecay: 0.1)
        },
        Row("nadam_cycled") { NAdam($0, learningRate: 0.02) },
    ]

    @Test(arguments: rows, GraphDevice.wanted)
    func twentyStepsGiveTheLossesAndWeightsOfPyTorch(_ row: Row, _ device: GraphDevice) throws {
        let file = GoldenFile("last_optimizers")
        let tolerance = GoldenTolerance(relative: 1e-4, absolute: 2e-5, normalizedSquare: 1e-8)
        try device.run { _ in
            let weights = try file.tensors("start/").map { Parameter($0) }
            let optimizer = row.make(weights)
            let schedule = CyclicSchedule(0.01...0.05, up: 3, momentum: 0.5...0.9)
            let scheduler = row.name == "nadam_cycled" ? LearningRateScheduler(optimizer, schedule) : nil
            let (x, t) = (try file.tensor("x"), try file.tensor("t"))
            var losses: [Double] = []
            for step in 0..<20 {
                optimizer.zeroGrad()
                let rows = row.name.hasPrefix("rprop") ? 0 : step
                let loss = GoldenRuleTests.loss(weights, x[rows], t[rows])
                loss.backward()
                try optimizer.step()
                scheduler?.step()
                losses.append(try loss.item())
            }
            expectGolden(losses, try file.numbers("\(row.name)/losses"), "\(row.name) losses", tolerance)
            for (index, weight) in weights.enumerated() {
                try expectGolden(weight.value, file, "\(row.name)/\(index)", tolerance)
                guard file.has("\(row.name)/ax\(index)") else { continue }
                let mean = try #require(optimizer.state.tensors["\(index).ax"])
                try expectGolden(mean, file, "\(row.name)/ax\(index)", tolerance)
            }
        }
    }

    @Test func everyRuleOfTheFileIsChecked() {
        let names = GoldenFile("last_optimizers").names.filter { $0.hasSuffix("/losses") }.map {
            String($0.dropLast(7))
        }
        #expect(Self.rows.map(\.name).sorted() == names)
    }

    @Test func groupsOfOneRuleCycleTheirBetasApart() throws {
        try withDevice(.cpu) { () throws(any Error) in
            func run(_ beta: Double, beside other: Double?) throws -> Float {
                let weight = Parameter(Tensor.ones([1]))
                let rule = NAdamRule(learningRate: 0.1, betas: (0.9, 0.99))
                let optimizer = Optimizer([weight], rule: rule)
                let second = Parameter(Tensor.ones([1]))
                if other != nil { optimizer.addGroup([second], rule: rule) }
                for step in 0..<4 {
                    for (group, value) in zip(optimizer.groups, [beta, other ?? 0]) {
                        guard var rule = group.rule as? NAdamRule else { continue }
                        rule.cycledMomentum = value - 0.1 * Double(step)
                        group.rule = rule
                    }
                    weight.grad = Tensor.full([1], Double(step) - 1.5)
                    second.grad = Tensor.ones([1])
                    try optimizer.step()
                }
                return try weight.value.item(as: Float.self)
            }
            #expect(try run(0.9, beside: 0.5) == run(0.9, beside: nil))
        }
    }

    @Test func wrongHyperparametersAreNamed() throws {
        try withDevice(.cpu) { () throws(any Error) in
            let parameters = [Parameter(Tensor.ones([1]))]
            expectWrongCall(containing: "Rprop: factors (1.5, 1.2)") { _ = Rprop(parameters, factors: (1.5, 1.2)) }
            expectWrongCall(containing: "ASGD: a decay of -1.0") { _ = ASGD(parameters, decay: -1) }
            expectWrongCall(containing: "Adafactor: a beta2 decay of 0.5") {
                _ = Adafactor(parameters, beta2Decay: 0.5)
            }
            expectWrongCall(containing: "Adafactor: a clipping of 0.5") { _ = Adafactor(parameters, clipping: 0.5) }
        }
    }
}
