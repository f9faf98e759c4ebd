import Foundation
import TensorGraph
import TensorRuntime

/// The learning rate as a function of how many epochs (or steps) are done.
public protocol LearningRateSchedule: Sendable {
    /// The rate after `count` epochs, where training began with `initial`.
    func rate(after count: Int, initial: Double) -> Double
}

/// Multiplies the rate by `gamma` every `size` epochs, as
/// [StepLR](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html).
public struct StepSchedule: LearningRateSchedule {
    public var size: Int
    public var gamma: Double

    public init(every size: Int, gamma: Double = 0.1, file: StaticString = #fileID, line: UInt = #line) {
        if size <= 0 {
            WrongCall.report(
                "StepSchedule", "every \(size) epochs", remedy: "give 1 or more", at: CallSite(file, line))
        }
        self.size = size
        self.gamma = gamma
    }

    public func rate(after count: Int, initial: Double) -> Double {
        guard size > 0 else { return initial }
        return (0..<Swift.max(count / size, 0)).reduce(initial) { rate, _ in rate * gamma }
    }
}

/// Half a cosine from the initial rate to `minimum` in `length` epochs, as
/// [CosineAnnealingLR](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html):
/// `minimum + (initial - minimum) (1 + cos(pi count / length)) / 2`.
public struct CosineSchedule: LearningRateSchedule {
    public var length: Int
    public var minimum: Double

    public init(length: Int, minimum: Double = 0, file: StaticString = #fileID, line: UInt = #line) {
        if length <= 0 {
            WrongCall.report(
                "CosineSchedule", "a length of \(length) epochs", remedy: "give 1 or more", at: CallSite(file, line))
        }
        self.length = length
        self.minimum = minimum
    }

    public func rate(after count: Int, initial: Double) -> Double {
        minimum + (initial - minimum) * (1 + cos(Double.pi * Double(count) / Double(length))) / 2
    }
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

    public init(_ optimizer: Optimizer, _ schedule: any LearningRateSchedule) {
        self.optimizer = optimizer
        self.schedule = schedule
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
    }
}
