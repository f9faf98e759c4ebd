import Foundation

/// A built-in font of lines, so that a PNG needs no font of the machine: ASCII, Greek letters and signs of formulas,
/// letters with accents. Its letters are as wide as those of Helvetica and Arial, so that it also measures text that a
/// browser will set.
package enum StrokeFont {
    /// A letter: its width and lines, in hundredths of the size.
    struct Glyph {
        var advance: Double
        var strokes: [[Point]]
    }

    private static let glyphs: [Character: Glyph] = {
        var result: [Character: Glyph] = [
            " ": Glyph(advance: 28, strokes: []), "\u{A0}": Glyph(advance: 28, strokes: []),
        ]
        for line in GlyphTable.text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 2)
            guard let character = words[0].first, let advance = Double(words[1]) else { continue }
            result[character] = Glyph(advance: advance, strokes: words[2].split(separator: "|").map(points))
        }
        result["µ"] = result["μ"]
        result["∑"] = result["Σ"]
        result["‑"] = result["-"]
        for (character, digit) in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789−") { result[character] = raised(result[digit]) }
        for (character, digit) in zip("₀₁₂₃₄₅₆₇₈₉", "0123456789") { result[character] = raised(result[digit], by: -14) }
        return result
    }()

    /// The small digit of an exponent or index.
    private static func raised(_ glyph: Glyph?, by height: Double = 34) -> Glyph? {
        glyph.map { glyph in
            Glyph(
                advance: glyph.advance * 0.6,
                strokes: glyph.strokes.map { $0.map { Point($0.x * 0.6, $0.y * 0.6 + height) } })
        }
    }

    /// The points of a stroke of the table, its arcs as short lines.
    private static func points(_ text: Substring) -> [Point] {
        var result: [Point] = []
        for word in text.split(separator: " ") {
            let n = word.split(separator: ",").compactMap { Double($0) }
            if n.count == 2 {
                result.append(Point(n[0], n[1]))
            } else if n.count == 6 {
                let count = max(Int(abs(n[5] - n[4]) / 12), 2)
                for step in 0...count {
                    let angle = (n[4] + (n[5] - n[4]) * Double(step) / Double(count)) * .pi / 180
                    result.append(Point(n[0] + n[2] * cos(angle), n[1] + n[3] * sin(angle)))
                }
            }
        }
        return result
    }

    /// What stands above or below a letter, by its combining character; drawn about x = 0, above a height of 52.
    private static let accents: [Unicode.Scalar: [[Point]]] = [
        "\u{300}": [points("-8,70 4,58")], "\u{301}": [points("8,70 -4,58")],
        "\u{302}": [points("-11,58 0,70 11,58")], "\u{30C}": [points("-11,70 0,58 11,70")],
        "\u{303}": [points("-7,61,6,5,180,0 7,65,6,5,180,360")],
        "\u{308}": [points("-9,64 -9,63.9"), points("9,64 9,63.9")], "\u{30A}": [points("0,65,6,6,0,360")],
        "\u{327}": [points("1,2 1,-5 -1,-10,6,6,80,-120")],
    ]

    /// The letter of a character; a letter with accents is put together, and what the font lacks is an empty box.
    static func glyph(_ character: Character) -> Glyph {
        if let glyph = glyphs[character] { return glyph }
        switch character {
        case "œ": return joined("o", "e")
        case "æ": return joined("a", "e")
        case "Œ": return joined("O", "E")
        case "Æ": return joined("A", "E")
        default: break
        }
        let scalars = Array(String(character).decomposedStringWithCanonicalMapping.unicodeScalars)
        guard let first = scalars.first, var glyph = glyphs[Character(first)] else {
            return Glyph(advance: 60, strokes: [points("8,4 8,68 52,68 52,4 8,4")])
        }
        // The accent takes the place of the point.
        if first == "i" || first == "j" { glyph.strokes.removeLast() }
        let isTall = first.properties.isUppercase
        for mark in scalars.dropFirst() {
            for stroke in accents[mark] ?? [] {
                let rise = isTall && mark != "\u{327}" ? 19.0 : 0
                glyph.strokes.append(stroke.map { Point($0.x + glyph.advance / 2, $0.y + rise) })
            }
        }
        return glyph
    }

    private static func joined(_ a: Character, _ b: Character) -> Glyph {
        let (first, second) = (glyph(a), glyph(b))
        let shift = first.advance - 8
        return Glyph(
            advance: shift + second.advance,
            strokes: first.strokes + second.strokes.map { $0.map { Point($0.x + shift, $0.y) } })
    }

    /// How wide text is.
    package static func width(of text: String, size: Double, bold: Bool = false) -> Double {
        text.reduce(0) { $0 + glyph($1).advance } * size / 100 * (bold ? 1.07 : 1)
    }

    /// The lines of text on a picture, and how thick they are.
    package static func strokes(of text: Scene.Text) -> (lines: [[Point]], width: Double) {
        let stretch = text.isBold ? 1.07 : 1.0
        let length = width(of: text.string, size: text.size, bold: text.isBold)
        var x =
            switch text.anchor {
            case .start: 0.0
            case .middle: -length / 2
            case .end: -length
            }
        let (sine, cosine) = (sin(text.angle * .pi / 180), cos(text.angle * .pi / 180))
        let unit = text.size / 100
        var lines: [[Point]] = []
        for character in text.string {
            let glyph = glyph(character)
            for stroke in glyph.strokes {
                lines.append(
                    stroke.map { point in
                        let (across, up) = (x + point.x * unit * stretch, -point.y * unit)
                        return Point(
                            text.at.x + across * cosine - up * sine, text.at.y + across * sine + up * cosine)
                    })
            }
            x += glyph.advance * unit * stretch
        }
        return (lines, unit * (text.isBold ? 12.5 : 8.6))
    }

    /// Text of at most `width`, its end replaced by three points where it is longer.
    package static func shortened(_ text: String, to width: Double, size: Double, bold: Bool = false) -> String {
        if self.width(of: text, size: size, bold: bold) <= width { return text }
        var kept = text
        while !kept.isEmpty, self.width(of: kept + "…", size: size, bold: bold) > width { kept.removeLast() }
        while kept.last == " " { kept.removeLast() }
        return kept.isEmpty ? "" : kept + "…"
    }
}
