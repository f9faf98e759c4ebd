import Needletail
import NeedletailTraining
import TensorGraph
import TensorRuntime
import TestSupport
import Testing

/// What metrics come to after more examples than a float32 counts, and what they say of batches and states that do not fit.
@Suite struct MetricPrecisionTests {
    private static let many = Double(1 << 24)
    private static var right: Tensor { Tensor([[0, 4]] as [[Float]]) }

    /// What a restored metric has under `key` after five examples that it counts.
    private func counted(_ metric: any Metric, _ key: String, _ state: [String: [Double]]) throws -> Double {
        try metric.restore(MetricState(state))
        for _ in 0..<5 { metric.update(Self.right, Tensor([1])) }
        let after = try metric.state().numbers
        #expect(after["count"] == [Self.many + 5])
        return try #require(after[key]?.last) + (after[key + "_rest"]?.last ?? 0)
    }

    @Test(arguments: GraphDevice.wanted) func countsDoNotStandStillWhereAFloatDoes(_ device: GraphDevice) throws {
        try device.run { _ in
            let many = Self.many
            let simple = ["count": [many], "sum": [many]]
            let ignoring = ["count": [many], "sum": [many], "counted": [many]]
            #expect(try counted(Accuracy(), "sum", simple) == many + 5)
            #expect(try counted(TopKAccuracy(1), "sum", simple) == many + 5)
            #expect(try counted(Accuracy(ignoredIndex: 9), "counted", ignoring) == many + 5)
            #expect(try counted(Accuracy(ignoredIndex: 9), "sum", ignoring) == many + 5)
            #expect(try counted(Perplexity(ignoredIndex: 9), "counted", ignoring) == many + 5)
            let bins = ["count": [many], "examples": [0, many], "confidence": [0, many], "right": [0, many]]
            #expect(try counted(CalibrationError(bins: 2), "examples", bins) == many + 5)
            #expect(try counted(CalibrationError(bins: 2), "right", bins) == many + 5)
            let labels = MultilabelAccuracy(.exactMatch)
            try labels.restore(MetricState(simple))
            for _ in 0..<5 { labels.update(Self.right - 1, Tensor([[0, 1]])) }
            #expect(try labels.value() == 1)
        }
    }

    @Test(arguments: GraphDevice.wanted) func sumsOfFloatsKeepWhatRoundingLoses(_ device: GraphDevice) throws {
        try device.run { _ in
            let many = Self.many
            let mean = MeanMetric("loss")
            try mean.restore(MetricState(["count": [many], "sum": [many]]))
            for _ in 0..<5 { mean.update(Tensor(Float(0.25))) }
            #expect(try mean.value() == (many + 1.25) / (many + 5))

            let squares = MeanSquaredError()
            try squares.restore(MetricState(["count": [many], "sum": [many]]))
            let r2 = R2Score()
            try r2.restore(
                MetricState([
                    "count": [many], "examples": [many], "mean": [0], "spread": [many], "residual": [many],
                ]))
            for _ in 0..<5 {
                squares.update(Tensor([2] as [Float]), Tensor([1] as [Float]))
                r2.update(Tensor([2] as [Float]), Tensor([1] as [Float]))
            }
            #expect(try squares.value() == 1)
            let state = try r2.state().numbers
            #expect(state["examples"] == [many + 5])
            let residual = try #require(state["residual"]?[0]) + (try #require(state["residual_rest"]?[0]))
            #expect(residual == many + 5)
            // Each of the five is 1 from the mean of 0, but for what that moves.
            let spread = try #require(state["spread"]?[0]) + (try #require(state["spread_rest"]?[0]))
            #expect(abs(spread - (many + 5)) < 1e-5)
        }
    }

    /// Numbers and what they lost are saved, so that a resumed sum goes on bit for bit; without the second, as of earlier versions,
    /// it goes on from the first.
    @Test func aRestoredSumGoesOnBitForBit() throws {
        func add(_ metric: MeanMetric, _ range: Range<Int>) {
            for place in range { metric.update(Tensor(Float(1) / Float(place + 3)), count: 7) }
        }
        let (whole, first, second) = (MeanMetric("loss"), MeanMetric("loss"), MeanMetric("loss"))
        add(whole, 0..<200)
        add(first, 0..<90)
        try second.restore(first.state())
        add(second, 90..<200)
        #expect(try whole.state() == second.state())
        let exact = (0..<200).reduce(0.0) { $0 + Double(Float(1) / Float($1 + 3) * 7) }
        #expect(abs(try #require(try whole.value()) * 1400 - exact) < 1e-10)
        // Merged on the device, and by numbers of the host.
        let (left, other) = (MeanMetric("loss"), MeanMetric("loss"))
        add(left, 0..<90)
        add(other, 90..<200)
        try left.merge(other)
        #expect(abs(try #require(try left.value()) * 1400 - exact) < 1e-10)
        try first.restore(first.state())
        try first.merge(other)
        #expect(abs(try #require(try first.value()) * 1400 - exact) < 1e-10)
        let state = try first.state()
        add(first, 0..<1)
        #expect(try first.state() != state)
    }

    /// A mean of many labels does not drift, and what its sums have lost is merged on one device as over two.
    @Test func meansOfManyLabelsStayWhereTheyAre() throws {
        let (left, right, whole) = (ExplainedVariance(), ExplainedVariance(), ExplainedVariance())
        var labels: [Double] = []
        for step in 0..<3000 {
            let label = Float(10_000 + Double(step * 7919 % 1000) / 500 - 1)
            labels.append(Double(label))
            let (output, truth) = (Tensor([label + 0.25], shape: [1, 1]), Tensor([label], shape: [1, 1]))
            whole.update(output, truth)
            (step < 1500 ? left : right).update(output, truth)
        }
        try left.merge(right)
        let mean = labels.reduce(0, +) / 3000
        for metric in [whole, left] {
            let state = try metric.state()
            let found = state.numbers["mean"]![0] + (state.numbers["mean_rest"]?[0] ?? 0)
            #expect(abs(found - mean) < 1e-4, "\(found) is not \(mean)")
        }
    }

    /// What an infinite sum has lost is no number, and does not make one of the sum.
    @Test func aSumThatIsInfiniteStaysInfinite() throws {
        let mean = MeanMetric("loss")
        for value in [1, Float.infinity, 2] { mean.update(Tensor(value)) }
        #expect(try mean.value() == .infinity)
        mean.update(Tensor(Float.nan))
        #expect(try mean.value()?.isNaN == true)
    }

    @Test func batchesOfAnotherWidthAreRefused() {
        let metrics: [() -> any Metric] = [
            { MeanAbsoluteError() }, { MeanSquaredError() }, { RootMeanSquaredError() }, { R2Score() },
            { ExplainedVariance() },
        ]
        let shapes: [Shape] = [[2, 3], [2, 1], [3], [2, 2, 4]]
        let widths = [3, 1, 1, 4]
        for make in metrics {
            for (before, width) in zip(shapes, widths) {
                for (after, other) in zip(shapes, widths) where width != other {
                    expectWrongCall(containing: "\(other) numbers for each example after others of \(width)") {
                        let metric = make()
                        metric.update(Tensor.zeros(before), Tensor.ones(before))
                        metric.update(Tensor.zeros(after), Tensor.ones(after))
                    }
                }
            }
        }
    }

    @Test func anOddTableIsRefusedWhenItIsRestored() {
        let states: [(cells: [Double], text: String)] = [
            ([1, 2, 3], "3 numbers under 'cells', which are no square"), ([.nan, 0, 0, 0], "nan under 'cells'"),
            ([-1, 0, 0, 0], "-1.0 under 'cells', not a count"), ([0.5, 0, 0, 0], "0.5 under 'cells'"),
            ([3, 4, 0, 0], "7.0 answers under 'cells', and only 6"),
        ]
        for (cells, text) in states {
            expectError(.data, containing: "confusion: the saved state has \(text)", ";") { () throws(TensorError) in
                try ConfusionMatrix().restore(MetricState(["count": [6], "cells": cells]))
            }
        }
        expectError(.data, containing: "4 numbers under 'cells', not 3 * 3") { () throws(TensorError) in
            try Precision(classCount: 3).restore(MetricState(["count": [6], "cells": [1, 0, 0, 1]]))
        }
        expectError(.data, containing: "9 numbers under 'cells', which are no tables") { () throws(TensorError) in
            try Recall(multilabel: true).restore(
                MetricState(["count": [9], "cells": [Double](repeating: 1, count: 9)]))
        }
    }

    @Test func tablesOfOtherSizesAreNotMixed() throws {
        func filled<M: Metric>(_ metric: M, classes: Int = 2) -> M {
            metric.update(Tensor([Float](repeating: 1, count: classes), shape: [1, classes]), Tensor([1]))
            return metric
        }
        expectError(.invalidArgument, containing: "merge: tables of", "[4]", "[25]") { () throws(TensorError) in
            try filled(ConfusionMatrix()).merge(filled(ConfusionMatrix(), classes: 5))
        }
        let text = "a metric with 10 bins"
        expectError(.invalidArgument, containing: text, "another with 15 bins") { () throws(TensorError) in
            try filled(CalibrationError(bins: 10)).merge(filled(CalibrationError()))
        }
        let ten = filled(CalibrationError(bins: 10))
        let restored = CalibrationError(bins: 10)
        try restored.restore(ten.state())
        expectError(.invalidArgument, containing: text) { () throws(TensorError) in
            try restored.merge(filled(CalibrationError()))
        }
        // Into an empty one, and of the same sizes.
        let merged = CalibrationError(bins: 10)
        try merged.merge(ten)
        try merged.merge(restored)
        #expect(merged.count == 2)
        // Nor is the state of other bins taken.
        expectError(.data, containing: "10 bins, not 15") { () throws(TensorError) in
            try CalibrationError().restore(ten.state())
        }
    }

    /// One reading, however many parameters there are.
    @Test func statisticsOfParametersAreReadAtOnce() throws {
        try ObservedContext.run { observed in
            let model = Sequential([
                Linear(6, 12, generator: Generator(seed: 1)), Linear(12, 3, generator: Generator(seed: 1)),
            ])
            let statistics = ParameterStatistics()
            let trainer = Trainer(
                model: model, optimizer: SGD(model.parameters, learningRate: 0.1), loss: { crossEntropy($0, $1) },
                callbacks: [statistics])
            let data = TensorDataset(Tensor(sampleNumbers(48), shape: [8, 6]), Tensor([0, 1, 2, 0, 1, 2, 0, 1]))
            try trainer.fit(DataLoader(data, batchSize: 4))
            _ = observed.device.takeReads()
            try statistics.epochEnd(trainer, trainer.history.epochs[0])
            #expect(statistics.rows.count == 8 && observed.device.takeReads() == 1)
        }
    }
}
