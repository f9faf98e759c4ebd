import Foundation
import Needletail
import TensorRuntime

/// The losses of steps whose learning rate grows from one to the next: where they fall fastest is a good rate.
///
///     let search = try trainer.searchLearningRate(training)
///     try search.chart().write(to: "rates.svg")
///     trainer.optimizer.learningRate = search.suggestion ?? 1e-3
///
/// Source: Smith, [Cyclical learning rates for training neural networks](https://arxiv.org/abs/1506.01186), 2017.
public struct LearningRateSearch: Hashable, Sendable {
    /// The rate of each step, rising by one factor.
    public let rates: [Double]
    /// The loss of each step, of the weights before it, smoothed: the mean of all so far, of which each counts 0.95 as much
    /// as the one behind it.
    public let losses: [Double]

    /// A search that has come to these numbers: as many of each.
    public init(rates: [Double], losses: [Double]) {
        let count = min(rates.count, losses.count)
        self.rates = Array(rates.prefix(count))
        self.losses = Array(losses.prefix(count))
    }

    /// The rate at which the smoothed loss falls fastest by the logarithm of the rate; nil where it never falls. The first tenth of
    /// the steps, in which the mean settles, does not count.
    public var suggestion: Double? {
        let first = max(rates.count / 10, 1)
        guard rates.count > first + 1 else { return nil }
        // The rates rise by one factor, so that differences of neighbours are slopes.
        let slopes = (first..<(rates.count - 1)).map { (place: $0, slope: losses[$0 + 1] - losses[$0 - 1]) }
        guard let steepest = slopes.filter({ $0.slope < 0 }).min(by: { $0.slope < $1.slope }) else { return nil }
        return rates[steepest.place]
    }

    /// The losses by the rates, with the suggestion in the title.
    public func chart(title: String = "") -> Chart {
        let found = suggestion.map { "suggestion: \(NumberText.short($0))" } ?? "no suggestion: the loss never falls"
        return Chart(title.isEmpty ? found : "\(title), \(found)", x: "learning rate", y: "loss", xScale: .logarithmic)
            .line(x: rates, y: losses)
    }
}

extension Trainer {
    /// Makes steps whose learning rate grows evenly in its logarithm, and puts the trainer back to where it was: weights, optimizers,
    /// losses, metrics and random numbers. Callbacks are not called, and metrics not computed. Epochs follow one another where one
    /// has too few steps. Ends before the last rate where the smoothed loss is no number, or four times its least.
    ///
    /// - Parameters:
    ///   - training: as ``fit(_:validation:epochs:validationFrequency:)``'s.
    ///   - range: of the rates, above 0.
    ///   - steps: how many, 10 or more.
    /// - Throws: `invalidArgument` of such numbers, of another range or number of steps, and of a trainer whose closure makes the
    ///   steps itself, or that stopped within an epoch; `data` of a loader without batches; else as
    ///   ``fit(_:validation:epochs:validationFrequency:)``.
    public func searchLearningRate(
        _ training: DataLoader, in range: ClosedRange<Double> = 1e-7...1, steps: Int = 100
    ) throws -> LearningRateSearch {
        guard range.lowerBound > 0, range.lowerBound < range.upperBound, range.upperBound.isFinite, steps >= 10 else {
            throw TensorError(
                .invalidArgument,
                "searchLearningRate(in: \(range), steps: \(steps)): give two finite rates above 0 and 10 steps or more")
        }
        guard case .loss = work, position.step == 0 else {
            throw TensorError(
                .invalidArgument,
                "searchLearningRate: it is for a trainer that makes the steps itself and is between two epochs; search "
                    + "before fit")
        }
        guard training.count > 0 else {
            throw TensorError(
                .data,
                "searchLearningRate: the loader has no batch of \(training.batchSize) examples; give more examples")
        }
        var start = try Checkpoint(of: self, model: "")
        // They are not called, so that there is nothing to put back but the means of weights, which are the checkpoint's.
        start.callbacks = []
        for case let averaging as WeightAveraging in callbacks { try averaging.lendOwn(self) }
        let ratesBefore = optimizers.map { $0.optimizer.groups.map { $0.learningRate } }
        let (lastRate, stepsPerEpoch) = (lastRate, stepsPerEpoch)
        defer { (self.lastRate, self.stepsPerEpoch) = (lastRate, stepsPerEpoch) }
        self.stepsPerEpoch = (training.count + accumulation - 1) / accumulation
        audience = .none
        let found = Result { try withGenerator(generator) { try trySteps(training, range, steps) } }
        audience = .all
        for ((_, optimizer), before) in zip(optimizers, ratesBefore) {
            optimizer.zeroGrad()
            for (group, rate) in zip(optimizer.groups, before) { group.learningRate = rate }
        }
        try start.restore(self)
        return try found.get()
    }

    private func trySteps(
        _ training: DataLoader, _ range: ClosedRange<Double>, _ steps: Int
    ) throws -> LearningRateSearch {
        let share = log(range.upperBound / range.lowerBound) / Double(steps - 1)
        var (rates, losses): ([Double], [Double]) = ([], [])
        var (mean, weight, least) = (0.0, 0.0, Double.infinity)
        var batches = AnyIterator(training.epoch(position.epoch).makeIterator())
        for number in 0..<steps {
            if position.step == stepsPerEpoch {
                position = Position(epoch: position.epoch + 1)
                batches = AnyIterator(training.epoch(position.epoch).makeIterator())
            }
            let rate = range.lowerBound * exp(share * Double(number))
            for (_, optimizer) in optimizers { for group in optimizer.groups { group.learningRate = rate } }
            resetScores()
            try step(training, batches, contexts)
            position.step += 1
            guard let loss = try loss(named: "loss").value() else { break }
            mean = 0.95 * mean + 0.05 * loss
            weight = 0.95 * weight + 0.05
            rates.append(rate)
            losses.append(mean / weight)
            least = min(least, mean / weight)
            if !mean.isFinite || least > 0 && mean / weight > 4 * least { break }
        }
        return LearningRateSearch(rates: rates, losses: losses)
    }
}
