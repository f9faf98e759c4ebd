import Foundation

/// Pixels that a scene is drawn on, with smooth edges.
///
/// An area's share of each pixel is exact: its edges add what they cover, with the sign of their direction, to the
/// pixel they cross, and sums along the rows fill what lies between them. A line is the area of its segments and of
/// discs at its joints, all turning the same way, so that no share counts beyond 1.
package struct Canvas {
    package let width: Int
    package let height: Int
    private let scale: Double
    private let isDark: Bool
    /// Red, green and blue in 0...255.
    private var colors: [Float]
    /// What edges add to each pixel; two more in each row take what lies right of it.
    private var cover: [Float]
    private let stride: Int
    private var clip: (left: Int, top: Int, right: Int, bottom: Int)

    /// Draws `scene` at `scale` pixels for each unit.
    package init(_ scene: Scene, scale: Double, theme: Theme) {
        width = max(Int((scene.width * scale).rounded()), 1)
        height = max(Int((scene.height * scale).rounded()), 1)
        self.scale = scale
        isDark = theme == .dark
        let (r, g, b) = Theme.color(of: .background, isDark: isDark).bytes
        colors = [Float](repeating: Float(r), count: width * height * 3)
        for pixel in 0..<width * height {
            colors[pixel * 3 + 1] = Float(g)
            colors[pixel * 3 + 2] = Float(b)
        }
        stride = width + 2
        cover = [Float](repeating: 0, count: stride * height)
        clip = (0, 0, width, height)
        draw(scene.items)
    }

    /// Red, green and blue of each pixel, row by row.
    package var bytes: [UInt8] { colors.map { UInt8(min(max($0, 0), 255) + 0.5) } }

    private mutating func draw(_ items: [Scene.Item]) {
        for item in items {
            switch item {
            case .path(let lines, let isClosed, let fill, let stroke):
                if let fill, isClosed { self.fill(lines, fill) }
                if let stroke { self.stroke(lines, isClosed: isClosed, stroke) }
            case .circle(let center, let radius, let fill, let stroke):
                let ring = Canvas.circle(center, radius, steps: steps(radius))
                if let fill { self.fill([ring], fill) }
                if let stroke { self.stroke([ring], isClosed: true, stroke) }
            case .rect(let rect, let fill, let stroke, let corner):
                let outline = Canvas.outline(rect, corner: min(corner, rect.width / 2, rect.height / 2))
                if let fill { self.fill([outline], fill) }
                if let stroke { self.stroke([outline], isClosed: true, stroke) }
            case .text(let text):
                let (lines, width) = StrokeFont.strokes(of: text)
                if text.hasHalo {
                    self.stroke(
                        lines, isClosed: false, Stroke(.role(.background, opacity: 0.85), width + text.size * 0.22))
                }
                self.stroke(lines, isClosed: false, Stroke(text.ink, width))
            case .image(let image, let rect, let isSmooth): draw(image, in: rect, isSmooth: isSmooth)
            case .clipped(let rect, let items): drawClipped(rect, items)
            }
        }
    }

    private mutating func drawClipped(_ rect: Rect, _ items: [Scene.Item]) {
        let outer = clip
        clip = (
            max(outer.left, Int((rect.x * scale).rounded())), max(outer.top, Int((rect.y * scale).rounded())),
            min(outer.right, Int((rect.right * scale).rounded())),
            min(outer.bottom, Int((rect.bottom * scale).rounded()))
        )
        if clip.left < clip.right, clip.top < clip.bottom { draw(items) }
        clip = outer
    }

    // MARK: Areas

    /// What an area or a line reaches, in pixels, within the clip; nil where nothing of it is seen.
    private struct Reach {
        var left: Int
        var top: Int
        var right: Int
        var bottom: Int
    }

    private func reach(_ lines: [[Point]], margin: Double) -> Reach? {
        var (low, high) = (Point(.infinity, .infinity), Point(-.infinity, -.infinity))
        for line in lines {
            for point in line where point.isFinite {
                low = Point(min(low.x, point.x), min(low.y, point.y))
                high = Point(max(high.x, point.x), max(high.y, point.y))
            }
        }
        guard low.x <= high.x else { return nil }
        func pixel(_ x: Double) -> Int { Int(min(max(x, -1e6), 1e6)) }
        let result = Reach(
            left: max(pixel(((low.x - margin) * scale).rounded(.down)), clip.left),
            top: max(pixel(((low.y - margin) * scale).rounded(.down)), clip.top),
            right: min(pixel(((high.x + margin) * scale).rounded(.up)) + 1, clip.right),
            bottom: min(pixel(((high.y + margin) * scale).rounded(.up)) + 1, clip.bottom))
        return result.left < result.right && result.top < result.bottom ? result : nil
    }

    private mutating func fill(_ polygons: [[Point]], _ ink: Ink) {
        guard let reach = reach(polygons, margin: 0) else { return }
        for polygon in polygons { add(polygon, within: reach) }
        paint(ink, within: reach)
    }

    /// Adds the edges of a polygon to the cover.
    private mutating func add(_ polygon: [Point], within reach: Reach) {
        guard polygon.count > 2 else { return }
        var from = polygon[polygon.count - 1]
        for to in polygon {
            if from.isFinite, to.isFinite { addEdge(from, to, within: reach) }
            from = to
        }
    }

    /// Adds what lies right of an edge, in the rows that it crosses.
    private mutating func addEdge(_ a: Point, _ b: Point, within reach: Reach) {
        let (ax, ay, bx, by) = (a.x * scale, a.y * scale, b.x * scale, b.y * scale)
        if ay == by { return }
        let direction: Float = ay < by ? 1 : -1
        let (x0, y0, x1, y1) = ay < by ? (ax, ay, bx, by) : (bx, by, ax, ay)
        let slope = (x1 - x0) / (y1 - y0)
        let top = max(y0, Double(reach.top))
        let bottom = min(y1, Double(reach.bottom))
        guard top < bottom else { return }
        let (left, right) = (Double(reach.left), Double(reach.right))
        var row = Int(top)
        var y = top
        while y < bottom {
            let next = min(Double(row + 1), bottom)
            let height = Float(next - y) * direction
            // Left of the reach all of the row is right of the edge; right of it, nothing.
            let start = min(max(x0 + (y - y0) * slope, left), right)
            let end = min(max(x0 + (next - y0) * slope, left), right)
            addSpan(min(start, end), max(start, end), height, at: row * stride)
            y = next
            row += 1
        }
    }

    /// Adds an edge's part in one row, between the columns `low` and `high`.
    private mutating func addSpan(_ low: Double, _ high: Double, _ height: Float, at row: Int) {
        let first = Int(low)
        // An edge that ends between two pixels is not in the second.
        let last = max(Int(high.rounded(.up)) - 1, first)
        if first == last {
            // The share of this pixel that lies right of the edge.
            let covered = Float(1 - ((low + high) / 2 - Double(first)))
            cover[row + first] += height * covered
            cover[row + first + 1] += height * (1 - covered)
            return
        }
        let perColumn = 1 / (high - low)
        var before = 0.0
        for column in first...last {
            let start = max(low, Double(column))
            let end = min(high, Double(column + 1))
            // The area right of the edge within this pixel, as a share of the edge's height.
            let share = (end - start) * perColumn
            let right = share * (1 - ((start + end) / 2 - Double(column)))
            cover[row + column] += height * Float(before + right)
            before = share - right
        }
        cover[row + last + 1] += height * Float(before)
    }

    /// Mixes a colour into the pixels by the sums of the cover, which is 0 again afterwards.
    private mutating func paint(_ ink: Ink, within reach: Reach) {
        let opacity = Float(ink.opacity)
        let (r, g, b) = color(ink)
        for row in reach.top..<reach.bottom {
            var sum: Float = 0
            let start = row * stride
            for column in reach.left..<reach.right {
                sum += cover[start + column]
                cover[start + column] = 0
                let share = min(abs(sum), 1) * opacity
                if share < 0.002 { continue }
                let place = (row * width + column) * 3
                colors[place] += (r - colors[place]) * share
                colors[place + 1] += (g - colors[place + 1]) * share
                colors[place + 2] += (b - colors[place + 2]) * share
            }
            cover[start + reach.right] = 0
            cover[start + reach.right + 1] = 0
        }
    }

    private func color(_ ink: Ink) -> (Float, Float, Float) {
        let color =
            switch ink {
            case .fixed(let color, _): color
            case .role(let role, _): Theme.color(of: role, isDark: isDark)
            }
        return (Float(color.red * 255), Float(color.green * 255), Float(color.blue * 255))
    }

    // MARK: Lines

    private mutating func stroke(_ lines: [[Point]], isClosed: Bool, _ stroke: Stroke) {
        guard stroke.width > 0, let reach = reach(lines, margin: stroke.width) else { return }
        for line in lines {
            let finite = line.filter(\.isFinite)
            guard var last = finite.first else { continue }
            let whole = isClosed ? finite + [last] : finite
            let parts = stroke.dashes.isEmpty ? [whole] : Canvas.dashed(whole, stroke.dashes)
            for part in parts {
                last = part[0]
                for (index, point) in part.enumerated() {
                    if index > 0 { add(Canvas.band(last, point, stroke.width), within: reach) }
                    let isEnd = !isClosed && (index == 0 || index == part.count - 1)
                    // Joints of hair lines are not seen; round ends are, as the points of letters.
                    if isEnd ? stroke.isRound : stroke.width * scale > 1.2 {
                        add(
                            Canvas.circle(point, stroke.width / 2, steps: steps(stroke.width / 2)), within: reach)
                    }
                    last = point
                }
            }
        }
        paint(stroke.ink, within: reach)
    }

    private func steps(_ radius: Double) -> Int { min(max(Int((radius * scale).squareRoot() * 8), 10), 90) }

    /// The rectangle of a segment, turning as ``circle(_:_:steps:)``.
    private static func band(_ a: Point, _ b: Point, _ width: Double) -> [Point] {
        let (dx, dy) = (b.x - a.x, b.y - a.y)
        let length = (dx * dx + dy * dy).squareRoot()
        guard length > 0 else { return [] }
        let (nx, ny) = (-dy / length * width / 2, dx / length * width / 2)
        return [
            Point(a.x - nx, a.y - ny), Point(b.x - nx, b.y - ny), Point(b.x + nx, b.y + ny), Point(a.x + nx, a.y + ny),
        ]
    }

    private static func circle(_ center: Point, _ radius: Double, steps: Int) -> [Point] {
        (0..<steps).map { step in
            let angle = 2 * .pi * Double(step) / Double(steps)
            return Point(center.x + radius * cos(angle), center.y + radius * sin(angle))
        }
    }

    private static func outline(_ rect: Rect, corner: Double) -> [Point] {
        guard corner > 0 else { return rect.corners }
        let centers = [
            (Point(rect.x + corner, rect.y + corner), 180.0), (Point(rect.right - corner, rect.y + corner), 270.0),
            (Point(rect.right - corner, rect.bottom - corner), 0.0),
            (Point(rect.x + corner, rect.bottom - corner), 90.0),
        ]
        return centers.flatMap { center, start in
            (0...6).map { step in
                let angle = (start + 15 * Double(step)) * .pi / 180
                return Point(center.x + corner * cos(angle), center.y + corner * sin(angle))
            }
        }
    }

    /// The pieces of a line that dashes leave.
    private static func dashed(_ line: [Point], _ dashes: [Double]) -> [[Point]] {
        let whole = zip(line, line.dropFirst()).reduce(0) { $0 + abs($1.0.x - $1.1.x) + abs($1.0.y - $1.1.y) }
        // What leaves the picture so far would be in pieces without end.
        guard whole < 1e5 else { return [line] }
        var result: [[Point]] = []
        var (index, left) = (0, dashes[0])
        var piece = [line[0]]
        for (a, b) in zip(line, line.dropFirst()) {
            let length = ((b.x - a.x) * (b.x - a.x) + (b.y - a.y) * (b.y - a.y)).squareRoot()
            var done = 0.0
            while length - done > left {
                done += left
                let point = Point(a.x + (b.x - a.x) * done / length, a.y + (b.y - a.y) * done / length)
                if index % 2 == 0 { result.append(piece + [point]) }
                piece = [point]
                index += 1
                left = max(dashes[index % dashes.count], 0.1)
            }
            left -= length - done
            piece.append(b)
        }
        if index % 2 == 0, piece.count > 1 { result.append(piece) }
        return result
    }

    // MARK: Images

    private mutating func draw(_ image: PixelImage, in rect: Rect, isSmooth: Bool) {
        guard let reach = reach([rect.corners], margin: 0), image.width > 0, image.height > 0 else { return }
        for row in reach.top..<reach.bottom {
            let v = ((Double(row) + 0.5) / scale - rect.y) / rect.height * Double(image.height)
            guard v >= 0, v < Double(image.height) else { continue }
            for column in reach.left..<reach.right {
                let u = ((Double(column) + 0.5) / scale - rect.x) / rect.width * Double(image.width)
                guard u >= 0, u < Double(image.width) else { continue }
                let (r, g, b, opacity) = isSmooth ? image.smooth(u - 0.5, v - 0.5) : image.pixel(Int(u), Int(v))
                let place = (row * width + column) * 3
                colors[place] += (r - colors[place]) * opacity
                colors[place + 1] += (g - colors[place + 1]) * opacity
                colors[place + 2] += (b - colors[place + 2]) * opacity
            }
        }
    }
}

extension PixelImage {
    /// A pixel, the nearest one beyond the edge; opacity in 0...1.
    fileprivate func pixel(_ x: Int, _ y: Int) -> (Float, Float, Float, Float) {
        let start = (min(max(y, 0), height - 1) * width + min(max(x, 0), width - 1)) * 4
        return (
            Float(pixels[start]), Float(pixels[start + 1]), Float(pixels[start + 2]), Float(pixels[start + 3]) / 255
        )
    }

    /// The colour between four pixels.
    fileprivate func smooth(_ x: Double, _ y: Double) -> (Float, Float, Float, Float) {
        let (left, top) = (Int(x.rounded(.down)), Int(y.rounded(.down)))
        let (u, v) = (Float(x - Double(left)), Float(y - Double(top)))
        let (a, b) = (pixel(left, top), pixel(left + 1, top))
        let (c, d) = (pixel(left, top + 1), pixel(left + 1, top + 1))
        func mix(_ a: Float, _ b: Float, _ c: Float, _ d: Float) -> Float {
            (a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v
        }
        return (mix(a.0, b.0, c.0, d.0), mix(a.1, b.1, c.1, d.1), mix(a.2, b.2, c.2, d.2), mix(a.3, b.3, c.3, d.3))
    }
}
