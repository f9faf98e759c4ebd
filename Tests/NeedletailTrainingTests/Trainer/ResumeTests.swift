import Needletail
import NeedletailTraining
import TensorRuntime
import TestSupport
import Testing

/// Trains in one go, and in two with a file between them, and holds all of the second against the first, bit for bit.
///
/// - Parameter stop: the step after which the first part ends, counted over all epochs.
func expectResume(
    stop: Int, epochs: Int, loader: DataLoader = SmallData.loader(), validation: DataLoader? = SmallData.validation,
    sourceLocation: SourceLocation = #_sourceLocation,
    _ make: ([any TrainingCallback], UInt64) throws -> Trainer
) throws {
    let directory = TemporaryDirectory()
    let path = directory.path("run.safetensors")
    let whole = try make([], 3)
    try whole.fit(loader, validation: validation, epochs: epochs)

    var steps = 0
    let hook = LambdaCallback(stepEnd: { trainer in
        steps += 1
        if steps == stop { trainer.stop() }
    })
    let first = try make([hook], 3)
    try first.fit(loader, validation: validation, epochs: epochs)
    try Checkpoint(of: first, model: "small").write(to: path)
    // Other initial weights and another generator.
    let second = try make([], 44)
    try Checkpoint(contentsOf: path).restore(second)
    try second.fit(loader, validation: validation, epochs: epochs)

    #expect(try weights(of: whole) == weights(of: second), sourceLocation: sourceLocation)
    #expect(whole.history.epochs.map(\.scores) == second.history.epochs.map(\.scores), sourceLocation: sourceLocation)
    #expect(whole.history["learning_rate"] == second.history["learning_rate"], sourceLocation: sourceLocation)
    #expect(whole.generator.state == second.generator.state, sourceLocation: sourceLocation)
    #expect(whole.position == second.position && whole.outcome == second.outcome, sourceLocation: sourceLocation)
    for ((_, a), (_, b)) in zip(whole.optimizers, second.optimizers) {
        #expect(a.state.steps == b.state.steps && a.learningRate == b.learningRate, sourceLocation: sourceLocation)
        for (one, other) in zip(a.state.tensors.entries, b.state.tensors.entries) {
            #expect(try one.name == other.name && one.tensor.bytes() == other.tensor.bytes())
        }
    }
}

@Suite struct ResumeTests {
    @Test(arguments: [1, 5, 6, 13])
    func aRunResumesBitForBit(_ stop: Int) throws {
        try expectResume(stop: stop, epochs: 3) { SmallData.trainer(callbacks: $0, seed: $1) }
    }

    @Test(arguments: [1, 2, 4])
    func aRunThatAddsBatchesUpResumesBitForBit(_ stop: Int) throws {
        try expectResume(stop: stop, epochs: 2, loader: SmallData.loader(57)) {
            SmallData.trainer(callbacks: $0, seed: $1, accumulation: 4)
        }
    }

    @Test(arguments: [2, 6, 21, 36, 40])
    func aRunWithAPlateauResumesBitForBit(_ stop: Int) throws {
        try expectResume(stop: stop, epochs: 8) {
            let plateau = ReduceLROnPlateau(factor: 0.5, patience: 0, threshold: .absolute(0.05), cooldown: 1)
            return SmallData.trainer(callbacks: [plateau] + $0, seed: $1, rate: 0.05)
        }
    }

    @Test(arguments: [2, 6, 8, 15], [ScheduleCallback.Unit.step, .epoch])
    func aRunWithASchedulesResumesBitForBit(_ stop: Int, _ unit: ScheduleCallback.Unit) throws {
        try expectResume(stop: stop, epochs: 3) {
            let schedule = ScheduleCallback(
                OneCycleSchedule(maximum: 0.05, length: unit == .step ? 18 : 3), by: unit)
            return SmallData.trainer(callbacks: [schedule] + $0, seed: $1)
        }
    }

    @Test(arguments: [3, 12, 20, 31])
    func aRunThatStopsEarlyResumesBitForBit(_ stop: Int) throws {
        var stopped: [Int] = []
        try expectResume(stop: stop, epochs: 30) {
            let early = EarlyStopping(monitor: "val_loss", patience: 2, minDelta: 0.02)
            let hook = LambdaCallback(epochEnd: { trainer, _ in
                if early.hasStopped { stopped.append(trainer.position.epoch) }
            })
            return SmallData.trainer(callbacks: [early, hook] + $0, seed: $1, rate: 0.05)
        }
        // Of the whole and the resumed run, or of the first part where that had come so far.
        #expect(stopped.count == 2 && stopped[0] == stopped[1] && stopped[0] < 30, "\(stopped)")
    }

    @Test func anotherLoaderIsRefusedWithinAnEpoch() throws {
        let hook = LambdaCallback(stepEnd: { if $0.position.step == 2 { $0.stop() } })
        let first = SmallData.trainer(callbacks: [hook])
        try first.fit(SmallData.loader(), epochs: 2)
        let checkpoint = try Checkpoint(of: first, model: "small")
        for loader in [SmallData.loader(61), SmallData.loader(batchSize: 9), SmallData.loader(shuffle: false)] {
            let second = SmallData.trainer()
            try checkpoint.restore(second)
            let error = #expect(throws: TensorError.self) { try second.fit(loader, epochs: 2) }
            #expect(error?.kind == .data && error?.message.contains("60 examples in batches of 10") == true)
        }
    }

    @Test func aCheckpointOfAnotherRunIsRefused() throws {
        let first = SmallData.trainer()
        try first.fit(SmallData.loader())
        let checkpoint = try Checkpoint(of: first, model: "small")
        let generator = Generator(seed: 1)
        let model = SmallData.model(generator)
        let other = Trainer(
            model: model, optimizer: SGD(model.parameters, learningRate: 1), loss: { crossEntropy($0, $1) })
        let error = #expect(throws: TensorError.self) { try checkpoint.restore(other) }
        #expect(error?.message.contains("optimizer (adam)") == true, "\(String(describing: error))")
        // A metric is missing within an epoch.
        let hook = LambdaCallback(stepEnd: { if $0.position.step == 2 { $0.stop() } })
        let stopped = SmallData.trainer(callbacks: [hook])
        try stopped.fit(SmallData.loader())
        let without = Trainer(
            model: model, optimizer: Adam(model.parameters), loss: { crossEntropy($0, $1) })
        let missing = #expect(throws: TensorError.self) { try Checkpoint(of: stopped, model: "a").restore(without) }
        #expect(missing?.message.contains("'accuracy'") == true)
    }
}
