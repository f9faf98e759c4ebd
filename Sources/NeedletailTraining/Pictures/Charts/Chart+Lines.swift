import TensorRuntime

extension Chart {
    /// The chart with a line through the numbers at 0, 1, 2, ...
    ///
    /// - Parameters:
    ///   - name: what the legend says; without it the line is not in the legend.
    ///   - dashed: whether the line is broken.
    ///   - color: the series whose colour it has (0, 1, ...); by default the next one.
    public func line<Y: PlotValues>(
        _ y: Y, name: String = "", dashed: Bool = false, color: Int? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) throws(Y.Failure) -> Chart {
        let y = try y.plotted()
        return self.line(Chart.places(of: y), y, name, dashed, color, CallSite(file, line))
    }

    /// The chart with a line through points. Where a number is not finite the line has a gap.
    public func line<X: PlotValues, Y: PlotValues>(
        x: X, y: Y, name: String = "", dashed: Bool = false, color: Int? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) throws(Y.Failure) -> Chart where X.Failure == Y.Failure {
        let (x, y) = (try x.plotted(), try y.plotted())
        return self.line(x, y, name, dashed, color, CallSite(file, line))
    }

    private func line(
        _ x: PlotArray, _ y: PlotArray, _ name: String, _ dashed: Bool, _ color: Int?, _ site: CallSite
    ) -> Chart {
        let points = Chart.pairs("line", x, y, site)
        return adding(LineMark(points: points, name: name, ink: .series(color ?? nextSeries), isDashed: dashed))
    }

    /// The chart with a function's line over `range`.
    public func function(
        over range: ClosedRange<Double>, name: String = "", dashed: Bool = false, color: Int? = nil,
        _ function: (Double) -> Double
    ) -> Chart {
        let (low, high) = (range.lowerBound, range.upperBound)
        let points = (0...400).map { step in
            let x = low + (high - low) * Double(step) / 400
            return Point(x, function(x))
        }
        return adding(LineMark(points: points, name: name, ink: .series(color ?? nextSeries), isDashed: dashed))
    }

    /// The chart with the area between two lines shaded, in the colour of the series added last: a standard deviation
    /// about a mean, say.
    public func band<X: PlotValues, Y: PlotValues>(
        x: X, from lower: Y, to upper: Y, name: String = "", color: Int? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) throws(Y.Failure) -> Chart where X.Failure == Y.Failure {
        let (x, lower, upper) = (try x.plotted(), try lower.plotted(), try upper.plotted())
        let site = CallSite(file, line)
        let below = Chart.pairs("band", x, lower, site)
        let above = Chart.pairs("band", x, upper, site)
        let ink = Ink.series(color ?? max(nextSeries - 1, 0))
        return adding(BandMark(below: below, above: above, name: name, ink: ink))
    }

    /// The chart with a line across it at a number: a threshold.
    ///
    /// - Parameters:
    ///   - x: where a vertical line stands.
    ///   - y: where a horizontal line lies.
    public func rule(x: Double? = nil, y: Double? = nil, name: String = "") -> Chart {
        adding(RuleMark(x: x, y: y, name: name))
    }

    /// The chart with a path of points joined by a line, its first one hollow and its last one filled: the steps of
    /// gradient descent.
    public func path<X: PlotValues, Y: PlotValues>(
        x: X, y: Y, name: String = "", color: Int? = nil, file: StaticString = #fileID, line: UInt = #line
    ) throws(Y.Failure) -> Chart where X.Failure == Y.Failure {
        let (x, y) = (try x.plotted(), try y.plotted())
        let points = Chart.pairs("path", x, y, CallSite(file, line))
        return adding(PathMark(points: points, name: name, ink: .series(color ?? nextSeries)))
    }

    /// The chart with text beside a point.
    public func note(_ text: String, x: Double, y: Double) -> Chart {
        adding(NoteMark(text: text, at: Point(x, y)))
    }
}

struct LineMark: Mark {
    var points: [Point]
    var name: String
    var ink: Ink
    var isDashed: Bool

    private var dashes: [Double] { isDashed ? [8, 6] : [] }
    var extent: [Point] { points }
    var seriesCount: Int { 1 }
    var legend: [LegendEntry] { [LegendEntry(name: name, ink: ink, sample: .line(dashes: dashes))] }

    func draw(into scene: inout Scene, _ axes: Axes) {
        for run in axes.runs(points) {
            // A number between two gaps has no line, and is seen as a dot.
            if run.count == 1 {
                scene.circle(run[0], Sizes.line, ink)
            } else {
                scene.line(run, Stroke(ink, Sizes.line, dashes: dashes, isRound: !isDashed))
            }
        }
    }

    func obstacles(_ axes: Axes) -> [Point] { Chart.along(axes.runs(points)) }
}

extension Chart {
    /// Points on lines, at most a few units apart.
    static func along(_ lines: [[Point]]) -> [Point] {
        lines.flatMap { line in
            line.prefix(1)
                + zip(line, line.dropFirst()).flatMap { a, b in
                    let count = Int(min(max(max(abs(a.x - b.x), abs(a.y - b.y)) / 6, 1), 200))
                    return (1...count).map { step in
                        let t = Double(step) / Double(count)
                        return Point(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t)
                    }
                }
        }
    }
}

struct BandMark: Mark {
    var below: [Point]
    var above: [Point]
    var name: String
    var ink: Ink

    var extent: [Point] { below + above }
    var legend: [LegendEntry] { [LegendEntry(name: name, ink: ink.faded(0.25), sample: .box)] }

    func draw(into scene: inout Scene, _ axes: Axes) {
        // Where either edge has a gap, so has the area.
        var (low, high) = ([Point](), [Point]())
        func close() {
            if low.count > 1 { scene.polygon(low + high.reversed(), ink.faded(0.22)) }
            (low, high) = ([], [])
        }
        for (a, b) in zip(below, above) {
            let (p, q) = (axes.point(a.x, a.y), axes.point(b.x, b.y))
            if p.isFinite, q.isFinite {
                low.append(p)
                high.append(q)
            } else {
                close()
            }
        }
        close()
    }
}

struct RuleMark: Mark {
    var x: Double?
    var y: Double?
    var name: String

    var extent: [Point] { [Point(x ?? .nan, y ?? .nan)] }
    var legend: [LegendEntry] { [LegendEntry(name: name, ink: .role(.muted), sample: .line(dashes: [5, 5]))] }

    func draw(into scene: inout Scene, _ axes: Axes) {
        let stroke = Stroke(.role(.muted), 2, dashes: [5, 5], isRound: false)
        if let x {
            let place = axes.rect.x + axes.x.share(x) * axes.rect.width
            scene.line([Point(place, axes.rect.y), Point(place, axes.rect.bottom)], stroke)
        }
        if let y {
            let place = axes.rect.bottom - axes.y.share(y) * axes.rect.height
            scene.line([Point(axes.rect.x, place), Point(axes.rect.right, place)], stroke)
        }
    }
}

struct PathMark: Mark {
    var points: [Point]
    var name: String
    var ink: Ink

    var extent: [Point] { points }
    var seriesCount: Int { 1 }
    var legend: [LegendEntry] { [LegendEntry(name: name, ink: ink, sample: .line(dashes: []))] }

    func draw(into scene: inout Scene, _ axes: Axes) {
        let rim = Stroke(.role(.background), 1.5)
        for run in axes.runs(points) {
            scene.line(run, Stroke(.role(.background, opacity: 0.8), Sizes.line + 3))
            scene.line(run, Stroke(ink, Sizes.line))
            if run.count <= 200 {
                for point in run.dropFirst().dropLast() { scene.circle(point, 3.2, ink, stroke: Stroke(rim.ink, 0.8)) }
            }
            scene.circle(run[0], 6, .role(.background), stroke: Stroke(ink, 2.6))
            scene.circle(run[run.count - 1], 7, ink, stroke: rim)
        }
    }

    func obstacles(_ axes: Axes) -> [Point] { Chart.along(axes.runs(points)) }
}

struct NoteMark: Mark {
    var text: String
    var at: Point

    var extent: [Point] { [at] }

    func draw(into scene: inout Scene, _ axes: Axes) {
        let point = axes.point(at.x, at.y)
        guard point.isFinite else { return }
        let width = StrokeFont.width(of: text, size: Sizes.legend)
        let isRight = point.x + Sizes.gap + width <= axes.rect.right
        let y = min(max(point.y - Sizes.gap, axes.rect.y + Sizes.legend), axes.rect.bottom - 4)
        scene.text(
            text, Point(point.x + (isRight ? Sizes.gap : -Sizes.gap), y), size: Sizes.legend, isRight ? .start : .end,
            halo: true)
    }
}
