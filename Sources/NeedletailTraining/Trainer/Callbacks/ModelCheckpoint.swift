import Foundation
import Needletail
import TensorRuntime

/// Saves a run as it goes, as [keras.callbacks.ModelCheckpoint](https://keras.io/api/callbacks/model_checkpoint/): the last state,
/// from which training goes on bit for bit (``Checkpoint``), the one of the best epoch, and some in between.
///
/// In the directory stand
/// - `last.safetensors`: after each epoch or as often as is asked for, and where training was stopped within an epoch,
/// - `best.safetensors`: of the epoch whose number is the best, where one is monitored,
/// - `epoch-0003.safetensors` or `epoch-0003-step-000120.safetensors`: the newest few, where some are kept.
///
/// A file is there in full or not at all. The directory is locked for other runs while this one trains.
public final class ModelCheckpoint: TrainingCallback {
    private let directory: String
    private let model: String
    private let monitored: MonitoredScore?
    private let everyEpochs: Int
    private let everySteps: Int?
    private let kept: Int
    private let lastName: String
    private let locks: Bool
    private var lock: DirectoryLock?

    /// The best number; nil before the first epoch, and where none is monitored.
    public private(set) var best: Double?
    /// The names of the numbered files, the oldest first.
    private var numbered: [String] = []

    /// The file from which training goes on.
    public var lastPath: String { "\(directory)/\(lastName)" }
    /// The file of the best epoch.
    public var bestPath: String { "\(directory)/best.safetensors" }

    /// - Parameters:
    ///   - directory: made where it is missing.
    ///   - model: the model's name in the files.
    ///   - monitor: a loss or metric of ``History`` whose best epoch is saved as `best.safetensors`; nil is none.
    ///   - goal: nil is the largest of shares of right answers (accuracy, precision, ...) and the smallest of all else.
    ///   - everyEpochs: how many epochs lie between two saves, 1 or more.
    ///   - everySteps: how many steps of an epoch lie between two saves; nil saves at epochs' ends alone.
    ///   - keep: how many numbered files are kept beside the last; 0 is none.
    public convenience init(
        _ directory: String, model: String = "model", monitor: String? = nil, goal: PlateauScheduler.Goal? = nil,
        everyEpochs: Int = 1, everySteps: Int? = nil, keep: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) {
        checkCallback(
            everyEpochs > 0, "ModelCheckpoint(everyEpochs: \(everyEpochs))", "no number of epochs", "give 1 or more",
            file, line)
        checkCallback(
            (everySteps ?? 1) > 0, "ModelCheckpoint(everySteps: \(everySteps ?? 1))", "no number of steps",
            "give 1 or more, or nil", file, line)
        checkCallback(
            keep >= 0, "ModelCheckpoint(keep: \(keep))", "no number of files", "give 0 or more", file, line)
        self.init(
            directory: directory, model: model,
            monitored: monitor.map { MonitoredScore($0, goal, for: "ModelCheckpoint") },
            every: (Swift.max(everyEpochs, 1), everySteps.map { Swift.max($0, 1) }), keep: Swift.max(keep, 0),
            lastName: "last.safetensors", locks: true)
    }

    /// The checkpoint of a run that has locked its directory itself.
    package convenience init(directory: String, model: String, name: String) {
        self.init(
            directory: directory, model: model, monitored: nil, every: (1, nil), keep: 0, lastName: name, locks: false)
    }

    private init(
        directory: String, model: String, monitored: MonitoredScore?, every: (epochs: Int, steps: Int?), keep: Int,
        lastName: String, locks: Bool
    ) {
        self.directory = directory
        self.model = model
        self.monitored = monitored
        everyEpochs = every.epochs
        everySteps = every.steps
        kept = keep
        self.lastName = lastName
        self.locks = locks
    }

    public func fitBegin(_ trainer: Trainer) throws {
        try AtomicFile.prepare(directory: directory, file: lastName)
        // That of a run that ended with an error is let go first.
        lock = nil
        if locks { lock = try DirectoryLock(directory) }
    }

    public func stepEnd(_ trainer: Trainer) throws {
        // The last step of an epoch is saved with its end.
        guard let everySteps, trainer.position.step % everySteps == 0, trainer.position.step < trainer.stepsPerEpoch
        else { return }
        try save(trainer)
    }

    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws {
        var isBest = false
        if let monitored, let value = try monitored.value(in: epoch, of: trainer) {
            isBest = monitored.isBetter(value, than: best ?? monitored.worst)
            if isBest { best = value }
        }
        let isDue = epoch.number % everyEpochs == 0 || epoch.number >= trainer.epochs || trainer.isStopping
        if isDue { try save(trainer) }
        if isBest { try Checkpoint(of: trainer, model: model).write(to: bestPath) }
    }

    public func fitEnd(_ trainer: Trainer) throws {
        if trainer.position.step > 0 { try save(trainer) }
        lock = nil
    }

    private func save(_ trainer: Trainer) throws(TensorError) {
        guard kept > 0 else { return try Checkpoint(of: trainer, model: model).write(to: lastPath) }
        let position = trainer.position
        let name =
            position.step == 0
            ? String(format: "epoch-%04d.safetensors", position.epoch)
            : String(format: "epoch-%04d-step-%06d.safetensors", position.epoch, position.step)
        numbered.removeAll { $0 == name }
        numbered.append(name)
        let old = numbered.dropLast(kept)
        numbered.removeFirst(old.count)
        // The state that is saved knows the file itself, and those that are left.
        let checkpoint = try Checkpoint(of: trainer, model: model)
        try checkpoint.write(to: "\(directory)/\(name)")
        try checkpoint.write(to: lastPath)
        for name in old { unlink("\(directory)/\(name)") }
        removeForgotten()
    }

    /// Removes what is older than the files that are kept: a run that was killed between two files has forgotten it.
    private func removeForgotten() {
        // Of a directory that may be written but not listed, nothing is removed.
        guard let oldest = numbered.compactMap(ModelCheckpoint.position).min(by: <), let folder = opendir(directory)
        else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let position = ModelCheckpoint.position(name), position < oldest { unlink("\(directory)/\(name)") }
        }
    }

    /// Epoch and step of a numbered file's name; nil of another.
    private static func position(_ name: String) -> (Int, Int)? {
        guard let found = name.wholeMatch(of: #/epoch-(\d{4,})(?:-step-(\d{6,}))?\.safetensors/#),
            let epoch = Int(found.1)
        else { return nil }
        return (epoch, found.2.flatMap { Int($0) } ?? 0)
    }

    public func state() -> CallbackState {
        CallbackState(numbers: ["best": best.map { [$0] } ?? []], texts: ["files": numbered])
    }

    public func restore(_ state: CallbackState, of trainer: Trainer) throws(TensorError) {
        best = state.numbers["best"]?.isEmpty == false ? try state.number("best", of: name) : nil
        let files = state.texts["files"] ?? []
        // The names come from a file, and what they name is removed one day.
        if let odd = files.first(where: { !$0.hasPrefix("epoch-") || !$0.hasSuffix(".safetensors") || $0.contains("/") }
        ) {
            throw TensorError(
                .data,
                "\(name): the saved state names the file '\(odd.prefix(80))', which is none of its own; restore "
                    + "another state")
        }
        numbered = files
    }
}
