import Needletail

/// Moves the learning rates by a schedule: after each epoch, or after each step.
///
///     ScheduleCallback(CosineSchedule(length: 20))
///     ScheduleCallback(OneCycleSchedule(maximum: 0.1, length: 20 * loader.count), by: .step)
public final class ScheduleCallback: TrainingCallback {
    /// What the schedule counts.
    public enum Unit: String, Hashable, Sendable {
        case epoch, step
    }

    private let schedule: any LearningRateSchedule
    private let unit: Unit
    private let optimizer: String?
    /// One for each optimizer, with the rates where its training began.
    private var schedulers: [(scheduler: LearningRateScheduler, initial: [Double])] = []
    /// What is moved; another is begun anew.
    private weak var owner: Optimizer?

    /// - Parameters:
    ///   - unit: what the schedule counts.
    ///   - optimizer: the name of one of several optimizers; nil is all.
    public init(_ schedule: any LearningRateSchedule, by unit: Unit = .epoch, optimizer: String? = nil) {
        self.schedule = schedule
        self.unit = unit
        self.optimizer = optimizer
    }

    public func fitBegin(_ trainer: Trainer) throws {
        if schedulers.isEmpty || owner !== trainer.optimizer { try begin(trainer) }
    }

    /// Notes the rates of now as those where training began.
    private func begin(_ trainer: Trainer) throws(TensorError) {
        owner = trainer.optimizer
        schedulers = try trainer.optimizers(named: optimizer, for: name).map { optimizer in
            let initial = optimizer.groups.map(\.learningRate)
            return (LearningRateScheduler(optimizer, schedule), initial)
        }
    }

    public func stepEnd(_ trainer: Trainer) {
        if unit == .step { for (scheduler, _) in schedulers { scheduler.step() } }
    }

    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) {
        if unit == .epoch { for (scheduler, _) in schedulers { scheduler.step() } }
    }

    public func state() -> CallbackState {
        guard let first = schedulers.first else { return CallbackState() }
        var state = CallbackState(numbers: ["count": [Double(first.scheduler.count)]])
        for (number, (_, initial)) in schedulers.enumerated() { state.numbers["initial_\(number)"] = initial }
        return state
    }

    public func restore(_ state: CallbackState, of trainer: Trainer) throws(TensorError) {
        let count = try state.count("count", of: name)
        for (number, optimizer) in try trainer.optimizers(named: optimizer, for: name).enumerated() {
            let rates = state.numbers["initial_\(number)"] ?? []
            guard rates.count == optimizer.groups.count else {
                throw TensorError(
                    .data,
                    "\(name): the saved state is of \(rates.count) groups of parameters, and there are "
                        + "\(optimizer.groups.count); restore the state of such a run")
            }
            for (group, rate) in zip(optimizer.groups, rates) { group.learningRate = rate }
        }
        try begin(trainer)
        for (scheduler, _) in schedulers { scheduler.count = count }
    }
}

/// Lowers the learning rates when a number no longer gets better, as
/// [keras.callbacks.ReduceLROnPlateau](https://keras.io/api/callbacks/reduce_lr_on_plateau/), by `PlateauScheduler`, whose
/// defaults are PyTorch's.
public final class ReduceLROnPlateau: TrainingCallback {
    private let monitored: MonitoredScore
    private let optimizer: String?
    private let make: (Optimizer) -> PlateauScheduler
    private var schedulers: [PlateauScheduler] = []
    /// What is moved; another is begun anew.
    private weak var owner: Optimizer?

    /// - Parameters:
    ///   - monitor: a loss or metric of ``History``.
    ///   - goal: nil is the largest of shares of right answers (accuracy, precision, ...) and the smallest of all else.
    ///   - factor: below 1, multiplies the rates.
    ///   - patience: epochs without a better number before that.
    ///   - cooldown: epochs after it that do not count.
    ///   - minimum: of the rates.
    ///   - optimizer: the name of one of several optimizers; nil is all.
    public init(
        monitor: String = "val_loss", goal: PlateauScheduler.Goal? = nil, factor: Double = 0.1, patience: Int = 10,
        threshold: PlateauScheduler.Threshold = .relative(1e-4), cooldown: Int = 0, minimum: Double = 0,
        optimizer: String? = nil, file: StaticString = #fileID, line: UInt = #line
    ) {
        let monitored = MonitoredScore(monitor, goal, for: "ReduceLROnPlateau")
        self.monitored = monitored
        self.optimizer = optimizer
        checkCallback(
            factor < 1, "ReduceLROnPlateau(factor: \(factor))", "no factor", "use a number below 1", file, line)
        make = { optimizer in
            PlateauScheduler(
                optimizer, monitored.goal, factor: factor, patience: patience, threshold: threshold, cooldown: cooldown,
                minimum: minimum, file: file, line: line)
        }
    }

    public func fitBegin(_ trainer: Trainer) throws {
        if schedulers.isEmpty || owner !== trainer.optimizer { try begin(trainer) }
    }

    private func begin(_ trainer: Trainer) throws(TensorError) {
        owner = trainer.optimizer
        schedulers = try trainer.optimizers(named: optimizer, for: name).map(make)
    }

    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) throws {
        guard let value = try monitored.value(in: epoch, of: trainer) else { return }
        for scheduler in schedulers { scheduler.step(value) }
    }

    public func state() -> CallbackState {
        // All see the same numbers.
        guard let state = schedulers.first?.state else { return CallbackState() }
        return CallbackState(numbers: [
            "best": [state.best], "bad_epochs": [Double(state.badEpochs)],
            "resting_epochs": [Double(state.restingEpochs)],
        ])
    }

    public func restore(_ state: CallbackState, of trainer: Trainer) throws(TensorError) {
        try begin(trainer)
        let best = try state.number("best", of: name)
        let bad = try state.count("bad_epochs", of: name)
        let resting = try state.count("resting_epochs", of: name)
        for scheduler in schedulers {
            scheduler.state.best = best
            scheduler.state.badEpochs = bad
            scheduler.state.restingEpochs = resting
        }
    }
}

extension Trainer {
    /// The optimizer of that name, or all.
    ///
    /// - Throws: `invalidArgument` where there is none.
    func optimizers(named name: String?, for callback: String) throws(TensorError) -> [Optimizer] {
        guard let name else { return optimizers.map(\.optimizer) }
        let found = optimizers.filter { $0.name == name }.map(\.optimizer)
        if found.isEmpty {
            throw TensorError(
                .invalidArgument,
                "\(callback)(optimizer: \"\(name)\"): there are \(optimizers.map(\.name).joined(separator: ", ")); name one "
                    + "of these")
        }
        return found
    }
}
