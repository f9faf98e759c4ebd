import Foundation
import Needletail
import NeedletailTraining

/// A training with every callback that there is. Where its directory holds a checkpoint, it goes on from it.
struct EveryCallback {
    let directory: String

    /// Ends a run after the step in which a signal came.
    private final class StopAtSignal: TrainingCallback {
        func stepEnd(_ trainer: Trainer) {
            if InterruptSignal.isRaised { trainer.stop() }
        }
    }

    /// Small pictures of classes that are bright in different rows, and noise.
    private static func data(_ count: Int, seed: UInt64) -> DeviceDataset {
        var random = SeededRandom(seed)
        var features: [UInt8] = []
        var labels: [UInt8] = []
        for _ in 0..<count {
            let label = Int(random.next() % 3)
            labels.append(UInt8(label))
            for place in 0..<12 {
                let noise = UInt8(random.next() % 160)
                features.append(place / 4 == label ? 95 + noise : noise)
            }
        }
        return DeviceDataset(features: features, shape: [1, 3, 4], labels: labels)
    }

    func train(epochs: Int) throws {
        InterruptSignal.watch()
        let checkpoints = ModelCheckpoint(directory, monitor: "val_accuracy", everySteps: 7, keep: 3)
        let validation = DataLoader(EveryCallback.data(90, seed: 2), batchSize: 30)
        let callbacks: [any TrainingCallback] = [
            WeightAveraging(), StopAtSignal(), NaNCheck(), TimeLimit(seconds: 3600), EarlyStopping(patience: 1000),
            ScheduleCallback(CosineSchedule(length: 40 * epochs), by: .step),
            ReduceLROnPlateau(factor: 0.9, patience: 2), CSVLog("\(directory)/history.csv"),
            JSONLinesLog("\(directory)/history.jsonl"),
            TensorBoardLog(directory, histogramsEvery: 1, predictions: validation),
            ParameterStatistics(path: "\(directory)/parameters.csv"), ProgressLine(),
            RunReport("\(directory)/report.html", title: "Every callback", test: validation), checkpoints,
        ]
        let generator = Generator(seed: 3)
        let model = Sequential {
            Flatten()
            Linear(12, 24, generator: generator)
            BatchNorm1d(24)
            ReLU()
            Dropout(0.2)
            Linear(24, 3, generator: generator)
        }
        let trainer = Trainer(
            model: model, optimizer: Adam(model.parameters, learningRate: 0.003), loss: { crossEntropy($0, $1) },
            metrics: [Accuracy(), FBeta(), ConfusionMatrix()], callbacks: callbacks, generator: generator, clipNorm: 1)
        if FileManager.default.fileExists(atPath: checkpoints.lastPath) {
            try Checkpoint(contentsOf: checkpoints.lastPath).restore(trainer)
        }
        let training = DataLoader(EveryCallback.data(1200, seed: 1), batchSize: 30, shuffle: true, seed: 5)
        try trainer.fit(training, validation: validation, epochs: epochs)
        if InterruptSignal.isRaised { exit(InterruptSignal.exitCode) }
    }
}
