import Foundation
import TensorRuntime

extension Chart {
    /// The chart with a bar for each name. A second call with the same names groups its bars beside the first.
    ///
    /// - Parameters:
    ///   - names: what stands at the bars.
    ///   - values: a number for each name.
    ///   - name: what the legend says.
    ///   - horizontal: whether bars lie, the first on top: for many or long names.
    public func bars<Y: PlotValues>(
        _ names: [String], _ values: Y, name: String = "", horizontal: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) throws(Y.Failure) -> Chart {
        let values = try values.plotted()
        let site = CallSite(file, line)
        guard !values.isRagged, values.shape.count <= 1, values.values.count == names.count else {
            Chart.wrong(
                "bars", "\(names.count) names for values of \(values.shapeText)", remedy: "pass a number for each name",
                site)
            return self
        }
        let series = BarMark.Series(values: values.values, name: name, ink: .series(nextSeries))
        var result = self
        if let place = marks.firstIndex(where: { $0 is BarMark }), var mark = marks[place] as? BarMark {
            let known = mark.isHorizontal ? yCategories : xCategories
            guard known == names, mark.isHorizontal == horizontal else {
                Chart.wrong(
                    "bars", "names \(names) beside bars of \(known)",
                    remedy: "use the same names in the same direction",
                    site)
                return self
            }
            mark.series.append(series)
            result.marks[place] = mark
            return result
        }
        if horizontal { result.yCategories = names } else { result.xCategories = names }
        result.isReversed = horizontal
        return result.adding(BarMark(series: [series], isHorizontal: horizontal))
    }

    /// The chart with bars that count how many numbers lie in each of `bins` intervals of one width.
    ///
    /// - Parameters:
    ///   - bins: how many intervals; by default as many as the rule of Freedman and Diaconis says, at least those of
    ///     Sturges, at most 100, as numpy's "auto" of
    ///     [histogram](https://numpy.org/doc/stable/reference/generated/numpy.histogram_bin_edges.html).
    public func histogram<Y: PlotValues>(
        _ values: Y, bins: Int? = nil, name: String = "", file: StaticString = #fileID, line: UInt = #line
    ) throws(Y.Failure) -> Chart {
        let values = try values.plotted().values
        if let bins, bins < 1 {
            Chart.wrong("histogram", "\(bins) bins", remedy: "use 1 or more", CallSite(file, line))
            return self
        }
        let (edges, counts) = Histogram.counts(values, bins: bins)
        return adding(HistogramMark(edges: edges, counts: counts, name: name, ink: .series(nextSeries)))
    }

    /// The chart with a box for each row of numbers: quartiles, the median across, and whiskers to the last number
    /// within 1.5 times the box; what lies beyond stands as dots.
    ///
    /// Source: Tukey, Exploratory Data Analysis, 1977; as
    /// [matplotlib](https://matplotlib.org/stable/api/_as_gen/matplotlib.pyplot.boxplot.html) draws it.
    public func boxes(
        _ names: [String], _ rows: [[Double]], file: StaticString = #fileID, line: UInt = #line
    ) -> Chart {
        guard names.count == rows.count else {
            Chart.wrong(
                "boxes", "\(names.count) names for \(rows.count) rows", remedy: "pass a name for each",
                CallSite(file, line))
            return self
        }
        var result = self
        result.xCategories = names
        return result.adding(BoxMark(boxes: rows.map(FiveNumbers.init), ink: .series(nextSeries)))
    }
}

struct BarMark: Mark {
    struct Series: Sendable {
        var values: [Double]
        var name: String
        var ink: Ink
    }

    var series: [Series]
    var isHorizontal: Bool

    /// Whether each bar says its number.
    private var saysValues: Bool { series.reduce(0) { $0 + $1.values.count } <= 12 }
    var seriesCount: Int { series.count }
    var legend: [LegendEntry] { series.map { LegendEntry(name: $0.name, ink: $0.ink, sample: .box) } }

    var standsOnZero: Bool { true }
    var extent: [Point] {
        let values = series.flatMap(\.values) + [0]
        let range = values.finiteRange ?? 0...0
        let room = saysValues ? (range.upperBound - range.lowerBound) * (isHorizontal ? 0.2 : 0.08) : 0
        return series.flatMap { row in
            row.values.enumerated().flatMap { place, value -> [Point] in
                guard value.isFinite else { return [] }
                // Room for the number at the bar's end.
                let ends = [0, value < 0 ? value - room : value + room]
                return ends.map { isHorizontal ? Point($0, Double(place)) : Point(Double(place), $0) }
            }
        }
    }

    private func boxes(_ axes: Axes) -> [(series: Int, value: Double, box: Rect)] {
        let thickness = 0.76 / Double(series.count)
        var result: [(series: Int, value: Double, box: Rect)] = []
        for (index, row) in series.enumerated() {
            for (place, value) in row.values.enumerated() where value.isFinite {
                let start = Double(place) - 0.38 + thickness * Double(index)
                let across = start...start + thickness
                // A logarithmic axis has no 0: bars begin where it does.
                let axis = isHorizontal ? axes.x : axes.y
                let zero = axis.scale == .logarithmic ? axis.low : 0
                guard axis.scale == .linear || value > 0 else { continue }
                let along = min(zero, value)...max(zero, value)
                result.append((index, value, isHorizontal ? axes.box(along, across) : axes.box(across, along)))
            }
        }
        return result
    }

    func draw(into scene: inout Scene, _ axes: Axes) {
        for (index, value, box) in boxes(axes) {
            scene.rect(box, series[index].ink)
            guard saysValues else { continue }
            let text = NumberText.short(value)
            let width = StrokeFont.width(of: text, size: Sizes.tick)
            let size = min(Sizes.tick, Sizes.tick * (box.width + 2) / width)
            if isHorizontal {
                let y = box.center.y + Sizes.tick * 0.35
                if value < 0 {
                    scene.text(text, Point(box.x - 5, y), size: Sizes.tick, .end)
                } else {
                    scene.text(text, Point(box.right + 5, y), size: Sizes.tick)
                }
            } else if size >= 10 {
                let y = value < 0 ? box.bottom + size : box.y - 5
                scene.text(text, Point(box.center.x, y), size: size, .middle)
            }
        }
        let (a, b) =
            isHorizontal
            ? (axes.point(0, -0.5), axes.point(0, axes.y.high)) : (axes.point(-0.5, 0), axes.point(axes.x.high, 0))
        if a.isFinite, b.isFinite { scene.line(a, b, .role(.axis), 1.5) }
    }

    func obstacles(_ axes: Axes) -> [Point] {
        boxes(axes).flatMap { _, _, box in
            var result: [Point] = []
            // A grid of points over the bar, and over the number at its end.
            let reach = saysValues ? box.inset(left: 0, top: -Sizes.tick * 1.4, right: -40, bottom: 0) : box
            for u in stride(from: 0.0, through: 1, by: 0.1) {
                for v in stride(from: 0.0, through: 1, by: 0.1) {
                    result.append(Point(reach.x + u * reach.width, reach.y + v * reach.height))
                }
            }
            return result
        }
    }
}

package enum Histogram {
    /// Edges of intervals and how many finite numbers lie in each; the last interval holds its upper edge.
    package static func counts(_ values: [Double], bins: Int?) -> (edges: [Double], counts: [Int]) {
        let values = values.filter(\.isFinite)
        guard var range = values.finiteRange else { return ([], []) }
        if range.lowerBound == range.upperBound { range = range.lowerBound - 0.5...range.upperBound + 0.5 }
        let (low, high) = (range.lowerBound, range.upperBound)
        // By halves, whose difference is finite.
        let half = high / 2 - low / 2
        let count = bins ?? automatic(values, half)
        var counts = [Int](repeating: 0, count: count)
        for value in values {
            let place = half > 0 ? Int((value / 2 - low / 2) / half * Double(count)) : 0
            counts[min(max(place, 0), count - 1)] += 1
        }
        let edges = (0...count).map { step in
            let share = Double(step) / Double(count)
            return low + half * share + half * share
        }
        return (edges, counts)
    }

    private static func automatic(_ values: [Double], _ half: Double) -> Int {
        let count = Double(values.count)
        let sturges = log2(count) + 1
        let numbers = FiveNumbers(values)
        let interval = 2 * (numbers.upperQuartile / 2 - numbers.lowerQuartile / 2) / cbrt(count)
        let freedman = interval > 0 ? half / interval : 0
        return Int(min(max(sturges, freedman, 1), 100).rounded(.up))
    }
}

struct HistogramMark: Mark {
    var edges: [Double]
    var counts: [Int]
    var name: String
    var ink: Ink

    var seriesCount: Int { 1 }
    var legend: [LegendEntry] { [LegendEntry(name: name, ink: ink.faded(0.6), sample: .box)] }
    var standsOnZero: Bool { true }
    var extent: [Point] { zip(edges, counts + [0]).map { Point($0, Double($1)) } + edges.map { Point($0, 0) } }

    private func boxes(_ axes: Axes) -> [Rect] {
        let floor = axes.y.scale == .logarithmic ? axes.y.low : 0
        return counts.enumerated().compactMap { place, count in
            guard Double(count) > floor else { return nil }
            return axes.box(edges[place]...edges[place + 1], floor...Double(count))
        }
    }

    func draw(into scene: inout Scene, _ axes: Axes) {
        for box in boxes(axes) { scene.rect(box, ink.faded(0.6), stroke: Stroke(.role(.background), 0.8)) }
    }

    func obstacles(_ axes: Axes) -> [Point] {
        boxes(axes).flatMap { box in
            stride(from: 0.0, through: 1, by: 0.1).map { Point(box.center.x, box.y + $0 * box.height) }
        }
    }
}

/// The quartiles of numbers, and the whiskers' ends.
package struct FiveNumbers: Sendable {
    package private(set) var lowest = Double.nan
    package private(set) var lowerQuartile = Double.nan
    package private(set) var median = Double.nan
    package private(set) var upperQuartile = Double.nan
    package private(set) var highest = Double.nan
    var beyond: [Double] = []

    package init(_ values: [Double]) {
        let sorted = values.filter(\.isFinite).sorted()
        guard !sorted.isEmpty else { return }
        /// Between the two nearest numbers, as numpy's and PyTorch's quantile.
        func quantile(_ share: Double) -> Double {
            let place = share * Double(sorted.count - 1)
            let below = Int(place)
            let above = min(below + 1, sorted.count - 1)
            let step = sorted[above] / 2 - sorted[below] / 2
            return sorted[below] + step * (place - Double(below)) + step * (place - Double(below))
        }
        (lowerQuartile, median, upperQuartile) = (quantile(0.25), quantile(0.5), quantile(0.75))
        let reach = 1.5 * (upperQuartile - lowerQuartile)
        let (low, high) = (lowerQuartile - reach, upperQuartile + reach)
        lowest = min(sorted.first { $0 >= low } ?? lowerQuartile, lowerQuartile)
        highest = max(sorted.last { $0 <= high } ?? upperQuartile, upperQuartile)
        beyond = sorted.filter { $0 < low || $0 > high }
    }
}

struct BoxMark: Mark {
    var boxes: [FiveNumbers]
    var ink: Ink

    var seriesCount: Int { 1 }
    var extent: [Point] {
        boxes.enumerated().flatMap { place, box in
            ([box.lowest, box.highest] + box.beyond).map { Point(Double(place), $0) }
        }
    }

    func draw(into scene: inout Scene, _ axes: Axes) {
        for (place, box) in boxes.enumerated() where box.median.isFinite {
            let x = Double(place)
            let stroke = Stroke(ink, 2)
            for (from, to) in [(box.lowest, box.lowerQuartile), (box.upperQuartile, box.highest)] {
                scene.line([axes.point(x, from), axes.point(x, to)], stroke)
            }
            for end in [box.lowest, box.highest] {
                scene.line([axes.point(x - 0.13, end), axes.point(x + 0.13, end)], stroke)
            }
            let body = axes.box(x - 0.28...x + 0.28, box.lowerQuartile...box.upperQuartile)
            scene.rect(body, ink.faded(0.25), stroke: stroke)
            scene.line(
                [axes.point(x - 0.28, box.median), axes.point(x + 0.28, box.median)], Stroke(ink, 3.5, isRound: false))
            for value in box.beyond { scene.circle(axes.point(x, value), 3.2, ink.faded(0.7)) }
        }
    }
}
