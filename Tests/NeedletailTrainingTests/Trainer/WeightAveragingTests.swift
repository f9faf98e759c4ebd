import Needletail
import NeedletailTraining
import TensorRuntime
import TestSupport
import Testing

@Suite struct WeightAveragingTests {
    private static let cases: [(WeightAverage, ScheduleCallback.Unit, Int)] = [
        (.exponential(decay: 0.9), .step, 1), (.equal, .epoch, 2), (.equal, .step, 2),
    ]

    /// The means are those of `AveragedModel`, the training that of a run without them.
    @Test(arguments: 0..<3) func theMeansAreJudgedAndKept(_ number: Int) throws {
        let (average, unit, first) = WeightAveragingTests.cases[number]
        let generator = Generator(seed: 8)
        let copy = SmallData.model(generator)
        let plainModel = SmallData.trainer()
        let mean = AveragedModel(copy, of: plainModel.model as! Sequential, average, averagesBuffers: true)
        let judge = Trainer(
            model: copy, optimizer: SGD(copy.parameters, learningRate: 1), loss: { crossEntropy($0, $1) },
            metrics: [Accuracy()])
        var judged: [(count: Int, loss: Double?)] = []
        let hook = LambdaCallback { trainer, _ in
            judged.append((mean.count, mean.count > 0 ? try judge.evaluate(SmallData.validation)["loss"] : nil))
        } stepEnd: { trainer in
            let isDue = unit == .step || trainer.position.step == trainer.stepsPerEpoch
            if isDue, trainer.position.epoch + 1 >= first { mean.update() }
        }
        let plain = Trainer(
            model: plainModel.model as! Sequential, optimizer: plainModel.optimizer, loss: { crossEntropy($0, $1) },
            metrics: [Accuracy()], callbacks: [hook], generator: plainModel.generator)
        let averaging = WeightAveraging(average, by: unit, from: first, averagesBuffers: true)
        let averaged = SmallData.trainer(callbacks: [averaging])
        for trainer in [plain, averaged] {
            try trainer.fit(SmallData.loader(), validation: SmallData.validation, epochs: 4)
        }
        #expect(averaged.history["loss"] == plain.history["loss"])
        #expect(averaging.count == mean.count && averaging.isSwapped)
        for (epoch, (count, wanted)) in judged.enumerated() {
            let (found, own) = (averaged.history["val_loss"][epoch], plain.history["val_loss"][epoch])
            #expect(abs(found - (wanted ?? own)) < 1e-6, "\(epoch)")
            // The mean of one is itself.
            #expect((found == own) == (count < 2), "\(epoch)")
        }
        for (own, other) in zip(averaged.model.parameters, copy.parameters) { #expect(try close(own, other)) }
        let buffers = zip(averaged.model.namedBuffers, copy.namedBuffers)
        for (own, other) in buffers where own.buffer.dtype.isFloat {
            let apart = try (own.buffer.value - other.buffer.value).abs().max().item()
            #expect(apart < 1e-6)
        }
        // Training goes on with its own weights.
        for trainer in [plain, averaged] { try trainer.fit(SmallData.loader(), epochs: 5) }
        #expect(averaged.history["loss"] == plain.history["loss"])
    }

    @Test(arguments: [1, 5, 6, 13], 0..<3) func aRunResumesBitForBit(_ stop: Int, _ number: Int) throws {
        let (average, unit, first) = WeightAveragingTests.cases[number]
        try expectResume(stop: stop, epochs: 3) {
            SmallData.trainer(callbacks: [WeightAveraging(average, by: unit, from: first)] + $0, seed: $1)
        }
    }

    /// Callbacks at an epoch's end see what was judged, wherever they stand in the list.
    @Test func checkpointsAndTheBestEpochAreOfTheMeans() throws {
        let directory = TemporaryDirectory()
        let early = EarlyStopping(patience: 1)
        let averaging = WeightAveraging(.exponential(decay: 0.5))
        let trainer = SmallData.trainer(
            callbacks: [ModelCheckpoint(directory.path, monitor: "val_loss"), early, averaging], rate: 0.05)
        try trainer.fit(SmallData.loader(), validation: SmallData.validation, epochs: 40)
        #expect(early.hasStopped)
        let score = try trainer.evaluate(SmallData.validation)["loss"]
        #expect(score == early.best)
        let best = SmallData.trainer()
        try best.model.load(
            stateDictionary: try Checkpoint(contentsOf: directory.path("best.safetensors")).weights)
        #expect(try best.evaluate(SmallData.validation)["loss"] == score)
    }

    @Test func weightsThatAreChangedAreAveragedAnew() throws {
        let averaging = WeightAveraging(.equal)
        let trainer = SmallData.trainer(callbacks: [averaging], rate: 0)
        try trainer.fit(SmallData.loader(), epochs: 1)
        #expect(averaging.count == 6)
        // Not changed, it goes on.
        try trainer.fit(SmallData.loader(), epochs: 2)
        #expect(averaging.count == 12)
        for parameter in trainer.model.parameters { parameter.assign(Tensor.full(parameter.shape, 0.5)) }
        try trainer.fit(SmallData.loader(), epochs: 3)
        #expect(averaging.count == 6)
        for parameter in trainer.model.parameters {
            #expect(try parameter.value.scalars(as: Float.self).allSatisfy { $0 == 0.5 })
        }
    }

    @Test func whatIsNoAverageIsRefused() throws {
        #expect(throws: TensorError.self) { try checked { WeightAveraging(.exponential(decay: 1.5)) } }
        #expect(throws: TensorError.self) { try checked { WeightAveraging(from: 0) } }
        let two = SmallData.trainer(callbacks: [WeightAveraging(), WeightAveraging(.equal)])
        #expect(throws: TensorError.self) { try two.fit(SmallData.loader()) }
        let trainer = SmallData.trainer(callbacks: [WeightAveraging()])
        let error = #expect(throws: TensorError.self) {
            try WeightAveraging().restore(
                CallbackState(numbers: ["updates": [3], "swapped": [0]]), of: trainer)
        }
        #expect(error?.message.contains("no 'mean.0.weight'") == true)
    }
}
