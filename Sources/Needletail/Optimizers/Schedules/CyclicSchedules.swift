import Foundation
import TensorRuntime

/// Half a cosine from the initial rate to `minimum` in `length` epochs, as
/// [CosineAnnealingLR](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html):
/// `minimum + (initial - minimum) (1 + cos(pi count / length)) / 2`.
public struct CosineSchedule: LearningRateSchedule {
    /// Epochs, 1 or more.
    public var length: Int
    /// The rate at the end of a half cosine.
    public var minimum: Double

    /// A length of 0 or less is a wrong call.
    public init(length: Int, minimum: Double = 0, file: StaticString = #fileID, line: UInt = #line) {
        checkLength("CosineSchedule", length, CallSite(file, line))
        self.length = length
        self.minimum = minimum
    }

    public func rate(after count: Int, initial: Double) -> Double {
        minimum + (initial - minimum) * (1 + cos(Double.pi * Double(count) / Double(length))) / 2
    }
}

/// Half cosines from the initial rate to `minimum`, begun again after `length` epochs, after `length multiplier` more, and so
/// on, as
/// [CosineAnnealingWarmRestarts](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html).
public struct CosineRestartsSchedule: LearningRateSchedule {
    /// Epochs, 1 or more.
    public var length: Int
    /// How many times as long as the one before each cosine is; 1 or more.
    public var multiplier: Int
    /// The rate at the end of a half cosine.
    public var minimum: Double

    /// A length or a multiplier of 0 or less is a wrong call.
    public init(
        length: Int, multiplier: Int = 1, minimum: Double = 0, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        checkLength("CosineRestartsSchedule", length, site)
        if multiplier < 1 {
            WrongCall.report(
                "CosineRestartsSchedule", "a multiplier of \(multiplier)", remedy: "give 1 or more", at: site)
        }
        self.length = length
        self.multiplier = multiplier
        self.minimum = minimum
    }

    public func rate(after count: Int, initial: Double) -> Double {
        guard length > 0 else { return initial }
        var (place, period) = (Swift.max(count, 0), length)
        if multiplier <= 1 { place %= length }
        while place >= period {
            place -= period
            period *= multiplier
        }
        return minimum + (initial - minimum) * (1 + cos(Double.pi * Double(place) / Double(period))) / 2
    }
}

/// How a schedule goes from one rate to another.
public enum Annealing: String, Hashable, Sendable, CaseIterable {
    /// Along half a cosine, slow at both ends; or evenly.
    case cosine, linear

    fileprivate func value(from start: Double, to end: Double, at part: Double) -> Double {
        switch self {
        case .cosine: end + (start - end) / 2 * (1 + cos(Double.pi * part))
        case .linear: start + (end - start) * part
        }
    }
}

/// One cycle of Smith and Topin's "super-convergence": the rate rises from `maximum / divisor` to `maximum` and falls to
/// `maximum / (divisor finalDivisor)` at the last of `length` steps, the momentum against it, as
/// [OneCycleLR](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html). The optimizer's own
/// rate does not enter. To be stepped after each step of the optimizer.
public struct OneCycleSchedule: LearningRateSchedule {
    /// The highest rate, at the end of the rise.
    public var maximum: Double
    /// Steps of the whole cycle, 1 or more; behind it the rate stays.
    public var length: Int
    /// The part of the length in which the rate rises.
    public var rise: Double
    /// How the rate goes from one of its three values to the next.
    public var annealing: Annealing
    /// The momentum at the highest and at the lowest rate; nil leaves it alone.
    public var momentum: ClosedRange<Double>?
    /// The first rate is ``maximum`` divided by this.
    public var divisor: Double
    /// The last rate is the first one divided by this.
    public var finalDivisor: Double
    /// Whether the rate first falls to where it began, as fast as it rose.
    public var hasThreePhases: Bool

    /// Defaults are PyTorch's. A length of 0 or less, or a rise outside of 0...1, is a wrong call.
    public init(
        maximum: Double, length: Int, rise: Double = 0.3, annealing: Annealing = .cosine,
        momentum: ClosedRange<Double>? = 0.85...0.95, divisor: Double = 25, finalDivisor: Double = 1e4,
        hasThreePhases: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        checkLength("OneCycleSchedule", length, site)
        if !(0...1).contains(rise) {
            WrongCall.report("OneCycleSchedule", "a rise of \(rise)", remedy: "use a number from 0 to 1", at: site)
        }
        self.maximum = maximum
        self.length = length
        self.rise = rise
        self.annealing = annealing
        self.momentum = momentum
        self.divisor = divisor
        self.finalDivisor = finalDivisor
        self.hasThreePhases = hasThreePhases
    }

    /// Goes from `start` to `peak`, back to `start` where there are three phases, and to `end`. After the length it stays.
    private func value(after count: Int, _ start: Double, _ peak: Double, _ end: Double) -> Double {
        let top = rise * Double(length) - 1
        let last = Double(length - 1)
        var phases = [(end: top, from: start, to: peak)]
        if hasThreePhases {
            phases += [(2 * rise * Double(length) - 2, peak, start), (last, start, end)]
        } else {
            phases.append((last, peak, end))
        }
        let place = Swift.min(Double(count), last)
        var begin = 0.0
        for (number, phase) in phases.enumerated() {
            if place <= phase.end || number == phases.count - 1 {
                let part = phase.end == begin ? 1 : (place - begin) / (phase.end - begin)
                return annealing.value(from: phase.from, to: phase.to, at: part)
            }
            begin = phase.end
        }
        return end
    }

    public func rate(after count: Int, initial: Double) -> Double {
        let start = maximum / divisor
        return value(after: count, start, maximum, start / finalDivisor)
    }

    public func momentum(after count: Int) -> Double? {
        momentum.map { value(after: count, $0.upperBound, $0.lowerBound, $0.upperBound) }
    }
}

/// The rate goes up and down between two bounds again and again, the momentum against it, as
/// [CyclicLR](https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html). The optimizer's own rate
/// does not enter. To be stepped after each step of the optimizer.
public struct CyclicSchedule: LearningRateSchedule {
    /// What the height of a cycle is multiplied by.
    public enum Scale: Sendable {
        /// 1
        case triangular
        /// Half of the cycle before.
        case halving
        /// `gamma^count` after `count` steps.
        case exponential(gamma: Double)
        /// A function of the number of the cycle, 1 for the first.
        case ofCycle(@Sendable (_ cycle: Int) -> Double)
    }

    /// The lowest and the highest rate, before the scale.
    public var bounds: ClosedRange<Double>
    /// Steps of the rising and of the falling half.
    public var up: Int
    /// Steps of the falling half, 1 or more.
    public var down: Int
    /// How high each cycle is beside the first.
    public var scale: Scale
    /// The momentum at the highest and at the lowest rate; nil leaves it alone.
    public var momentum: ClosedRange<Double>?

    /// - Parameter down: nil is as long as `up`.
    public init(
        _ bounds: ClosedRange<Double>, up: Int = 2000, down: Int? = nil, scale: Scale = .triangular,
        momentum: ClosedRange<Double>? = 0.8...0.9, file: StaticString = #fileID, line: UInt = #line
    ) {
        let site = CallSite(file, line)
        checkLength("CyclicSchedule", up, site)
        checkLength("CyclicSchedule", down ?? up, site)
        self.bounds = bounds
        self.up = up
        self.down = down ?? up
        self.scale = scale
        self.momentum = momentum
    }

    /// How far up the cycle is, 0...1, its scale included.
    private func height(after count: Int) -> Double {
        let total = Double(Swift.max(up + down, 1))
        let cycle = (1 + Double(count) / total).rounded(.down)
        let place = 1 + Double(count) / total - cycle
        let ratio = Double(up) / total
        let part = place <= ratio ? place / ratio : (place - 1) / (ratio - 1)
        return switch scale {
        case .triangular: part
        case .halving: part / pow(2, cycle - 1)
        case .exponential(let gamma): part * pow(gamma, Double(count))
        case .ofCycle(let factor): part * factor(Int(cycle))
        }
    }

    public func rate(after count: Int, initial: Double) -> Double {
        bounds.lowerBound + (bounds.upperBound - bounds.lowerBound) * height(after: count)
    }

    public func momentum(after count: Int) -> Double? {
        momentum.map { $0.upperBound - ($0.upperBound - $0.lowerBound) * height(after: count) }
    }
}
