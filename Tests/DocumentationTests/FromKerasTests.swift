import Foundation
import Needletail
import NeedletailTraining
import Testing

/// Every line of `Documentation/FromKeras.md` compiles and runs.
@Suite struct FromKerasTests {
    /// Images that are bright in the rows of their class.
    private static let images: Tensor = {
        var pixels = [Float](repeating: 0, count: 60 * 64)
        for place in pixels.indices where place / 64 % 4 == place % 64 / 16 { pixels[place] = 1 }
        return Tensor(pixels, shape: [60, 1, 8, 8])
    }()
    private static let digits = Tensor((0..<60).map { Int64($0 % 4) })

    @Test func theClassifierLearnsWithCallbacks() throws {
        let (images, digits) = (FromKerasTests.images, FromKerasTests.digits)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let model = KerasModel {
            Flatten()
            Dense(128, activation: .relu)
            Dropout(0.2)
            Dense(10)
        }
        model.compile(
            optimizer: .adam(0.001), loss: .sparseCategoricalCrossentropy(fromLogits: true), metrics: [.accuracy])
        let history = try model.fit(images, digits, epochs: 2, validationSplit: 0.2)
        print(history["val_accuracy"])
        try model.evaluate(images, digits)
        let probabilities = try model.predict(images).softmax(axis: -1)
        #expect(history["val_accuracy"].count == 2 && probabilities.shape == [60, 10])

        let callbacks: [any TrainingCallback] = [
            EarlyStopping(patience: 3),
            ModelCheckpoint("\(folder)/run", monitor: "val_accuracy"),
            CSVLog("\(folder)/run/history.csv"),
        ]
        try model.fit(images, digits, epochs: 20, validationSplit: 0.2, callbacks: callbacks)
        #expect(try model.evaluate(images, digits)["accuracy"] == 1)
        #expect(FileManager.default.fileExists(atPath: "\(folder)/run/best.safetensors"))

        try model.save(to: "\(folder)/a.safetensors")
        let before = try model.predict(images)
        for parameter in model.parameters { parameter.assign(Tensor.zerosLike(parameter.value)) }
        try model.load(from: "\(folder)/a.safetensors")
        #expect(try model.predict(images).bytes() == before.bytes())
        #expect(model.summary(input: images).parameterCount == model.parameterCount)
        #expect(model.layers.count == 4 && model.parameterCount == 64 * 128 + 128 + 128 * 10 + 10)
    }

    /// The page's callback.
    final class LossPrinter: TrainingCallback {
        func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) {
            print(epoch.number, epoch.scores["loss"] ?? .nan)
        }
    }

    private final class StopAtOnce: TrainingCallback {
        func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) { trainer.stop() }
    }

    @Test func layers() throws {
        let images = FromKerasTests.images
        let parts = Sequential {
            Conv2d(1, 6, kernel: 5, padding: 2)
            BatchNorm2d(6, epsilon: 1e-3, momentum: 0.01)
            MaxPool2d(kernel: 2)
            Flatten()
            Dropout(0.2)
        }
        #expect(parts(images).shape == [60, 96])
        #expect(Dense(64, activation: .tanh)(images).shape == [60, 1, 8, 64])
        #expect(LSTM(16, 32)(Embedding(100, 16)(Tensor([[1, 2, 3]]))).output.shape == [1, 3, 32])
        #expect(BatchNorm1d(3, momentum: 0.1)(Tensor.ones([2, 3])).shape == [2, 3])
        for parameter in parts.parameters { parameter.requiresGrad = false }
        #expect(!parts(images).requiresGrad)
    }

    /// Every optimizer with every loss that its outputs fit.
    @Test func compiling() throws {
        manualSeed(0)
        let x = Tensor.normal([24, 3], generator: Generator(seed: 1))
        let classes = Tensor((0..<24).map { Int64($0 % 2) })
        let oneHot = classes.oneHot(classes: 2).to(.float32)
        let values = classes.to(.float32)
        let cases: [(KerasOptimizer, KerasLoss, Dense, Tensor)] = [
            (.adam(1e-3), .sparseCategoricalCrossentropy(), Dense(2, activation: .softmax), classes),
            (.sgd(0.01, momentum: 0.9), .categoricalCrossentropy(), Dense(2, activation: .softmax), oneHot),
            (.rmsprop(), .binaryCrossentropy(), Dense(1, activation: .sigmoid), values),
            (.adamW(1e-3), .meanSquaredError, Dense(1), values), (.adam(1e-3), .meanAbsoluteError, Dense(1), values),
        ]
        for (optimizer, loss, layer, y) in cases {
            let model = KerasModel([layer])
            model.compile(optimizer: optimizer, loss: loss)
            let history = try model.fit(x, y, batchSize: 32)
            #expect(history["loss"].count == 1 && history["loss"][0].isFinite)
            #expect(try model.evaluate(x, y)["loss"] != nil)
            #expect(try model.predict(x).shape[0] == 24)
        }
    }

    @Test func training() throws {
        let (x, y) = (FromKerasTests.images, FromKerasTests.digits)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let dataset = TensorDataset(x, y)
        let loader = DataLoader(dataset, batchSize: 64, shuffle: true)
        let model = KerasModel {
            Flatten()
            Dense(4)
        }
        model.compile(
            loss: .sparseCategoricalCrossentropy(fromLogits: true), metrics: [.accuracy, KerasMetric { FBeta() }])
        model.compile(loss: .sparseCategoricalCrossentropy(fromLogits: true), metrics: [.accuracy])
        try model.fit(loader)
        let callbacks: [any TrainingCallback] = [
            ReduceLROnPlateau(monitor: "loss", patience: 2), ScheduleCallback(StepSchedule(every: 10)),
            TensorBoardLog("\(folder)/run"), NaNCheck(), LossPrinter(), StopAtOnce(),
            ScheduleCallback(LambdaSchedule { 1 / Double(1 + $0) }),
            LambdaCallback { _, epoch in print(epoch.number) }, WeightAveraging(.exponential(decay: 0.99)),
        ]
        #expect(ReduceLROnPlateau(patience: 2).name == "ReduceLROnPlateau")
        #expect(WeightAveraging(.equal, by: .epoch, from: 15).count == 0)
        #expect(EarlyStopping(restoresBest: false).name == "EarlyStopping")
        let history = try model.fit(loader, epochs: 5, callbacks: callbacks)
        #expect(history["loss"].count == 1)
        let w = Tensor.ones([60])
        let losses = [
            try model.fit(x, y, classWeight: [0: 1, 3: 5]), try model.fit(x, y, sampleWeight: w),
            try model.fit(x, y, callbacks: [ProgressLine()]),
            try model.fit(x, y, callbacks: [TensorBoardLog("\(folder)/run", histogramsEvery: 1)]),
        ]
        #expect(losses.allSatisfy { $0["loss"][0].isFinite })
        #expect(try model.fit(x, y, validationSplit: 0.2, validationFrequency: 2).epochs.count == 1)
        let batches = [try model.trainOnBatch(x, y), try model.testOnBatch(x, y)]
        #expect(batches.allSatisfy { $0.names == ["loss", "accuracy"] })
        #expect(try model.predictOnBatch(x).shape == [60, 4])
        model.trainer?.optimizer.learningRate = 1e-4
        #expect(DataLoader(dataset, batchSize: 32, sampler: RandomSampler(count: 3 * 32)).count == 3)
    }

    @Test func everyLineOfThePageIsHere() throws {
        try PageOfCode.expect("Documentation/FromKeras.md", in: #filePath, least: 60)
    }
}
