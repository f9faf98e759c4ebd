import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

/// What `needletail train mnist` was asked to do.
package struct MNISTRunOptions: Sendable {
    package var model: MNISTModel?
    package var device: DeviceID?
    package var epochs: Int?
    package var batchSize: Int?
    package var optimizer: OptimizerKind?
    package var learningRate: Double?
    package var seed: UInt64?
    /// Of weights, activations and gradients; nil is float32, or the checkpoint's.
    package var dtype: DType?
    package var dataDirectory: String?
    package var limit: Int?
    package var outputDirectory: String?
    package var resumedFile: String?

    package init() {}
}

/// The work of `needletail train mnist`: everything that can be wrong is found before training starts.
package final class MNISTRun {
    package enum Outcome: Sendable {
        case finished
        /// With the file in which training was saved, if there is a directory for it.
        case interrupted(String?)
    }

    /// What an epoch came to.
    package struct EpochReport: Sendable {
        package let epoch: Int
        package let trainLoss: Double
        package let trainAccuracy: Double
        package let testLoss: Double
        package let testAccuracy: Double
        /// Of this run's training, evaluation excluded.
        package let seconds: Double
        package let imagesPerSecond: Double
    }

    package let kind: MNISTModel
    package let device: DeviceID
    package let trainer: Trainer
    package let optimizerKind: OptimizerKind
    package let seed: UInt64
    package let epochs: Int
    package let batchSize: Int
    package let trainingSet: DeviceDataset
    package let testSet: DeviceDataset
    /// Of the model at the end.
    package private(set) var testAccuracy: Double?
    /// The file that is written after each epoch; nil without a directory.
    package let checkpointPath: String?
    package var onEpoch: (EpochReport) throws -> Void = { _ in }
    /// Called after each step. Reading a metric waits for the device.
    package var onStep: (Trainer) throws -> Void = { _ in }
    /// Asked after each step and each epoch: whether to stop there.
    package var isInterrupted: () -> Bool = { false }

    private static let checkpointName = "checkpoint.safetensors"
    /// Keeps other runs out of the output directory.
    private let outputLock: DirectoryLock?
    private let observer = MNISTRunObserver()

    /// Reads the data and the checkpoint, looks whether the output directory can be written, and makes the model.
    ///
    /// - Throws: `data`, `file`, `deviceUnavailable`; `invalidArgument` where options contradict the checkpoint.
    package init(_ options: MNISTRunOptions) throws(TensorError) {
        let device: DeviceID
        if let named = options.device { device = named } else { device = try DeviceSelection.current }
        _ = try deviceContext(device)
        self.device = device
        if let directory = options.outputDirectory {
            try AtomicFile.prepare(directory: directory, file: MNISTRun.checkpointName)
            outputLock = try DirectoryLock(directory)
        } else {
            outputLock = nil
        }
        checkpointPath = options.outputDirectory.map { "\($0)/\(MNISTRun.checkpointName)" }
        let checkpoint: Checkpoint?
        if let path = options.resumedFile {
            checkpoint = try Checkpoint(contentsOf: path, device: device)
        } else {
            checkpoint = nil
        }
        let settings = try MNISTRunSettings(options, checkpoint)
        let directory = try MNISTFiles.directory(options.dataDirectory)
        var training = try MNISTFiles.load(.train, from: directory)
        let test = try MNISTFiles.load(.test, from: directory)
        if let limit = settings.limit { training = training.prefix(limit) }
        if let checkpoint, checkpoint.exampleCount != training.count {
            throw TensorError(
                .data,
                "\(options.resumedFile ?? ""): trained on \(checkpoint.exampleCount) images, but there are \(training.count); "
                    + "name the same --data and --limit")
        }
        kind = settings.model
        optimizerKind = settings.optimizer
        seed = settings.seed
        epochs = settings.epochs
        batchSize = settings.batchSize
        trainingSet = DeviceDataset(training, device: device, dtype: settings.dtype)
        testSet = DeviceDataset(test, device: device, dtype: settings.dtype)
        let generator = Generator(seed: settings.seed)
        let model = settings.model.make(generator: generator, device: device, dtype: settings.dtype)
        var callbacks: [any TrainingCallback] = [observer]
        if let directory = options.outputDirectory {
            callbacks.append(CSVLog("\(directory)/history.csv"))
            callbacks.append(
                RunReport(
                    "\(directory)/report.html", title: "MNIST, \(settings.model.rawValue)",
                    test: DataLoader(testSet, batchSize: 500),
                    settings: [
                        "training images": "\(training.count)", "test images": "\(test.count)",
                        "dtype": "\(settings.dtype)", "seed": "\(settings.seed)",
                    ]))
        }
        trainer = Trainer(
            model: model, optimizer: settings.optimizer.make(model.parameters, learningRate: settings.learningRate),
            loss: { crossEntropy($0, $1) }, metrics: [Accuracy()], callbacks: callbacks, generator: generator)
        if let checkpoint {
            do {
                try checkpoint.checkHyperparameters(of: trainer.optimizer.groups[0].rule)
                try checkpoint.restore(trainer)
            } catch {
                throw TensorError(error.kind, "\(options.resumedFile ?? ""): \(error.message)")
            }
        }
        observer.run = self
        if let directory = options.outputDirectory {
            observer.checkpoint = ModelCheckpoint(
                directory: directory, model: kind.rawValue, name: MNISTRun.checkpointName)
        }
    }

    /// Trains, evaluates after each epoch, and saves where there is a directory for it.
    package func run() throws -> Outcome {
        let training = DataLoader(trainingSet, batchSize: batchSize, shuffle: true, seed: seed)
        let test = DataLoader(testSet, batchSize: 500)
        try trainer.fit(training, validation: test, epochs: epochs)
        if trainer.outcome == .stopped { return .interrupted(checkpointPath) }
        if testAccuracy == nil { testAccuracy = try trainer.evaluate(test)["accuracy"] }
        return .finished
    }

    fileprivate func report(_ epoch: History.Epoch, firstStep: Int) throws {
        testAccuracy = epoch.scores["val_accuracy"]
        let images = trainingSet.count - firstStep * batchSize
        try onEpoch(
            EpochReport(
                epoch: epoch.number, trainLoss: epoch.scores["loss"] ?? 0,
                trainAccuracy: epoch.scores["accuracy"] ?? 0, testLoss: epoch.scores["val_loss"] ?? 0,
                testAccuracy: testAccuracy ?? 0, seconds: epoch.seconds,
                imagesPerSecond: epoch.seconds > 0 ? Double(images) / epoch.seconds : 0))
    }
}

/// Saves a run's epochs, then tells of them: what is told of is safe.
private final class MNISTRunObserver: TrainingCallback {
    weak var run: MNISTRun?
    var checkpoint: ModelCheckpoint?
    /// The steps of the running epoch that an earlier run did.
    private var firstStep = 0

    func fitBegin(_ trainer: Trainer) throws { try checkpoint?.fitBegin(trainer) }
    func epochBegin(_ trainer: Trainer) { firstStep = trainer.position.step }

    func stepEnd(_ trainer: Trainer) throws {
        try run?.onStep(trainer)
        if run?.isInterrupted() == true { trainer.stop() }
    }

    func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws {
        try checkpoint?.epochEnd(trainer, epoch)
        try run?.report(epoch, firstStep: firstStep)
        if run?.isInterrupted() == true { trainer.stop() }
    }

    func fitEnd(_ trainer: Trainer) throws { try checkpoint?.fitEnd(trainer) }
}

/// Options with their defaults, and those of the checkpoint that is resumed.
private struct MNISTRunSettings {
    var model: MNISTModel
    var epochs: Int
    var batchSize: Int
    var optimizer: OptimizerKind
    var learningRate: Double
    var seed: UInt64
    var dtype: DType
    var limit: Int?

    init(_ options: MNISTRunOptions, _ checkpoint: Checkpoint?) throws(TensorError) {
        limit = options.limit
        epochs = options.epochs ?? 1
        guard let checkpoint else {
            model = options.model ?? .mlp
            batchSize = options.batchSize ?? 64
            optimizer = options.optimizer ?? model.defaultOptimizer
            learningRate = options.learningRate ?? optimizer.defaultLearningRate
            seed = options.seed ?? 0
            dtype = options.dtype ?? .float32
            return
        }
        let path = options.resumedFile ?? ""
        guard checkpoint.batchSize > 0, checkpoint.exampleCount > 0 else {
            throw TensorError(.data, "\(path): saved before any training; leave out --resume, or name another file")
        }
        let known = MNISTModel.allCases.map(\.rawValue).joined(separator: ", ")
        guard let model = MNISTModel(rawValue: checkpoint.model) else {
            throw TensorError(
                .data, "\(path): of model '\(checkpoint.model)', which is none of \(known); name another file")
        }
        if let wanted = options.model, wanted != model {
            throw TensorError(
                .data,
                "\(path): of model '\(model.rawValue)', not '\(wanted.rawValue)'; leave out --model or name another file"
            )
        }
        guard let optimizer = OptimizerKind(rawValue: checkpoint.optimizer),
            let learningRate = checkpoint.hyperparameters["lr"]
        else {
            throw TensorError(
                .data, "\(path): optimizer '\(checkpoint.optimizer)' is not known here; name another file")
        }
        func check<Value: Equatable>(_ option: String, _ given: Value?, _ saved: Value) throws(TensorError) {
            guard let given, given != saved else { return }
            throw TensorError(
                .invalidArgument, "--\(option) \(given): \(path) was trained with \(saved); leave the option out")
        }
        try check("batch-size", options.batchSize, checkpoint.batchSize)
        try check("optimizer", options.optimizer?.rawValue, optimizer.rawValue)
        try check("learning-rate", options.learningRate, learningRate)
        try check("seed", options.seed, checkpoint.seed)
        try check("dtype", options.dtype, checkpoint.dtype)
        self.model = model
        self.optimizer = optimizer
        self.learningRate = learningRate
        batchSize = checkpoint.batchSize
        seed = checkpoint.seed
        dtype = checkpoint.dtype
        limit = options.limit ?? checkpoint.exampleCount
    }
}
