import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import TestSupport
import Testing

/// Runs that end early, go on, and begin anew.
@Suite struct TrainerEdgeTests {
    private func model() -> KerasModel {
        let model = KerasModel {
            Dense(8, activation: .relu)
            Dense(3)
        }
        model.compile(
            optimizer: .adam(0.01), loss: .sparseCategoricalCrossentropy(fromLogits: true), metrics: [.accuracy])
        return model
    }

    @Test func sharesOfValidationThatAreNoneAreRefused() throws {
        let batch = try #require(SmallData.loader(20, batchSize: 20).epoch(0).first { _ in true })
        for share in [Double.nan, .infinity, -1e300, 1, -0.5] {
            #expect(throws: TensorError.self) {
                try model().fit(batch.features, batch.labels, validationSplit: share)
            }
        }
    }

    /// Keras begins its callbacks anew with each call.
    @Test func aSecondFitTrainsWithACallbackThatStoppedTheFirst() throws {
        let model = model()
        let stopping = EarlyStopping(monitor: "loss", patience: 1, minDelta: 100)
        let first = try model.fit(SmallData.loader(), epochs: 10, callbacks: [stopping])
        #expect(first.epochs.count < 10 && stopping.hasStopped)
        let second = try model.fit(SmallData.loader(), epochs: 10, callbacks: [stopping])
        #expect(second.epochs.count == first.epochs.count)
    }

    @Test func theRateOfAnEpochIsThatOfItsLastStep() throws {
        let schedule = StepSchedule(every: 1, gamma: 0.5)
        let trainer = SmallData.trainer(callbacks: [ScheduleCallback(schedule, by: .step)], rate: 0.08)
        let history = try trainer.fit(SmallData.loader(30, batchSize: 10), epochs: 1)
        #expect(history.epochs[0].learningRate == 0.02)
    }

    @Test func aScheduleMovesTheOptimizerThatIsTrained() throws {
        let callback = ScheduleCallback(StepSchedule(every: 1, gamma: 0.5))
        for _ in 0..<2 {
            let trainer = SmallData.trainer(callbacks: [callback], rate: 0.08)
            try trainer.fit(SmallData.loader(), epochs: 2)
            #expect(trainer.optimizer.learningRate == 0.02)
        }
    }

    @Test func aRunThatFailedCanGoOnInItsDirectory() throws {
        final class Failing: TrainingCallback {
            var fails = true
            func stepEnd(_ trainer: Trainer) throws {
                if fails { throw TensorError(.data, "a step that fails") }
            }
        }
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("retry-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let failing = Failing()
        let trainer = SmallData.trainer(callbacks: [failing, ModelCheckpoint(directory)])
        #expect(throws: TensorError.self) { try trainer.fit(SmallData.loader(), epochs: 1) }
        failing.fails = false
        #expect(try trainer.fit(SmallData.loader(), epochs: 1).epochs.count == 1)
    }

    /// A closure that feeds the model with what it likes: the search for a NaN does not call its layers with something else.
    @Test func aNaNOfAClosureIsFoundWithoutCallingTheLayersWithOtherInput() throws {
        let generator = Generator(seed: 1)
        let model = Sequential { Linear(3, 1, generator: generator) }
        let trainer = Trainer(
            model: model, optimizer: SGD(model.parameters, learningRate: 0.1), callbacks: [NaNCheck()],
            generator: generator
        ) { batch in
            // Three of the six features, and the root of a negative number.
            (model(batch.features.slice(axis: 1, from: 0, to: 3)).square().mean() - 1e6).sqrt()
        }
        let error = #expect(throws: TensorError.self) { try trainer.fit(SmallData.loader(), epochs: 1) }
        #expect(error?.message.contains("the loss or the model") == true, "\(error?.message ?? "")")
    }

    @Test func aCheckThatWouldSeeNothingIsRefused() throws {
        let model = SmallData.model(Generator(seed: 1))
        let optimizer = SGD(model.parameters, learningRate: 0.1)
        let trainer = Trainer(models: ["model": model], optimizers: ["model": optimizer], callbacks: [NaNCheck()]) {
            batch in
            optimizer.zeroGrad()
            let loss = crossEntropy(model(batch.features), batch.labels)
            loss.backward()
            try optimizer.step()
            return ["loss": loss]
        }
        #expect(throws: TensorError.self) { try trainer.fit(SmallData.loader(), epochs: 1) }
    }

    @Test func aReportIsOfTheBestWeightsAndTheCheckpointComesLast() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("order-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let trainer = SmallData.trainer(callbacks: [
            ModelCheckpoint(directory), RunReport("\(directory)/report.html"), EarlyStopping(monitor: "loss"),
        ])
        #expect(trainer.callbacks.map { "\(type(of: $0))" } == ["EarlyStopping", "RunReport", "ModelCheckpoint"])
    }

    /// What an event file says of an epoch stays what it was, also of epochs before the log was there.
    @Test func aLogThatComesLaterOnlyGrows() throws {
        final class Copies: TrainingCallback {
            let directory: String
            var contents: [Data] = []
            init(_ directory: String) { self.directory = directory }
            func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws {
                let names = TemporaryDirectory.names(directory)
                #expect(names.count == 1)
                contents.append(try Data(contentsOf: URL(fileURLWithPath: "\(directory)/\(names[0])")))
            }
        }
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("events-\(UUID().uuidString)")
            .path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let copies = Copies(directory)
        let model = model()
        try model.fit(SmallData.loader(), epochs: 3)
        try model.fit(SmallData.loader(), epochs: 3, callbacks: [TensorBoardLog(directory), copies])
        #expect(copies.contents.count == 3)
        for (before, after) in zip(copies.contents, copies.contents.dropFirst()) {
            #expect(after.count > before.count && after.starts(with: before))
        }
    }
}
