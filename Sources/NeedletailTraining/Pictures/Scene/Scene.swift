/// A place on a picture: `x` to the right and `y` downwards, in the picture's units (pixels at scale 1).
package struct Point: Hashable, Sendable {
    package var x: Double
    package var y: Double

    package init(_ x: Double, _ y: Double) {
        self.x = x
        self.y = y
    }

    package var isFinite: Bool { x.isFinite && y.isFinite }
}

/// An upright rectangle on a picture.
package struct Rect: Hashable, Sendable {
    package var x: Double
    package var y: Double
    package var width: Double
    package var height: Double

    package init(_ x: Double, _ y: Double, _ width: Double, _ height: Double) {
        self.x = x
        self.y = y
        self.width = width
        self.height = height
    }

    package var right: Double { x + width }
    package var bottom: Double { y + height }
    package var center: Point { Point(x + width / 2, y + height / 2) }
    package var corners: [Point] { [Point(x, y), Point(right, y), Point(right, bottom), Point(x, bottom)] }

    /// The rectangle without a margin on each side; never of negative size.
    package func inset(left: Double = 0, top: Double = 0, right: Double = 0, bottom: Double = 0) -> Rect {
        Rect(x + left, y + top, max(width - left - right, 0), max(height - top - bottom, 0))
    }

    package func contains(_ point: Point) -> Bool {
        point.x >= x && point.x <= right && point.y >= y && point.y <= bottom
    }
}

/// How a line is drawn.
package struct Stroke: Hashable, Sendable {
    package var ink: Ink
    package var width: Double
    /// Lengths drawn and left out in turn; empty for a whole line.
    package var dashes: [Double] = []
    /// Whether the ends are half discs; else they are cut off at the last point.
    package var isRound = true

    package init(_ ink: Ink, _ width: Double, dashes: [Double] = [], isRound: Bool = true) {
        self.ink = ink
        self.width = width
        self.dashes = dashes
        self.isRound = isRound
    }
}

/// What a picture consists of, in the order of drawing: what ``SVGWriter`` and ``Canvas`` both draw.
package struct Scene: Sendable {
    package enum Anchor: Sendable { case start, middle, end }

    /// A line of text. `at` is on the base line; `angle` turns it about there, in degrees, clockwise.
    package struct Text: Sendable {
        package var string: String
        package var at: Point
        package var size: Double
        package var anchor: Anchor
        package var ink: Ink
        package var isBold: Bool
        package var angle: Double
        /// Whether the letters have a rim of the background, so that they are read on any colour.
        package var hasHalo: Bool

        package init(
            _ string: String, at: Point, size: Double, anchor: Anchor, ink: Ink, isBold: Bool = false,
            angle: Double = 0, hasHalo: Bool = false
        ) {
            self.string = string
            self.at = at
            self.size = size
            self.anchor = anchor
            self.ink = ink
            self.isBold = isBold
            self.angle = angle
            self.hasHalo = hasHalo
        }
    }

    package indirect enum Item: Sendable {
        /// Polygons, which together are one area (holes turn the other way), or lines.
        case path([[Point]], isClosed: Bool, fill: Ink?, stroke: Stroke?)
        case circle(center: Point, radius: Double, fill: Ink?, stroke: Stroke?)
        case rect(Rect, fill: Ink?, stroke: Stroke?, corner: Double)
        case text(Text)
        case image(PixelImage, in: Rect, isSmooth: Bool)
        /// What lies within a rectangle only.
        case clipped(to: Rect, [Item])
    }

    package var width: Double
    package var height: Double
    package var items: [Item] = []

    package init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    package mutating func line(_ points: [Point], _ stroke: Stroke) {
        items.append(.path([points], isClosed: false, fill: nil, stroke: stroke))
    }

    package mutating func line(_ a: Point, _ b: Point, _ ink: Ink, _ width: Double) {
        line([a, b], Stroke(ink, width, isRound: false))
    }

    package mutating func polygon(_ points: [Point], _ fill: Ink, stroke: Stroke? = nil) {
        items.append(.path([points], isClosed: true, fill: fill, stroke: stroke))
    }

    package mutating func rect(_ rect: Rect, _ fill: Ink?, stroke: Stroke? = nil, corner: Double = 0) {
        items.append(.rect(rect, fill: fill, stroke: stroke, corner: corner))
    }

    package mutating func circle(_ center: Point, _ radius: Double, _ fill: Ink?, stroke: Stroke? = nil) {
        items.append(.circle(center: center, radius: radius, fill: fill, stroke: stroke))
    }

    package mutating func image(_ image: PixelImage, in rect: Rect, isSmooth: Bool = false) {
        items.append(.image(image, in: rect, isSmooth: isSmooth))
    }

    package mutating func text(
        _ string: String, _ at: Point, size: Double, _ anchor: Anchor = .start, ink: Ink = .role(.text),
        bold: Bool = false, angle: Double = 0, halo: Bool = false
    ) {
        guard !string.isEmpty else { return }
        items.append(
            .text(
                Text(
                    string, at: at, size: size, anchor: anchor, ink: ink, isBold: bold, angle: angle,
                    hasHalo: halo)))
    }

    /// Draws with `body` what is seen only within `rect`.
    package mutating func clipped(to rect: Rect, _ body: (inout Scene) -> Void) {
        var inner = Scene(width: width, height: height)
        body(&inner)
        if !inner.items.isEmpty { items.append(.clipped(to: rect, inner.items)) }
    }
}

/// Pixels of 8 bits, red, green, blue and opacity, row by row from the top.
package struct PixelImage: Hashable, Sendable {
    package let width: Int
    package let height: Int
    package var pixels: [UInt8]

    package init(width: Int, height: Int) {
        self.width = width
        self.height = height
        pixels = [UInt8](repeating: 0, count: width * height * 4)
    }

    /// An image whose pixel at a column and row is `color`; nil is transparent.
    package init(width: Int, height: Int, _ color: (_ x: Int, _ y: Int) -> RGB?) {
        self.init(width: width, height: height)
        for y in 0..<height {
            for x in 0..<width {
                guard let color = color(x, y) else { continue }
                let start = (y * width + x) * 4
                (pixels[start], pixels[start + 1], pixels[start + 2]) = color.bytes
                pixels[start + 3] = 255
            }
        }
    }
}
