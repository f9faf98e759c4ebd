import Foundation
import Needletail
import TensorRuntime

extension Chart {
    /// A picture of how often each class was taken for each: a row for what examples are, a column for what a model
    /// said. Cells say counts; their colours say the share of the row.
    ///
    /// - Parameters:
    ///   - counts: a matrix of counts, actual classes by predicted ones.
    ///   - classes: the classes' names; numbers by default.
    public static func confusion<V: PlotValues>(
        _ counts: V, classes: [String] = [], title: String = "", file: StaticString = #fileID, line: UInt = #line
    ) throws(V.Failure) -> Chart {
        let array = try counts.plotted()
        let chart = Chart(title, x: "predicted", y: "actual")
        guard let matrix = array.matrix, matrix.rows == matrix.columns else {
            wrong("confusion", "counts have \(array.shapeText)", remedy: "pass a square matrix", CallSite(file, line))
            return chart
        }
        let shares = (0..<matrix.rows).map { row in
            let own = (0..<matrix.columns).map { matrix[row, $0] }
            let sum = own.reduce(0, +)
            return own.map { sum > 0 ? $0 / sum : 0 }
        }
        let texts = matrix.values.map {
            $0 == 0 ? "" : $0 == $0.rounded() ? NumberText.fixed($0, 0) : NumberText.short($0)
        }
        return chart.heatMap(
            shares, rows: classes, columns: classes, colors: .counts, texts: texts, label: "share of actual",
            file: file, line: line)
    }

    /// The same, counted from the classes of examples.
    ///
    /// - Parameters:
    ///   - predicted: what a model said, 0, 1, ...; `actual` what is right.
    public static func confusion(
        predicted: [Int], actual: [Int], classes: [String] = [], title: String = "", file: StaticString = #fileID,
        line: UInt = #line
    ) -> Chart {
        guard predicted.count == actual.count, (predicted + actual).allSatisfy({ $0 >= 0 }) else {
            wrong(
                "confusion", "\(predicted.count) predictions for \(actual.count) examples",
                remedy: "pass as many, numbered from 0", CallSite(file, line))
            return Chart(title)
        }
        let count = max((predicted.max() ?? -1) + 1, (actual.max() ?? -1) + 1, classes.count)
        var counts = [[Double]](repeating: [Double](repeating: 0, count: count), count: count)
        for (said, right) in zip(predicted, actual) { counts[right][said] += 1 }
        return confusion(counts, classes: classes, title: title, file: file, line: line)
    }

    /// A picture of the examples that a model is most wrong about: those of the largest loss among its mistakes, each
    /// with what it said, how sure it was, and what is right.
    ///
    /// - Parameters:
    ///   - images: `[n, h, w]`, `[n, 1, h, w]` or `[n, 3, h, w]`; only those shown are read.
    ///   - logits: the model's scores, `[n, classes]`.
    ///   - labels: the right classes, `[n]`.
    ///   - count: how many are shown at most.
    ///   - classes: the classes' names.
    /// - Throws: as evaluation.
    public static func mistakes(
        images: Tensor, logits: Tensor, labels: Tensor, count: Int = 12, classes: [String] = [], title: String = "",
        file: StaticString = #fileID, line: UInt = #line
    ) throws(TensorError) -> Chart {
        let site = CallSite(file, line)
        guard logits.rank == 2, images.rank >= 3, labels.rank == 1, images.shape[0] == logits.shape[0],
            labels.shape[0] == logits.shape[0], count > 0
        else {
            wrong(
                "mistakes", "images \(images.shape), logits \(logits.shape), labels \(labels.shape), count \(count)",
                remedy: "pass [n, h, w], [n, classes] and [n], and a count of 1 or more", site)
            return Chart(title)
        }
        let right = try labels.scalars(as: Int64.self)
        let width = logits.shape[1]
        guard right.allSatisfy({ $0 >= 0 && $0 < width }) else {
            wrong(
                "mistakes", "labels \(right.min() ?? 0)...\(right.max() ?? 0) for \(width) classes",
                remedy: "number classes from 0", site)
            return Chart(title)
        }
        let worst = Prediction.worst(try Prediction.all(logits, right)).prefix(count)
        guard !worst.isEmpty else { return Chart.images([[[Double]]](), title: title) }
        let places = Tensor(worst.map { Int64($0.place) }, device: images.device)
        let shown = images.indexSelect(axis: 0, index: places)
        let captions = worst.map { $0.caption(classes) }
        return try Chart.images(
            shown, captions: captions, mistakes: worst.map { _ in true }, title: title, file: file, line: line)
    }

    /// A picture of a layer's weights, an image for each neuron: blue below 0, red above.
    ///
    /// - Parameters:
    ///   - weight: `[neurons, inputs]`, as a `Linear` layer's.
    ///   - width: how many inputs stand in a row of the image; the square root of their number by default.
    /// - Throws: as evaluation.
    public static func weights(
        of weight: Tensor, width: Int? = nil, captions: [String] = [], title: String = "",
        file: StaticString = #fileID, line: UInt = #line
    ) throws(TensorError) -> Chart {
        let inputs = weight.rank == 2 ? weight.shape[1] : 0
        let across = width ?? Int(Double(inputs).squareRoot().rounded())
        guard weight.rank == 2, across > 0, inputs % across == 0 else {
            wrong(
                "weights", "weight of shape \(weight.shape) in rows of \(across)",
                remedy: "pass [neurons, inputs] and a width that divides the inputs", CallSite(file, line))
            return Chart(title)
        }
        let images = try weight.detach().plotted()
        return signedImages(
            PlotArray(values: images.values, shape: [weight.shape[0], inputs / across, across]), captions: captions,
            title: title, file: file, line: line)
    }

    /// A picture of a convolution's kernels, a row for each output channel where there are several input channels.
    ///
    /// - Parameter weight: `[out, in, h, w]`.
    /// - Throws: as evaluation.
    public static func kernels(
        of weight: Tensor, title: String = "", file: StaticString = #fileID, line: UInt = #line
    ) throws(TensorError) -> Chart {
        guard weight.rank == 4 else {
            wrong(
                "kernels", "weight of shape \(weight.shape)", remedy: "pass [out, in, h, w]", CallSite(file, line))
            return Chart(title)
        }
        let images = try weight.detach().plotted()
        let (outputs, inputs) = (weight.shape[0], weight.shape[1])
        return signedImages(
            PlotArray(values: images.values, shape: [outputs * inputs, weight.shape[2], weight.shape[3]]),
            columns: inputs > 1 ? inputs : nil, title: title, file: file, line: line)
    }

    /// A picture of which words (or places) attention looks at: a row for each that looks.
    ///
    /// - Parameters:
    ///   - weights: `[queries, keys]`, whose rows sum to 1.
    ///   - queries: what looks; `keys` what is looked at, by default the same.
    public static func attention<V: PlotValues>(
        _ weights: V, queries: [String], keys: [String]? = nil, title: String = "", file: StaticString = #fileID,
        line: UInt = #line
    ) throws(V.Failure) -> Chart {
        try Chart(title, x: "looked at").heatMap(
            weights, rows: queries, columns: keys ?? queries, colors: .counts, label: "weight", file: file, line: line)
    }
}

extension PlotArray: PlotValues {
    public func plotted() -> PlotArray { self }
}

extension Figure {
    /// Images above, and below each how much each place speaks for (red) or against (blue) what a model says.
    ///
    /// - Parameters:
    ///   - images: `[n, h, w]` or `[n, channels, h, w]`.
    ///   - attributions: of the same shape, from ``Attribution``; channels are summed up.
    ///   - captions: a line below each image.
    /// - Throws: as evaluation.
    public static func attributions(
        of images: Tensor, _ attributions: Tensor, captions: [String] = [], title: String = "",
        file: StaticString = #fileID, line: UInt = #line
    ) throws(TensorError) -> Figure {
        guard images.shape == attributions.shape, images.rank == 3 || images.rank == 4 else {
            Chart.wrong(
                "attributions", of: "Figure", "images \(images.shape) and attributions \(attributions.shape)",
                remedy: "pass two of the same shape, [n, h, w] or [n, channels, h, w]", CallSite(file, line))
            return Figure([[]])
        }
        let maps = attributions.rank == 4 ? attributions.sum(axes: 1) : attributions
        let count = images.shape[0]
        let top = try Chart.images(images, captions: captions, columns: count, file: file, line: line)
        let bottom = try Chart.signedImages(maps, columns: count, scalesEach: true, file: file, line: line)
        return Figure([[top], [bottom]], title: title, width: max(460, min(Double(count) * 200, 1400)), rowHeight: 240)
    }

    /// One map for each head of an attention layer.
    ///
    /// - Parameters:
    ///   - weights: `[heads, queries, keys]`.
    ///   - columns: how many maps stand side by side.
    /// - Throws: as evaluation.
    public static func attention(
        heads weights: Tensor, queries: [String], keys: [String]? = nil, columns: Int = 2, title: String = "",
        file: StaticString = #fileID, line: UInt = #line
    ) throws(TensorError) -> Figure {
        guard weights.rank == 3, columns > 0 else {
            Chart.wrong(
                "attention", of: "Figure", "weights \(weights.shape) in \(columns) columns",
                remedy: "pass [heads, queries, keys]",
                CallSite(file, line))
            return Figure([[]])
        }
        var rows: [[Chart]] = []
        for head in 0..<weights.shape[0] {
            let chart = try Chart.attention(
                weights[head], queries: queries, keys: keys, title: "head \(head + 1)", file: file, line: line)
            if head % columns == 0 { rows.append([]) }
            rows[rows.count - 1].append(chart)
        }
        return Figure(rows, title: title)
    }
}
