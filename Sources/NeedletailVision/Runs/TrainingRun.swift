import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

/// The work of `needletail train`: everything that can be wrong is found before training starts.
package final class TrainingRun {
    package enum Outcome: Sendable {
        case finished
        /// With the file in which training was saved, if there is a directory for it.
        case interrupted(String?)
    }

    /// What an epoch came to.
    package struct EpochReport: Sendable {
        package let epoch: History.Epoch
        /// Of this run's training, evaluation excluded.
        package let examplesPerSecond: Double
    }

    package let kind: RunKind
    package let device: DeviceID
    package let settings: RunSettings
    package let specification: any RunSpecification
    package let trainer: Trainer
    package let trainingCount: Int
    package let heldOutCount: Int
    /// What there is to say of the data.
    package let notes: [String]
    /// Of the model at the end, on what was held out.
    package private(set) var result = Scores()
    /// The file that is written after each epoch; nil without a directory.
    package let checkpointPath: String?
    package var onEpoch: (EpochReport) throws -> Void = { _ in }
    /// Called after each step. Reading a metric waits for the device.
    package var onStep: (Trainer) throws -> Void = { _ in }
    /// Asked after each step and each epoch: whether to stop there.
    package var isInterrupted: () -> Bool = { false }

    package static let checkpointName = "checkpoint.safetensors"
    package static let bestName = "best.safetensors"
    package static let reportName = "report.html"

    /// Keeps other runs out of the output directory.
    private let outputLock: DirectoryLock?
    private let observer: RunObserver
    private let training: DataLoader
    private let heldOut: DataLoader

    /// Reads the data and the checkpoint, looks whether the output directory can be written, and makes the model.
    ///
    /// - Throws: `data`, `file`, `deviceUnavailable`; `invalidArgument` where options contradict the checkpoint.
    package init(_ asked: any RunSubject, _ options: RunOptions) throws {
        var subject = asked
        let device: DeviceID
        if let named = options.device { device = named } else { device = try DeviceSelection.current }
        _ = try deviceContext(device)
        self.device = device
        kind = subject.kind
        if let directory = options.outputDirectory {
            try AtomicFile.prepare(directory: directory, file: TrainingRun.checkpointName)
            outputLock = try DirectoryLock(directory)
        } else {
            outputLock = nil
        }
        checkpointPath = options.outputDirectory.map { "\($0)/\(TrainingRun.checkpointName)" }
        var saved: SavedRun?
        if let path = options.resumedFile {
            let run = try SavedRun(contentsOf: path, device: device)
            try run.check(kind: subject.kind)
            try subject.resume(run)
            saved = run
        }
        let settings = try RunSettings(options, subject.defaults, saved)
        self.settings = settings
        let task = try subject.prepare(settings, device: device)
        let earlierBest = try saved?.best()
        if let saved, saved.checkpoint.exampleCount != task.training.count {
            throw TensorError(
                .data,
                "\(saved.path): trained on \(saved.checkpoint.exampleCount) \(kind.unit), but there are "
                    + "\(task.training.count); name the same data and options")
        }
        specification = task.specification
        trainingCount = task.training.count
        heldOutCount = task.heldOut.count
        notes = task.notes
        training = DataLoader(
            task.training, batchSize: settings.batchSize, shuffle: true, dropLast: task.dropLast, seed: settings.seed,
            device: device, batchTransform: RunData.transform(task.training, settings.dtype, task.augmentation))
        heldOut = RunData.loader(
            task.heldOut, kind, batchSize: settings.batchSize, device: device, dtype: settings.dtype)
        guard training.count > 0 else {
            throw TensorError(
                .data,
                "\(task.data): \(trainingCount) \(kind.unit) are less than a batch of \(settings.batchSize); give more")
        }
        let generator = Generator(seed: settings.seed)
        let model = specification.make(generator: generator, device: device, dtype: settings.dtype)
        let problem = specification.problem
        var recipe = RunRecipe(try specification.words().merging(task.words) { _, new in new })
        recipe["kind"] = kind.rawValue
        recipe["data"] = task.data
        recipe["epochs"] = "\(settings.epochs)"
        recipe["patience"] = settings.patience.map { "\($0)" }
        observer = RunObserver(recipe, monitored: problem.monitored)
        // What is saved behind an epoch is what all others have come to by then.
        var callbacks: [any TrainingCallback] = []
        if let patience = settings.patience {
            callbacks.append(EarlyStopping(monitor: problem.monitored, patience: patience))
        }
        if let schedule = task.schedule { callbacks.append(ScheduleCallback(schedule, by: .step)) }
        if let directory = options.tensorBoardDirectory {
            callbacks.append(
                TensorBoardLog(
                    directory, histogramsEvery: 1, predictions: heldOut, classes: RunData.names(kind, specification)))
        }
        callbacks.append(observer)
        if let directory = options.outputDirectory {
            callbacks.append(CSVLog("\(directory)/history.csv"))
            callbacks.append(
                RunData.report(
                    "\(directory)/\(TrainingRun.reportName)", kind, specification, trainingCount: trainingCount,
                    heldOut: heldOut, dtype: settings.dtype, seed: settings.seed))
        }
        trainer = Trainer(
            model: model, optimizer: settings.optimizer.make(model.parameters, learningRate: settings.learningRate),
            loss: problem.loss(), metrics: problem.metrics(), callbacks: callbacks, generator: generator)
        if let saved {
            do {
                if !subject.defaults.isScheduled {
                    try saved.checkpoint.checkHyperparameters(of: trainer.optimizer.groups[0].rule)
                }
                try saved.checkpoint.restore(trainer)
            } catch {
                throw TensorError(error.kind, "\(saved.path): \(error.message)")
            }
        }
        observer.run = self
        observer.write(to: options.outputDirectory, model: specification.modelName, earlierBest: earlierBest)
    }

    /// Trains, evaluates after each epoch, and saves where there is a directory for it.
    package func run() throws -> Outcome {
        let before = trainer.position
        try trainer.fit(training, validation: heldOut, epochs: settings.epochs)
        if observer.wasInterrupted, trainer.outcome == .stopped { return .interrupted(checkpointPath) }
        let last = trainer.history.epochs.last
        if settings.patience == nil, trainer.position != before, let last {
            for entry in last.scores.entries where entry.name.hasPrefix("val_") {
                result[String(entry.name.dropFirst("val_".count))] = entry.value
            }
        } else {
            // The weights may be those of an epoch before the last.
            result = try trainer.evaluate(heldOut)
        }
        return .finished
    }

    /// The best epoch so far, where the run saves it: its number and file.
    package var best: (epoch: Int, path: String)? {
        guard let path = observer.bestPath, observer.bestEpoch > 0, observer.hasBest else { return nil }
        return (observer.bestEpoch, path)
    }

    /// How often each class was taken for each, of what was held out: a row for each class.
    package func confusion() throws -> [[Int]] {
        try RunData.confusion(of: trainer, heldOut)
    }

    fileprivate func report(_ epoch: History.Epoch, firstStep: Int) throws {
        let count =
            (training.dropLast ? training.count * settings.batchSize : trainingCount)
            - firstStep * settings.batchSize
        try onEpoch(
            EpochReport(
                epoch: epoch, examplesPerSecond: epoch.seconds > 0 ? Double(count) / epoch.seconds : 0))
    }
}

/// Keeps the recipe, saves a run's epochs, then tells of them: what is told of is safe.
private final class RunObserver: TrainingCallback {
    weak var run: TrainingRun?
    /// Whether the run was asked to stop.
    private(set) var wasInterrupted = false
    private(set) var bestEpoch = 0
    private var best: Double?
    private let recipe: RunRecipe
    private let monitored: String
    private var checkpoint: ModelCheckpoint?
    private(set) var bestPath: String?
    /// Whether the best epoch is in that file, or will be with the first checkpoint.
    private(set) var hasBest = false
    /// The file of the best epoch of the run that is resumed.
    private var earlierBest: (path: String, checkpoint: Checkpoint)?
    /// Whether the file of the best epoch, if there is one, is this run's.
    private var isBestOwn = false
    private var model = ""
    /// The steps of the running epoch that an earlier run did.
    private var firstStep = 0

    init(_ recipe: RunRecipe, monitored: String) {
        self.recipe = recipe
        self.monitored = monitored
    }

    /// From now on, epochs are saved there.
    func write(to directory: String?, model: String, earlierBest: (path: String, checkpoint: Checkpoint)?) {
        guard let directory else { return }
        self.model = model
        self.earlierBest = earlierBest
        hasBest = earlierBest != nil
        bestPath = "\(directory)/\(TrainingRun.bestName)"
        checkpoint = ModelCheckpoint(directory: directory, model: model, name: TrainingRun.checkpointName)
    }

    var name: String { RunRecipe.callbackName }

    func fitBegin(_ trainer: Trainer) throws { try checkpoint?.fitBegin(trainer) }
    func epochBegin(_ trainer: Trainer) { firstStep = trainer.position.step }

    func stepEnd(_ trainer: Trainer) throws {
        try run?.onStep(trainer)
        stopIfAsked(trainer)
    }

    func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws {
        let value = epoch.scores[monitored] ?? .nan
        let isBetter = monitored == "val_loss" ? value < best ?? .infinity : value > best ?? -.infinity
        if isBetter {
            best = value
            bestEpoch = epoch.number
            if let bestPath {
                try Checkpoint(of: trainer, model: model).write(to: bestPath)
                (hasBest, isBestOwn, earlierBest) = (true, true, nil)
            }
        }
        try takeBest()
        try checkpoint?.epochEnd(trainer, epoch)
        try run?.report(epoch, firstStep: firstStep)
        stopIfAsked(trainer)
    }

    func fitEnd(_ trainer: Trainer) throws {
        try takeBest()
        try checkpoint?.fitEnd(trainer)
    }

    /// Puts the best epoch of the run that is resumed beside this one's checkpoint, or takes another run's away.
    private func takeBest() throws(TensorError) {
        guard let bestPath, !isBestOwn else { return }
        isBestOwn = true
        if let (path, best) = earlierBest {
            if absolutePath(path) != absolutePath(bestPath) { try best.write(to: bestPath) }
            earlierBest = nil
        } else if unlink(bestPath) != 0, errno != ENOENT {
            throw TensorError(
                .file, "\(bestPath): another run's, and cannot be removed; remove it, or name another --output")
        }
    }

    private func stopIfAsked(_ trainer: Trainer) {
        guard run?.isInterrupted() == true else { return }
        wasInterrupted = true
        trainer.stop()
    }

    func state() -> CallbackState {
        CallbackState(
            numbers: ["best": best.map { [$0] } ?? [], "best_epoch": [Double(bestEpoch)]], texts: recipe.texts)
    }

    func restore(_ state: CallbackState, of trainer: Trainer) throws(TensorError) {
        best = state.numbers["best"]?.isEmpty == false ? try state.number("best", of: name) : nil
        bestEpoch = try state.count("best_epoch", of: name)
    }
}
