import TensorGraph
import TensorRuntime

/// The learning rate as a function of how many epochs (or steps) are done.
///
/// The unit is what ``LearningRateScheduler/step()`` is called for: every epoch, or every step of the optimizer.
public protocol LearningRateSchedule: Sendable {
    /// The rate after `count` epochs, where training began with `initial`.
    func rate(after count: Int, initial: Double) -> Double

    /// The momentum after `count` epochs; nil where the schedule leaves it alone. (optional: it does)
    func momentum(after count: Int) -> Double?
}

extension LearningRateSchedule {
    public func momentum(after count: Int) -> Double? { nil }
}

/// Sets an optimizer's learning rates by a schedule. A group that is added later is scheduled from the next step on; the
/// rate that it was added with is the one where its training began.
public final class LearningRateScheduler {
    private let optimizer: Optimizer
    private let schedule: any LearningRateSchedule
    /// The rate of each group where training began.
    private var initial: [Double] = []
    /// How often ``step()`` was called; to be restored when training is resumed.
    public var count = 0 {
        didSet { apply() }
    }

    /// Sets the rates of the start at once. A schedule that moves a momentum is a wrong call where a rule has none.
    public init(
        _ optimizer: Optimizer, _ schedule: any LearningRateSchedule, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.optimizer = optimizer
        self.schedule = schedule
        if schedule.momentum(after: 0) != nil,
            let group = optimizer.groups.first(where: { !($0.rule is any MomentumRule) })
        {
            WrongCall.report(
                "LearningRateScheduler", "the rule '\(group.rule.name)' has no momentum for the schedule to move",
                remedy: "make the schedule with momentum: nil", at: CallSite(file, line))
        }
        apply()
    }

    /// Says that an epoch is over.
    public func step() {
        if let capture = Capture.current {
            let before = count
            capture.atEnd { [self] in count = before }
            capture.append(HostStep { [self] in count += 1 })
        }
        count += 1
    }

    private func apply() {
        for group in optimizer.groups.dropFirst(initial.count) { initial.append(group.learningRate) }
        for (group, rate) in zip(optimizer.groups, initial) {
            group.learningRate = schedule.rate(after: count, initial: rate)
        }
        guard let momentum = schedule.momentum(after: count) else { return }
        for group in optimizer.groups {
            guard var rule = group.rule as? any MomentumRule else { continue }
            rule.cycledMomentum = momentum
            group.rule = rule
        }
    }
}
