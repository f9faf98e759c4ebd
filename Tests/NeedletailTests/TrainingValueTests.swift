import Needletail
import TensorRuntime
import Testing

/// What a training step must not change: kept values, memory, bits.
@Suite struct TrainingValueTests {
    @Test func aThousandKeptLossesHoldNothingElse() throws {
        try ObservedContext.run { observed in
            let training = SmallTraining(examples: 64, features: 40, hidden: 16, batchSize: 16)
            var losses: [Tensor] = []
            try training.run(20, after: { _, step in losses.append(step.loss) })
            let before = observed.statistics.allocatedBytes
            try training.run(1000, from: 20, after: { _, step in losses.append(step.loss) })
            let grown = observed.statistics.allocatedBytes - before
            // A loss is a block of the allocator's smallest size.
            #expect(grown <= 1000 * CachingAllocator.roundedSize(4), "\(grown) bytes")
            #expect(try losses[0].item() > losses[1019].item())
        }
    }

    @Test func eightMicroBatchesNeedLittleMoreMemoryThanOne() throws {
        func peak(microBatches: Int) throws -> Int {
            try ObservedContext.run { observed in
                let training = SmallTraining(examples: 8 * 64, batchSize: 64)
                let order = training.batches()
                for _ in 0..<3 {
                    observed.context.allocator.resetPeak()
                    training.optimizer.zeroGrad()
                    for index in 0..<microBatches { training.forward(order[index]).loss.backward() }
                    try training.optimizer.step()
                }
                return observed.statistics.peakAllocatedBytes
            }
        }
        let one = try peak(microBatches: 1)
        let eight = try peak(microBatches: 8)
        #expect(Double(eight) <= 1.2 * Double(one), "\(eight) bytes, \(one) for one")
    }

    @Test func aKeptParameterLossAndActivationKeepTheirValues() throws {
        /// What step 3 made, read at once or after five more steps.
        func kept(until last: Int) throws -> [[Float]] {
            try ObservedContext.run { _ in
                let training = SmallTraining()
                var held: [Tensor] = []
                try training.run(
                    last + 1,
                    after: { index, step in
                        guard index == 3 else { return }
                        held = [training.first.weight.value.detach(), step.loss.detach(), step.h.detach(), step.x]
                    })
                return try held.map { try $0.scalars(as: Float.self) }
            }
        }
        let atOnce = try kept(until: 3)
        let later = try kept(until: 8)
        #expect(atOnce == later)
    }

    @Test func aParameterReadBeforeAStepKeepsItsOldValue() throws {
        try ObservedContext.run { _ in
            let training = SmallTraining()
            try training.run(2)
            let old = training.last.weight.value
            let view = training.last.weight.value[3]
            let numbers = try old.scalars(as: Float.self)
            try training.run(3, from: 2)
            #expect(try old.scalars(as: Float.self) == numbers)
            #expect(try view.scalars(as: Float.self) == Array(numbers[3 * 128..<4 * 128]))
            #expect(try training.last.weight.value.scalars(as: Float.self) != numbers)
        }
    }

    @Test func evaluatingInsideWithNoGradChangesNothing() throws {
        func weights(evaluates: Bool) throws -> [Float] {
            try ObservedContext.run { _ in
                let training = SmallTraining()
                try training.run(
                    5,
                    between: { step in
                        if evaluates { try withNoGrad { () throws(TensorError) in try step.h.evaluate() } }
                        #expect(step.loss.requiresGrad)
                    })
                return try training.weights()
            }
        }
        #expect(try normalizedSquareError(weights(evaluates: true), weights(evaluates: false)) < 1e-10)
    }

    @Test func theSameSeedGivesTheSameBits() throws {
        func weights(seed: UInt64) throws -> [Float] {
            try ObservedContext.run { _ in
                let training = SmallTraining(seed: seed)
                try training.run(12)
                return try training.weights()
            }
        }
        let first = try weights(seed: 11)
        #expect(try weights(seed: 11) == first)
        #expect(try weights(seed: 12) != first)
    }

    @Test func trainingMakesTheLossSmall() throws {
        try ObservedContext.run { _ in
            let training = SmallTraining()
            var losses: [Double] = []
            try training.run(60, after: { _, step in losses.append(try step.loss.item()) })
            #expect(losses[0] > 2 && losses[59] < 0.1, "\(losses[0]) to \(losses[59])")
        }
    }
}
