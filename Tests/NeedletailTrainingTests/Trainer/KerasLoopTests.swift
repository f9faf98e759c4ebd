import Needletail
import NeedletailTraining
import TensorRuntime
import TestSupport
import Testing

/// Keras's loops written by hand, its trainer, and epochs that are not validated.
@Suite struct KerasLoopTests {
    private let x = Tensor.normal([12, 6], generator: Generator(seed: 5))
    private let y = Tensor((0..<12).map { Int64($0 % 3) })

    private func model(_ optimizer: KerasOptimizer = .adam(0.01)) -> KerasModel {
        let model = KerasModel([Linear(6, 8, generator: Generator(seed: 2)), ReLU(), Dropout(0.2), Dense(3)])
        model.compile(
            optimizer: optimizer, loss: .sparseCategoricalCrossentropy(fromLogits: true), metrics: [.accuracy])
        return model
    }

    private func bytes(_ model: KerasModel) throws -> [[UInt8]] { try model.parameters.map { try $0.value.bytes() } }

    /// The same steps as those of `fit` on a batch of all.
    @Test func aLoopByHandDoesWhatFitDoes() throws {
        let weights = Tensor((0..<12).map { Float($0 % 4) })
        let (fitted, byHand) = (model(), model())
        let history = try withGenerator(Generator(seed: 3)) {
            try fitted.fit(x, y, epochs: 4, batchSize: 12, shuffle: false, classWeight: [1: 3], sampleWeight: weights)
        }
        var steps = 0
        let counter = LambdaCallback(stepEnd: { _ in steps += 1 })
        let scores = try withGenerator(Generator(seed: 3)) {
            try (0..<4).map { _ in try byHand.trainOnBatch(x, y, classWeight: [1: 3], sampleWeight: weights) }
        }
        #expect(scores.map { $0["loss"] } == history["loss"] && scores.map { $0["accuracy"] } == history["accuracy"])
        #expect(try bytes(fitted) == bytes(byHand))
        // It counts to no epoch, and calls nothing.
        let trainer = try #require(byHand.trainer)
        #expect(trainer.position == Trainer.Position() && trainer.history.epochs.isEmpty)
        try byHand.fit(x, y, callbacks: [counter])
        #expect(steps == 1)
        try byHand.trainOnBatch(x, y)
        #expect(steps == 1)
    }

    @Test func aBatchIsJudgedAndPredicted() throws {
        let model = model()
        try model.trainOnBatch(x, y)
        let before = try bytes(model)
        #expect(try model.testOnBatch(x, y) == model.evaluate(x, y))
        #expect(try model.predictOnBatch(x).bytes() == model.predict(x, batchSize: 5).bytes())
        #expect(try bytes(model) == before && model.isTraining)
        let none = (x: Tensor.zeros([0, 6]), y: Tensor.zeros([0], dtype: .int64))
        for body in [{ try model.trainOnBatch(none.x, none.y) }, { try model.testOnBatch(none.x, none.y) }] {
            let error = #expect(throws: TensorError.self) { _ = try body() }
            #expect(error?.message.contains("give one example or more") == true)
        }
        #expect(throws: TensorError.self) { try model.predictOnBatch(none.x) }
        #expect(throws: TensorError.self) { try model.trainOnBatch(x, none.y) }
        let bare = KerasModel([Dense(3)])
        #expect(throws: TensorError.self) { try bare.trainOnBatch(x, y) }
    }

    /// A step that stands alone within an epoch leaves the epoch's numbers as they are.
    @Test func theRunningEpochGoesOn() throws {
        let batch = Batch([x, y], count: 12)
        func losses(_ alone: Bool) throws -> [Double] {
            let hook = LambdaCallback(stepEnd: { trainer in
                if alone, trainer.position.step == 2 { _ = try trainer.step(batch) }
            })
            // Neither a rate nor dropout, so that the step itself changes nothing.
            let model = SmallData.model(Generator(seed: 1), dropout: 0)
            let trainer = Trainer(
                model: model, optimizer: SGD(model.parameters, learningRate: 0), loss: { crossEntropy($0, $1) },
                metrics: [Accuracy()], callbacks: [hook])
            let history = try trainer.fit(SmallData.loader(shuffle: false), epochs: 1)
            return history["accuracy"] + history["loss"]
        }
        #expect(try losses(true) == losses(false))
        let trainer = SmallData.trainer(rate: 0)
        let scores = try trainer.step(batch)
        #expect(scores.names == ["loss", "accuracy"] && trainer.history.epochs.isEmpty)
        #expect(try trainer.scores().entries.isEmpty)
    }

    /// A callback's own steps leave the run's weights of examples as they are.
    @Test func aStepWithinAWeightedRunKeepsItsWeights() throws {
        func loss(_ alone: Bool) throws -> [Double] {
            let model = KerasModel([Linear(6, 3, generator: Generator(seed: 2))])
            model.compile(optimizer: .sgd(0), loss: .sparseCategoricalCrossentropy(fromLogits: true))
            let hook = LambdaCallback(stepBegin: { [unowned model] _ in if alone { try model.trainOnBatch(x, y) } })
            return try model.fit(x, y, epochs: 2, batchSize: 4, classWeight: [1: 7], callbacks: [hook])["loss"]
        }
        #expect(try loss(true) == loss(false))
    }

    @Test func theTrainerIsReadable() throws {
        let model = model(.sgd(0.25))
        #expect(model.trainer == nil)
        try model.fit(x, y, epochs: 2)
        #expect(model.trainer?.optimizer.learningRate == 0.25 && model.trainer?.history.epochs.count == 2)
        #expect(model.trainer?.position.epoch == 2)
        model.compile(loss: .sparseCategoricalCrossentropy(fromLogits: true))
        #expect(model.trainer == nil)
    }

    @Test func everyOtherEpochIsValidated() throws {
        let model = model()
        var seen: [Int] = []
        let early = EarlyStopping(patience: 100)
        let directory = TemporaryDirectory()
        let callbacks: [any TrainingCallback] = [
            early, ReduceLROnPlateau(patience: 100),
            ModelCheckpoint(directory.path("run"), monitor: "val_accuracy"),
            RunReport(directory.path("report.html")), CSVLog(directory.path("history.csv")),
            LambdaCallback { _, epoch in if epoch.scores["val_loss"] != nil { seen.append(epoch.number) } },
        ]
        let history = try model.fit(
            x, y, epochs: 5, batchSize: 4, validationSplit: 0.25, validationFrequency: 2, callbacks: callbacks)
        #expect(seen == [2, 4] && history["val_loss"].map(\.isNaN) == [true, false, true, false, true])
        #expect([2, 4].contains(early.bestEpoch))
        // Epochs count over all calls: the sixth is followed by validation.
        try model.fit(x, y, epochs: 1, validationData: (x, y), validationFrequency: 3, callbacks: callbacks)
        #expect(seen == [2, 4, 6])
        // A name that no epoch can have is an error still, as is no number of epochs.
        let unknown = self.model()
        let error = #expect(throws: TensorError.self) {
            try unknown.fit(x, y, epochs: 2, validationFrequency: 2, callbacks: [EarlyStopping(patience: 3)])
        }
        #expect(error?.message.contains("or pass validation data") == true)
        #expect(throws: TensorError.self) { try unknown.fit(x, y, validationFrequency: 0) }
    }

    @Test func closuresMayTrail() throws {
        var said: [String] = []
        let first = LambdaCallback { _, epoch in said.append("epoch \(epoch.number)") }
        let second = LambdaCallback { _, _ in
            said.append("end")
        } fitEnd: { trainer in
            said.append("fit \(trainer.position.epoch)")
        }
        try model().fit(x, y, callbacks: [first, second])
        #expect(said == ["epoch 1", "end", "fit 1"])
    }
}
