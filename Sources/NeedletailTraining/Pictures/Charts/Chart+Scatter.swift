import Foundation
import TensorRuntime

extension Chart {
    /// The chart with a dot at each point.
    ///
    /// - Parameters:
    ///   - name: what the legend says of all points; see ``scatter(x:y:classes:names:file:line:)`` for several classes.
    ///   - sizes: a number for each point, 0 or above, to which the dot's area is proportional.
    ///   - values: a number for each point, which its colour says, with a bar of colours beside the axes.
    ///   - labels: text beside each point. Where there is no room for one, it is left out.
    ///   - color: the series whose colour the dots have; by default the next one.
    public func scatter<X: PlotValues, Y: PlotValues>(
        x: X, y: Y, name: String = "", sizes: [Double] = [], values: [Double] = [], labels: [String] = [],
        color: Int? = nil, file: StaticString = #fileID, line: UInt = #line
    ) throws(Y.Failure) -> Chart where X.Failure == Y.Failure {
        let (x, y) = (try x.plotted(), try y.plotted())
        let site = CallSite(file, line)
        let points = Chart.pairs("scatter", x, y, site)
        for (what, count) in [("sizes", sizes.count), ("values", values.count), ("labels", labels.count)]
        where count > 0 && count != points.count {
            Chart.wrong("scatter", "\(count) \(what) for \(points.count) points", remedy: "pass one for each", site)
            return self
        }
        return adding(
            ScatterMark(
                points: points, name: name, ink: .series(color ?? nextSeries), shape: .circle, sizes: sizes,
                values: values, labels: labels))
    }

    /// The chart with points of several classes, each in a colour and a shape of its own.
    ///
    /// - Parameters:
    ///   - classes: each point's class, 0, 1, ...
    ///   - names: the classes' names; numbers by default.
    public func scatter<X: PlotValues, Y: PlotValues>(
        x: X, y: Y, classes: [Int], names: [String] = [], file: StaticString = #fileID, line: UInt = #line
    ) throws(Y.Failure) -> Chart where X.Failure == Y.Failure {
        let (x, y) = (try x.plotted(), try y.plotted())
        let site = CallSite(file, line)
        let points = Chart.pairs("scatter", x, y, site)
        guard classes.count == points.count else {
            Chart.wrong(
                "scatter", "\(classes.count) classes for \(points.count) points", remedy: "pass one for each", site)
            return self
        }
        guard classes.allSatisfy({ $0 >= 0 }) else {
            Chart.wrong("scatter", "class \(classes.min() ?? 0)", remedy: "number classes from 0", site)
            return self
        }
        var result = self
        for number in 0..<(max(classes.max() ?? -1, names.count - 1) + 1) {
            let own = zip(points, classes).filter { $0.1 == number }.map(\.0)
            result = result.adding(
                ScatterMark(
                    points: own, name: number < names.count ? names[number] : "\(number)", ink: .series(number),
                    shape: DotShape.allCases[number % DotShape.allCases.count]))
        }
        return result
    }

    /// The chart with arrows, each from a point by a vector: a field of gradients.
    ///
    /// - Parameter scale: how long vectors are drawn, in the axes' numbers; by default the longest is as long as points
    ///   are apart.
    public func arrows<X: PlotValues, Y: PlotValues>(
        x: X, y: Y, dx: X, dy: Y, scale: Double? = nil, color: Int? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) throws(Y.Failure) -> Chart where X.Failure == Y.Failure {
        let (x, y, dx, dy) = (try x.plotted(), try y.plotted(), try dx.plotted(), try dy.plotted())
        let site = CallSite(file, line)
        let starts = Chart.pairs("arrows", x, y, site)
        let vectors = Chart.pairs("arrows", dx, dy, site)
        guard starts.count == vectors.count else {
            Chart.wrong(
                "arrows", "\(vectors.count) vectors for \(starts.count) points", remedy: "pass one for each", site)
            return self
        }
        return adding(ArrowMark(starts: starts, vectors: vectors, scale: scale, ink: .series(color ?? nextSeries)))
    }
}

/// Shapes of dots, which tell classes apart where colours do not.
enum DotShape: Hashable, CaseIterable, Sendable {
    case circle, square, triangle, diamond

    func draw(into scene: inout Scene, _ center: Point, _ radius: Double, _ ink: Ink, rim: Stroke?) {
        func polygon(_ corners: [(Double, Double)]) {
            scene.polygon(
                corners.map { Point(center.x + $0.0 * radius, center.y + $0.1 * radius) }, ink, stroke: rim)
        }
        switch self {
        case .circle: scene.circle(center, radius, ink, stroke: rim)
        case .square: polygon([(-0.88, -0.88), (0.88, -0.88), (0.88, 0.88), (-0.88, 0.88)])
        case .triangle: polygon([(0, -1.25), (1.12, 0.8), (-1.12, 0.8)])
        case .diamond: polygon([(0, -1.3), (1.1, 0), (0, 1.3), (-1.1, 0)])
        }
    }
}

struct ScatterMark: Mark {
    var points: [Point]
    var name: String
    var ink: Ink
    var shape: DotShape
    var sizes: [Double] = []
    var values: [Double] = []
    var labels: [String] = []

    var extent: [Point] { points }
    var seriesCount: Int { 1 }
    var legend: [LegendEntry] { [LegendEntry(name: name, ink: ink, sample: .dot(shape))] }
    var colorBar: ColorBar? {
        values.finiteRange.map { ColorBar(map: .sequential, range: $0, label: "") }
    }

    var margin: Double { sizes.isEmpty ? 0.05 : 0.12 }

    /// Dots are smaller the more there are.
    private var radius: Double { points.count > 2000 ? 2.2 : points.count > 400 ? 3.4 : 5 }

    func draw(into scene: inout Scene, _ axes: Axes) {
        let opacity = points.count > 2000 ? 0.6 : 0.9
        let rim = points.count > 2000 ? nil : Stroke(.role(.background), 0.8)
        let largest = sizes.finiteRange?.upperBound ?? 0
        let range = values.finiteRange
        var taken: [Rect] = []
        for (index, pair) in points.enumerated() {
            let point = axes.point(pair.x, pair.y)
            guard point.isFinite else { continue }
            var size = radius
            if !sizes.isEmpty {
                guard sizes[index].isFinite, sizes[index] > 0 else { continue }
                size = 22 * (sizes[index] / largest).squareRoot()
            }
            var own = ink
            if let range {
                let share = (values[index] - range.lowerBound) / max(range.upperBound - range.lowerBound, 1e-300)
                guard let color = ColorMap.sequential.color(share) else { continue }
                own = .fixed(color)
            }
            shape.draw(into: &scene, point, size, own.faded(sizes.isEmpty ? opacity : 0.65), rim: rim)
            taken.append(Rect(point.x - size, point.y - size, 2 * size, 2 * size))
        }
        if !labels.isEmpty { drawLabels(into: &scene, axes, &taken) }
    }

    /// Writes each label on the first of four sides where it is on nothing else.
    private func drawLabels(into scene: inout Scene, _ axes: Axes, _ taken: inout [Rect]) {
        let size = Sizes.legend - 1
        for (pair, label) in zip(points, labels) {
            let point = axes.point(pair.x, pair.y)
            guard point.isFinite else { continue }
            let width = StrokeFont.width(of: label, size: size)
            let places = [
                Point(point.x + radius + 3, point.y + size * 0.35),
                Point(point.x - radius - 3 - width, point.y + size * 0.35),
                Point(point.x - width / 2, point.y - radius - 4),
                Point(point.x - width / 2, point.y + radius + size),
            ]
            for place in places {
                let box = Rect(place.x, place.y - size * 0.75, width, size * 0.95)
                let isInside =
                    axes.rect.contains(Point(box.x, box.y))
                    && axes.rect.contains(Point(box.right, box.bottom))
                guard isInside, !taken.contains(where: { $0.overlaps(box) }) else { continue }
                scene.text(label, place, size: size, halo: true)
                taken.append(box)
                break
            }
        }
    }
}

extension Rect {
    func overlaps(_ other: Rect) -> Bool {
        x < other.right && other.x < right && y < other.bottom && other.y < bottom
    }
}

struct ArrowMark: Mark {
    var starts: [Point]
    var vectors: [Point]
    var scale: Double?
    var ink: Ink

    var extent: [Point] { starts }
    var seriesCount: Int { 1 }

    func draw(into scene: inout Scene, _ axes: Axes) {
        let longest = vectors.lazy.map { ($0.x * $0.x + $0.y * $0.y).squareRoot() }.finiteRange?.upperBound ?? 0
        guard longest > 0 else { return }
        let (xs, ys) = (starts.lazy.map(\.x).finiteRange, starts.lazy.map(\.y).finiteRange)
        guard let xs, let ys else { return }
        // As many points would lie so far apart on an even grid.
        let side = max(xs.upperBound - xs.lowerBound, ys.upperBound - ys.lowerBound)
        let apart = side > 0 ? side / Double(starts.count).squareRoot() : longest
        let unit = scale ?? apart / longest
        for (start, vector) in zip(starts, vectors) {
            let from = axes.point(start.x, start.y)
            let to = axes.point(start.x + vector.x * unit, start.y + vector.y * unit)
            guard from.isFinite, to.isFinite else { continue }
            let (dx, dy) = (to.x - from.x, to.y - from.y)
            let length = (dx * dx + dy * dy).squareRoot()
            guard length > 0.5 else { continue }
            let head = min(9, length * 0.45)
            let (ux, uy) = (dx / length, dy / length)
            let base = Point(to.x - ux * head, to.y - uy * head)
            scene.line([from, base], Stroke(ink, 2, isRound: false))
            scene.polygon(
                [
                    to, Point(base.x - uy * head * 0.45, base.y + ux * head * 0.45),
                    Point(base.x + uy * head * 0.45, base.y - ux * head * 0.45),
                ], ink)
        }
    }
}
