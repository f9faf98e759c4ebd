import Foundation
import Needletail
import TensorRuntime

extension Chart {
    /// The chart with the areas of the plane that a model gives to each class, in their colours under what is drawn,
    /// and the boundaries between them.
    ///
    ///     try Chart("Two moons").scatter(x: x, y: y, classes: labels).decisionRegions(of: model.callAsFunction)
    ///
    /// - Parameters:
    ///   - model: gives for points `[n, 2]` a score for each class, `[n, classes]`, of which the largest wins, or one,
    ///     `[n, 1]` or `[n]`, which is above `threshold` for class 1. It is called once.
    ///   - x: the part of the plane; by default the drawn points and a margin.
    ///   - resolution: how many places along each axis are asked.
    ///   - threshold: 0 for logits, 0.5 for probabilities.
    ///   - device: where the points are made; the current device by default.
    /// - Throws: as evaluation.
    public func decisionRegions(
        of model: (Tensor) -> Tensor, x: ClosedRange<Double>? = nil, y: ClosedRange<Double>? = nil,
        resolution: Int = 150, threshold: Double = 0, device: DeviceID? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) throws(TensorError) -> Chart {
        let site = CallSite(file, line)
        guard resolution >= 2 else {
            Chart.wrong("decisionRegions", "resolution \(resolution)", remedy: "use 2 or more", site)
            return self
        }
        let points = marks.flatMap(\.extent)
        func reach(_ given: ClosedRange<Double>?, _ values: [Double]) -> [Double] {
            var range = given ?? values.finiteRange ?? -1...1
            if given == nil {
                let margin = max((range.upperBound - range.lowerBound) * 0.08, 1e-6)
                range = range.lowerBound - margin...range.upperBound + margin
            }
            return (0..<resolution).map { step in
                range.lowerBound + (range.upperBound - range.lowerBound) * Double(step) / Double(resolution - 1)
            }
        }
        let (xs, ys) = (reach(x, points.map(\.x)), reach(y, points.map(\.y)))
        let plane = ys.flatMap { y in xs.flatMap { x in [Float(x), Float(y)] } }
        let count = resolution * resolution
        let output = withNoGrad { model(Tensor(plane, shape: [count, 2], device: device)) }
        let scores = try output.plotted()
        let classes = scores.values.count / count
        guard scores.shape.first == count, scores.shape.count <= 2, classes > 0 else {
            Chart.wrong(
                "decisionRegions", "an output of shape \(output.shape) for \(count) points",
                remedy: "return [n, classes], [n, 1] or [n]", site)
            return self
        }
        let margins = Chart.margins(scores.values, count, classes, threshold)
        let fields = margins.map {
            Field(matrix: Matrix(values: $0, rows: resolution, columns: resolution), x: xs, y: ys)
        }
        var result = self
        result.marks.insert(RegionsMark(fields: fields), at: 0)
        return result
    }

    /// For each class, how much its score is above the largest of the others.
    private static func margins(_ scores: [Double], _ count: Int, _ classes: Int, _ threshold: Double) -> [[Double]] {
        guard classes > 1 else { return [scores.map { threshold - $0 }, scores.map { $0 - threshold }] }
        var result = [[Double]](repeating: [Double](repeating: 0, count: count), count: classes)
        for place in 0..<count {
            let own = scores[place * classes..<(place + 1) * classes]
            for (number, score) in own.enumerated() {
                let others = own.enumerated().lazy.filter { $0.offset != number }.map(\.element)
                result[number][place] = score - (others.max() ?? 0)
            }
        }
        return result
    }
}

/// Areas of the plane that belong to classes.
struct RegionsMark: Mark {
    /// For each class a number that is above 0 where the plane is its own.
    var fields: [Field]

    var isTight: Bool { true }
    var extent: [Point] { fields.first?.corners ?? [] }

    func draw(into scene: inout Scene, _ axes: Axes) {
        func placed(_ lines: [[Point]]) -> [[Point]] { lines.map { $0.map { axes.point($0.x, $0.y) } } }
        for (number, field) in fields.enumerated() {
            let areas = placed(Contours.areas(field.matrix, x: field.x, y: field.y, level: 0))
            if areas.isEmpty { continue }
            scene.items.append(.path(areas, isClosed: true, fill: Ink.series(number).faded(0.24), stroke: nil))
        }
        // Two classes have one boundary.
        for field in fields.count == 2 ? Array(fields.prefix(1)) : fields {
            let lines = placed(Contours.lines(field.matrix, x: field.x, y: field.y, level: 0))
            if lines.isEmpty { continue }
            scene.items.append(
                .path(lines, isClosed: false, fill: nil, stroke: Stroke(.role(.text, opacity: 0.7), 1.6)))
        }
    }
}
