import TensorGraph
import TensorRuntime

/// Several schedules at once, each on the rate that the one before gives, as
/// [ChainedScheduler](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html) of schedules
/// that multiply the rate.
public struct ChainedSchedule: LearningRateSchedule {
    /// In the order in which they are applied.
    public var schedules: [any LearningRateSchedule]

    /// - Parameter schedules: that multiply the rate; one that ignores it, such as ``OneCycleSchedule``, hides those
    ///   before.
    public init(_ schedules: [any LearningRateSchedule]) { self.schedules = schedules }

    public func rate(after count: Int, initial: Double) -> Double {
        schedules.reduce(initial) { rate, schedule in schedule.rate(after: count, initial: rate) }
    }

    public func momentum(after count: Int) -> Double? {
        schedules.reversed().lazy.compactMap { $0.momentum(after: count) }.first
    }
}

/// One schedule after another, each begun anew at its milestone, as
/// [SequentialLR](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html):
///
///     SequentialSchedule([LinearSchedule(length: 5), CosineSchedule(length: 95)], milestones: [5])
public struct SequentialSchedule: LearningRateSchedule {
    /// One more than milestones.
    public let schedules: [any LearningRateSchedule]
    /// The epochs at which the next schedule begins, rising.
    public let milestones: [Int]

    /// - Parameter milestones: the numbers of epochs after which the second, third, ... schedule takes over, rising.
    public init(
        _ schedules: [any LearningRateSchedule], milestones: [Int], file: StaticString = #fileID, line: UInt = #line
    ) {
        let rises = zip(milestones, milestones.dropFirst()).allSatisfy { $0 < $1 }
        if schedules.isEmpty || milestones.count != schedules.count - 1 || !rises {
            WrongCall.report(
                "SequentialSchedule", "\(schedules.count) schedules with milestones \(milestones)",
                remedy: "give one milestone between two schedules, rising", at: CallSite(file, line))
        }
        self.schedules = schedules
        self.milestones = milestones
    }

    /// The schedule after `count` epochs, and how many of them are its own.
    private func current(after count: Int) -> (schedule: any LearningRateSchedule, count: Int)? {
        let number = milestones.count { $0 <= count }
        guard schedules.indices.contains(number) else { return nil }
        return (schedules[number], number == 0 ? count : count - milestones[number - 1])
    }

    public func rate(after count: Int, initial: Double) -> Double {
        guard let (schedule, own) = current(after: count) else { return initial }
        return schedule.rate(after: own, initial: initial)
    }

    public func momentum(after count: Int) -> Double? {
        current(after: count).flatMap { $0.schedule.momentum(after: $0.count) }
    }
}

/// Lowers the learning rates when a metric no longer improves, as
/// [ReduceLROnPlateau](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html).
public final class PlateauScheduler {
    /// Which metrics are better.
    public enum Goal: String, Hashable, Sendable {
        /// Smaller ones, as a loss; or larger ones, as an accuracy.
        case smallest, largest
    }

    /// What counts as better than the best so far, `b`.
    public enum Threshold: Hashable, Sendable {
        /// Below `b (1 - t)`, or above `b (1 + t)`.
        case relative(Double)
        /// Below `b - t`, or above `b + t`.
        case absolute(Double)
    }

    private let optimizer: Optimizer
    private let goal: Goal
    private let factor: Double
    private let patience: Int
    private let threshold: Threshold
    private let cooldown: Int
    private let minimum: Double
    private let leastChange: Double
    /// What has to be restored when training is resumed, beside the optimizer's rates.
    public var state: State

    /// The best metric, and what is counted since.
    public struct State: Hashable, Sendable, Codable {
        /// The best metric so far; infinite before the first.
        public var best: Double
        /// Epochs without a better metric.
        public var badEpochs = 0
        /// Epochs that the rate stays after it was lowered.
        public var restingEpochs = 0
    }

    /// - Parameters:
    ///   - factor: below 1, multiplies the rates.
    ///   - patience: epochs without a better metric before that.
    ///   - cooldown: epochs after it that do not count.
    ///   - minimum: of the rates.
    ///   - leastChange: a rate that would change by less stays.
    public init(
        _ optimizer: Optimizer, _ goal: Goal = .smallest, factor: Double = 0.1, patience: Int = 10,
        threshold: Threshold = .relative(1e-4), cooldown: Int = 0, minimum: Double = 0, leastChange: Double = 1e-8,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        if !(factor < 1) {
            WrongCall.report(
                "PlateauScheduler", "a factor of \(factor)", remedy: "use a number below 1", at: CallSite(file, line))
        }
        self.optimizer = optimizer
        self.goal = goal
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.cooldown = cooldown
        self.minimum = minimum
        self.leastChange = leastChange
        state = State(best: goal == .smallest ? .infinity : -.infinity)
    }

    private func isBetter(_ metric: Double) -> Bool {
        switch (goal, threshold) {
        case (.smallest, .relative(let part)): metric < state.best * (1 - part)
        case (.smallest, .absolute(let difference)): metric < state.best - difference
        case (.largest, .relative(let part)): metric > state.best * (1 + part)
        case (.largest, .absolute(let difference)): metric > state.best + difference
        }
    }

    /// Says that an epoch is over, and what its metric is.
    public func step(_ metric: Double) {
        if let capture = Capture.current {
            capture.refuse("a plateau is seen by a metric on the host; step its scheduler between replays")
            return
        }
        if isBetter(metric) {
            state.best = metric
            state.badEpochs = 0
        } else {
            state.badEpochs += 1
        }
        if state.restingEpochs > 0 {
            state.restingEpochs -= 1
            state.badEpochs = 0
        }
        guard state.badEpochs > patience else { return }
        for group in optimizer.groups {
            let rate = Swift.max(group.learningRate * factor, minimum)
            if group.learningRate - rate > leastChange { group.learningRate = rate }
        }
        state.restingEpochs = cooldown
        state.badEpochs = 0
    }
}
