import Foundation
import TensorRuntime

/// Multiplies the rate by `gamma` every `size` epochs, as
/// [StepLR](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html).
public struct StepSchedule: LearningRateSchedule {
    /// Epochs of one rate, 1 or more.
    public var size: Int
    /// What the rate is multiplied by each time; above 1 it grows.
    public var gamma: Double

    /// - Parameters:
    ///   - size: epochs of one rate; 0 or less is a wrong call.
    ///   - gamma: what the rate is multiplied by behind them.
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

/// Multiplies the rate by `gamma` at each milestone, a number of epochs, as
/// [MultiStepLR](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html). A milestone that is
/// given twice counts twice.
public struct MultiStepSchedule: LearningRateSchedule {
    /// Numbers of epochs; their order does not matter.
    public var milestones: [Int]
    /// What the rate is multiplied by each time; above 1 it grows.
    public var gamma: Double

    /// - Parameters:
    ///   - milestones: numbers of epochs, in any order.
    ///   - gamma: what the rate is multiplied by at each.
    public init(milestones: [Int], gamma: Double = 0.1) {
        self.milestones = milestones
        self.gamma = gamma
    }

    public func rate(after count: Int, initial: Double) -> Double {
        milestones.reduce(initial) { rate, milestone in milestone <= count ? rate * gamma : rate }
    }
}

/// Multiplies the rate by `factor` for the first `length` epochs, as
/// [ConstantLR](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html).
public struct ConstantSchedule: LearningRateSchedule {
    /// 0...1
    public var factor: Double
    /// The number of epochs of the smaller rate.
    public var length: Int

    /// A factor outside of 0...1 is a wrong call.
    public init(factor: Double = 1.0 / 3, length: Int = 5, file: StaticString = #fileID, line: UInt = #line) {
        if !(0...1).contains(factor) {
            WrongCall.report(
                "ConstantSchedule", "a factor of \(factor)", remedy: "use a number from 0 to 1",
                at: CallSite(file, line))
        }
        self.factor = factor
        self.length = length
    }

    public func rate(after count: Int, initial: Double) -> Double { count < length ? initial * factor : initial }
}

/// Multiplies the rate by a factor that goes evenly from `start` to `end` in `length` epochs and stays there, as
/// [LinearLR](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html): the usual warm-up.
public struct LinearSchedule: LearningRateSchedule {
    /// The factor at the start, above 0 and not above 1.
    public var start: Double
    /// The factor that it ends with, 0...1.
    public var end: Double
    /// Epochs, 1 or more.
    public var length: Int

    /// - Parameters:
    ///   - start: above 0 and not above 1,
    ///   - end: 0...1,
    ///   - length: 1 or more; what is outside is a wrong call.
    public init(
        from start: Double = 1.0 / 3, to end: Double = 1, length: Int = 5, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        let site = CallSite(file, line)
        if !(start > 0 && start <= 1 && (0...1).contains(end)) {
            WrongCall.report(
                "LinearSchedule", "factors from \(start) to \(end)",
                remedy: "use numbers from 0 to 1, the first above 0",
                at: site)
        }
        checkLength("LinearSchedule", length, site)
        self.start = start
        self.end = end
        self.length = length
    }

    public func rate(after count: Int, initial: Double) -> Double {
        initial * (start + (end - start) * Double(Swift.min(count, length)) / Double(Swift.max(length, 1)))
    }
}

/// Multiplies the rate by `gamma` every epoch, as
/// [ExponentialLR](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html).
public struct ExponentialSchedule: LearningRateSchedule {
    /// What the rate is multiplied by each time; above 1 it grows.
    public var gamma: Double

    /// - Parameter gamma: 0.9 lowers the rate by a tenth each epoch.
    public init(gamma: Double) { self.gamma = gamma }

    public func rate(after count: Int, initial: Double) -> Double { initial * power(gamma, Swift.max(count, 0)) }
}

/// `initial (1 - count / length)^power`, and 0 after `length` epochs, as
/// [PolynomialLR](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html).
public struct PolynomialSchedule: LearningRateSchedule {
    /// Epochs, 1 or more.
    public var length: Int
    /// 1 is a straight line; larger ones fall fast at first.
    public var power: Double

    /// A length of 0 or less is a wrong call.
    public init(length: Int = 5, power: Double = 1, file: StaticString = #fileID, line: UInt = #line) {
        checkLength("PolynomialSchedule", length, CallSite(file, line))
        self.length = length
        self.power = power
    }

    public func rate(after count: Int, initial: Double) -> Double {
        initial * pow(1 - Double(Swift.min(count, length)) / Double(Swift.max(length, 1)), power)
    }
}

/// Multiplies the rate where training began by what a function gives for the number of epochs, as
/// [LambdaLR](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LambdaLR.html).
public struct LambdaSchedule: LearningRateSchedule {
    private let factor: @Sendable (Int) -> Double

    /// - Parameter factor: of the number of epochs that are done, 0 at first. It gives the same for the same number,
    ///   whenever it is called.
    public init(_ factor: @escaping @Sendable (_ count: Int) -> Double) { self.factor = factor }

    public func rate(after count: Int, initial: Double) -> Double { initial * factor(count) }
}

/// Multiplies the rate of each epoch by what a function gives for the number of the next, from 1 on, as
/// [MultiplicativeLR](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiplicativeLR.html).
public struct MultiplicativeSchedule: LearningRateSchedule {
    private let factor: @Sendable (Int) -> Double
    /// The product of the factors of some first epochs, so that the next asks for one.
    private let known = Product()

    /// - Parameter factor: of the number of the epoch. It gives the same for the same number, whenever it is called.
    public init(_ factor: @escaping @Sendable (_ count: Int) -> Double) { self.factor = factor }

    public func rate(after count: Int, initial: Double) -> Double { initial * known.product(of: count, factor) }

    private final class Product: Sendable {
        private let state = Lock<(count: Int, product: Double)>((0, 1))

        func product(of count: Int, _ factor: (Int) -> Double) -> Double {
            state.withLock { state in
                if count < state.count { state = (0, 1) }
                while state.count < count { state = (state.count + 1, state.product * factor(state.count + 1)) }
                return state.product
            }
        }
    }
}

/// Reports a length below 1.
func checkLength(_ schedule: String, _ length: Int, _ site: CallSite) {
    if length > 0 { return }
    WrongCall.report(schedule, "a length of \(length) epochs", remedy: "give 1 or more", at: site)
}
