import Foundation
import Needletail
import TensorRuntime

/// Writes losses, metrics and learning rates for [TensorBoard](https://www.tensorflow.org/tensorboard), a point for each epoch, and the
/// settings as text: `tensorboard --logdir runs` shows the run in `runs/a`. On request also how weights and their gradients are
/// distributed, and what the model makes of some pictures.
///
///     TensorBoardLog("runs/a", histogramsEvery: 1, predictions: test, classes: names)
///
/// The file grows by an epoch's records, so that memory does not grow with the run and a running TensorBoard sees them. A process that
/// is killed leaves at most the last record half written, which readers leave out; a resumed run cuts off what is behind the
/// epoch that it goes on from, and has each epoch once.
public final class TensorBoardLog: TrainingCallback {
    private let path: String
    private let histogramsEvery: Int?
    private let predictions: DataLoader?
    private let classes: [String]
    /// When each epoch ended, in seconds since 1970; the first is when training began.
    private var times: [Double] = []

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
        path = "\(directory)/events.out.tfevents.0.needletail"
        self.histogramsEvery = histogramsEvery.map { Swift.max($0, 1) }
        self.predictions = predictions
        self.classes = classes
    }

    public func fitBegin(_ trainer: Trainer) throws {
        try HistoryFile.prepare(path)
        // Of epochs before this callback was there, the time is now.
        let count = trainer.history.epochs.count + 1
        times = Array(times.prefix(count))
        times += Array(repeating: Date().timeIntervalSince1970, count: count - times.count)
        try begin(trainer)
    }

    /// Writes what the history says, and of the file of the run that is resumed what only that knows.
    private func begin(_ trainer: Trainer) throws(TensorError) {
        let old = FileManager.default.fileExists(atPath: path) ? try FileReader(path: path) : nil
        let kept = try old.map { (file) throws(TensorError) in try TensorBoardFile.records(in: file, at: times) } ?? [:]
        try AtomicFile.write(to: path) { (output) throws(TensorError) in
            for (step, time) in times.enumerated() {
                let events =
                    step == 0 ? [TensorBoardEvents.version(at: time)] : scalars(trainer.history.epochs[step - 1])
                let known = events.map { TensorBoardEvents.record($0) }
                for record in known { try output.append(record) }
                var hasMore = false
                for (start, count) in kept[step] ?? [] {
                    guard let record = try old?.read(count, at: start), !known.contains(record) else { continue }
                    try output.append(record)
                    hasMore = true
                }
                if step == 0, !hasMore { try output.append(TensorBoardEvents.record(settings(of: trainer))) }
            }
        }
    }

    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws {
        times.append(Date().timeIntervalSince1970)
        var events = scalars(epoch)
        if let histogramsEvery, epoch.number % histogramsEvery == 0 { events += try histograms(trainer, epoch.number) }
        if let predictions { events += try pictures(trainer, predictions, epoch.number) }
        try TensorBoardFile.append(events.flatMap { TensorBoardEvents.record($0) }, to: path)
    }

    private func scalars(_ epoch: History.Epoch) -> [[UInt8]] {
        let rate = Scores(["learning_rate": epoch.learningRate])
        return (epoch.scores.entries + rate.entries).map {
            // A restored history has one NaN, whichever bits were measured.
            let value: Float = $0.value.isNaN ? .nan : Float($0.value)
            return TensorBoardEvents.scalar($0.name, value, step: epoch.number, at: times[epoch.number])
        }
    }

    private func settings(of trainer: Trainer) -> [UInt8] {
        let rows = RunReport.settings(of: trainer).map { row in
            "| " + row.map { $0.replacingOccurrences(of: "|", with: "\\|") }.joined(separator: " | ") + " |\n"
        }
        let table = "| setting | value |\n|---|---|\n" + rows.joined()
        return TensorBoardEvents.text("settings", table, step: 0, at: times[0])
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
                            "\(kind)/\(prefix)\(name)", found, step: epoch, at: times[epoch]))
                }
            }
        }
        return result
    }

    private func pictures(_ trainer: Trainer, _ loader: DataLoader, _ epoch: Int) throws -> [[UInt8]] {
        guard loader.count > 0, trainer.models.count == 1, trainer.model is any UnaryLayer,
            let batch = loader.epoch(0).first(where: { _ in true }),
            let chart = try Chart.predictions(
                of: batch, TensorBoardLog.pictureCount, classes: classes, by: { try trainer.predict($0) })
        else { return [] }
        let png = Figure([[chart]]).png(scale: 1)
        return [TensorBoardEvents.image("predictions", png: png, step: epoch, at: times[epoch])]
    }

    public func state() -> CallbackState { CallbackState(numbers: ["times": times]) }
    public func restore(_ state: CallbackState, of trainer: Trainer) throws(TensorError) {
        times = state.numbers["times"] ?? []
    }
}
