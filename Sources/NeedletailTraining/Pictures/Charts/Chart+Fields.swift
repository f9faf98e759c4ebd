import Foundation
import TensorRuntime

extension Chart {
    /// The chart with a coloured cell for each number of a matrix, the first row on top, and a bar that says what the
    /// colours mean.
    ///
    /// - Parameters:
    ///   - rows: what stands at the rows; numbers by default.
    ///   - columns: what stands below the columns.
    ///   - colors: by default blue, white and red where numbers lie on both sides of 0, else dark blue to yellow.
    ///   - showsValues: whether each cell says its number, where it is large enough.
    ///   - texts: what cells say instead, row by row.
    ///   - label: what the colours measure.
    public func heatMap<Z: PlotValues>(
        _ values: Z, rows: [String] = [], columns: [String] = [], colors: ColorMap? = nil, showsValues: Bool = false,
        texts: [String] = [], label: String = "", file: StaticString = #fileID, line: UInt = #line
    ) throws(Z.Failure) -> Chart {
        let array = try values.plotted()
        let site = CallSite(file, line)
        guard let matrix = array.matrix else {
            Chart.wrong("heatMap", "values have \(array.shapeText)", remedy: "pass a matrix", site)
            return self
        }
        for (what, count, wanted) in [
            ("row names", rows.count, matrix.rows), ("column names", columns.count, matrix.columns),
            ("texts", texts.count, matrix.values.count),
        ] where count > 0 && count != wanted {
            Chart.wrong(
                "heatMap", "\(count) \(what) for \(matrix.rows) rows and \(matrix.columns) columns",
                remedy: "pass \(wanted)", site)
            return self
        }
        var result = self
        // Many cells without names have numbers on the axis, as an image has.
        func names(_ given: [String], _ count: Int) -> [String] {
            given.isEmpty && count <= 20 ? (0..<count).map { "\($0)" } : given
        }
        if matrix.rows > 0, matrix.columns > 0 {
            result.xCategories = names(columns, matrix.columns)
            result.yCategories = names(rows, matrix.rows)
        }
        result.isReversed = true
        let ratio = Double(matrix.columns) / Double(max(matrix.rows, 1))
        result.keepsAspect = ratio > 0.5 && ratio < 2.5
        var texts = texts
        if showsValues, texts.isEmpty {
            texts = matrix.values.map { $0.isFinite ? NumberText.short($0, digits: 2) : "" }
        }
        return result.adding(HeatMark(matrix: matrix, colors: colors, texts: texts, label: label))
    }

    /// The chart with the height of a function over the plane: areas between levels in colours, with lines between
    /// them.
    ///
    /// - Parameters:
    ///   - values: the heights, a row for each `y` and a column for each `x`.
    ///   - levels: about how many levels.
    ///   - logarithmic: whether levels are as far apart as powers are, for heights above 0 that differ by much, as
    ///     those of a loss.
    ///   - filled: whether areas are coloured; else the lines are.
    ///   - label: what the height measures.
    public func contour<X: PlotValues, Y: PlotValues, Z: PlotValues>(
        _ values: Z, x: X, y: Y, levels: Int = 12, logarithmic: Bool = false, filled: Bool = true, label: String = "",
        file: StaticString = #fileID, line: UInt = #line
    ) throws(Z.Failure) -> Chart where X.Failure == Z.Failure, Y.Failure == Z.Failure {
        let (array, x, y) = (try values.plotted(), try x.plotted(), try y.plotted())
        guard let field = Chart.field("contour", array, x, y, CallSite(file, line)) else { return self }
        guard levels > 0 else {
            Chart.wrong("contour", "\(levels) levels", remedy: "use 1 or more", CallSite(file, line))
            return self
        }
        return adding(
            ContourMark(field: field, count: levels, isLogarithmic: logarithmic, isFilled: filled, label: label))
    }

    /// A grid of heights with its coordinates; nil after a wrong call.
    static func field(
        _ operation: String, _ values: PlotArray, _ x: PlotArray, _ y: PlotArray, _ site: CallSite
    ) -> Field? {
        guard let matrix = values.matrix else {
            wrong(operation, "values have \(values.shapeText)", remedy: "pass a matrix", site)
            return nil
        }
        guard x.values.count == matrix.columns, y.values.count == matrix.rows else {
            wrong(
                operation,
                "\(x.values.count) values of x and \(y.values.count) of y for \(matrix.rows) rows and "
                    + "\(matrix.columns) columns", remedy: "pass an x for each column and a y for each row", site)
            return nil
        }
        for (name, values) in [("x", x.values), ("y", y.values)]
        where !values.allSatisfy(\.isFinite) || zip(values, values.dropFirst()).contains(where: { $0 >= $1 }) {
            wrong(operation, "\(name) is not in rising order", remedy: "sort it, with the values", site)
            return nil
        }
        return Field(matrix: matrix, x: x.values, y: y.values)
    }
}

/// Heights over a grid of the plane.
struct Field: Sendable {
    var matrix: Matrix
    var x: [Double]
    var y: [Double]

    var corners: [Point] {
        guard let left = x.first, let right = x.last, let low = y.first, let high = y.last else { return [] }
        return [Point(left, low), Point(right, high)]
    }
}

struct HeatMark: Mark {
    var matrix: Matrix
    var colors: ColorMap?
    var texts: [String]
    var label: String

    private var map: ColorMap {
        if let colors { return colors }
        guard let range = matrix.range else { return .sequential }
        return range.lowerBound < 0 && range.upperBound > 0 ? .diverging : .sequential
    }

    /// Equally far on both sides of 0 where colours part there.
    private var range: ClosedRange<Double>? {
        guard let range = matrix.range else { return nil }
        if map == .diverging {
            let reach = max(abs(range.lowerBound), abs(range.upperBound), 1e-300)
            return -reach...reach
        }
        if map == .counts { return min(range.lowerBound, 0)...max(range.upperBound, min(range.lowerBound, 0) + 1e-300) }
        return range.lowerBound == range.upperBound ? range.lowerBound...range.lowerBound + 1 : range
    }

    var isTight: Bool { true }
    var extent: [Point] {
        guard matrix.range != nil else { return [] }
        return [Point(-0.5, -0.5), Point(Double(matrix.columns) - 0.5, Double(matrix.rows) - 0.5)]
    }
    var colorBar: ColorBar? { range.map { ColorBar(map: map, range: $0, label: label) } }

    private func share(_ value: Double) -> Double {
        guard let range else { return .nan }
        return (value - range.lowerBound) / (range.upperBound - range.lowerBound)
    }

    func draw(into scene: inout Scene, _ axes: Axes) {
        let image = PixelImage(width: matrix.columns, height: matrix.rows) { x, y in map.color(share(matrix[y, x])) }
        let box = axes.box(-0.5...Double(matrix.columns) - 0.5, -0.5...Double(matrix.rows) - 0.5)
        scene.image(image, in: box)
        let (width, height) = (box.width / Double(matrix.columns), box.height / Double(matrix.rows))
        if min(width, height) >= 14 {
            let gap = Stroke(.role(.background), 1, isRound: false)
            for column in 1..<max(matrix.columns, 1) {
                let x = box.x + Double(column) * width
                scene.line([Point(x, box.y), Point(x, box.bottom)], gap)
            }
            for row in 1..<max(matrix.rows, 1) {
                let y = box.y + Double(row) * height
                scene.line([Point(box.x, y), Point(box.right, y)], gap)
            }
        }
        let widest = texts.map { StrokeFont.width(of: $0, size: 1) }.max() ?? 0
        let size = min(height * 0.5, widest > 0 ? width * 0.86 / widest : 0, 20)
        guard size >= 7 else { return }
        for (place, text) in texts.enumerated() {
            let value = share(matrix.values[place])
            guard value.isFinite else { continue }
            let (row, column) = (place / matrix.columns, place % matrix.columns)
            let center = axes.point(Double(column), Double(row))
            scene.text(
                text, Point(center.x, center.y + size * 0.36), size: size, .middle,
                ink: .fixed(map.textColor(on: value)))
        }
    }
}

struct ContourMark: Mark {
    var field: Field
    var count: Int
    var isLogarithmic: Bool
    var isFilled: Bool
    var label: String

    var isTight: Bool { isFilled }
    var extent: [Point] { field.matrix.range == nil ? [] : field.corners }

    /// The levels' edges: from a round number below the least height to one above the largest.
    var levels: [Double] {
        guard let range = field.matrix.range else { return [] }
        let (low, high) = (range.lowerBound, range.upperBound)
        guard low < high, (high - low).isFinite else { return [low, max(low + 1, high)] }
        if isLogarithmic, high > 0 {
            // Down to a millionth of the largest height.
            let least = field.matrix.values.lazy.filter { $0 > 0 }.finiteRange?.lowerBound ?? high
            let start = max(least, high * 1e-6)
            if start >= high { return [high, high * 2] }
            return (0...count).map { start * pow(high / start, Double($0) / Double(count)) }
        }
        let step = TickMarks.nearestStep(to: (high - low) / Double(count))
        let first = (low / step + 1e-9).rounded(.down)
        let last = max((high / step - 1e-9).rounded(.up), first + 1)
        // Heights too near to each other for a step have none between them.
        guard step > 0, last - first < 1000 else { return [low, high] }
        return stride(from: first, through: last, by: 1).map { $0 * step }
    }

    var colorBar: ColorBar? {
        let levels = levels
        guard let first = levels.first, let last = levels.last else { return nil }
        return ColorBar(
            map: .sequential, range: first...last, label: label, levels: levels,
            isLogarithmic: isLogarithmic && first > 0)
    }

    func draw(into scene: inout Scene, _ axes: Axes) {
        let levels = levels
        let bands = Double(max(levels.count - 1, 1))
        func color(_ band: Int) -> Ink {
            .fixed(ColorMap.sequential.color((Double(band) + 0.5) / bands) ?? RGB(0, 0, 0))
        }
        // Lines alone are not of the lightest colours, which are not seen on white.
        func lineColor(_ level: Int) -> Ink {
            .fixed(ColorMap.sequential.color(0.82 * Double(level) / bands) ?? RGB(0, 0, 0))
        }
        func placed(_ lines: [[Point]]) -> [[Point]] { lines.map { $0.map { axes.point($0.x, $0.y) } } }
        if isFilled {
            for (band, level) in levels.dropLast().enumerated() {
                // The lowest band is under all that is a number, also under what is below a logarithmic scale.
                let areas =
                    band == 0
                    ? Contours.areas(field.present, x: field.x, y: field.y, level: 0.5)
                    : Contours.areas(field.matrix, x: field.x, y: field.y, level: level)
                if areas.isEmpty { continue }
                scene.items.append(.path(placed(areas), isClosed: true, fill: color(band), stroke: nil))
            }
        }
        for (band, level) in levels.enumerated() {
            let lines = placed(Contours.lines(field.matrix, x: field.x, y: field.y, level: level))
            if lines.isEmpty { continue }
            let ink = isFilled ? Ink.fixed(RGB(0, 0, 0), opacity: 0.28) : lineColor(band)
            scene.items.append(
                .path(lines, isClosed: false, fill: nil, stroke: Stroke(ink, isFilled ? 0.9 : 2)))
        }
    }
}

extension Field {
    /// 1 where there is a number, and no number where there is none.
    fileprivate var present: Matrix {
        Matrix(values: matrix.values.map { $0.isFinite ? 1 : .nan }, rows: matrix.rows, columns: matrix.columns)
    }
}
