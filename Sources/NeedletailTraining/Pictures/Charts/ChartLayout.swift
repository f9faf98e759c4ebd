import Foundation

/// Sizes of letters and lines, made to be read from the last row of a lecture hall.
enum Sizes {
    static let title = 20.0
    static let label = 17.0
    static let tick = 15.0
    static let legend = 15.0
    static let line = 2.6
    static let gap = 8.0
    static let colorBar = 16.0
}

extension Chart {
    /// Draws the chart within `frame`.
    func draw(into scene: inout Scene, in frame: Rect) {
        var inner = frame
        if !title.isEmpty {
            let shown = StrokeFont.shortened(title, to: frame.width, size: Sizes.title, bold: true)
            scene.text(
                shown, Point(frame.center.x, frame.y + Sizes.title * 0.9), size: Sizes.title, .middle, bold: true)
            inner = inner.inset(top: Sizes.title * 1.6)
        }
        switch content {
        case .plane: drawPlane(into: &scene, in: inner)
        case .surface(let surface): surface.draw(into: &scene, in: inner)
        case .images(let grid): grid.draw(into: &scene, in: inner)
        }
    }

    private func drawPlane(into scene: inout Scene, in frame: Rect) {
        let extent = marks.flatMap(\.extent)
        let isTight = marks.contains(where: \.isTight)
        let standsOnZero = marks.contains(where: \.standsOnZero)
        let margin = marks.map(\.margin).max() ?? 0
        let xAxis = Axis.holding(
            extent.lazy.map(\.x), scale: xScale, limits: xLimits, categories: xCategories, isTight: isTight,
            standsOnZero: standsOnZero && !yCategories.isEmpty, margin: margin)
        let yAxis = Axis.holding(
            extent.lazy.map(\.y), scale: yScale, limits: yLimits, categories: yCategories, isTight: isTight,
            isReversed: isReversed, standsOnZero: standsOnZero, margin: margin)
        let hasNumbers = extent.contains(where: \.isFinite) || (xLimits != nil && yLimits != nil)
        guard hasNumbers, let xAxis, let yAxis else {
            Chart.drawNothing(into: &scene, in: frame)
            return
        }
        let bar = marks.lazy.compactMap(\.colorBar).first
        let entries = marks.flatMap(\.legend).reduce(into: [LegendEntry]()) { result, entry in
            if !entry.name.isEmpty, !result.contains(entry) { result.append(entry) }
        }
        var layout = PlaneLayout(chart: self, frame: frame, x: xAxis, y: yAxis, colorBar: bar)
        var corner: Legend.Corner?
        var isAbove = false
        if !entries.isEmpty {
            let obstacles = marks.flatMap { $0.obstacles(layout.axes) }
            corner = isTight ? nil : Legend.freeCorner(entries, in: layout.axes.rect, obstacles)
            if corner == nil {
                isAbove = Legend.rowWidth(entries) <= frame.width
                layout =
                    isAbove
                    ? layout.without(top: Legend.line, side: 0)
                    : layout.without(top: 0, side: Legend.size(entries).width + 2 * Sizes.gap)
            }
        }
        layout.drawGrid(into: &scene, isSolid: isTight)
        scene.clipped(to: layout.axes.rect) { scene in
            for mark in marks { mark.draw(into: &scene, layout.axes) }
        }
        layout.drawFrame(into: &scene)
        if let bar { layout.draw(bar, into: &scene) }
        if isAbove {
            Legend.drawRow(entries, into: &scene, at: Point(layout.axes.rect.center.x, frame.y), within: frame)
        } else if !entries.isEmpty {
            Legend.draw(entries, into: &scene, at: corner, beside: layout.legendPlace, layout.axes.rect)
        }
    }

    /// What stands where there is nothing to draw.
    static func drawNothing(into scene: inout Scene, in frame: Rect) {
        scene.rect(
            frame.inset(left: 2, top: 2, right: 2, bottom: 2), nil,
            stroke: Stroke(.role(.grid), 1.5, dashes: [6, 6], isRound: false), corner: 6)
        let center = Point(frame.center.x, frame.center.y + Sizes.label * 0.35)
        scene.text("no data", center, size: Sizes.label, .middle, ink: .role(.muted))
    }
}

/// Where axes, their marks and what stands beside them are.
struct PlaneLayout {
    let chart: Chart
    let frame: Rect
    let colorBar: ColorBar?
    /// What a legend beside the axes takes.
    var legendWidth = 0.0
    private(set) var axes: Axes
    private(set) var xTicks = TickMarks(values: [], labels: [])
    private(set) var yTicks = TickMarks(values: [], labels: [])
    /// Whether names below the axis lie aslant, because they are too long.
    private(set) var isAslant = false
    /// The letters of the axes' labels.
    private var xSize = Sizes.tick
    private var ySize = Sizes.tick
    private var barTicks = TickMarks(values: [], labels: [])

    private static let slant = 40.0
    private static let smallest = 9.0

    init(chart: Chart, frame: Rect, x: Axis, y: Axis, colorBar: ColorBar?, legendWidth: Double = 0) {
        self.chart = chart
        self.frame = frame
        self.colorBar = colorBar
        self.legendWidth = legendWidth
        axes = Axes(x: x, y: y, rect: frame)
        arrange()
    }

    /// The layout with room for a legend above the axes or beside them.
    func without(top: Double, side: Double) -> PlaneLayout {
        PlaneLayout(
            chart: chart, frame: frame.inset(top: top), x: axes.x, y: axes.y, colorBar: colorBar, legendWidth: side)
    }

    private static func width(_ labels: [String], _ size: Double = Sizes.tick) -> Double {
        labels.map { StrokeFont.width(of: $0, size: size) }.max() ?? 0
    }

    /// - Parameter cell: the width and height of a category, where it is known already.
    private mutating func arrange(cell: Double? = nil) {
        var bottom = Sizes.tick + Sizes.gap + (chart.xLabel.isEmpty ? 0 : Sizes.label * 1.5)
        arrangeRows(frame.height - bottom, cell)
        let left =
            PlaneLayout.width(yTicks.labels, ySize) + Sizes.gap * 1.4 + (chart.yLabel.isEmpty ? 0 : Sizes.label * 1.5)
        var right = legendWidth
        if let colorBar {
            barTicks = PlaneLayout.ticks(colorBar, count: max(Int(frame.height / 60), 2))
            right += Sizes.colorBar + Sizes.gap * 3 + PlaneLayout.width(barTicks.labels) * 1.06
            if !colorBar.label.isEmpty { right += Sizes.label * 1.5 }
        }
        arrangeColumns(max(frame.width - left - right - Sizes.tick, 10), cell)
        bottom += slantHeight
        // The last number's label reaches beyond the axis by half its width.
        let beyond = isAslant || xTicks.labels.isEmpty ? 2 : PlaneLayout.width([xTicks.labels.last!], xSize) / 2
        var rect = frame.inset(left: left, top: Sizes.tick * 0.6, right: max(right, beyond), bottom: bottom)
        let unit = min(rect.width / (axes.x.high - axes.x.low), rect.height / (axes.y.high - axes.y.low))
        if chart.keepsAspect, unit > 0, unit.isFinite {
            let (w, h) = (unit * (axes.x.high - axes.x.low), unit * (axes.y.high - axes.y.low))
            rect = Rect(rect.x + (rect.width - w) / 2, rect.y + (rect.height - h) / 2, w, h)
            // Categories may be narrower than was thought.
            if cell == nil, !axes.x.categories.isEmpty {
                arrange(cell: unit)
                return
            }
        }
        axes.rect = rect
    }

    /// The marks of the vertical axis. Names are smaller where they are many, and some are left out where they are
    /// more.
    private mutating func arrangeRows(_ height: Double, _ cell: Double?) {
        let names = axes.y.categories.count
        if names == 0 {
            yTicks = axes.y.ticks(count: max(Int(height / 55), 2))
        } else {
            let slot = cell ?? height / Double(names)
            ySize = min(Sizes.tick, max(slot * 0.85, PlaneLayout.smallest))
            yTicks = axes.y.ticks(count: max(Int(slot * Double(names) / (ySize * 1.15)), 1))
        }
        let limit = frame.width * 0.42
        yTicks.labels = yTicks.labels.map { StrokeFont.shortened($0, to: limit, size: ySize) }
    }

    /// The marks of the horizontal axis: as many numbers as there is room for; names aslant where they are too long.
    private mutating func arrangeColumns(_ width: Double, _ cell: Double?) {
        let names = axes.x.categories.count
        if names == 0 {
            for count in [9, 7, 6, 5, 4, 3, 2, 1] {
                xTicks = axes.x.ticks(count: count)
                let label = PlaneLayout.width(xTicks.labels) + Sizes.tick * 1.3
                if Double(xTicks.labels.count) * label <= width { break }
            }
            return
        }
        let slot = cell ?? width / Double(names)
        xSize = Sizes.tick
        isAslant = PlaneLayout.width(axes.x.categories) + Sizes.tick * 0.6 > slot
        guard isAslant else {
            xTicks = axes.x.ticks(count: names)
            return
        }
        // Lines aslant are nearer to each other than their columns.
        let apart = slot * sin(PlaneLayout.slant * .pi / 180)
        xSize = min(Sizes.tick, max(apart * 0.9, PlaneLayout.smallest))
        xTicks = axes.x.ticks(count: max(Int(Double(names) * apart / (xSize * 1.1)), 1))
        xTicks.labels = xTicks.labels.map { StrokeFont.shortened($0, to: frame.height * 0.35, size: xSize) }
    }

    private static func ticks(_ bar: ColorBar, count: Int) -> TickMarks {
        if bar.isLogarithmic { return .logarithmic(bar.range.lowerBound, bar.range.upperBound, count: count) }
        return .linear(bar.range.lowerBound, bar.range.upperBound, count: count)
    }

    /// The left upper corner of what stands beside the axes.
    var legendPlace: Point {
        let bar = colorBar == nil ? 0 : frame.right - legendWidth - axes.rect.right
        return Point(axes.rect.right + bar + Sizes.gap * 1.5, axes.rect.y)
    }

    func drawGrid(into scene: inout Scene, isSolid: Bool) {
        guard !isSolid else { return }
        let rect = axes.rect
        if axes.x.categories.isEmpty {
            for value in xTicks.values {
                let x = axes.point(value, axes.y.low).x
                scene.line(Point(x, rect.y), Point(x, rect.bottom), .role(.grid), 1)
            }
        }
        if axes.y.categories.isEmpty {
            for value in yTicks.values {
                let y = axes.point(axes.x.low, value).y
                scene.line(Point(rect.x, y), Point(rect.right, y), .role(.grid), 1)
            }
        }
    }

    /// Draws the axes' lines, marks, labels and names.
    func drawFrame(into scene: inout Scene) {
        let rect = axes.rect
        let ink = Ink.role(.axis)
        if !axes.y.isReversed || axes.y.categories.isEmpty {
            scene.line(
                [Point(rect.x, rect.y), Point(rect.x, rect.bottom), Point(rect.right, rect.bottom)],
                Stroke(ink, 1.5, isRound: false))
        }
        for (value, label) in zip(xTicks.values, xTicks.labels) {
            let x = axes.point(value, axes.y.low).x
            guard x >= rect.x - 0.5, x <= rect.right + 0.5 else { continue }
            if axes.x.categories.isEmpty { scene.line(Point(x, rect.bottom), Point(x, rect.bottom + 5), ink, 1.5) }
            if isAslant {
                scene.text(
                    label, Point(x + xSize * 0.3, rect.bottom + xSize), size: xSize, .end,
                    angle: -PlaneLayout.slant)
            } else {
                scene.text(label, Point(x, rect.bottom + Sizes.tick + 7), size: Sizes.tick, .middle)
            }
        }
        for (value, label) in zip(yTicks.values, yTicks.labels) {
            let y = axes.point(axes.x.low, value).y
            guard y >= rect.y - 0.5, y <= rect.bottom + 0.5 else { continue }
            if axes.y.categories.isEmpty { scene.line(Point(rect.x - 5, y), Point(rect.x, y), ink, 1.5) }
            scene.text(label, Point(rect.x - Sizes.gap - 1, y + ySize * 0.35), size: ySize, .end)
        }
        let below = StrokeFont.shortened(chart.xLabel, to: frame.width, size: Sizes.label)
        let place = rect.bottom + Sizes.tick + Sizes.gap + Sizes.label * 1.25 + slantHeight
        scene.text(below, Point(rect.center.x, place), size: Sizes.label, .middle)
        let beside = StrokeFont.shortened(chart.yLabel, to: frame.height, size: Sizes.label)
        let left = rect.x - PlaneLayout.width(yTicks.labels, ySize) - Sizes.gap * 1.4 - Sizes.label * 0.55
        scene.text(beside, Point(left, rect.center.y), size: Sizes.label, .middle, angle: -90)
    }

    /// What names aslant take below the axis, beyond a line of numbers.
    private var slantHeight: Double {
        isAslant ? (PlaneLayout.width(xTicks.labels, xSize) * sin(PlaneLayout.slant * .pi / 180)).rounded(.up) : 0
    }

    func draw(_ bar: ColorBar, into scene: inout Scene) {
        let rect = Rect(axes.rect.right + Sizes.gap * 1.5, axes.rect.y, Sizes.colorBar, axes.rect.height)
        let axis = Axis(
            scale: bar.isLogarithmic ? .logarithmic : .linear, low: bar.range.lowerBound, high: bar.range.upperBound)
        if bar.levels.count > 1 {
            let count = bar.levels.count - 1
            for (step, (low, high)) in zip(bar.levels, bar.levels.dropFirst()).enumerated() {
                let (a, b) = (axis.share(low), axis.share(high))
                let part = Rect(rect.x, rect.bottom - b * rect.height, rect.width, (b - a) * rect.height + 0.3)
                if let color = bar.map.color((Double(step) + 0.5) / Double(count)) { scene.rect(part, .fixed(color)) }
            }
        } else {
            let image = PixelImage(width: 1, height: 256) { _, y in bar.map.color(1 - Double(y) / 255) }
            scene.image(image, in: rect)
        }
        for (value, label) in zip(barTicks.values, barTicks.labels) {
            let y = rect.bottom - axis.share(value) * rect.height
            guard y >= rect.y - 0.5, y <= rect.bottom + 0.5 else { continue }
            scene.line(Point(rect.right, y), Point(rect.right + 4, y), .role(.axis), 1.5)
            scene.text(label, Point(rect.right + Sizes.gap, y + Sizes.tick * 0.35), size: Sizes.tick)
        }
        let place = rect.right + Sizes.gap * 1.5 + PlaneLayout.width(barTicks.labels) * 1.06 + Sizes.label
        scene.text(
            StrokeFont.shortened(bar.label, to: frame.height, size: Sizes.label), Point(place, rect.center.y),
            size: Sizes.label, .middle, angle: -90)
    }
}
