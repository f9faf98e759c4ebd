import Needletail
import Testing

/// Rates and momenta of 101 epochs against `torch.optim.lr_scheduler`.
@Suite struct GoldenScheduleTests {
    static let file = GoldenFile("schedules")

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let schedule: any LearningRateSchedule

        init(_ name: String, _ schedule: any LearningRateSchedule) {
            testDescription = name
            self.schedule = schedule
        }
    }

    static let rows: [Row] = [
        Row("step", StepSchedule(every: 7, gamma: 0.5)),
        Row("multi_step", MultiStepSchedule(milestones: [10, 30, 30, 80], gamma: 0.3)),
        Row("constant", ConstantSchedule(factor: 0.5, length: 4)),
        Row("linear", LinearSchedule(from: 0.25, to: 0.75, length: 10)),
        Row("exponential", ExponentialSchedule(gamma: 0.95)),
        Row("polynomial", PolynomialSchedule(length: 60, power: 2)),
        Row("cosine", CosineSchedule(length: 25, minimum: 0.01)),
        Row("restarts", CosineRestartsSchedule(length: 10, multiplier: 2, minimum: 0.01)),
        Row("restarts_even", CosineRestartsSchedule(length: 9)),
        Row("one_cycle", OneCycleSchedule(maximum: 0.8, length: 101)),
        Row(
            "one_cycle_all",
            OneCycleSchedule(
                maximum: 0.8, length: 101, rise: 0.4, annealing: .linear, momentum: 0.7...0.9, divisor: 10,
                finalDivisor: 100, hasThreePhases: true)),
        Row("cyclic", CyclicSchedule(0.1...0.9, up: 8, down: 12)),
        Row("cyclic_halving", CyclicSchedule(0.1...0.9, up: 8, scale: .halving)),
        Row("cyclic_exponential", CyclicSchedule(0.1...0.9, up: 8, scale: .exponential(gamma: 0.98))),
        Row("lambda", LambdaSchedule { 1 / Double(1 + $0) }),
        Row("multiplicative", MultiplicativeSchedule { 1 - 0.5 / Double(1 + $0) }),
        Row(
            "chained",
            ChainedSchedule([ConstantSchedule(factor: 0.1, length: 5), ExponentialSchedule(gamma: 0.9)])),
        Row(
            "sequential",
            SequentialSchedule(
                [
                    LinearSchedule(from: 0.1, length: 10), CosineSchedule(length: 40),
                    ConstantSchedule(factor: 0.2, length: 9),
                ], milestones: [10, 50])),
    ]

    private static let tolerance = GoldenTolerance(relative: 1e-10, absolute: 1e-14, normalizedSquare: 1e-20)

    private func check(_ name: String, _ step: (Optimizer) -> (Int) -> Void) throws {
        let optimizer = SGD([Parameter(Tensor.zeros([1]))], learningRate: 0.5, momentum: 0.9)
        let next = step(optimizer)
        var rates: [Double] = []
        var momenta: [Double] = []
        for epoch in 0...100 {
            rates.append(optimizer.learningRate)
            momenta.append(try #require(optimizer.groups[0].rule as? SGDRule).momentum)
            if epoch < 100 { next(epoch) }
        }
        let file = GoldenScheduleTests.file
        expectGolden(rates, try file.numbers("\(name)/rates"), "\(name) rates", GoldenScheduleTests.tolerance)
        expectGolden(momenta, try file.numbers("\(name)/momenta"), "\(name) momenta", GoldenScheduleTests.tolerance)
    }

    @Test(arguments: rows) func aSchedulesRatesArePyTorchs(_ row: Row) throws {
        try check(row.testDescription) { optimizer in
            let scheduler = LearningRateScheduler(optimizer, row.schedule)
            return { _ in scheduler.step() }
        }
    }

    @Test func aPlateauLowersTheRatesWhenPyTorchsDoes() throws {
        let metrics = try GoldenScheduleTests.file.numbers("metrics")
        let makes: [(String, (Optimizer) -> PlateauScheduler)] = [
            ("plateau", { PlateauScheduler($0, patience: 3) }),
            (
                "plateau_all",
                {
                    PlateauScheduler(
                        $0, .largest, factor: 0.5, patience: 2, threshold: .absolute(0.1), cooldown: 4, minimum: 0.01)
                }
            ),
            (
                "plateau_relative",
                { PlateauScheduler($0, .largest, factor: 0.9, patience: 1, threshold: .relative(0.01)) }
            ),
            (
                "plateau_absolute",
                { PlateauScheduler($0, factor: 0.7, patience: 4, threshold: .absolute(0.05), cooldown: 2) }
            ),
        ]
        for (name, make) in makes {
            try check(name) { optimizer in
                let scheduler = make(optimizer)
                return { scheduler.step(metrics[$0]) }
            }
        }
        let names = GoldenScheduleTests.file.names.filter { $0.hasSuffix("/rates") }.map { String($0.dropLast(6)) }
        #expect((makes.map(\.0) + GoldenScheduleTests.rows.map(\.testDescription)).sorted() == names)
    }

    @Test func schedulesMoveTheFirstBetaToo() {
        let optimizer = AdamW([Parameter(Tensor.zeros([1]))])
        let scheduler = LearningRateScheduler(optimizer, OneCycleSchedule(maximum: 0.1, length: 11))
        #expect((optimizer.groups[0].rule as? AdamRule)?.betas.0 == 0.95)
        scheduler.count = 10
        #expect((optimizer.groups[0].rule as? AdamRule)?.betas.0 == 0.95)
        scheduler.count = 2
        #expect((optimizer.groups[0].rule as? AdamRule)!.betas.0 < 0.9)
        // Beyond its length it stays.
        scheduler.count = 10
        let last = optimizer.learningRate
        scheduler.count = 25
        #expect(optimizer.learningRate == last)
    }

    @Test func wrongSchedulesSayWhatWasFound() {
        let calls: [(String, () -> Void)] = [
            ("a length of 0 epochs", { _ = LinearSchedule(length: 0) }),
            ("factors from 0.0 to 1.0", { _ = LinearSchedule(from: 0) }),
            ("a factor of 2.0", { _ = ConstantSchedule(factor: 2) }),
            ("a multiplier of 0", { _ = CosineRestartsSchedule(length: 3, multiplier: 0) }),
            ("a rise of 1.5", { _ = OneCycleSchedule(maximum: 1, length: 5, rise: 1.5) }),
            (
                "2 schedules with milestones []",
                {
                    _ = SequentialSchedule(
                        [ExponentialSchedule(gamma: 1), ExponentialSchedule(gamma: 1)], milestones: [])
                }
            ),
            (
                "the rule 'adagrad' has no momentum",
                {
                    _ = LearningRateScheduler(Adagrad([Parameter(Tensor.zeros([1]))]), CyclicSchedule(0.1...0.2))
                }
            ),
            ("a factor of 1.0", { _ = PlateauScheduler(SGD([Parameter(Tensor.zeros([1]))]), factor: 1) }),
        ]
        for (text, call) in calls {
            expectWrongCall(containing: text) { call() }
        }
    }
}
