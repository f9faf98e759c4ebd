import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import TestSupport
import Testing

@Suite struct CallbackTests {
    /// A callback that notes what it is asked.
    private final class Witness: TrainingCallback {
        var calls: [String] = []
        func fitBegin(_ trainer: Trainer) { calls.append("fit") }
        func epochBegin(_ trainer: Trainer) { calls.append("epoch \(trainer.position.epoch)") }
        func stepBegin(_ trainer: Trainer) { calls.append("step \(trainer.position.step)") }
        func stepEnd(_ trainer: Trainer) { calls.append("stepped \(trainer.position.step)") }
        func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) { calls.append("ended \(epoch.number)") }
        func fitEnd(_ trainer: Trainer) { calls.append("fitted") }
    }

    @Test func callbacksSeeBeginAndEndOfAll() throws {
        let witness = Witness()
        let trainer = SmallData.trainer(callbacks: [witness])
        try trainer.fit(SmallData.loader(20), epochs: 2)
        let epoch = ["step 0", "stepped 1", "step 1", "stepped 2"]
        #expect(
            witness.calls == ["fit", "epoch 0"] + epoch + ["ended 1", "epoch 1"] + epoch + ["ended 2", "fitted"])
    }

    /// A model of one weight whose loss in an epoch is what is given: the weight moves by 1 an epoch.
    private func scripted(_ losses: [Double], _ callbacks: [any TrainingCallback]) -> Trainer {
        let model = Sequential([Linear(6, 1, bias: false, generator: Generator(seed: 1))])
        let optimizer = SGD(model.parameters, learningRate: 1)
        var trainer: Trainer!
        trainer = Trainer(models: ["model": model], optimizers: ["sgd": optimizer], callbacks: callbacks) { batch in
            optimizer.zeroGrad()
            model.parameters[0].value.sum().backward()
            try optimizer.step()
            return ["loss": Tensor(Float(losses[trainer.position.epoch]))]
        }
        return trainer
    }

    @Test func earlyStoppingWaitsAndGivesTheBestBack() throws {
        var after: [[Float]] = []
        let hook = LambdaCallback(epochEnd: { trainer, _ in
            after.append(try trainer.model.parameters[0].value.scalars(as: Float.self))
        })
        let early = EarlyStopping(monitor: "loss", patience: 2, minDelta: 0.1)
        // 0.95 is not better by 0.1; 0.7 is.
        let trainer = scripted([1, 0.95, 0.7, 0.8, 0.65, 0.3], [early, hook])
        try trainer.fit(SmallData.loader(10), epochs: 6)
        #expect(trainer.history["loss"].map { Float($0) } == [1, 0.95, 0.7, 0.8, 0.65])
        #expect(early.bestEpoch == 3 && early.hasStopped && early.waited == 2 && trainer.outcome == .stopped)
        #expect(try trainer.model.parameters[0].value.scalars(as: Float.self) == after[2])
        #expect(after[2] != after[4])
    }

    @Test func earlyStoppingGivesTheBestBackAtTheEndToo() throws {
        var after: [[Float]] = []
        let hook = LambdaCallback(epochEnd: { trainer, _ in
            after.append(try trainer.model.parameters[0].value.scalars(as: Float.self))
        })
        let early = EarlyStopping(monitor: "loss", patience: 5, goal: .largest)
        let trainer = scripted([1, 3, 2, .nan], [early, hook])
        try trainer.fit(SmallData.loader(10), epochs: 4)
        #expect(early.best == 3 && !early.hasStopped && early.waited == 2)
        #expect(try trainer.model.parameters[0].value.scalars(as: Float.self) == after[1])
    }

    @Test func aNumberThatIsNotThereIsNamed() throws {
        for callback in [
            EarlyStopping(), ReduceLROnPlateau(monitor: "val_accuracy"),
            ModelCheckpoint(TemporaryDirectory().path, monitor: "vale_loss"),
        ] as [any TrainingCallback] {
            let trainer = SmallData.trainer(callbacks: [callback])
            let error = #expect(throws: TensorError.self) { try trainer.fit(SmallData.loader()) }
            #expect(error?.kind == .invalidArgument)
            #expect(error?.message.contains("loss, accuracy") == true, "\(String(describing: error))")
        }
        let one = SmallData.trainer(callbacks: [ScheduleCallback(CosineSchedule(length: 2), optimizer: "critic")])
        #expect(throws: TensorError.self) { try one.fit(SmallData.loader()) }
        #expect(throws: TensorError.self) { try checked { EarlyStopping(patience: -1) } }
        #expect(throws: TensorError.self) { try checked { ModelCheckpoint("x", everySteps: 0) } }
        #expect(throws: TensorError.self) { try checked { TimeLimit(seconds: -.infinity) } }
    }

    @Test func schedulesCountEpochsOrSteps() throws {
        let byEpoch = SmallData.trainer(callbacks: [ScheduleCallback(ExponentialSchedule(gamma: 0.5))], rate: 0.8)
        try byEpoch.fit(SmallData.loader(), epochs: 4)
        #expect(byEpoch.history["learning_rate"] == [0.8, 0.4, 0.2, 0.1])
        let byStep = SmallData.trainer(
            callbacks: [ScheduleCallback(ExponentialSchedule(gamma: 0.5), by: .step)], rate: 64)
        try byStep.fit(SmallData.loader(), epochs: 2)
        #expect(byStep.history["learning_rate"] == [2, 1.0 / 32])
        let plateau = scripted(
            [1, 1, 1, 0.5, 0.5, 0.5],
            [ReduceLROnPlateau(monitor: "loss", factor: 0.1, patience: 1)])
        try plateau.fit(SmallData.loader(10), epochs: 6)
        // Two epochs that are no better lower it, behind the epoch's own row.
        let rates = plateau.history["learning_rate"]
        #expect(rates[..<3] == [1, 1, 0.1] || rates[..<4] == [1, 1, 1, 0.1], "\(rates)")
        #expect(plateau.optimizer.learningRate < rates[0])
    }

    @Test func checkpointsAreTheLastTheBestAndAFew() throws {
        let directory = TemporaryDirectory()
        let saver = ModelCheckpoint(directory.path("run"), monitor: "loss", everySteps: 2, keep: 3)
        let trainer = SmallData.trainer(callbacks: [saver])
        try trainer.fit(SmallData.loader(), epochs: 2)
        #expect(
            TemporaryDirectory.names(directory.path("run")) == [
                "best.safetensors", "epoch-0001-step-000002.safetensors", "epoch-0001-step-000004.safetensors",
                "epoch-0002.safetensors", "last.safetensors",
            ])
        #expect(try Checkpoint(contentsOf: saver.lastPath).position == Trainer.Position(epoch: 2, step: 0))
        #expect(saver.best == trainer.history["loss"].min())
        // A run that goes on from a numbered file knows the others.
        let again = ModelCheckpoint(directory.path("run"), monitor: "loss", everySteps: 2, keep: 3)
        let second = SmallData.trainer(callbacks: [again])
        try Checkpoint(contentsOf: saver.lastPath).restore(second)
        #expect(again.best == saver.best)
        try second.fit(SmallData.loader(), epochs: 3)
        #expect(
            TemporaryDirectory.names(directory.path("run")) == [
                "best.safetensors", "epoch-0002-step-000002.safetensors", "epoch-0002-step-000004.safetensors",
                "epoch-0003.safetensors", "last.safetensors",
            ])
    }

    /// A run that was killed between two files does not know of one; newer ones, and others, are not touched.
    @Test func numberedFilesThatWereForgottenAreRemoved() throws {
        let directory = TemporaryDirectory()
        let others = ["epoch-0002-step-000001.safetensors", "epoch-0009.safetensors", "epoch-0000.npz"]
        for name in ["epoch-0000-step-000003.safetensors", "epoch-0001.safetensors"] + others {
            directory.write("x", to: name)
        }
        let saver = ModelCheckpoint(directory.path, everyEpochs: 1, keep: 2)
        try SmallData.trainer(callbacks: [saver]).fit(SmallData.loader(), epochs: 3)
        let wanted = ["epoch-0002.safetensors", "epoch-0003.safetensors", "last.safetensors"] + others
        #expect(TemporaryDirectory.names(directory.path).filter { !$0.hasPrefix(".") }.sorted() == wanted.sorted())
    }

    /// Shares of right answers, whatever they are called.
    @Test(arguments: ["confusion", "kappa", "matthews"]) func moreOfAnAgreementIsBetter(_ name: String) throws {
        let directory = TemporaryDirectory()
        let saver = ModelCheckpoint(directory.path("run"), monitor: name)
        let model = SmallData.model(Generator(seed: 3))
        let trainer = Trainer(
            model: model, optimizer: Adam(model.parameters, learningRate: 0.01), loss: { crossEntropy($0, $1) },
            metrics: [ConfusionMatrix(), CohensKappa(), MatthewsCorrelation()], callbacks: [saver])
        let history = try trainer.fit(SmallData.loader(), epochs: 4)
        #expect(saver.best == history[name].max())
        #expect(history[name].min() != history[name].max())
    }

    @Test func twoRunsDoNotSaveIntoOneDirectory() throws {
        let directory = TemporaryDirectory()
        let hook = LambdaCallback(epochEnd: { _, _ in
            let other = SmallData.trainer(callbacks: [ModelCheckpoint(directory.path)])
            let error = #expect(throws: TensorError.self) { try other.fit(SmallData.loader()) }
            #expect(error?.message.contains("another run writes there") == true)
        })
        try SmallData.trainer(callbacks: [ModelCheckpoint(directory.path), hook]).fit(SmallData.loader())
        try SmallData.trainer(callbacks: [ModelCheckpoint(directory.path)]).fit(SmallData.loader())
    }

    @Test func logsOfAResumedRunHaveEachEpochOnce() throws {
        let directory = TemporaryDirectory()
        let (table, lines) = (directory.path("a/history.csv"), directory.path("a/history.jsonl"))
        func trainer(_ more: [any TrainingCallback] = []) -> Trainer {
            SmallData.trainer(callbacks: [CSVLog(table), JSONLinesLog(lines)] + more)
        }
        // Stopped in the third epoch, after a save in the second: what came behind that is done again.
        var saved: Checkpoint?
        let first = trainer([
            LambdaCallback(stepEnd: { trainer in
                let done = (trainer.position.epoch, trainer.position.step)
                if done == (1, 2) { saved = try Checkpoint(of: trainer, model: "small") }
                if done == (2, 2) { trainer.stop() }
            })
        ])
        try first.fit(SmallData.loader(), validation: SmallData.validation, epochs: 4)
        #expect(try String(contentsOfFile: table, encoding: .utf8).split(separator: "\n").count == 3)
        let second = trainer()
        try #require(saved).restore(second)
        try second.fit(SmallData.loader(), validation: SmallData.validation, epochs: 4)
        let text = try String(contentsOfFile: table, encoding: .utf8)
        #expect(text == CSVLog.text(of: second.history))
        let rows = text.split(separator: "\n").map { $0.split(separator: ",").map(String.init) }
        #expect(rows[0] == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"])
        #expect(rows.dropFirst().map { $0[0] } == ["1", "2", "3", "4"])
        #expect(rows.dropFirst().map { Double($0[3]) } == second.history["val_loss"])
        let objects = try String(contentsOfFile: lines, encoding: .utf8).split(separator: "\n").map {
            try JSONParser.parse(Array($0.utf8))
        }
        #expect(objects.map { $0["epoch"] } == [1, 2, 3, 4])
        #expect(objects.map { $0["val_loss"] } == second.history["val_loss"].map { .number($0) })
    }

    @Test func aTimeLimitStopsAfterTheStep() throws {
        let trainer = SmallData.trainer(callbacks: [TimeLimit(seconds: 0)])
        try trainer.fit(SmallData.loader(), epochs: 2)
        #expect(trainer.position == Trainer.Position(epoch: 0, step: 1))
        let long = SmallData.trainer(callbacks: [TimeLimit(seconds: 1e9)])
        try long.fit(SmallData.loader(), epochs: 2)
        #expect(long.outcome == .finished)
    }

    @Test func historyKeepsWhatJSONDoesNotHave() throws {
        let directory = TemporaryDirectory()
        let trainer = scripted([.nan, .infinity, -0.0], [])
        try trainer.fit(SmallData.loader(10), epochs: 3)
        try Checkpoint(of: trainer, model: "a").write(to: directory.path("a.safetensors"))
        let read = try Checkpoint(contentsOf: directory.path("a.safetensors")).history["loss"]
        #expect(read[0].isNaN && read[1] == .infinity && read[2] == 0)
    }
}
