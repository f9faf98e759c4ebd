import Needletail

/// Sees a training run begin and end, and its epochs and steps; may stop it.
///
///     final class LossPrinter: TrainingCallback {
///         func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) { print(epoch.number, epoch.scores) }
///     }
///
/// All is optional. Callbacks are called in the order in which the trainer has them, but for ``WeightAveraging``, which comes
/// first, ``RunReport``s, which come behind the others, and ``ModelCheckpoint``s, which come last: what they show and save is what
/// the others have come to. An error that one throws ends ``Trainer/fit(_:validation:epochs:validationFrequency:)``.
///
/// A callback that counts or remembers keeps that in the checkpoint (``state()``), so that a resumed run goes on as the
/// first would have.
public protocol TrainingCallback: AnyObject {
    /// Under which a checkpoint has the state. (optional: the type's name)
    var name: String { get }

    /// Whether ``gradientsEnd(_:batch:loss:)`` is called. (optional: it is not)
    var inspectsGradients: Bool { get }

    /// Before the first step of this run.
    func fitBegin(_ trainer: Trainer) throws
    /// Before the first step of an epoch, or of what is left of it in a resumed run.
    func epochBegin(_ trainer: Trainer) throws
    /// Before a step of the optimizer.
    func stepBegin(_ trainer: Trainer) throws
    /// Between the backward pass and the step of the optimizer, where ``inspectsGradients`` says so: gradients are there and
    /// not clipped yet. Asking for this keeps the last batch of the step, and its loss, in memory.
    func gradientsEnd(_ trainer: Trainer, batch: Batch, loss: Tensor) throws
    /// After a step: ``Trainer/position`` has counted it. Reading a loss or a metric waits for the device.
    func stepEnd(_ trainer: Trainer) throws
    /// Before the validation of an epoch, behind its last step.
    func validationBegin(_ trainer: Trainer) throws
    /// After the validation of an epoch.
    func validationEnd(_ trainer: Trainer) throws
    /// After an epoch and its validation. ``Trainer/position`` is at the next one, and ``Trainer/history`` has this one.
    func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws
    /// After the last step of this run, whether it was the last of all or training was stopped.
    func fitEnd(_ trainer: Trainer) throws

    /// What a checkpoint keeps. Waits for the device. (optional: nothing)
    func state() throws(TensorError) -> CallbackState
    /// Goes on from a saved state: weights, optimizers and position of the trainer are restored already. (optional: nothing)
    ///
    /// - Throws: `data` where the state is another callback's.
    func restore(_ state: CallbackState, of trainer: Trainer) throws(TensorError)
}

extension TrainingCallback {
    public var name: String { "\(type(of: self))" }
    public var inspectsGradients: Bool { false }
    public func fitBegin(_ trainer: Trainer) throws {}
    public func epochBegin(_ trainer: Trainer) throws {}
    public func stepBegin(_ trainer: Trainer) throws {}
    public func gradientsEnd(_ trainer: Trainer, batch: Batch, loss: Tensor) throws {}
    public func stepEnd(_ trainer: Trainer) throws {}
    public func validationBegin(_ trainer: Trainer) throws {}
    public func validationEnd(_ trainer: Trainer) throws {}
    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws {}
    public func fitEnd(_ trainer: Trainer) throws {}
    public func state() throws(TensorError) -> CallbackState { CallbackState() }
    public func restore(_ state: CallbackState, of trainer: Trainer) throws(TensorError) {}
}

/// What a callback keeps in a checkpoint.
public struct CallbackState: Sendable {
    /// Integers are exact up to 2^53.
    public var numbers: [String: [Double]]
    /// Lists of words.
    public var texts: [String: [String]]
    /// On any device.
    public var tensors: StateDictionary

    /// What is kept; by default nothing.
    public init(
        numbers: [String: [Double]] = [:], texts: [String: [String]] = [:], tensors: StateDictionary = StateDictionary()
    ) {
        self.numbers = numbers
        self.texts = texts
        self.tensors = tensors
    }

    var isEmpty: Bool { numbers.isEmpty && texts.isEmpty && tensors.count == 0 }

    /// The one number of that name.
    ///
    /// - Throws: `data` where there is none, or there are several.
    public func number(_ key: String, of callback: String) throws(TensorError) -> Double {
        guard let found = numbers[key], found.count == 1 else {
            throw TensorError(
                .data,
                "\(callback): the saved state has \(numbers[key]?.count ?? 0) numbers under '\(key)', not 1; restore the "
                    + "state of such a callback")
        }
        return found[0]
    }

    /// The one number of that name, which counts something.
    ///
    /// - Throws: `data` where there is none.
    public func count(_ key: String, of callback: String) throws(TensorError) -> Int {
        let value = try number(key, of: callback)
        guard let count = Int(exactly: value), (0...(1 << 53)).contains(count) else {
            throw TensorError(
                .data, "\(callback): the saved state has \(value) under '\(key)', not a count; restore another state")
        }
        return count
    }
}

/// A number of an epoch that a callback goes by, and whether more of it is better.
struct MonitoredScore {
    let name: String
    let goal: PlateauScheduler.Goal
    let callback: String

    /// - Parameter goal: nil is the largest of what is a share of right answers, and the smallest of all else.
    init(_ name: String, _ goal: PlateauScheduler.Goal?, for callback: String) {
        self.name = name
        self.callback = callback
        let plain = name.hasPrefix("val_") ? String(name.dropFirst(4)) : name
        let shares = [
            "accuracy", "precision", "recall", "f1", "f_beta", "fbeta", "auc", "r2", "confusion", "matthews", "kappa",
            "exact_match", "explained_variance",
        ]
        let isShare = plain == "acc" || shares.contains { plain.contains($0) }
        self.goal = goal ?? (isShare ? .largest : .smallest)
    }

    /// The worst that can be.
    var worst: Double { goal == .smallest ? .infinity : -.infinity }

    func isBetter(_ value: Double, than best: Double, by difference: Double = 0) -> Bool {
        goal == .smallest ? value < best - difference : value > best + difference
    }

    /// Its value in an epoch; nil of validation where that epoch was not followed by one.
    ///
    /// - Throws: `invalidArgument` where the epoch has none.
    func value(in epoch: History.Epoch, of trainer: Trainer) throws(TensorError) -> Double? {
        if let value = epoch.scores[name] { return value }
        if name.hasPrefix("val_"), trainer.validationFrequency != nil, !trainer.isValidated(epoch.number) { return nil }
        let hint = name.hasPrefix("val_") ? ", or pass validation data" : ""
        throw TensorError(
            .invalidArgument,
            "\(callback)(monitor: \"\(name)\"): an epoch has \(epoch.scores.names.joined(separator: ", ")); name one of "
                + "these\(hint)")
    }
}
