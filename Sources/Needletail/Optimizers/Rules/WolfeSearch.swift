import TensorRuntime

/// A search for a length of a step along a direction, at which the loss has fallen enough and its slope is flat enough:
/// Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6, with cubic interpolation. The order of its trials is
/// that of [torch.optim.LBFGS](https://pytorch.org/docs/stable/generated/torch.optim.LBFGS.html).
struct WolfeSearch {
    let direction: Tensor
    /// At length 0.
    let loss: Double
    let gradient: Tensor
    let slope: Double
    let changeTolerance: Double
    private let sufficientFall = 1e-4
    private let flatness = 0.9
    /// The most trials after the first.
    private let most: Int

    init(direction: Tensor, loss: Double, gradient: Tensor, slope: Double, changeTolerance: Double, most: Int) {
        self.most = most
        self.direction = direction
        self.loss = loss
        self.gradient = gradient
        self.slope = slope
        self.changeTolerance = changeTolerance
    }

    /// A length that was tried.
    struct Trial {
        var length: Double
        var loss: Double
        var gradient: Tensor
        var slope: Double
    }

    /// - Parameter evaluate: loss and gradient at a length.
    func run(from length: Double, _ evaluate: (Double) throws -> (loss: Double, gradient: Tensor)) throws -> Trial {
        func trial(_ length: Double) throws -> Trial {
            let (loss, gradient) = try evaluate(length)
            let slope = try LBFGSMemory.dot(gradient, direction)
            return Trial(length: length, loss: loss, gradient: gradient, slope: slope)
        }
        func isTooHigh(_ trial: Trial) -> Bool { trial.loss > loss + sufficientFall * trial.length * slope }
        func isFlat(_ trial: Trial) -> Bool { abs(trial.slope) <= -flatness * slope }
        let start = Trial(length: 0, loss: loss, gradient: gradient, slope: slope)
        var last = start
        var now = try trial(length)
        var count = 0
        // Two lengths with a right one between them.
        var bracket: (a: Trial, b: Trial)?
        while count < most {
            if isTooHigh(now) || (count > 1 && now.loss >= last.loss) {
                bracket = (last, now)
                break
            }
            if isFlat(now) { return now }
            if now.slope >= 0 {
                bracket = (last, now)
                break
            }
            let least = now.length + 0.01 * (now.length - last.length)
            let next = WolfeSearch.minimum(last, now, within: least...now.length * 10)
            last = now
            now = try trial(next)
            count += 1
        }
        var (a, b) = bracket ?? (start, now)
        let size = try withNoGrad { try direction.abs().max().item() }
        var isSlow = false
        var lowIsFirst = a.loss <= b.loss
        while count < most {
            if abs(b.length - a.length) * size < changeTolerance { break }
            let ends = min(a.length, b.length)...max(a.length, b.length)
            var next = WolfeSearch.minimum(a, b, within: ends)
            // Close to an end twice, or at one: a tenth into the interval.
            let margin = 0.1 * (ends.upperBound - ends.lowerBound)
            if min(ends.upperBound - next, next - ends.lowerBound) < margin {
                if isSlow || next >= ends.upperBound || next <= ends.lowerBound {
                    let isAbove = abs(next - ends.upperBound) < abs(next - ends.lowerBound)
                    next = isAbove ? ends.upperBound - margin : ends.lowerBound + margin
                    isSlow = false
                } else {
                    isSlow = true
                }
            } else {
                isSlow = false
            }
            let new = try trial(next)
            count += 1
            let low = lowIsFirst ? a : b
            let high = lowIsFirst ? b : a
            if isTooHigh(new) || new.loss >= low.loss {
                if lowIsFirst { b = new } else { a = new }
                lowIsFirst = a.loss <= b.loss
            } else {
                let isDone = isFlat(new)
                if !isDone, new.slope * (high.length - low.length) >= 0 {
                    if lowIsFirst { b = low } else { a = low }
                }
                if lowIsFirst { a = new } else { b = new }
                if isDone { break }
            }
        }
        return lowIsFirst ? a : b
    }

    /// Where the cubic through two losses with their slopes is least, within bounds.
    private static func minimum(_ first: Trial, _ second: Trial, within bounds: ClosedRange<Double>) -> Double {
        let (a, b) = first.length <= second.length ? (first, second) : (second, first)
        let mean = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.length - b.length)
        let square = mean * mean - a.slope * b.slope
        guard square >= 0, square.isFinite else { return (bounds.lowerBound + bounds.upperBound) / 2 }
        let root = square.squareRoot()
        let place = b.length - (b.length - a.length) * ((b.slope + root - mean) / (b.slope - a.slope + 2 * root))
        return min(max(place, bounds.lowerBound), bounds.upperBound)
    }
}
