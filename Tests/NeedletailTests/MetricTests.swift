import Foundation
import Needletail
import NeedletailTraining
import TensorGraph
import TensorRuntime
import TestSupport
import Testing

/// Metrics: what they take, what they refuse, what they cost.
@Suite struct MetricTests {
    private static let logits = Tensor([[2, 1, 0], [0, 3, 1], [1, 0, 2], [5, 1, 1]] as [[Float]])

    // MARK: Edges

    /// A label that is ignored is asked for before floats are taken for classes.
    @Test func anIgnoredFloatLabelIsNotCounted() throws {
        let outputs = Tensor([2, 3] as [Float])
        let labels = Tensor([-1, 1] as [Float])
        let accuracy = Accuracy(ignoredIndex: -1)
        accuracy.update(outputs, labels)
        #expect(try accuracy.value() == 1)
        let confusion = ConfusionMatrix(ignoredIndex: -1)
        confusion.update(outputs, labels)
        #expect(try confusion.counts() == [[0, 0], [0, 1]])
    }

    /// As of scores and of tables.
    @Test func anIgnoredFloatLabelIsInNoCurve() throws {
        let curve = ROCCurve(ignoredIndex: -1)
        curve.update(Tensor([4, 3, 1] as [Float]), Tensor([-1, 1, 0] as [Float]))
        #expect(try curve.value() == 1)
    }

    /// A saved state that was tampered with, or is another metric's.
    @Test func aStateThatDoesNotFitIsAnError() throws {
        for cells in [[], [1, 2, 3], [.nan, 0, 0, 0], [-1, 0, 0, 0], [0.5, 0, 0, 0]] as [[Double]] {
            #expect(throws: TensorError.self, "\(cells)") {
                let matrix = ConfusionMatrix()
                try matrix.restore(MetricState(["count": [1], "cells": cells]))
                _ = try matrix.value()
            }
        }
        #expect(throws: TensorError.self) {
            try Accuracy().restore(MetricState(["count": [3], "sum": []]))
        }
        #expect(throws: TensorError.self) {
            let accuracy = Accuracy()
            try accuracy.restore(MetricState(["count": [3], "sum": [1, 2]]))
            accuracy.update(Tensor([[1, 2]] as [[Float]]), Tensor([1]))
            _ = try accuracy.value()
        }
        #expect(throws: TensorError.self) {
            let fifteen = CalibrationError(bins: 15)
            fifteen.update(Tensor([[1, 2]] as [[Float]]), Tensor([1]))
            let ten = CalibrationError(bins: 10)
            try ten.restore(try fifteen.state())
            _ = try ten.value()
        }
    }

    @Test func nothingIsNoNumber() throws {
        let metrics: [any Metric] = [
            MeanMetric(), Accuracy(), TopKAccuracy(), MultilabelAccuracy(), Precision(), Recall(), FBeta(),
            ConfusionMatrix(), MatthewsCorrelation(), CohensKappa(), MeanAbsoluteError(), MeanSquaredError(),
            RootMeanSquaredError(), R2Score(), ExplainedVariance(), Perplexity(), CalibrationError(), ROCCurve(),
            PrecisionRecallCurve(),
        ]
        for metric in metrics {
            #expect(try metric.value() == nil, "\(metric.name)")
            let state = try metric.state()
            try metric.restore(state)
            #expect(try metric.value() == nil && metric.state() == state, "\(metric.name)")
            expectError(.data, containing: metric.name) { () throws(TensorError) in
                try metric.restore(MetricState(["count": [-1], "width": [0.5]]))
            }
        }
        #expect(Set(metrics.map(\.name)).count == metrics.count)
        #expect(try ConfusionMatrix().counts().isEmpty)
    }

    @Test func ignoredExamplesAreNotCounted() throws {
        let padded = Tensor([0, -100, 2, -100])
        let metrics: [any Metric] = [
            Accuracy(ignoredIndex: -100), TopKAccuracy(1, ignoredIndex: -100),
            ConfusionMatrix(ignoredIndex: -100), Recall(average: .micro, ignoredIndex: -100),
        ]
        for metric in metrics {
            metric.update(Self.logits, padded)
            #expect(try metric.value() == 1, "\(metric.name)")
            metric.reset()
            metric.update(Self.logits, Tensor([-100, -100, -100, -100]))
            #expect(try metric.value() == nil, "\(metric.name)")
        }
        let curve = ROCCurve(ignoredIndex: -1)
        curve.update(Tensor([3, 9, 1, -9] as [Float]), Tensor([1, -1, 0, -1]))
        #expect(try curve.value() == 1)
        // One class alone has no curve.
        curve.reset()
        curve.update(Tensor([3, 9] as [Float]), Tensor([1, 1]))
        #expect(try curve.value() == nil)
    }

    @Test func classesThatWereSaidAreTakenAsTheyAre() throws {
        let (said, right) = (Tensor([2, 0, 1, 1]), Tensor([2, 1, 1, 0]))
        let accuracy = Accuracy()
        accuracy.update(said, right)
        #expect(try accuracy.value() == 0.5)
        let confusion = ConfusionMatrix(classCount: 3)
        confusion.update(said, right)
        #expect(try confusion.counts() == [[0, 1, 0], [1, 1, 0], [0, 0, 1]])
        let binary = ConfusionMatrix()
        binary.update(Tensor([[0.7], [-2]] as [[Float]]), Tensor([[1], [1]] as [[Float]]))
        #expect(try binary.counts() == [[0, 0], [1, 1]])
        let probabilities = Accuracy(threshold: 0.5)
        probabilities.update(Tensor([0.4, 0.6] as [Float]), Tensor([0, 1] as [Float]))
        #expect(try probabilities.value() == 1)
    }

    @Test func manyClassesAreScattered() throws {
        let confusion = ConfusionMatrix(classCount: 40, ignoredIndex: -1)
        confusion.update(Tensor([39, 7, 7, 3]), Tensor([39, 7, 0, -1]))
        confusion.update(Tensor([7, 0, 0, 0]), Tensor([7, -1, -1, -1]))
        let counts = try confusion.counts()
        #expect(counts[39][39] == 1 && counts[7][7] == 2 && counts[0][7] == 1)
        #expect(counts.flatMap { $0 }.reduce(0, +) == 4)
    }

    @Test func oneOfKWithTiesAndNaN() throws {
        let logits = Tensor([[1, 1, 0], [1, 1, 0], [.nan, 2, 1], [.nan, 2, 1]] as [[Float]])
        let top = TopKAccuracy(1)
        // Of equal ones the first is the larger; a NaN is never right, and hides nobody.
        top.update(logits, Tensor([0, 1, 0, 1]))
        #expect(try top.value() == 0.5)
    }

    @Test func sameLabelsHaveNoSpread() throws {
        let (r2, explained) = (R2Score(), ExplainedVariance())
        let labels = Tensor([2, 2, 2] as [Float])
        r2.update(labels, labels)
        explained.update(labels + 1, labels)
        #expect(try r2.value() == 1 && explained.value() == 1)
        r2.update(labels + 1, labels)
        #expect(try r2.value() == 0)
        let one = R2Score()
        one.update(Tensor([1] as [Float]), Tensor([2] as [Float]))
        #expect(try one.value() == nil)
    }

    @Test func aMeanOfAFunctionWeighsBatches() throws {
        let metric = MeanMetric("largest error") { ($0 - $1).abs().max() }
        metric.update(Tensor([1, 2, 3] as [Float]), Tensor([1, 2, 5] as [Float]))
        metric.update(Tensor([1] as [Float]), Tensor([7] as [Float]))
        #expect(try metric.value() == 3)
        expectWrongCall(containing: "MeanMetric(\"all\"): the function gives a tensor of shape [2]") {
            MeanMetric("all") { output, _ in output }.update(Tensor.ones([2]), Tensor.ones([2]))
        }
    }

    @Test func aMetricOfOnesOwnIsAFewLines() throws {
        final class Recognized: SummedMetric {
            let name = "recognized"
            let sums = MetricSums("right")

            func add(_ outputs: Tensor, _ labels: Tensor, file: StaticString, line: UInt) {
                sums.add((outputs.argmax(-1) .== labels).sum(), count: labels.elementCount)
            }

            func value() throws(TensorError) -> Double? { try sums.numbers().map { $0[0][0] / Double(count) } }
        }
        let (metric, other) = (Recognized(), Recognized())
        metric.update(Self.logits, Tensor([0, 1, 2, 2]))
        try other.restore(metric.state())
        other.update(Self.logits, Tensor([0, 1, 2, 0]))
        #expect(try other.value() == 7 / 8)
    }

    // MARK: Wrong calls

    @Test func shapesAndClassesAreChecked() throws {
        let wrong: [(text: String, body: () -> Void)] = [
            ("Accuracy: logits [4, 3], classes [3]", { Accuracy().update(Self.logits, Tensor([1, 2, 0])) }),
            (
                "TopKAccuracy: logits float32[4, 3], classes float32[4]",
                {
                    TopKAccuracy().update(Self.logits, Tensor.ones([4]))
                }
            ),
            ("TopKAccuracy: label 3 is outside 0..<3", { TopKAccuracy().update(Self.logits, Tensor([0, 1, 2, 3])) }),
            ("TopKAccuracy: k is 0", { _ = TopKAccuracy(0) }),
            (
                "ConfusionMatrix: label -1 is outside 0..<3",
                {
                    ConfusionMatrix().update(Self.logits, Tensor([0, 1, 2, -1]))
                }
            ),
            (
                "ConfusionMatrix: predicted class 5 is outside 0..<3",
                {
                    ConfusionMatrix(classCount: 3).update(Tensor([5]), Tensor([0]))
                }
            ),
            ("pass classCount:", { Precision().update(Tensor([0]), Tensor([0])) }),
            ("classCount is 4", { Recall(classCount: 4).update(Self.logits, Tensor([0, 1, 2, 0])) }),
            (
                "FBeta: outputs [4, 3], labels [4]",
                {
                    FBeta(multilabel: true).update(Self.logits, Tensor([0, 1, 2, 0]))
                }
            ),
            ("FBeta: beta is -1.0", { _ = FBeta(-1) }),
            (
                "MultilabelAccuracy: outputs [], labels []",
                {
                    MultilabelAccuracy().update(Tensor(Float(1)), Tensor(Float(1)))
                }
            ),
            (
                "MeanSquaredError: outputs [4, 3], labels [4]",
                {
                    MeanSquaredError().update(Self.logits, Tensor.ones([4]))
                }
            ),
            ("CalibrationError: 0 bins", { _ = CalibrationError(bins: 0) }),
            ("ROCCurve: scores are int64", { ROCCurve().update(Tensor([1, 0]), Tensor([1, 0])) }),
            (
                "after others of another number",
                {
                    let confusion = ConfusionMatrix()
                    confusion.update(Self.logits, Tensor([0, 1, 2, 0]))
                    confusion.update(Tensor.ones([2, 4]), Tensor([0, 1]))
                }
            ),
            (
                "after others of another number",
                {
                    let curve = PrecisionRecallCurve()
                    curve.update(Self.logits, Tensor([0, 1, 2, 0]))
                    curve.update(Tensor.ones([2, 4]), Tensor([0, 1]))
                }
            ),
        ]
        for (text, body) in wrong { expectWrongCall(containing: text, body: body) }
    }

    @Test func computedClassesOutOfRangeThrowWhenTheMetricIsRead() throws {
        let computed = Tensor([0, 1, 2, 2]) + Tensor([0, 0, 0, 7])
        let metrics: [any Metric] = [ConfusionMatrix(), TopKAccuracy(), Perplexity()]
        for metric in metrics {
            metric.update(Self.logits, computed)
            expectError(.invalidArgument, containing: "a label that was computed is outside 0..<3") {
                () throws(TensorError) in try metric.value()
            }
        }
    }

    @Test func savedStatesOfOtherMetricsAreRefused() throws {
        let accuracy = Accuracy()
        expectError(.data, containing: "accuracy", "'sum'") { () throws(TensorError) in
            try accuracy.restore(MetricState(["count": [3]]))
        }
        expectError(.data, containing: "'count'", "2.5") { () throws(TensorError) in
            try accuracy.restore(MetricState(["count": [2.5], "sum": [1]]))
        }
        let curve = ROCCurve()
        expectError(.data, containing: "class 2.0 of 1") { () throws(TensorError) in
            try curve.restore(MetricState(["width": [1], "scores": [1], "classes": [2]]))
        }
        expectError(.data, containing: "'scores'") { () throws(TensorError) in
            try curve.restore(MetricState(["width": [4e18], "scores": [1], "classes": [1, 1, 1]]))
        }
    }

    // MARK: What they cost

    /// Launches of ten steps of a small classifier, once plans are there.
    private func launches(on device: GraphDevice, _ metrics: [any Metric], batchSize: Int = 32) throws -> Int {
        try device.run { context in
            let training = SmallTraining(
                examples: 5 * batchSize, features: 60, hidden: 16, batchSize: batchSize)
            func update(_ step: SmallTraining.Step) {
                for metric in metrics { metric.update(step.logits, step.labels) }
            }
            try training.run(6, between: update)
            try context.flushAll()
            let before = context.statistics
            try training.run(10, from: 6, between: update)
            try context.flushAll()
            let spent = context.statistics - before
            #expect(spent.plansBuilt == 0)
            for metric in metrics { #expect(try metric.value() != nil) }
            return spent.launches
        }
    }

    @Test(arguments: GraphDevice.wanted) func accuracyAndConfusionAddAtMostOneLaunchAStep(_ device: GraphDevice) throws
    {
        let bare = try launches(on: device, [])
        let measured = try launches(on: device, [Accuracy(), ConfusionMatrix()])
        #expect(measured <= bare + 10, "\(measured) launches in ten steps, \(bare) without metrics")
    }

    /// Tables of several metrics are equally wide, and so one kernel. OpenCL on a processor takes its sums over a batch out of a row kernel
    /// of much work: of a small batch the loss's alone is not yet one, so that there the batch is larger.
    @Test(arguments: GraphDevice.wanted) func tablesOfSeveralMetricsAddOneLaunchAStep(_ device: GraphDevice) throws {
        let batchSize = device == .opencl ? 128 : 32
        let bare = try launches(on: device, [], batchSize: batchSize)
        for bins in [15, 16, 50] {
            let metrics: [any Metric] = [FBeta(), Perplexity(), CalibrationError(bins: bins)]
            let measured = try launches(on: device, metrics, batchSize: batchSize)
            #expect(measured <= bare + 10, "\(measured) launches in ten steps, \(bare) without metrics")
        }
    }

    /// A confidence that is no number is counted, and shows.
    @Test(arguments: GraphDevice.wanted) func aConfidenceThatIsNoNumberShows(_ device: GraphDevice) throws {
        try device.run { _ in
            let error = CalibrationError(bins: 4, ignoredIndex: 9)
            let logits = Tensor([[3, 0], [.nan, 0], [.infinity, 0], [0, .nan]] as [[Float]])
            error.update(logits, Tensor([0, 0, 1, 9]))
            #expect(try error.value()?.isNaN == true)
            let bins = try error.diagram()
            #expect(bins.map(\.count) == [2, 0, 0, 1] && bins[0].confidence.isNaN && !bins[3].confidence.isNaN)
            // Where it is ignored, it does not.
            error.reset()
            error.update(logits, Tensor([0, 9, 9, 9]))
            #expect(try error.value()?.isNaN == false)
        }
    }

    @Test func metricsThatCountOtherwiseAreNotMerged() throws {
        let logits = Tensor(sampleNumbers(10, seed: 4), shape: [5, 2])
        let labels = Tensor([0, 1, 1, 0, 1])
        func check<Kind: SummedMetric>(_ own: Kind, _ other: Kind, _ same: Kind, _ text: String) throws {
            for metric in [other, same] { metric.update(logits, labels) }
            // Whether it has seen something or nothing.
            for _ in 0..<2 {
                let error = #expect(throws: TensorError.self) { try own.merge(other) }
                #expect(error?.kind == .invalidArgument && error?.message.contains(text) == true, "\(error as Any)")
                try own.merge(same)
            }
            #expect(own.count == 10)
        }
        try check(CalibrationError(bins: 15), CalibrationError(bins: 10), CalibrationError(bins: 15), "10 bins")
        try check(TopKAccuracy(2), TopKAccuracy(1), TopKAccuracy(2), "k 1")
        try check(Accuracy(), Accuracy(threshold: 0.5), Accuracy(), "threshold 0.5")
        try check(Accuracy(ignoredIndex: 7), Accuracy(ignoredIndex: 8), Accuracy(ignoredIndex: 7), "ignoredIndex 8")
        try check(FBeta(), FBeta(threshold: 0.5), FBeta(), "threshold 0.5")
        // A saved state says it as well.
        let ten = CalibrationError(bins: 10)
        ten.update(logits, labels)
        let error = #expect(throws: TensorError.self) { try CalibrationError(bins: 15).restore(try ten.state()) }
        #expect(error?.message.contains("10 bins, not 15") == true)
    }

    /// Of few classes, tables are wider than there are cells: what is behind those is nowhere seen, nor saved.
    @Test func whatMakesTablesEquallyWideIsNotSeen() throws {
        let labels = Tensor([0, 1, 1, 0, 1])
        let logits = Tensor(sampleNumbers(10, seed: 4), shape: [5, 2])
        let (confusion, error) = (ConfusionMatrix(ignoredIndex: 7), CalibrationError(bins: 3))
        for metric in [confusion, error] as [any Metric] { metric.update(logits, labels) }
        #expect(try confusion.counts().flatMap { $0 }.reduce(0, +) == 5 && confusion.counts().count == 2)
        #expect(try error.diagram().count == 3 && error.diagram().map(\.count).reduce(0, +) == 5)
        #expect(try confusion.state().numbers["cells"]?.count == 4)
        let saved = try error.state()
        #expect(Set(saved.numbers.keys) == ["count", "examples", "confidence", "confidence_rest", "right"])
        #expect(saved.numbers.filter { $0.key != "count" }.allSatisfy { $0.value.count == 3 })
        // A restored one goes on bit for bit.
        let (otherConfusion, otherError) = (ConfusionMatrix(ignoredIndex: 7), CalibrationError(bins: 3))
        try otherConfusion.restore(try confusion.state())
        try otherError.restore(saved)
        for metric in [confusion, otherConfusion, error, otherError] as [any Metric] { metric.update(logits, labels) }
        #expect(try otherConfusion.state() == confusion.state() && otherError.state() == error.state())
        try otherError.merge(error)
        #expect(try otherError.diagram().map(\.count).reduce(0, +) == 20)
    }

    @Test(arguments: GraphDevice.wanted) func aCapturedGraphGoesOnAdding(_ device: GraphDevice) throws {
        try device.run { _ in
            let labels = Tensor([0, 1, 1, 0])
            func make() -> [any Metric] { [Accuracy(ignoredIndex: 2), ConfusionMatrix(), Perplexity()] }
            let (plain, captured) = (make(), make())
            let batches = (0..<4).map { Tensor(sampleNumbers(12, seed: UInt64($0)), shape: [4, 3]) }
            for metric in plain + captured { metric.update(batches[3], labels) }
            let graph = Accelerator.Graph()
            let x = try graph.input(like: batches[0])
            try graph.capture { for metric in captured { metric.update(x.value, labels) } }
            for batch in batches {
                for metric in plain { metric.update(batch, labels) }
                try x.set(batch)
                try graph.replay()
            }
            for (a, b) in zip(plain, captured) { #expect(try a.state() == b.state(), "\(a.name)") }
            let curve = ROCCurve()
            expectError(.invalidArgument, containing: "ROCCurve keeps the scores of every example") {
                () throws(TensorError) in
                do {
                    try Accelerator.Graph().capture { curve.update(batches[0], labels) }
                } catch let error as TensorError {
                    throw error
                } catch {
                    Issue.record(error)
                }
            }
        }
    }
}
