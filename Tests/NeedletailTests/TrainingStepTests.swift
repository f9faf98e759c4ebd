import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

/// What a training step costs, by counters: plans, driver allocations, launches.
@Suite struct TrainingStepTests {
    /// Counters of `steps` steps after a few that fill the caches.
    private func steadyState(
        _ training: SmallTraining, _ observed: ObservedContext, steps: Int,
        between: (SmallTraining.Step) throws -> Void = { _ in }
    ) throws -> (statistics: ExecutionStatistics, launches: [KernelFamily]) {
        try training.run(6, between: between)
        _ = observed.device.takeLaunches()
        let before = observed.statistics
        try training.run(steps, from: 6, between: between)
        return (observed.statistics - before, observed.device.takeLaunches())
    }

    @Test func aSteadyStepBuildsNoPlanAndAsksTheDriverForNothing() throws {
        try ObservedContext.run { observed in
            let (spent, launches) = try steadyState(SmallTraining(), observed, steps: 20)
            #expect(spent.plansBuilt == 0)
            #expect(spent.planHits == 20)
            #expect(spent.driverAllocations == 0)
            #expect(spent.kernelsMade == 0)
            // The counter is what the device saw.
            #expect(spent.launches == launches.count)
        }
    }

    @Test func aWholeStepIsAtMostSixteenLaunches() throws {
        try ObservedContext.run { observed in
            let (spent, launches) = try steadyState(SmallTraining(), observed, steps: 10)
            #expect(spent.launches <= 160, "\(launches.prefix(launches.count / 10))")
            // Three forwards, three by weights, two by inputs.
            #expect(launches.filter { $0 == .matmul }.count == 80)
        }
    }

    @Test func forwardGatheringAndLossAreAtMostFiveLaunches() throws {
        try ObservedContext.run { observed in
            let training = SmallTraining()
            try training.run(6, between: { try $0.loss.evaluate() })
            var before = observed.statistics
            _ = observed.device.takeLaunches()
            try training.run(
                1, from: 6,
                between: { step in
                    before = observed.statistics
                    try step.loss.evaluate()
                    let launches = observed.device.takeLaunches()
                    #expect((observed.statistics - before).launches <= 5, "\(launches)")
                })
        }
    }

    @Test func metricsAddAtMostOneLaunch() throws {
        func launches(withMetrics: Bool) throws -> Int {
            try ObservedContext.run { observed in
                let training = SmallTraining()
                let loss = MeanMetric()
                let accuracy = Accuracy()
                let (spent, _) = try steadyState(
                    training, observed, steps: 10,
                    between: { step in
                        guard withMetrics else { return }
                        loss.update(step.loss, count: step.labels.elementCount)
                        accuracy.update(step.logits, step.labels)
                    })
                #expect(spent.plansBuilt == 0)
                return spent.launches
            }
        }
        #expect(try launches(withMetrics: true) <= launches(withMetrics: false) + 10)
    }

    @Test func theOptimizerIsOneLaunchForTwoHundredParameters() throws {
        func launches(steps: Bool) throws -> Int {
            try ObservedContext.run { observed in
                let generator = Generator(seed: 3)
                let layers = (0..<100).map { _ in Linear(8, 8, generator: generator) }
                let optimizer = Adam(layers.flatMap(\.parameters))
                #expect(optimizer.parameters.count == 200)
                let input = Tensor(sampleNumbers(32), shape: [4, 8])
                var before = observed.statistics
                for _ in 0..<3 {
                    before = observed.statistics
                    optimizer.zeroGrad()
                    var h = input
                    for layer in layers { h = layer(h).tanh() }
                    let loss = h.square().mean()
                    loss.backward()
                    if steps {
                        try optimizer.step()
                    } else {
                        try evaluate(optimizer.parameters.compactMap(\.grad))
                    }
                }
                return (observed.statistics - before).launches
            }
        }
        let gradients = try launches(steps: false)
        let all = try launches(steps: true)
        #expect(all <= gradients + 1, "\(all) launches with the step, \(gradients) for the gradients alone")
    }

    @Test func gradientsOfLinearAreWrittenIntoTheirPlaces() throws {
        try ObservedContext.run { observed in
            func parameter(_ shape: Shape, _ seed: UInt64) -> Parameter {
                Parameter(Tensor(sampleNumbers(shape.elementCount, seed: seed), shape: shape))
            }
            let weights = [parameter([16, 8], 1), parameter([16], 2), parameter([4, 16], 3), parameter([4], 4)]
            let optimizer = SGD(weights, learningRate: 0.1)
            let x = Tensor(sampleNumbers(10 * 8, seed: 5), shape: [10, 8])
            for _ in 0..<2 {
                _ = observed.device.takeLaunches()
                optimizer.zeroGrad()
                let hidden = Tensor.linear(x, weights[0].value, bias: weights[1].value).tanh()
                Tensor.linear(hidden, weights[2].value, bias: weights[3].value).square().mean().backward()
                try optimizer.step()
            }
            // Two forwards, two by weights, one by an input.
            let launches = observed.device.takeLaunches()
            #expect(launches.filter { $0 == .matmul }.count == 5)
            let plan = observed.context.lastPlanDump.split(separator: "\n").filter { $0.first!.isNumber }
            #expect(plan.count == launches.count)
            #expect(!plan.contains { $0.contains("identity") || $0.contains("concatenate") }, "\(plan)")
            // Besides: the loss's gradient, two sums for biases, and the step.
            #expect(launches.count == 9, "\(plan)")
        }
    }

    @Test func readingTheLossBeforeBackwardAddsNoMatmul() throws {
        func matmuls(reads: Bool) throws -> (count: Int, weights: [Float]) {
            try ObservedContext.run { observed in
                let training = SmallTraining()
                let (_, launches) = try steadyState(
                    training, observed, steps: 4, between: { if reads { _ = try $0.loss.item() } })
                return (launches.filter { $0 == .matmul }.count, try training.weights())
            }
        }
        let read = try matmuls(reads: true)
        let unread = try matmuls(reads: false)
        #expect(read.count == unread.count)
        #expect(normalizedSquareError(read.weights, unread.weights) < 1e-10)
    }

    @Test func aSmallerLastBatchBuildsItsPlanOnce() throws {
        try ObservedContext.run { observed in
            let training = SmallTraining(examples: 3 * 64 + 17)
            #expect(training.batches().count == 4)
            try training.run(3)
            var built: [Int] = []
            for step in 3..<15 {
                let before = observed.statistics
                try training.run(1, from: step)
                if step % 4 == 3 { built.append((observed.statistics - before).plansBuilt) }
            }
            #expect(built == [1, 0, 0])
        }
    }

    @Test func anotherLearningRateBuildsNoPlan() throws {
        try ObservedContext.run { observed in
            let training = SmallTraining()
            try training.run(6)
            let before = observed.statistics
            for (index, rate) in [1e-2, 1.0, 0, 0.5, 1e-3].enumerated() {
                training.optimizer.learningRate = rate
                try training.run(1, from: 6 + index)
            }
            #expect((observed.statistics - before).plansBuilt == 0)
        }
    }

    @Test func walkingAnArraySliceBySliceBuildsOnePlan() throws {
        try ObservedContext.run { observed in
            let x = Tensor(sampleNumbers(1000 * 3), shape: [1000, 3])
            let before = observed.statistics
            var total = 0.0
            for start in 0..<900 {
                total += try (x.slice(axis: 0, from: start, to: start + 100) * 2).sum().item()
            }
            #expect(total.isFinite)
            #expect((observed.statistics - before).plansBuilt <= 2)
        }
    }
}
