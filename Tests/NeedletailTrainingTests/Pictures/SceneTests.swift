import Foundation
import NeedletailTraining
import Testing

/// The two writers of a scene.
@Suite struct SceneTests {
    private func pixels(_ scene: Scene, scale: Double = 1) -> [[UInt8]] {
        let canvas = Canvas(scene, scale: scale, theme: .light)
        let bytes = canvas.bytes
        return (0..<canvas.width * canvas.height).map { Array(bytes[$0 * 3..<$0 * 3 + 3]) }
    }

    private let black = Ink.fixed(RGB(0, 0, 0))

    @Test func areasCoverEachPixelByTheirShare() {
        var scene = Scene(width: 4, height: 2)
        scene.rect(Rect(0.5, 0, 2.25, 1.5), black)
        let gray = pixels(scene).map { 255 - Int($0[0]) }
        // Half, whole, three quarters; in the second row half of each.
        let wanted = [127.5, 255, 191.25, 0, 63.75, 127.5, 95.6, 0]
        for (found, wanted) in zip(gray, wanted) { #expect(abs(Double(found) - wanted) <= 1, "\(gray)") }
    }

    @Test func slantedEdgesCoverTheirArea() {
        for corners in [
            [Point(1, 1), Point(9, 2), Point(4, 9)], [Point(2.3, 0.1), Point(7.7, 9.9), Point(0.2, 5)],
            [Point(5, 1), Point(5.4, 9), Point(4.6, 9)],
        ] {
            var scene = Scene(width: 10, height: 10)
            scene.polygon(corners, black)
            let (a, b, c) = (corners[0], corners[1], corners[2])
            let area = abs((b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y)) / 2
            let found = pixels(scene).reduce(0.0) { $0 + (255 - Double($1[0])) / 255 }
            #expect(abs(found - area) < 0.15, "\(found) of \(area)")
        }
    }

    @Test func holesStayEmptyAndLinesCountOnce() {
        var scene = Scene(width: 10, height: 10)
        let hole = Rect(4, 4, 2, 2).corners.reversed()
        scene.items.append(
            .path([Rect(1, 1, 8, 8).corners, Array(hole)], isClosed: true, fill: black, stroke: nil))
        let filled = pixels(scene).reduce(0) { $0 + (255 - Int($1[0])) } / 255
        #expect(filled == 60)
        var crossed = Scene(width: 20, height: 20)
        crossed.line([Point(2, 10), Point(18, 10), Point(2, 10)], Stroke(.fixed(RGB(0, 0, 0), opacity: 0.5), 4))
        #expect(pixels(crossed)[10 * 20 + 10][0] == 128)
    }

    @Test func whatIsOutsideIsNotDrawn() {
        var scene = Scene(width: 8, height: 8)
        scene.clipped(to: Rect(2, 2, 3, 3)) { $0.rect(Rect(-100, -100, 1000, 1000), black) }
        scene.line([Point(-1e9, -50), Point(1e9, -50)], Stroke(black, 3))
        scene.polygon([Point(.nan, 1), Point(2, .infinity)], black)
        let dark = pixels(scene).enumerated().filter { $0.element[0] == 0 }.map(\.offset)
        #expect(dark == [18, 19, 20, 26, 27, 28, 34, 35, 36])
    }

    @Test func dashesLeaveGaps() {
        var scene = Scene(width: 20, height: 3)
        scene.line([Point(0, 1.5), Point(20, 1.5)], Stroke(black, 3, dashes: [5, 5], isRound: false))
        let row = (0..<20).map { pixels(scene)[20 + $0][0] == 0 }
        #expect(row == (0..<20).map { $0 % 10 < 5 })
    }

    @Test func aPNGIsReadBackAsItWasDrawn() throws {
        var scene = Scene(width: 6, height: 4)
        scene.rect(Rect(1, 1, 3, 2), .fixed(RGB(0xD55E00)))
        let canvas = Canvas(scene, scale: 2, theme: .dark)
        let file = try PictureChecks.decoded(PNGWriter.png(canvas))
        #expect(file.width == 12 && file.height == 8 && file.channels == 3)
        #expect(file.pixels == canvas.bytes)
        #expect(Array(file.pixels[(2 * 12 + 2) * 3..<(2 * 12 + 2) * 3 + 3]) == [0xD5, 0x5E, 0x00])
        #expect(Array(file.pixels.prefix(3)) == [0x15, 0x18, 0x1D])
        let image = PixelImage(width: 3, height: 2) { x, y in x == y ? nil : RGB(Double(x) / 2, 0, 1) }
        let small = try PictureChecks.decoded(PNGWriter.png(image))
        #expect(small.channels == 4 && small.pixels == image.pixels)
    }

    @Test func aSmallPNGIsTheSameToTheByte() throws {
        var scene = Scene(width: 3, height: 2)
        scene.rect(Rect(1, 0, 1, 1), .fixed(RGB(0x0072B2)))
        let file = try PictureChecks.decoded(PNGWriter.png(Canvas(scene, scale: 1, theme: .light)))
        #expect(
            file.pixels == [255, 255, 255, 0, 0x72, 0xB2, 255, 255, 255] + [UInt8](repeating: 255, count: 9))
    }

    @Test func svgIsWellFormedWhateverTheText() {
        var scene = Scene(width: 100, height: 50)
        scene.text(
            "a < b & \"c\" > 'd' \u{1} \u{FFFF} é 漢 😀", Point(5, 20), size: 12, bold: true, angle: -90, halo: true)
        scene.image(PixelImage(width: 2, height: 2) { x, y in RGB(Double(x), Double(y), 0) }, in: Rect(1, 1, 5, 5))
        scene.clipped(to: Rect(0, 0, 10, 10)) { $0.circle(Point(5, 5), 3, .role(.series(2), opacity: 0.5)) }
        scene.line([Point(0, 0), Point(.nan, 3), Point(10, 1.234567)], Stroke(.role(.axis), 2, dashes: [4, 2]))
        for theme in [Theme.light, .dark, .automatic] {
            let svg = SVGWriter.svg(scene, theme: theme, name: "<\"&'>")
            #expect(PictureChecks.problem(inXML: svg) == nil)
            #expect(svg.contains("a &lt; b &amp; &quot;c&quot; &gt; &#39;d&#39; \u{FFFD} \u{FFFD} é 漢 😀"))
            #expect(svg.contains("aria-label=\"&lt;&quot;&amp;&#39;&gt;\""))
            #expect(svg.contains("M0 0L10 1.23"))
            #expect(svg.contains("var(--nt-axis)") == (theme == .automatic))
            #expect(svg.contains("prefers-color-scheme") == (theme == .automatic))
        }
    }

    @Test func theCheckerFindsWhatIsNotWellFormed() {
        for wrong in ["<a><b></a></b>", "<a>", "<a x=\"1></a>", "<a>&</a>", "<a>></a>", "</a>"] {
            #expect(PictureChecks.problem(inXML: wrong) != nil, "\(wrong)")
        }
    }

    @Test func theFontHasWhatChartsWrite() {
        let text =
            (33..<127).map { String(UnicodeScalar($0)) }.joined()
            + "−×·÷±≤≥≈≠°√∞∂∇ΔΣΩΘαβγδεηθλμπρστφω→←↑↓…–—ßøäöüéèêçñåÄÉœæ⁰⁻³₁²"
        let box = StrokeFont.strokes(of: letter("\u{1F600}")).lines
        for character in text where character != " " {
            let lines = StrokeFont.strokes(of: letter(String(character))).lines
            #expect(!lines.isEmpty && lines != box, "\(character)")
            let width = StrokeFont.width(of: String(character), size: 100)
            let xs = lines.flatMap { $0.map(\.x) }
            #expect(xs.min()! > -6 && xs.max()! < width + 6, "\(character) is wider than \(width)")
        }
        #expect(StrokeFont.shortened("learning rate", to: 60, size: 15).hasSuffix("…"))
        #expect(StrokeFont.width(of: StrokeFont.shortened("learning rate", to: 60, size: 15), size: 15) <= 60)
    }

    private func letter(_ string: String) -> Scene.Text {
        Scene.Text(string, at: Point(0, 0), size: 100, anchor: .start, ink: .role(.text))
    }

    @Test func mapsGetLighterEvenly() {
        let light = (0...20).map { ColorMap.sequential.color(Double($0) / 20)!.lightness }
        for (a, b) in zip(light, light.dropFirst()) { #expect(abs(b - a - 0.035) < 0.008, "\(light)") }
        let sides = (0...20).map { ColorMap.diverging.color(Double($0) / 20)!.lightness }
        for (a, b) in zip(sides, sides.reversed()) { #expect(abs(a - b) < 0.02) }
        #expect(sides[10] > 0.97 && sides[0] < 0.5)
        #expect(ColorMap.sequential.color(.nan) == nil)
        #expect(ColorMap.gray.color(-3) == RGB(0, 0, 0) && ColorMap.gray.color(.infinity) == RGB(1, 1, 1))
    }
}
