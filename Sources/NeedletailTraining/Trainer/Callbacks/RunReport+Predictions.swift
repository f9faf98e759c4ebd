import Needletail
import TensorRuntime

extension RunReport {
    /// Pictures of mistakes that a page shows.
    private static let mistakeCount = 12

    /// What a classifier takes for what, and its worst mistakes. Looks at one batch after another.
    func addPredictions(_ trainer: Trainer, to report: inout Report) throws {
        guard let test, test.count > 0, trainer.models.count == 1, trainer.model is any UnaryLayer else { return }
        var (predicted, actual): ([Int], [Int]) = ([], [])
        var worst = WorstPictures(limit: RunReport.mistakeCount)
        for batch in test.epoch(0) {
            guard let found = try Prediction.all(try trainer.predict(batch.features), of: batch) else { return }
            predicted += found.map(\.said)
            actual += found.map(\.right)
            try worst.add(Prediction.worst(found), of: batch.features)
        }
        report.section("What is taken for what")
        let right = zip(predicted, actual).count { $0 == $1 }
        report.figure(
            Figure(
                [[Chart.confusion(predicted: predicted, actual: actual, classes: classes)]], width: 760,
                rowHeight: 620),
            caption: "\(actual.count) examples, \(right) of them right.")
        guard let chart = worst.chart(classes) else { return }
        let left = actual.count - right - worst.count
        report.section("Worst mistakes")
        report.figure(
            chart,
            caption: "The mistakes with the largest loss"
                + (left > 0 ? "; \(left) other mistakes are left out." : "."))
    }
}

/// The pictures of the worst mistakes so far, on the host.
private struct WorstPictures {
    let limit: Int
    private var kept: [(mistake: Prediction, pixels: [Double])] = []
    /// Of one picture.
    private var shape: [Int] = []

    init(limit: Int) { self.limit = limit }

    var count: Int { kept.count }

    /// Adds a batch's mistakes, the worst first.
    ///
    /// - Parameter features: of the whole batch. What is no picture is not kept.
    mutating func add(_ mistakes: [Prediction], of features: Tensor) throws(TensorError) {
        let bar = kept.count < limit ? -Double.infinity : kept.last?.mistake.loss ?? 0
        let better = mistakes.prefix(limit).filter { $0.loss > bar }
        guard Chart.arePictures(features), !better.isEmpty else { return }
        let places = withDeviceContext(features.context) { Tensor(better.map { Int64($0.place) }) }
        let pictures = try features.indexSelect(axis: 0, index: places).plotted()
        shape = Array(pictures.shape.dropFirst())
        let size = pictures.values.count / better.count
        for (number, mistake) in better.enumerated() {
            kept.append((mistake, Array(pictures.values[(number * size)..<((number + 1) * size)])))
        }
        // Stable where losses are the same.
        let order = kept.indices.sorted { (kept[$1].mistake.loss, $0) < (kept[$0].mistake.loss, $1) }
        kept = order.prefix(limit).map { kept[$0] }
    }

    /// Nil of no pictures.
    func chart(_ classes: [String]) -> Chart? {
        if kept.isEmpty { return nil }
        let pictures = PlotArray(values: kept.flatMap(\.pixels), shape: [kept.count] + shape)
        return Chart.images(
            pictures, captions: kept.map { $0.mistake.caption(classes) }, mistakes: kept.map { _ in true })
    }
}
