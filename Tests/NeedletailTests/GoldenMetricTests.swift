import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import TestSupport
import Testing

/// Metrics against scikit-learn's (`make_golden_metrics.py`), fed in batches, merged, saved and restored.
@Suite struct GoldenMetricTests {
    static let file = GoldenFile("metrics")

    /// Feeds a part of the file in uneven batches.
    private static func feed(_ metric: any Metric, _ part: String, _ range: Range<Int>? = nil) throws {
        let outputs = try file.tensor("\(part)/\(file.has("\(part)/logits") ? "logits" : "outputs")")
        let labels = try file.tensor("\(part)/labels")
        let range = range ?? 0..<labels.shape[0]
        var start = range.lowerBound
        for size in [17, range.count] {
            let count = min(size, range.upperBound - start)
            if count == 0 { break }
            metric.update(
                outputs.narrow(axis: 0, start: start, count: count), labels.narrow(axis: 0, start: start, count: count))
            start += count
        }
    }

    private func check<Kind: SummedMetric>(
        _ name: String, on device: GraphDevice, relative: Double = 2e-6, _ make: () -> Kind,
        reading read: (Kind) throws -> [Double] = { [try $0.value() ?? .nan] }
    ) throws {
        let part = String(name.prefix { $0 != "/" })
        let expected = try Self.file.numbers(name)
        let tolerance = GoldenTolerance(
            relative: relative, absolute: relative / 10, normalizedSquare: relative * relative)
        try device.run { _ in
            let whole = make()
            try Self.feed(whole, part)
            expectGolden(try read(whole), expected, "\(name) on \(device)", tolerance)
            // What follows is the host's, or has no kernels of its own.
            if device != .cpu { return }
            // In two, which are merged: on the device, and with one that was saved.
            let (first, second, restored, merged) = (make(), make(), make(), make())
            try Self.feed(first, part, 0..<30)
            try Self.feed(second, part, 30..<(try Self.file.tensor("\(part)/labels").shape[0]))
            try restored.restore(first.state())
            #expect(try restored.state() == first.state())
            try merged.restore(second.state())
            try merged.merge(first)
            expectGolden(try read(merged), expected, "\(name) merged with a saved one", tolerance)
            try first.merge(second)
            expectGolden(try read(first), expected, "\(name) merged", tolerance)
            // Goes on from what was saved.
            try Self.feed(restored, part, 30..<(try Self.file.tensor("\(part)/labels").shape[0]))
            expectGolden(try read(restored), expected, "\(name) restored", tolerance)
            whole.reset()
            #expect(try whole.value() == nil)
            try Self.feed(whole, part)
            expectGolden(try read(whole), expected, "\(name) after a reset", tolerance)
        }
    }

    @Test(arguments: GraphDevice.wanted) func accuraciesOfClasses(_ device: GraphDevice) throws {
        try check("classes/accuracy", on: device) { Accuracy() }
        try check("classes/accuracy_without_2", on: device) { Accuracy(ignoredIndex: 2) }
        for k in 1...3 { try check("classes/top\(k)", on: device) { TopKAccuracy(k) } }
        try check("binary/accuracy", on: device) { Accuracy() }
        try check("labels/hamming", on: device) { MultilabelAccuracy() }
        try check("labels/exact", on: device) { MultilabelAccuracy(.exactMatch) }
    }

    @Test(arguments: GraphDevice.wanted) func confusionAndWhatFollowsFromIt(_ device: GraphDevice) throws {
        try check(
            "classes/confusion", on: device, { ConfusionMatrix() },
            reading: {
                try $0.counts().flatMap { $0.map(Double.init) }
            })
        let modes: [(String, ConfusionMatrix.Normalization)] = [("true", .actual), ("pred", .predicted), ("all", .all)]
        for (name, mode) in modes {
            try check(
                "classes/confusion_\(name)", on: device, { ConfusionMatrix() },
                reading: {
                    try $0.shares(of: mode).flatMap { $0 }
                })
        }
        try check("classes/accuracy", on: device) { ConfusionMatrix() }
        try check("classes/matthews", on: device) { MatthewsCorrelation() }
        try check("binary/matthews", on: device) { MatthewsCorrelation() }
        let weights: [(String, CohensKappa.Weights)] = [
            ("none", .none), ("linear", .linear), ("quadratic", .quadratic),
        ]
        for (name, weight) in weights {
            try check("classes/kappa_\(name)", on: device) { CohensKappa(weights: weight) }
        }
    }

    @Test func precisionRecallAndFBetaOfClasses() throws {
        let averages: [(String, ClassAverage)] = [("micro", .micro), ("macro", .macro), ("weighted", .weighted)]
        for zero in [0.0, 1.0] {
            for (name, average) in averages {
                let key = "\(name)_\(Int(zero))"
                try check("classes/precision_\(key)", on: .cpu) { Precision(average: average, zeroDivision: zero) }
                try check("classes/recall_\(key)", on: .cpu) { Recall(average: average, zeroDivision: zero) }
                try check("classes/f1_\(key)", on: .cpu) { FBeta(average: average, zeroDivision: zero) }
                try check("classes/f2_\(key)", on: .cpu) { FBeta(2, average: average, zeroDivision: zero) }
            }
            let key = "each_\(Int(zero))"
            try check(
                "classes/precision_\(key)", on: .cpu, { Precision(zeroDivision: zero) },
                reading: { try $0.values() ?? [] })
            try check(
                "classes/recall_\(key)", on: .cpu, { Recall(zeroDivision: zero) }, reading: { try $0.values() ?? [] })
            try check("classes/f1_\(key)", on: .cpu, { FBeta(zeroDivision: zero) }, reading: { try $0.values() ?? [] })
            try check(
                "classes/f2_\(key)", on: .cpu, { FBeta(2, zeroDivision: zero) }, reading: { try $0.values() ?? [] })
        }
        try check("binary/precision", on: .cpu) { Precision() }
        try check("binary/recall", on: .cpu) { Recall() }
        try check("binary/f1", on: .cpu) { FBeta() }
    }

    @Test func precisionRecallAndFBetaOfLabels() throws {
        let averages: [(String, ClassAverage)] = [("micro", .micro), ("macro", .macro), ("weighted", .weighted)]
        for (name, average) in averages {
            try check("labels/precision_\(name)", on: .cpu) { Precision(average: average, multilabel: true) }
            try check("labels/recall_\(name)", on: .cpu) { Recall(average: average, multilabel: true) }
            try check("labels/f1_\(name)", on: .cpu) { FBeta(average: average, multilabel: true) }
        }
        try check(
            "labels/precision_each", on: .cpu, { Precision(multilabel: true) }, reading: { try $0.values() ?? [] })
        try check("labels/recall_each", on: .cpu, { Recall(multilabel: true) }, reading: { try $0.values() ?? [] })
        try check("labels/f1_each", on: .cpu, { FBeta(multilabel: true) }, reading: { try $0.values() ?? [] })
    }

    @Test(arguments: GraphDevice.wanted) func likelihoodAndCalibration(_ device: GraphDevice) throws {
        try check("classes/perplexity", on: device) { Perplexity() }
        try check("classes/perplexity_without_2", on: device) { Perplexity(ignoredIndex: 2) }
        try check("classes/ece10", on: device) { CalibrationError(bins: 10) }
    }

    @Test(arguments: GraphDevice.wanted) func regressions(_ device: GraphDevice) throws {
        // A mean of 1000 in float32, of labels that are 1 apart, has 4 digits of their distances.
        let spread = 5e-5
        try check("regression/mae", on: device) { MeanAbsoluteError() }
        try check("regression/mae_each", on: device, { MeanAbsoluteError() }, reading: { try $0.values() ?? [] })
        try check("regression/mse", on: device) { MeanSquaredError() }
        try check("regression/mse_each", on: device, { MeanSquaredError() }, reading: { try $0.values() ?? [] })
        try check("regression/rmse", on: device) { RootMeanSquaredError() }
        try check("regression/r2", on: device, relative: spread) { R2Score() }
        try check("regression/r2_each", on: device, relative: spread, { R2Score() }, reading: { try $0.values() ?? [] })
        try check("regression/explained", on: device, relative: spread) { ExplainedVariance() }
        try check(
            "regression/explained_each", on: device, relative: spread, { ExplainedVariance() },
            reading: { try $0.values() ?? [] })
    }

    @Test(arguments: GraphDevice.wanted) func curvesAndTheirAreas(_ device: GraphDevice) throws {
        try device.run { _ in
            // Rounding can turn the order of two probabilities, which is one step of a curve.
            let tolerance = GoldenTolerance(relative: 1e-4, absolute: 1e-6, normalizedSquare: 1e-8)
            func expect(_ found: [Double], _ name: String) throws {
                expectGolden(found, try Self.file.numbers(name), "\(name) on \(device)", tolerance)
            }
            for part in ["binary", "classes"] {
                let (roc, first, second) = (ROCCurve(), ROCCurve(), ROCCurve())
                let curve = PrecisionRecallCurve()
                let count = try Self.file.tensor("\(part)/labels").shape[0]
                try Self.feed(roc, part)
                try Self.feed(curve, part)
                try expect([try roc.value() ?? .nan], "\(part)/auc")
                try expect([try curve.value() ?? .nan], "\(part)/ap")
                try Self.feed(first, part, 0..<30)
                try Self.feed(second, part, 30..<count)
                try first.restore(first.state())
                try second.merge(first)
                try expect([try second.value() ?? .nan], "\(part)/auc")
                #expect(second.count == count)
                #expect(try second.state().numbers["classes"]?.count == count)
                second.reset()
                #expect(try second.value() == nil && second.points().isEmpty)
                if part == "classes" { continue }
                try expect(try roc.points().map(\.falsePositiveRate), "binary/fpr")
                try expect(try roc.points().map(\.truePositiveRate), "binary/tpr")
                try expect(try curve.points().map(\.precision), "binary/pr_precision")
                try expect(try curve.points().map(\.recall), "binary/pr_recall")
                // Of two columns, and turned to the other class.
                let two = ROCCurve()
                let logits = try Self.file.tensor("binary/logits")
                two.update(
                    Tensor.stack([Tensor.zerosLike(logits), logits], axis: -1), try Self.file.tensor("binary/labels"))
                #expect(try two.value() == roc.value() && two.area(of: 0) == roc.area(of: 0))
                #expect(abs(try two.area(of: 0)! - roc.area(of: 1)!) < 1e-12)
            }
        }
    }
}
