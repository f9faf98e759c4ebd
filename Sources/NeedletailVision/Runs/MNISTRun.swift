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
        package let test: Evaluation
        /// Of this run's training, evaluation excluded.
        package let seconds: Double
        package let imagesPerSecond: Double
    }

    package let kind: MNISTModel
    package let device: DeviceID
    package let trainer: Trainer
    package let optimizerKind: OptimizerKind
    package let trainingSet: DeviceDataset
    package let testSet: DeviceDataset
    /// Of the model at the end.
    package private(set) var result: Evaluation?
    /// The file that is written after each epoch; nil without a directory.
    package let checkpointPath: String?
    package var onEpoch: (EpochReport) throws -> Void = { _ in }

    private static let checkpointName = "checkpoint.safetensors"
    /// Keeps other runs out of the output directory.
    private let outputLock: DirectoryLock?
    /// The seconds of training before the epoch, and the steps of it that an earlier run did.
    private var epochStart = (seconds: 0.0, step: 0)

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
        trainingSet = DeviceDataset(training, device: device, dtype: settings.dtype)
        testSet = DeviceDataset(test, device: device, dtype: settings.dtype)
        let generator = Generator(seed: settings.seed)
        let model = settings.model.make(generator: generator, device: device, dtype: settings.dtype)
        trainer = Trainer(
            model: model,
            optimizer: settings.optimizer.make(model.parameters, learningRate: settings.learningRate),
            generator: generator,
            options: Trainer.Options(
                epochs: settings.epochs, batchSize: settings.batchSize, seed: settings.seed))
        if let checkpoint {
            do {
                try checkpoint.checkHyperparameters(of: trainer.optimizer.groups[0].rule)
                try checkpoint.restore(trainer)
            } catch {
                throw TensorError(error.kind, "\(options.resumedFile ?? ""): \(error.message)")
            }
        }
    }

    /// Trains, evaluates after each epoch, and saves where there is a directory for it.
    package func run() throws -> Outcome {
        trainer.onEpoch = { [unowned self] _ in try finishEpoch() }
        epochStart = (trainer.timer.seconds, trainer.position.step)
        if try trainer.train(on: trainingSet) == .interrupted {
            // At an epoch's end it has been saved already.
            if trainer.position.step > 0 { try save() }
            return .interrupted(checkpointPath)
        }
        if result == nil { result = try trainer.model.evaluate(on: testSet) }
        return .finished
    }

    private func finishEpoch() throws {
        let test = try trainer.model.evaluate(on: testSet)
        result = test
        let seconds = trainer.timer.seconds - epochStart.seconds
        let images = trainingSet.count - epochStart.step * trainer.options.batchSize
        epochStart = (trainer.timer.seconds, 0)
        try save()
        let report = EpochReport(
            epoch: trainer.position.epoch, trainLoss: try trainer.loss.value() ?? 0,
            trainAccuracy: try trainer.accuracy.value() ?? 0, test: test, seconds: seconds,
            imagesPerSecond: seconds > 0 ? Double(images) / seconds : 0)
        try onEpoch(report)
    }

    private func save() throws(TensorError) {
        guard let checkpointPath else { return }
        try Checkpoint(of: trainer, model: kind.rawValue, exampleCount: trainingSet.count).write(to: checkpointPath)
    }
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
