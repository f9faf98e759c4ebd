import Foundation
import Needletail
import TensorRuntime

/// Writes losses, metrics and learning rates for [TensorBoard](https://www.tensorflow.org/tensorboard), a point for each epoch, and the
/// settings as text: `tensorboard --logdir runs` shows the run in `runs/a`. On request also how weights and their gradients are
/// distributed, and what the model makes of some pictures.
///
///     TensorBoardLog("runs/a", histogramsEvery: 1, predictions: test, classes: names)
///
/// Each run of a log has an event file of its own, which only grows, by an epoch's records: memory does not grow with the run, and
/// a running TensorBoard sees them. A process that is killed leaves at most the last record half written, which readers leave out.
///
/// A file begins by saying from which epoch on it counts, so that TensorBoard shows each epoch once: a resumed run's in the place of
/// what the first one wrote behind its checkpoint, a new run's in the place of all that was in the directory. Where the file is
/// removed while training goes on, a new one is begun, and standard error says so once.
public final class TensorBoardLog: TrainingCallback {
    private let directory: String
    private let histogramsEvery: Int?
    private let predictions: DataLoader?
    private let classes: [String]
    private var file: TensorBoardFile?
    /// The first epoch of the file, and the last so far.
    private var (first, last) = (1, 0)
    /// What the file says of the settings.
    private var settings = ""
    private var hasMissedFile = false
    /// Takes what there is to say beside the file.
    package var say: (String) -> Void =
        RuntimeConfiguration.current.notice ?? { FileHandle.standardError.write(Data("TensorBoardLog: \($0)\n".utf8)) }

    /// Pictures of predictions in an epoch.
    private static let pictureCount = 16

    /// - Parameters:
    ///   - directory: of the run; made where it is missing.
    ///   - histogramsEvery: how many epochs lie between two histograms of each parameter (`weights/NAME`) and of its last
    ///     gradient, after clipping (`gradients/NAME`), 1 or more; nil is none. Reads them on the host.
    ///   - predictions: examples of a classifier of pictures. The first sixteen are shown after each epoch (`predictions`) with
    ///     what the model takes them for, mistakes in red. Nil is none, as it is of a model that is no function of one tensor,
    ///     and of what is no picture.
    ///   - classes: their names; numbers by default.
    public init(
        _ directory: String, histogramsEvery: Int? = nil, predictions: DataLoader? = nil, classes: [String] = [],
        file: StaticString = #fileID, line: UInt = #line
    ) {
        checkCallback(
            histogramsEvery ?? 1 > 0, "TensorBoardLog(histogramsEvery: \(histogramsEvery ?? 1))",
            "no number of epochs", "give 1 or more, or nil", file, line)
        self.directory = directory
        self.histogramsEvery = histogramsEvery.map { Swift.max($0, 1) }
        self.predictions = predictions
        self.classes = classes
    }

    public func fitBegin(_ trainer: Trainer) throws {
        let done = trainer.history.epochs.count
        // Of a directory without files, epochs before this log was there are written too.
        guard let file, file.isThere, last == done else {
            return try begin(trainer, from: TensorBoardFile.areIn(directory) ? done + 1 : 1, to: done)
        }
        let now = TensorBoardLog.table(of: trainer)
        if now != settings { try file.append([text(now, step: done + 1)]) }
    }

    /// Begins a file that counts from an epoch on, with what the history says of epochs that are done.
    private func begin(_ trainer: Trainer, from first: Int, to last: Int) throws(TensorError) {
        try AtomicFile.prepare(directory: directory)
        let file = try TensorBoardFile(in: directory)
        // Settings of another run are before the first epoch.
        let step = first == 1 ? 0 : first
        let done = trainer.history.epochs.filter { (first..<Swift.max(last + 1, first)).contains($0.number) }
        try file.append(
            [
                TensorBoardEvents.version(at: TensorBoardLog.now),
                TensorBoardEvents.start(step: step, at: TensorBoardLog.now),
                text(TensorBoardLog.table(of: trainer), step: step),
            ] + done.flatMap(scalars))
        (self.file, self.first, self.last) = (file, first, last)
    }

    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws {
        var events = scalars(epoch)
        if let histogramsEvery, epoch.number % histogramsEvery == 0 { events += try histograms(trainer, epoch.number) }
        if let predictions { events += try pictures(trainer, predictions, epoch.number) }
        if file?.isThere != true {
            let lost = file?.path ?? directory
            try begin(trainer, from: first, to: epoch.number - 1)
            if !hasMissedFile { say("\(lost) was removed; going on in \(file?.path ?? directory)") }
            hasMissedFile = true
        }
        try file?.append(events)
        last = epoch.number
    }

    private static var now: Double { Date().timeIntervalSince1970 }

    private func scalars(_ epoch: History.Epoch) -> [[UInt8]] {
        let rate = Scores(["learning_rate": epoch.learningRate])
        return (epoch.scores.entries + rate.entries).map {
            // A restored history has one NaN, whichever bits were measured.
            let value: Float = $0.value.isNaN ? .nan : Float($0.value)
            return TensorBoardEvents.scalar($0.name, value, step: epoch.number, at: TensorBoardLog.now)
        }
    }

    /// The settings, in Markdown.
    private static func table(of trainer: Trainer) -> String {
        let rows = RunReport.settings(of: trainer).map { row in
            "| " + row.map { $0.replacingOccurrences(of: "|", with: "\\|") }.joined(separator: " | ") + " |\n"
        }
        return "| setting | value |\n|---|---|\n" + rows.joined()
    }

    private func text(_ table: String, step: Int) -> [UInt8] {
        settings = table
        return TensorBoardEvents.text("settings", table, step: step, at: TensorBoardLog.now)
    }

    private func histograms(_ trainer: Trainer, _ epoch: Int) throws(TensorError) -> [[UInt8]] {
        var result: [[UInt8]] = []
        for (prefix, module) in Checkpoint.prefixes(of: trainer) {
            for (name, parameter) in module.namedParameters {
                let tensors: [(String, Tensor?)] = [
                    ("weights", parameter.value.detach()), ("gradients", parameter.grad?.detach()),
                ]
                for case (let kind, let tensor?) in tensors {
                    guard let found = TensorBoardEvents.Histogram(try tensor.scalars(as: Float.self)) else { continue }
                    result.append(
                        TensorBoardEvents.histogram(
                            "\(kind)/\(prefix)\(name)", found, step: epoch, at: TensorBoardLog.now))
                }
            }
        }
        return result
    }

    private func pictures(_ trainer: Trainer, _ loader: DataLoader, _ epoch: Int) throws -> [[UInt8]] {
        guard loader.count > 0, trainer.models.count == 1, trainer.model is any UnaryLayer else { return [] }
        let chart = try trainer.withoutDrawing {
            try loader.epoch(0).first { _ in true }.flatMap { batch in
                try Chart.predictions(
                    of: batch, TensorBoardLog.pictureCount, classes: classes, by: { try trainer.predict($0) })
            }
        }
        guard let chart else { return [] }
        let png = Figure([[chart]]).png(scale: 1)
        return [TensorBoardEvents.image("predictions", png: png, step: epoch, at: TensorBoardLog.now)]
    }
}
