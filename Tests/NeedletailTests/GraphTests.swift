import Needletail
import NeedletailTraining
import TensorGraph
import Testing

/// Captured steps compute what uncaptured ones do, bit for bit, and cost the host nothing but their submission.
@Suite(.serialized) struct GraphTests {
    @Test(arguments: GraphDevice.wanted)
    func aHundredCapturedStepsHaveTheSameBits(_ device: GraphDevice) throws {
        try device.run { _ in
            let plain = SmallTraining(features: 60, hidden: 32, batchSize: 16)
            var expected: [Double] = []
            try plain.run(100, after: { _, step in expected.append(try step.loss.item()) })
            let captured = try CapturedTraining(SmallTraining(features: 60, hidden: 32, batchSize: 16))
            var found: [Double] = []
            try captured.run(100, after: { _ in found.append(try captured.loss.item()) })
            #expect(found == expected)
            #expect(try TrainingNumbers(captured.training) == TrainingNumbers(plain))
        }
    }

    @Test(arguments: GraphDevice.wanted)
    func aReplayTracesAndLooksUpAndAllocatesNothing(_ device: GraphDevice) throws {
        try device.run { context in
            let captured = try CapturedTraining(SmallTraining(features: 60, hidden: 32, batchSize: 16))
            // Vulkan keeps eight recordings, one for each place of the inputs.
            try captured.run(30, among: 4)
            let before = context.statistics
            let first = context.nextValueID
            try captured.run(20, from: 30, among: 4)
            #expect(context.nextValueID == first)
            let spent = context.statistics - before
            #expect(spent.replays == 20)
            #expect(spent.launches > 0)
            #expect(spent.plansBuilt + spent.planHits + spent.nodes == 0)
            #expect(spent.blockRequests + spent.driverAllocations + spent.kernelsMade + spent.recordings == 0)
        }
    }

    /// Launches of ten steps on batches that are there, uncaptured.
    private func launchesOfPlainSteps() throws -> Int {
        try withOwnDevice { context in
            let plain = SmallTraining()
            let batches = Array(plain.batches())
            try evaluate(batches.flatMap { [$0.features, $0.labels] })
            var before = context.statistics
            for index in 0..<16 {
                if index == 6 { before = context.statistics }
                plain.optimizer.zeroGrad()
                let step = plain.forward(batches[index % batches.count])
                step.loss.backward()
                try plain.optimizer.step()
            }
            return (context.statistics - before).launches
        }
    }

    @Test func aReplayHasNoMoreLaunchesThanAStep() throws {
        let expected = try launchesOfPlainSteps()
        try withOwnDevice { context in
            let captured = try CapturedTraining(SmallTraining())
            let before = context.statistics
            try captured.run(10)
            #expect((context.statistics - before).launches <= expected)
        }
    }

    @Test func aCaptureComputesNothing() throws {
        try withOwnDevice { context in
            let training = SmallTraining(features: 20, hidden: 8, batchSize: 16)
            try training.run(3)
            let numbers = try TrainingNumbers(training)
            let before = context.statistics
            let captured = try CapturedTraining(training)
            #expect((context.statistics - before).replays == 0)
            #expect(try TrainingNumbers(training) == numbers)
            try captured.run(1)
            #expect(try TrainingNumbers(training) != numbers)
        }
    }

    @Test(arguments: ["sgd", "momentum", "nesterov", "adam", "decay", "amsgrad", "adamw", "maximize"])
    func everyRuleSaysItsNumbers(_ rule: String) throws {
        func make(_ parameters: [Parameter]) -> Optimizer {
            switch rule {
            case "sgd": SGD(parameters, learningRate: 0.1)
            case "momentum": SGD(parameters, learningRate: 0.1, momentum: 0.9, dampening: 0.3, weightDecay: 0.01)
            case "nesterov": SGD(parameters, learningRate: 0.1, momentum: 0.9, nesterov: true)
            case "decay": Adam(parameters, weightDecay: 0.01)
            case "amsgrad": Adam(parameters, amsgrad: true)
            case "adamw": AdamW(parameters)
            case "maximize": Adam(parameters, maximize: true)
            default: Adam(parameters)
            }
        }
        try withOwnDevice { context in
            func training() -> SmallTraining {
                SmallTraining(features: 20, hidden: 8, batchSize: 16, optimizer: make)
            }
            let plain = training()
            try plain.run(8)
            let captured = try CapturedTraining(training())
            let first = context.nextValueID
            try captured.run(8)
            // A rule that does not say its numbers is traced for them.
            #expect(context.nextValueID == first)
            #expect(try TrainingNumbers(captured.training) == TrainingNumbers(plain))
        }
    }

    /// A rule of a user, with a number that only its own code knows.
    private struct Fading: UpdateRule {
        let name = "fading"
        var learningRate = 0.1
        let stateNames = ["sum"]
        let hyperparameters: [(name: String, value: Double)] = []

        func update(
            _ value: Tensor, gradient: Tensor, state: inout [Tensor], step: Int, layout: ParameterLayout
        ) -> Tensor {
            state[0] = state[0] + gradient
            return value - gradient * (learningRate / Double(step)) - state[0] * 0.01
        }
    }

    @Test func aRuleThatSaysNoNumbersIsTracedForThem() throws {
        try withOwnDevice { _ in
            func training() -> SmallTraining {
                SmallTraining(features: 20, hidden: 8, batchSize: 16) { Optimizer($0, rule: Fading()) }
            }
            let plain = training()
            try plain.run(6)
            let captured = try CapturedTraining(training())
            try captured.run(6)
            #expect(try TrainingNumbers(captured.training) == TrainingNumbers(plain))
        }
    }

    @Test(arguments: [true, false]) func theScheduleGoesOn(isCaptured: Bool) throws {
        try withOwnDevice { _ in
            let schedule = CosineSchedule(length: 10, minimum: 0.001)
            let plain = SmallTraining(features: 20, hidden: 8, batchSize: 16) { SGD($0, learningRate: 0.2) }
            let plainScheduler = LearningRateScheduler(plain.optimizer, schedule)
            try plain.run(10, after: { _, _ in plainScheduler.step() })
            let training = SmallTraining(features: 20, hidden: 8, batchSize: 16) { SGD($0, learningRate: 0.2) }
            let scheduler = LearningRateScheduler(training.optimizer, schedule)
            if isCaptured {
                let graph = Accelerator.Graph()
                let batches = Array(training.batches())
                let x = try graph.input(like: batches[0].features)
                let labels = try graph.input(like: batches[0].labels)
                try graph.capture {
                    training.optimizer.zeroGrad()
                    training.forward(x.value, labels.value).loss.backward()
                    try training.optimizer.step()
                    scheduler.step()
                }
                #expect(scheduler.count == 0)
                for index in 0..<10 {
                    try x.set(batches[index % batches.count].features)
                    try labels.set(batches[index % batches.count].labels)
                    try graph.replay()
                }
            } else {
                try CapturedTraining(training).run(10, after: { _ in scheduler.step() })
            }
            #expect(scheduler.count == 10)
            #expect(try TrainingNumbers(training) == TrainingNumbers(plain))
        }
    }

    @Test(arguments: GraphDevice.wanted)
    func runningStatisticsMetricsAndClippingGoOn(_ device: GraphDevice) throws {
        final class Net {
            let model: Sequential
            let optimizer: Adam
            let metric = MeanMetric()

            init() {
                let generator = Generator(seed: 3)
                model = Sequential {
                    Linear(12, 8, generator: generator)
                    BatchNorm1d(8)
                    ReLU()
                    Linear(8, 3, generator: generator)
                }
                optimizer = Adam(model.parameters)
            }

            func step(_ x: Tensor) throws {
                optimizer.zeroGrad()
                let loss = model(x).square().mean()
                loss.backward()
                optimizer.clipGradientNorm(0.5)
                metric.update(loss, count: x.shape[0])
                try optimizer.step()
            }

            func numbers() throws -> [[Double]] {
                let tensors = model.stateDictionary().entries.map(\.tensor)
                return try tensors.map { try $0.scalars(as: Double.self) } + [[try metric.value() ?? -1]]
            }
        }
        try device.run { _ in
            let inputs = (0..<5).map { Tensor(sampleNumbers(10 * 12, seed: UInt64($0)), shape: [10, 12]) }
            let plain = Net()
            let net = Net()
            // The metric's sum is there from the first step on.
            try plain.step(inputs[4])
            try net.step(inputs[4])
            for index in 0..<8 { try plain.step(inputs[index % 5]) }
            let graph = Accelerator.Graph()
            let x = try graph.input(like: inputs[0])
            try graph.capture { try net.step(x.value) }
            for index in 0..<8 {
                try x.set(inputs[index % 5])
                try graph.replay()
            }
            #expect(try net.numbers() == plain.numbers())
        }
    }

    @Test(arguments: GraphDevice.wanted)
    func aStepOfSeveralPlansHasTheSameBits(_ device: GraphDevice) throws {
        try device.run { context in
            let plain = SmallTraining(features: 60, hidden: 32, batchSize: 16)
            try plain.run(10, between: { try $0.loss.evaluate() })
            let captured = try CapturedTraining(
                SmallTraining(features: 60, hidden: 32, batchSize: 16), between: { try $0.loss.evaluate() })
            let before = context.statistics
            try captured.run(10)
            #expect((context.statistics - before).replays == 10)
            #expect(try captured.graph.debugDump().contains("graph on \(context.deviceID): 2 plans"))
            #expect(try TrainingNumbers(captured.training) == TrainingNumbers(plain))
        }
    }

    @Test func gradientsAccumulateFromReplayToReplay() throws {
        try withOwnDevice { _ in
            let training = SmallTraining(features: 20, hidden: 8, batchSize: 16) { SGD($0, learningRate: 0.1) }
            let batches = Array(training.batches())
            func gradients() throws -> [Float] {
                try training.parameters.flatMap { try $0.grad!.scalars(as: Float.self) }
            }
            func backward(_ x: Tensor, _ labels: Tensor) { training.forward(x, labels).loss.backward() }
            let start = training.generator.state
            for index in 0..<4 { backward(batches[index].features, batches[index].labels) }
            let expected = try gradients()
            training.optimizer.zeroGrad()
            training.generator.state = start
            backward(batches[0].features, batches[0].labels)
            try evaluate(training.parameters.compactMap(\.grad))
            let graph = Accelerator.Graph()
            let x = try graph.input(like: batches[0].features)
            let labels = try graph.input(like: batches[0].labels)
            try graph.capture { backward(x.value, labels.value) }
            for index in 1..<4 {
                try x.set(batches[index].features)
                try labels.set(batches[index].labels)
                try graph.replay()
            }
            #expect(try gradients() == expected)
        }
    }

    @Test func aGraphInEvaluationReadsTheParametersOfTheTrainingGraph() throws {
        try withOwnDevice { _ in
            let captured = try CapturedTraining(SmallTraining(features: 20, hidden: 8, batchSize: 16))
            let training = captured.training
            training.dropout.eval()
            let graph = Accelerator.Graph(pool: captured.graph.pool)
            let x = try graph.input(like: captured.batches[0].features)
            let logits = try graph.capture { withNoGrad { training.forward(x.value, captured.labels.value).logits } }
            training.dropout.train()
            for round in 0..<3 {
                try captured.run(2, from: 2 * round)
                training.dropout.eval()
                let expected = try withNoGrad {
                    try training.forward(captured.batches[round].features, captured.labels.value)
                        .logits.scalars(as: Float.self)
                }
                training.dropout.train()
                try x.set(captured.batches[round].features)
                try graph.replay()
                #expect(try logits.scalars(as: Float.self) == expected)
            }
        }
    }

    @Test func graphsOfTwoBatchSizesTrainTheSameParameters() throws {
        try withOwnDevice { _ in
            func make() -> SmallTraining { SmallTraining(features: 20, hidden: 8, batchSize: 16) }
            let plain = make()
            let small = Array(plain.dataset.batches(of: 4, shuffledBy: Generator(seed: 9)))
            for batch in [plain.batches()[0], small[0], plain.batches()[1], small[1]] {
                plain.optimizer.zeroGrad()
                plain.forward(batch).loss.backward()
                try plain.optimizer.step()
            }
            let captured = try CapturedTraining(make())
            let training = captured.training
            let graph = Accelerator.Graph()
            let x = try graph.input(like: small[0].features)
            let labels = try graph.input(like: small[0].labels, values: 0...9)
            try graph.capture {
                training.optimizer.zeroGrad()
                training.forward(x.value, labels.value).loss.backward()
                try training.optimizer.step()
            }
            for round in 0..<2 {
                try captured.run(1, from: round)
                try x.set(small[round].features)
                try labels.set(small[round].labels)
                try graph.replay()
            }
            #expect(try TrainingNumbers(training) == TrainingNumbers(plain))
        }
    }
}
