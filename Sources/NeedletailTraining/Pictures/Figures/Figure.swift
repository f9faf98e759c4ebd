import Foundation
import Needletail
import TensorRuntime

/// Charts side by side and below each other, under one title: what is written to a file or shown in a ``Report``.
///
///     let figure = Figure([[loss, accuracy], [confusion]], title: "Fashion-MNIST", subtitle: "12 epochs")
///     try figure.write(to: "run.png")
public struct Figure: Sendable {
    let rows: [[Chart]]
    let title: String
    let subtitle: String
    let width: Double
    let rowHeight: Double

    /// Rows of charts; those of a row are equally wide.
    ///
    /// - Parameters:
    ///   - width: of the whole figure, in pixels at scale 1; by default 600 for one chart in the longest row, 460 for
    ///     each of several.
    ///   - rowHeight: of each row.
    public init(
        _ rows: [[Chart]], title: String = "", subtitle: String = "", width: Double? = nil, rowHeight: Double = 400,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.rows = rows.filter { !$0.isEmpty }
        self.title = title
        self.subtitle = subtitle
        let most = Double(self.rows.map(\.count).max() ?? 1)
        let isPossible = (width ?? 600) >= 100 && rowHeight >= 80 && max(width ?? 600, rowHeight) <= 20_000
        if !isPossible {
            let error = TensorError(
                .invalidArgument,
                "Figure: width \(width ?? 600) and row height \(rowHeight); use 100...20000 and 80...20000")
            WrongCall.report(error, at: CallSite(file, line))
        }
        self.width = isPossible ? width ?? (most == 1 ? 600 : 460 * most) : 600
        self.rowHeight = isPossible ? rowHeight : 400
    }

    /// Charts in one row.
    public init(
        _ charts: Chart..., title: String = "", subtitle: String = "", width: Double? = nil, rowHeight: Double = 400,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        self.init(
            [charts], title: title, subtitle: subtitle, width: width, rowHeight: rowHeight, file: file, line: line)
    }

    /// How many images its charts show.
    var imageCount: Int {
        rows.joined().reduce(0) { count, chart in
            guard case .images(let grid) = chart.content else { return count }
            return count + grid.images.count
        }
    }

    private static let margin = 18.0
    private static let gap = 26.0

    package var scene: Scene {
        let margin = Figure.margin
        var top = margin
        var heading: [(text: String, size: Double, isBold: Bool, y: Double)] = []
        if !title.isEmpty {
            heading.append((title, 26, true, top + 24))
            top += 40
        }
        if !subtitle.isEmpty {
            heading.append((subtitle, 17, false, top + 14))
            top += 30
        }
        let height = Double(rows.count) * (rowHeight + Figure.gap) - (rows.isEmpty ? 0 : Figure.gap)
        var scene = Scene(width: width, height: top + height + margin)
        for (text, size, isBold, y) in heading {
            let shown = StrokeFont.shortened(text, to: width - 2 * margin, size: size, bold: isBold)
            scene.text(
                shown, Point(width / 2, y), size: size, .middle, ink: .role(isBold ? .text : .muted), bold: isBold)
        }
        for (index, row) in rows.enumerated() {
            let own = (width - 2 * margin - Figure.gap * Double(row.count - 1)) / Double(row.count)
            for (column, chart) in row.enumerated() {
                let frame = Rect(
                    margin + (own + Figure.gap) * Double(column), top + (rowHeight + Figure.gap) * Double(index), own,
                    rowHeight)
                chart.draw(into: &scene, in: frame)
            }
        }
        return scene
    }

    /// What the figure is called by readers that cannot see it.
    private var name: String {
        let names = ([title] + rows.flatMap { $0.map(\.title) }).filter { !$0.isEmpty }
        return names.isEmpty ? "Chart" : names.joined(separator: ", ")
    }

    /// The figure as SVG.
    public func svg(theme: Theme = .light) -> String { SVGWriter.svg(scene, theme: theme, name: name) }

    /// The figure as SVG for an HTML page with the colours of ``Theme/automatic``.
    func inlineSVG() -> String { SVGWriter.svg(scene, theme: .automatic, name: name, isInline: true) }

    /// The figure as the bytes of a PNG.
    ///
    /// - Parameter scale: pixels for each unit; 2 is sharp on screens and in print.
    public func png(
        theme: Theme = .light, scale: Double = 2, file: StaticString = #fileID, line: UInt = #line
    ) -> [UInt8] {
        let scene = scene
        var scale = scale
        let pixels = scene.width * scale * scene.height * scale
        if !(scale >= 0.1 && pixels <= 200e6) {
            let error = TensorError(
                .invalidArgument,
                "Figure.png: scale \(scale) for \(scene.width) x \(scene.height); use 0.1 or more, and at "
                    + "most 200 million pixels")
            WrongCall.report(error, at: CallSite(file, line))
            scale = 1
        }
        return PNGWriter.png(Canvas(scene, scale: scale, theme: theme))
    }

    /// Writes the figure, as SVG or PNG by the name's end. The file is there in full or not at all.
    ///
    /// - Parameter scale: pixels for each unit of a PNG.
    /// - Throws: `file` where the name ends otherwise, or the file cannot be written.
    public func write(to path: String, theme: Theme = .light, scale: Double = 2) throws(TensorError) {
        let name = path.split(separator: "/").last ?? ""
        let ending = name.contains(".") ? name.split(separator: ".").last.map { $0.lowercased() } ?? "" : ""
        switch ending {
        case "svg": try AtomicFile.write([Array(svg(theme: theme).utf8)], to: path)
        case "png": try AtomicFile.write([png(theme: theme, scale: scale)], to: path)
        default:
            let found = ending.isEmpty ? "has no extension" : "ends in .\(ending)"
            throw TensorError(.file, "\(path): \(found); name a file that ends in .svg or .png")
        }
    }
}

extension Chart {
    /// Writes the chart alone, as ``Figure/write(to:theme:scale:)``.
    ///
    /// - Throws: `file` where the name ends neither in .svg nor in .png, or the file cannot be written.
    public func write(to path: String, theme: Theme = .light, scale: Double = 2) throws(TensorError) {
        try Figure([[self]]).write(to: path, theme: theme, scale: scale)
    }
}
