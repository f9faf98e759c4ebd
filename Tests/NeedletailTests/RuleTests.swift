import Needletail
import TensorGraph
import TensorRuntime
import Testing

/// Rules: what they refuse, what they see of their parameters, how many launches they cost, and captured steps of them.
@Suite struct RuleTests {
    private static func parameters() -> [Parameter] {
        [
            Parameter(Tensor(sampleNumbers(6), shape: [2, 3])), Parameter(Tensor(sampleNumbers(4, seed: 2))),
            Parameter(Tensor(sampleNumbers(8, seed: 3), shape: [4, 2])),
        ]
    }

    @Test func hyperparametersAreCheckedAsPyTorchChecksThem() {
        let p = [Parameter(Tensor.zeros([2, 2]))]
        let calls: [(String, () -> Void)] = [
            ("RMSprop: a alpha of -1.0", { _ = RMSprop(p, alpha: -1) }),
            ("RMSprop: a momentum of -0.1", { _ = RMSprop(p, momentum: -0.1) }),
            ("Adagrad: a initial accumulator of -1.0", { _ = Adagrad(p, initialAccumulator: -1) }),
            ("Adagrad: a learning rate decay of -1.0", { _ = Adagrad(p, learningRateDecay: -1) }),
            ("Adadelta: a rho of 1.5", { _ = Adadelta(p, rho: 1.5) }),
            ("Adamax: betas (1.0, 0.9)", { _ = Adamax(p, betas: (1, 0.9)) }),
            ("NAdam: a momentum decay of -1.0", { _ = NAdam(p, momentumDecay: -1) }),
            ("RAdam: a epsilon of -1.0", { _ = RAdam(p, epsilon: -1) }),
            ("Lion: betas (0.9, 1.0)", { _ = Lion(p, betas: (0.9, 1)) }),
            ("LAMB: a weight decay of -1.0", { _ = LAMB(p, weightDecay: -1) }),
            ("Muon: 100 iterations", { _ = Muon(p, iterations: 100) }),
            ("Optimizer: parameter '0' is [3]", { _ = Muon([Parameter(Tensor.zeros([3]))]) }),
            ("LBFGS: 0 iterations", { _ = LBFGS(p, iterations: 0) }),
            (
                "LBFGS: the parameters are of several",
                {
                    _ = LBFGS([Parameter(Tensor.zeros([2])), Parameter(Tensor.zeros([2], dtype: .float64))])
                }
            ),
            ("LBFGS.step: it is called without a closure", { try? LBFGS(p).step() }),
        ]
        for (text, call) in calls { expectWrongCall(containing: text) { call() } }
    }

    @Test func aLayoutSaysWhoseElementsAreWhere() throws {
        let model = Sequential([Linear(3, 2), Linear(2, 1, bias: false)])
        let optimizer = Optimizer(named: model.namedParameters, rule: Watching())
        for parameter in optimizer.parameters { parameter.grad = Tensor.ones(parameter.shape) }
        try optimizer.step()
        let rule = try #require(optimizer.groups[0].rule as? Watching)
        let seen = try #require(rule.seen.layouts.last)
        #expect(seen.segments.map(\.name) == ["0.weight", "0.bias", "1.weight"])
        #expect(seen.segments.map(\.shape) == [[2, 3], [2], [1, 2]])
        #expect(seen.segments.map(\.range) == [0..<6, 6..<8, 8..<10])
        #expect(seen.elementCount == 10)
        // Without a gradient in the middle, the rule is called for what lies on both sides, each from 0 on.
        optimizer.parameters[1].grad = nil
        try optimizer.step()
        let both = rule.seen.layouts.suffix(2)
        #expect(both.map { $0.segments.map(\.name) } == [["0.weight"], ["1.weight"]])
        #expect(both.allSatisfy { $0.segments[0].range.lowerBound == 0 })
    }

    /// Notes the layouts that it gets.
    private struct Watching: UpdateRule {
        final class Seen: @unchecked Sendable {
            // Safety: used by one test's task.
            var layouts: [ParameterLayout] = []
        }
        let name = "watching"
        var learningRate = 1.0
        let stateNames: [String] = []
        let hyperparameters: [(name: String, value: Double)] = []
        let seen = Seen()

        func update(
            _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
        ) -> Tensor {
            seen.layouts.append(layout)
            return value - gradient * learningRate
        }
    }

    @Test(arguments: GraphDevice.wanted) func segmentsAreFoldedAndSpread(_ device: GraphDevice) throws {
        try device.run { _ in
            let layout = LayoutProbe.layout
            let flat = Tensor([1, 2, 3, 4, 5, 6, 7] as [Float])
            #expect(try layout.sums(of: flat).scalars(as: Float.self) == [6, 4, 18])
            #expect(try layout.spread(layout.sums(of: flat)).scalars(as: Float.self) == [6, 6, 6, 4, 18, 18, 18])
            let norms = try layout.norms(of: flat).scalars(as: Float.self)
            #expect(isClose(norms, [3.7416573867739413, 4, 10.488088481701515]))
            #expect(layout.parts(of: flat).map(\.shape) == [[3], [1], [3, 1]])
            #expect(
                try layout.joined(layout.parts(of: flat).map { $0 * 2 }).scalars(as: Float.self) == [
                    2, 4, 6, 8, 10, 12, 14,
                ])
            #expect(layout.sums(of: flat.to(.float16)).dtype == .float32)
        }
    }

    /// A layout as a rule gets it.
    private enum LayoutProbe {
        static var layout: ParameterLayout {
            let rule = Watching()
            let shapes: [Shape] = [[3], [1], [3, 1]]
            let optimizer = Optimizer(shapes.map { Parameter(Tensor.zeros($0)) }, rule: rule)
            for parameter in optimizer.parameters { parameter.grad = Tensor.zerosLike(parameter.value.detach()) }
            try? optimizer.traceStep()
            return rule.seen.layouts[0]
        }
    }

    /// LARS, as somebody outside of the package writes it.
    private struct LARS: UpdateRule {
        let name = "lars"
        var learningRate = 0.1
        let stateNames: [String] = []
        let hyperparameters: [(name: String, value: Double)] = []

        func update(
            _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
        ) -> Tensor {
            let trust = layout.norms(of: value) / layout.norms(of: gradient)
            return value - gradient * layout.spread(trust) * learningRate
        }
    }

    @Test func aRuleByLayersIsWrittenOutside() throws {
        let parameters = RuleTests.parameters()
        let before = try parameters.map { try $0.value.scalars(as: Float.self).map(Double.init) }
        let optimizer = Optimizer(parameters, rule: LARS())
        var expected: [[Double]] = []
        for (number, (parameter, old)) in zip(parameters, before).enumerated() {
            let gradient = sampleNumbers(old.count, seed: UInt64(40 + number))
            parameter.grad = Tensor(gradient, shape: parameter.shape)
            let length = old.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let size = gradient.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
            expected.append(zip(old, gradient).map { $0 - 0.1 * length / size * Double($1) })
        }
        try optimizer.step()
        for (parameter, numbers) in zip(parameters, expected) {
            #expect(isClose(try parameter.value.scalars(as: Float.self), numbers))
        }
    }

    private static let pointwise: [@Sendable ([Parameter]) -> Optimizer] = [
        { RMSprop($0, momentum: 0.9, centered: true) }, { Adagrad($0) }, { Adadelta($0) }, { Adamax($0) },
        { NAdam($0) }, { RAdam($0) }, { Lion($0) }, { RMSprop($0, weightDecay: 0.1) },
        { Adagrad($0, learningRateDecay: 0.1, weightDecay: 0.1, initialAccumulator: 0.1) },
        { Adadelta($0, weightDecay: 0.1) }, { Adamax($0, weightDecay: 0.1) }, { NAdam($0, weightDecay: 0.1) },
        { RAdam($0, weightDecay: 0.1, decoupledWeightDecay: true) }, { Lion($0, weightDecay: 0.1) },
    ]

    @Test func aPointwiseRuleIsOneLaunchForAnyNumberOfParameters() throws {
        for make in RuleTests.pointwise {
            for count in [1, 3, 100] {
                try withOwnDevice { context in
                    let optimizer = make((0..<count).map { Parameter(Tensor(sampleNumbers(3 + $0 % 7))) })
                    for parameter in optimizer.parameters { parameter.grad = Tensor.ones(parameter.shape) }
                    optimizer.clipGradientNorm(1)
                    try context.flushAll()
                    let before = context.statistics.launches
                    try optimizer.step()
                    let launches = context.statistics.launches - before
                    #expect(launches == 1, "\(optimizer) of \(count)")
                }
            }
        }
    }

    @Test func lambFoldsEachParameterOnceAndUpdatesAllAtOnce() throws {
        let launches = try [2, 20].map { count in
            try withOwnDevice { context in
                let optimizer = LAMB((0..<count).map { Parameter(Tensor(sampleNumbers(3 + $0))) })
                for parameter in optimizer.parameters { parameter.grad = Tensor.ones(parameter.shape) }
                optimizer.clipGradientNorm(1)
                try optimizer.step()
                for parameter in optimizer.parameters { parameter.grad = Tensor.ones(parameter.shape) }
                optimizer.clipGradientNorm(1)
                try context.flushAll()
                let before = context.statistics.launches
                try optimizer.step()
                return context.statistics.launches - before
            }
        }
        // Two norms a parameter, and what is common to all.
        #expect(launches[1] - launches[0] <= 2 * 18, "\(launches)")
        #expect(launches[0] <= 2 * 2 + 4, "\(launches)")
    }

    static let captured: [@Sendable ([Parameter]) -> Optimizer] =
        pointwise + [
            { LAMB($0) },
            { parameters in
                let optimizer = Optimizer(parameters.filter { $0.shape.rank == 2 }, rule: MuonRule())
                optimizer.addGroup(parameters, rule: AdamRule(isDecoupled: true))
                return optimizer
            },
        ]

    @Test(arguments: 0..<captured.count) func aCapturedStepGoesOnAsTheRuleDoes(_ index: Int) throws {
        try withOwnDevice { context in
            func training() -> SmallTraining {
                SmallTraining(features: 20, hidden: 8, batchSize: 16, optimizer: RuleTests.captured[index])
            }
            let plain = training()
            try plain.run(8)
            let captured = try CapturedTraining(training())
            let first = context.nextValueID
            try captured.run(8)
            // Pointwise rules say their numbers; the others are traced for them.
            #expect((context.nextValueID == first) == (index < RuleTests.pointwise.count))
            #expect(try TrainingNumbers(captured.training) == TrainingNumbers(plain))
        }
    }

    @Test func aSearchIsNotCaptured() throws {
        try withOwnDevice { _ in
            let parameters = [Parameter(Tensor.ones([2]))]
            let optimizer = LBFGS(parameters)
            let graph = Accelerator.Graph()
            expectError(.invalidArgument, containing: "LBFGS reads the loss") { () throws(TensorError) in
                do {
                    _ = try graph.capture {
                        try optimizer.step {
                            optimizer.zeroGrad()
                            let loss = parameters[0].value.square().sum()
                            loss.backward()
                            return loss
                        }
                    }
                } catch let error as TensorError { throw error } catch { throw TensorError(.deviceFailure, "\(error)") }
            }
        }
    }

    @Test func stateOfEveryRuleGoesOnBitForBit() throws {
        let makes: [@Sendable ([Parameter]) -> Optimizer] =
            RuleTests.pointwise + [{ LAMB($0) }, { Muon($0.filter { $0.shape.rank == 2 }) }]
        for make in makes {
            func run(_ optimizer: Optimizer, _ steps: Range<Int>) throws {
                for step in steps {
                    for (index, parameter) in optimizer.parameters.enumerated() {
                        let numbers = sampleNumbers(parameter.shape.elementCount, seed: UInt64(step * 10 + index))
                        parameter.grad = Tensor(numbers, shape: parameter.shape)
                    }
                    try optimizer.step()
                }
            }
            let whole = make(RuleTests.parameters())
            try run(whole, 0..<8)
            let first = make(RuleTests.parameters())
            try run(first, 0..<3)
            let second = make(first.parameters.map { Parameter($0.value.detach()) })
            try second.load(first.state)
            try run(second, 3..<8)
            for (a, b) in zip(whole.parameters, second.parameters) {
                #expect(try a.value.scalars(as: Float.self) == b.value.scalars(as: Float.self))
            }
        }
    }

    @Test func aSearchGoesOnFromItsState() throws {
        func make(_ x: Parameter) -> LBFGS {
            LBFGS([x], iterations: 2, evaluations: 30, historySize: 3, lineSearch: .strongWolfe)
        }
        func step(_ optimizer: LBFGS) throws {
            try optimizer.step {
                optimizer.zeroGrad()
                let x = optimizer.parameters[0].value
                let valley = x[1] - x[0] * x[0]
                let loss = (1 - x[0]).square() + valley.square() * 100
                loss.backward()
                return loss
            }
        }
        let start = Tensor([-1.2, 1] as [Double])
        let whole = make(Parameter(start))
        for _ in 0..<4 { try step(whole) }
        let first = make(Parameter(start))
        for _ in 0..<2 { try step(first) }
        let second = make(Parameter(first.parameters[0].value.detach()))
        try second.load(first.state)
        for _ in 0..<2 { try step(second) }
        #expect(
            try whole.parameters[0].value.scalars(as: Double.self)
                == second.parameters[0].value.scalars(as: Double.self))
        for _ in 0..<40 { try step(whole) }
        #expect(isClose(try whole.parameters[0].value.scalars(as: Float.self), [1, 1]))
        expectError(.data, containing: "0.prev_flat_grad") { () throws(TensorError) in
            try make(Parameter(Tensor([1.0, 2, 3]))).load(first.state)
        }
    }

    /// Counts steps, as somebody outside of the package may.
    private final class Counting: Optimizer {
        var steps = 0
        var forgotten = 0

        override func step() throws(TensorError) {
            steps += 1
            try super.step()
        }
        override func zeroGrad() {
            forgotten += 1
            super.zeroGrad()
        }
        override var state: OptimizerState {
            var result = super.state
            result.tensors["counting"] = Tensor(Float(steps))
            return result
        }
        override func load(_ state: OptimizerState) throws(TensorError) {
            steps = Int(try state.tensors["counting"]?.item() ?? 0)
            try super.load(state)
        }
    }

    @Test func whatIsOpenCanBeOverridden() throws {
        let parameter = Parameter(Tensor.ones([2]))
        let optimizer = Counting([parameter], rule: SGDRule(learningRate: 1))
        parameter.grad = Tensor.ones([2])
        try optimizer.step()
        optimizer.zeroGrad()
        #expect(optimizer.steps == 1 && optimizer.forgotten == 1 && parameter.grad == nil)
        let other = Counting([Parameter(Tensor.ones([2]))], rule: SGDRule(learningRate: 1))
        try other.load(optimizer.state)
        #expect(other.steps == 1)
    }

    @Test func anOptimizerIsDescribed() {
        let optimizer = SGD([Parameter(Tensor.ones([2, 3])), Parameter(Tensor.ones([2]))], learningRate: 0.1)
        #expect(
            optimizer.description == """
                SGD (
                Parameter Group 0: 2 parameters, 8 elements
                    lr: 0.1
                    momentum: 0
                    dampening: 0
                    weight_decay: 0
                    nesterov: 0
                    maximize: 0
                )
                """)
    }
}
