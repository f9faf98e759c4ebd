import Foundation

/// Writes a scene as SVG.
package struct SVGWriter {
    private let theme: Theme
    private var text = ""

    /// The sans-serif fonts as wide as ``StrokeFont``, by which text is measured.
    static let fonts = "Helvetica Neue,Helvetica,Arial,Liberation Sans,Nimbus Sans,sans-serif"

    /// The SVG of `scene`.
    ///
    /// - Parameters:
    ///   - name: what readers that cannot see it are told.
    ///   - isInline: whether it goes into an HTML page, which gives it its size and the colours of ``Theme/automatic``.
    package static func svg(_ scene: Scene, theme: Theme, name: String, isInline: Bool = false) -> String {
        var writer = SVGWriter(theme: theme)
        let (width, height) = (number(scene.width), number(scene.height))
        writer.text = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \(height)\""
        if !isInline { writer.text += " width=\"\(width)\" height=\"\(height)\"" }
        writer.text += " class=\"nt\" role=\"img\" aria-label=\"\(escaped(name))\" font-family=\"\(fonts)\">\n"
        if theme == .automatic, !isInline { writer.text += "<style>\(Theme.styleSheet(for: ".nt"))</style>\n" }
        writer.add(.rect(Rect(0, 0, scene.width, scene.height), fill: .role(.background), stroke: nil, corner: 0))
        for item in scene.items { writer.add(item) }
        return writer.text + "</svg>\n"
    }

    /// Text as it stands in XML: its own signs as entities, what XML does not allow as U+FFFD.
    package static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            case "\t", "\n", "\r", " "..."\u{D7FF}", "\u{E000}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}":
                result.unicodeScalars.append(scalar)
            default: result += "\u{FFFD}"
            }
        }
        return result
    }

    private static func number(_ value: Double) -> String { NumberText.coordinate(value) }

    private mutating func add(_ item: Scene.Item) {
        switch item {
        case .path(let lines, let isClosed, let fill, let stroke):
            let data = lines.map { SVGWriter.path($0, isClosed: isClosed) }.joined()
            guard !data.isEmpty else { return }
            element("path", "d=\"\(data)\"", fill: isClosed ? fill : nil, stroke: stroke)
        case .circle(let center, let radius, let fill, let stroke):
            let place = "cx=\"\(SVGWriter.number(center.x))\" cy=\"\(SVGWriter.number(center.y))\""
            element("circle", "\(place) r=\"\(SVGWriter.number(radius))\"", fill: fill, stroke: stroke)
        case .rect(let rect, let fill, let stroke, let corner):
            let round = corner > 0 ? " rx=\"\(SVGWriter.number(corner))\"" : ""
            element("rect", SVGWriter.place(rect) + round, fill: fill, stroke: stroke)
        case .text(let text): add(text)
        case .image(let image, let rect, let isSmooth):
            let data = Data(PNGWriter.png(image)).base64EncodedString()
            let rendering = isSmooth ? "" : " style=\"image-rendering:pixelated\""
            self.text += "<image \(SVGWriter.place(rect)) preserveAspectRatio=\"none\"\(rendering)"
            self.text += " href=\"data:image/png;base64,\(data)\"/>\n"
        case .clipped(let rect, let items):
            // A nested picture shows its own area only.
            let view = [rect.x, rect.y, rect.width, rect.height].map(SVGWriter.number).joined(separator: " ")
            text += "<svg \(SVGWriter.place(rect)) viewBox=\"\(view)\" preserveAspectRatio=\"none\">\n"
            for item in items { add(item) }
            text += "</svg>\n"
        }
    }

    private static func place(_ rect: Rect) -> String {
        "x=\"\(number(rect.x))\" y=\"\(number(rect.y))\" width=\"\(number(rect.width))\""
            + " height=\"\(number(rect.height))\""
    }

    private static func path(_ points: [Point], isClosed: Bool) -> String {
        var result = ""
        for point in points where point.isFinite {
            result += "\(result.isEmpty ? "M" : "L")\(number(point.x)) \(number(point.y))"
        }
        return result.isEmpty || !isClosed ? result : result + "Z"
    }

    private mutating func element(_ name: String, _ attributes: String, fill: Ink?, stroke: Stroke?) {
        text += "<\(name) \(attributes)"
        text += fill.map { paint("fill", $0) } ?? " fill=\"none\""
        if let stroke {
            text += paint("stroke", stroke.ink) + " stroke-width=\"\(SVGWriter.number(stroke.width))\""
            if name == "path" {
                text += " stroke-linejoin=\"round\""
                if stroke.isRound { text += " stroke-linecap=\"round\"" }
            }
            if !stroke.dashes.isEmpty {
                text += " stroke-dasharray=\"\(stroke.dashes.map(SVGWriter.number).joined(separator: " "))\""
            }
        }
        text += "/>\n"
    }

    private func paint(_ attribute: String, _ ink: Ink) -> String {
        var result: String
        switch ink {
        case .fixed(let color, _): result = " \(attribute)=\"\(color.hex)\""
        case .role(let role, _) where theme == .automatic:
            result = " \(attribute)=\"var(\(Theme.variable(of: role)))\""
        case .role(let role, _):
            result = " \(attribute)=\"\(Theme.color(of: role, isDark: theme == .dark).hex)\""
        }
        if ink.opacity < 1 { result += " \(attribute)-opacity=\"\(SVGWriter.number(ink.opacity))\"" }
        return result
    }

    private mutating func add(_ item: Scene.Text) {
        let (x, y) = (SVGWriter.number(item.at.x), SVGWriter.number(item.at.y))
        text += "<text x=\"\(x)\" y=\"\(y)\" font-size=\"\(SVGWriter.number(item.size))\"\(paint("fill", item.ink))"
        switch item.anchor {
        case .start: break
        case .middle: text += " text-anchor=\"middle\""
        case .end: text += " text-anchor=\"end\""
        }
        if item.isBold { text += " font-weight=\"700\"" }
        if item.angle != 0 { text += " transform=\"rotate(\(SVGWriter.number(item.angle)) \(x) \(y))\"" }
        if item.hasHalo {
            let width = SVGWriter.number(item.size * 0.22)
            text += paint("stroke", .role(.background, opacity: 0.85))
            text += " stroke-width=\"\(width)\" stroke-linejoin=\"round\" paint-order=\"stroke\""
        }
        text += ">\(SVGWriter.escaped(item.string))</text>\n"
    }
}
