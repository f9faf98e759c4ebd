import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

@Suite struct LearningRateSearchTests {
    @Test func theSteepestFallIsSuggested() {
        let rates = (0..<40).map { 1e-6 * pow(10.0, Double($0) / 10) }
        // Flat, steepest between 20 and 22, then rising; a fall in the first tenth does not count.
        var losses = [9, 5, 2, 2] + [Double](repeating: 2, count: 16)
        losses += [1.9, 1.2, 1, 0.95, 0.9, 0.9] + (0..<14).map { 1 + Double($0) }
        let search = LearningRateSearch(rates: rates, losses: losses)
        #expect(search.suggestion == rates[21])
        #expect(LearningRateSearch(rates: rates, losses: rates).suggestion == nil)
        #expect(LearningRateSearch(rates: [1, 2], losses: [2, 1]).suggestion == nil)
        #expect(LearningRateSearch(rates: rates, losses: [1, 2, 3]).rates.count == 3)
        let texts = Figure([[search.chart(title: "Digits")]]).svg()
        #expect(texts.contains("Digits, suggestion: ") && texts.contains("learning rate"))
    }

    /// The trainer trains afterwards as one that has not searched, bit for bit.
    @Test func aSearchLeavesTheTrainerAsItWas() throws {
        var steps = 0
        let counter = LambdaCallback(stepEnd: { _ in steps += 1 })
        let searched = SmallData.trainer(callbacks: [NaNCheck(), counter])
        try searched.fit(SmallData.loader(), epochs: 1)
        let plain = SmallData.trainer(callbacks: [NaNCheck(), counter])
        try plain.fit(SmallData.loader(), epochs: 1)
        let stepsBefore = steps
        let search = try searched.searchLearningRate(SmallData.loader(), in: 1e-5...1e8, steps: 60)
        #expect(steps == stepsBefore)
        // It went off before the last rate, and fell before that.
        #expect(search.rates.count > 10 && search.rates.count < 60 && search.rates.count == search.losses.count)
        #expect(abs(search.rates[1] / search.rates[0] - pow(1e13, 1.0 / 59)) < 1e-9)
        let found = try #require(search.suggestion)
        #expect(found > 1e-5 && found < 10, "\(search)")
        #expect(searched.optimizer.learningRate == 0.01 && searched.position == plain.position)
        try searched.fit(SmallData.loader(), epochs: 3)
        try plain.fit(SmallData.loader(), epochs: 3)
        #expect(try weights(of: searched) == weights(of: plain))
        #expect(searched.history["loss"] == plain.history["loss"] && searched.history.epochs.count == 3)
    }

    /// What counts how often it is asked.
    private final class Counting: Metric {
        let name = "counting"
        var (updates, reads) = (0, 0)
        func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) { updates += 1 }
        func value() throws(TensorError) -> Double? {
            reads += 1
            return 1
        }
        func reset() {}
        func state() throws(TensorError) -> MetricState { MetricState() }
        func restore(_ state: MetricState) throws(TensorError) {}
    }

    @Test func noMetricIsComputed() throws {
        let model = SmallData.model(Generator(seed: 1))
        let metric = Counting()
        let trainer = Trainer(
            model: model, optimizer: SGD(model.parameters, learningRate: 0.1), loss: { crossEntropy($0, $1) },
            metrics: [metric])
        #expect(try trainer.searchLearningRate(SmallData.loader(), in: 1e-5...1e-2, steps: 12).losses.count == 12)
        #expect(metric.updates == 0 && metric.reads == 0)
        try trainer.fit(SmallData.loader())
        #expect(metric.updates == 6 && metric.reads == 1)
    }

    /// A callback that remembers something and takes nothing back.
    private final class Stubborn: TrainingCallback {
        func state() throws(TensorError) -> CallbackState { CallbackState(numbers: ["a": [1]]) }
        func restore(_ state: CallbackState, of trainer: Trainer) throws(TensorError) {
            throw TensorError(.data, "Stubborn: this state is of another")
        }
    }

    @Test func callbacksAreLeftAlone() throws {
        let trainer = SmallData.trainer(callbacks: [Stubborn()])
        let search = try trainer.searchLearningRate(SmallData.loader(), in: 1e-5...1e-2, steps: 12)
        #expect(search.rates.count == 12 && trainer.optimizer.learningRate == 0.01)
    }

    @Test func whatCannotBeSearchedIsRefused() throws {
        let trainer = SmallData.trainer()
        for range in [0...1, -1...1, 1...1, 1...Double.infinity] {
            #expect(throws: TensorError.self) { try trainer.searchLearningRate(SmallData.loader(), in: range) }
        }
        #expect(throws: TensorError.self) { try trainer.searchLearningRate(SmallData.loader(), steps: 9) }
        let empty = DataLoader(SmallData.dataset(4), batchSize: 8, dropLast: true)
        #expect(throws: TensorError.self) { try trainer.searchLearningRate(empty) }
        let stopped = SmallData.trainer(callbacks: [LambdaCallback(stepEnd: { $0.stop() })])
        try stopped.fit(SmallData.loader())
        let error = #expect(throws: TensorError.self) { try stopped.searchLearningRate(SmallData.loader()) }
        #expect(error?.message.contains("between two epochs") == true)
    }
}
