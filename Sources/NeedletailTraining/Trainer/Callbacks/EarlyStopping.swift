import Needletail

/// Stops training when a number no longer gets better, as
/// [keras.callbacks.EarlyStopping](https://keras.io/api/callbacks/early_stopping/), and gives the model the weights of the
/// best epoch back.
///
/// The weights are given back at the end of the last epoch too; not where training was stopped by something else, so that it
/// can go on.
public final class EarlyStopping: TrainingCallback {
    private let monitored: MonitoredScore
    private let patience: Int
    private let minDelta: Double
    private let restoresBest: Bool

    /// The best number; nil before the first epoch.
    public private(set) var best: Double?
    /// The epoch that it is of, 1 for the first.
    public private(set) var bestEpoch = 0
    /// Epochs since then.
    public private(set) var waited = 0
    /// Whether this callback has stopped training.
    public private(set) var hasStopped = false
    private var bestWeights: [StateDictionary] = []

    /// - Parameters:
    ///   - monitor: a loss or metric of ``History``.
    ///   - patience: epochs without a better number after which training stops; 0 is the first such epoch, as 1 is.
    ///   - minDelta: what a number has to be better by.
    ///   - goal: nil is the largest of shares of right answers (accuracy, precision, ...) and the smallest of all else.
    ///   - restoresBest: whether the model gets the weights of the best epoch at the end.
    public init(
        monitor: String = "val_loss", patience: Int = 0, minDelta: Double = 0, goal: PlateauScheduler.Goal? = nil,
        restoresBest: Bool = true, file: StaticString = #fileID, line: UInt = #line
    ) {
        checkCallback(
            patience >= 0, "EarlyStopping(patience: \(patience))", "no number of epochs", "give 0 or more", file, line)
        checkCallback(
            minDelta >= 0 && minDelta.isFinite, "EarlyStopping(minDelta: \(minDelta))", "no difference",
            "give a finite number of at least 0", file, line)
        monitored = MonitoredScore(monitor, goal, for: "EarlyStopping")
        self.patience = patience
        self.minDelta = minDelta
        self.restoresBest = restoresBest
    }

    /// Forgets all, for a new call of Keras's `fit`, which begins its callbacks anew.
    func reset() { (best, bestEpoch, waited, hasStopped, bestWeights) = (nil, 0, 0, false, []) }

    public func fitBegin(_ trainer: Trainer) {
        // Resumed behind its last epoch.
        if hasStopped { trainer.stop() }
    }

    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws {
        guard let value = try monitored.value(in: epoch, of: trainer) else { return }
        if monitored.isBetter(value, than: best ?? monitored.worst, by: minDelta) {
            best = value
            bestEpoch = epoch.number
            waited = 0
            if restoresBest { bestWeights = trainer.models.map { $0.module.stateDictionary() } }
            return
        }
        waited += 1
        guard waited >= Swift.max(patience, 1) else { return }
        hasStopped = true
        trainer.stop()
    }

    public func fitEnd(_ trainer: Trainer) throws {
        guard hasStopped || trainer.position.epoch >= trainer.epochs else { return }
        for (weights, (_, module)) in zip(bestWeights, trainer.models) { try module.load(stateDictionary: weights) }
    }

    public func state() -> CallbackState {
        var state = CallbackState(numbers: [
            "best": best.map { [$0] } ?? [], "best_epoch": [Double(bestEpoch)], "waited": [Double(waited)],
            "stopped": [hasStopped ? 1 : 0],
        ])
        for (number, weights) in bestWeights.enumerated() {
            for entry in weights.entries { state.tensors["\(number).\(entry.name)"] = entry.tensor }
        }
        return state
    }

    public func restore(_ state: CallbackState, of trainer: Trainer) throws(TensorError) {
        bestEpoch = try state.count("best_epoch", of: name)
        waited = try state.count("waited", of: name)
        hasStopped = try state.count("stopped", of: name) > 0
        best = state.numbers["best"]?.isEmpty == false ? try state.number("best", of: name) : nil
        bestWeights = []
        if state.tensors.count == 0 { return }
        for number in trainer.models.indices {
            var weights = StateDictionary()
            for entry in state.tensors.entries where entry.name.hasPrefix("\(number).") {
                weights[String(entry.name.dropFirst("\(number).".count))] = entry.tensor
            }
            bestWeights.append(weights)
        }
    }
}
