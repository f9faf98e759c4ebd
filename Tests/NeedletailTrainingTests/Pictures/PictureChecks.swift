import CZlib
import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

/// What tests of pictures share.
enum PictureChecks {
    /// A wrong call in `body`, whose error has the text and a remedy in it.
    static func expectWrong(
        _ text: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
    ) {
        do {
            try checked(body)
            Issue.record("no error was thrown: \(text)", sourceLocation: sourceLocation)
        } catch let error as TensorError {
            #expect(error.kind == .invalidArgument, "\(error)", sourceLocation: sourceLocation)
            #expect(error.message.contains(text), "no \(text) in: \(error)", sourceLocation: sourceLocation)
            #expect(error.message.contains(";"), "no remedy: \(error)", sourceLocation: sourceLocation)
        } catch {
            Issue.record("\(error)", sourceLocation: sourceLocation)
        }
    }

    /// What is wrong with `text` as XML: tags that do not match, attributes without quotes, signs that stand for
    /// themselves; nil where nothing is.
    static func problem(inXML text: String) -> String? {
        var open: [String] = []
        var rest = Substring(text)
        while let start = rest.firstIndex(of: "<") {
            if let problem = problem(inText: rest[..<start]) { return problem }
            guard let end = rest[start...].firstIndex(of: ">") else { return "a tag does not end" }
            var tag = rest[rest.index(after: start)..<end]
            rest = rest[rest.index(after: end)...]
            if tag.hasPrefix("/") {
                let name = open.popLast() ?? "nothing"
                if name != tag.dropFirst() { return "</\(tag.dropFirst())> ends <\(name)>" }
                continue
            }
            let isEmpty = tag.hasSuffix("/")
            if isEmpty { tag.removeLast() }
            let quotes = tag.filter { $0 == "\"" }.count
            // Data in base64 may end in that sign.
            if quotes != 2 * (tag.components(separatedBy: "=\"").count - 1 - (tag.hasSuffix("=\"") ? 1 : 0)) {
                return "quotes of <\(tag.prefix(80))>"
            }
            let name = String(tag.prefix { $0 != " " })
            if name == "style" {
                // Its text is CSS.
                guard let close = rest.range(of: "</style>") else { return "<style> does not end" }
                rest = rest[close.upperBound...]
                continue
            }
            if !isEmpty { open.append(name) }
        }
        return open.isEmpty ? problem(inText: rest) : "<\(open.last!)> does not end"
    }

    private static func problem(inText text: Substring) -> String? {
        if text.contains(">") { return "> in text: \(text.prefix(60))" }
        for piece in text.split(separator: "&", omittingEmptySubsequences: false).dropFirst() {
            let isKnown = ["amp;", "lt;", "gt;", "quot;", "#39;"].contains { piece.hasPrefix($0) }
            if !isKnown { return "&\(piece.prefix(10))" }
        }
        return nil
    }

    /// The size, channels and pixels of a PNG; records what is wrong with it.
    static func decoded(_ png: [UInt8]) throws -> (width: Int, height: Int, channels: Int, pixels: [UInt8]) {
        try #require(Array(png.prefix(8)) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
        func number(_ at: Int) -> Int { png[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
        var (place, header, data, names): (Int, [UInt8], [UInt8], [String]) = (8, [], [], [])
        while place < png.count {
            let length = number(place)
            let body = Array(png[place + 4..<place + 8 + length])
            #expect(number(place + 8 + length) == Int(crc32(0, body, UInt32(body.count))))
            let name = String(decoding: body.prefix(4), as: UTF8.self)
            names.append(name)
            if name == "IHDR" { header = Array(body.dropFirst(4)) }
            if name == "IDAT" { data += body.dropFirst(4) }
            place += 12 + length
        }
        #expect(names == ["IHDR", "IDAT", "IEND"])
        let (width, height) = (number(16), number(20))
        let channels = header[9] == 6 ? 4 : 3
        #expect(header[8] == 8 && (header[9] == 2 || header[9] == 6) && header[10...12] == [0, 0, 0])
        var size = UInt((width * channels + 1) * height)
        var rows = [UInt8](repeating: 0, count: Int(size))
        #expect(uncompress(&rows, &size, data, UInt(data.count)) == Z_OK)
        #expect(Int(size) == rows.count)
        let stride = width * channels
        var pixels: [UInt8] = []
        for row in 0..<height {
            let start = row * (stride + 1)
            let filter = rows[start]
            try #require(filter == 0 || filter == 2)
            for column in 0..<stride {
                let above = filter == 2 && row > 0 ? pixels[(row - 1) * stride + column] : 0
                pixels.append(rows[start + 1 + column] &+ above)
            }
        }
        return (width, height, channels, pixels)
    }

    /// The places of all text of a scene.
    static func texts(_ items: [Scene.Item]) -> [(string: String, box: Rect)] {
        items.flatMap { item -> [(string: String, box: Rect)] in
            switch item {
            case .clipped(_, let inner): return texts(inner)
            case .text(let text):
                let width = StrokeFont.width(of: text.string, size: text.size, bold: text.isBold)
                let start: Double
                switch text.anchor {
                case .start: start = 0
                case .middle: start = -width / 2
                case .end: start = -width
                }
                let flat = Rect(start, -text.size * 0.72, width, text.size * 0.72)
                if text.angle == 0 {
                    return [(text.string, Rect(text.at.x + flat.x, text.at.y + flat.y, flat.width, flat.height))]
                }
                // Turned about its place; what lies aslant is taken apart into letters.
                let parts = text.angle == -90 ? 1 : max(text.string.count, 1)
                let (sine, cosine) = (sin(text.angle * .pi / 180), cos(text.angle * .pi / 180))
                return (0..<parts).map { part in
                    let left = flat.x + flat.width * Double(part) / Double(parts)
                    let own = Rect(left, flat.y, flat.width / Double(parts), flat.height)
                    let corners = own.corners.map {
                        Point(text.at.x + $0.x * cosine - $0.y * sine, text.at.y + $0.x * sine + $0.y * cosine)
                    }
                    let (xs, ys) = (corners.map(\.x), corners.map(\.y))
                    return (text.string, Rect(xs.min()!, ys.min()!, xs.max()! - xs.min()!, ys.max()! - ys.min()!))
                }
            default: return []
            }
        }
    }

    /// The places of what is written at one angle, seen from that angle.
    private static func turned(_ items: [Scene.Item]) -> [(string: String, angle: Double, box: Rect)] {
        items.flatMap { item -> [(string: String, angle: Double, box: Rect)] in
            switch item {
            case .clipped(_, let inner): return turned(inner)
            case .text(let text) where text.angle != 0:
                let (sine, cosine) = (sin(text.angle * .pi / 180), cos(text.angle * .pi / 180))
                let at = Point(
                    text.at.x * cosine + text.at.y * sine, text.at.y * cosine - text.at.x * sine)
                let straight = Scene.Text(
                    text.string, at: at, size: text.size, anchor: text.anchor, ink: text.ink, isBold: text.isBold)
                return texts([.text(straight)]).map { ($0.string, text.angle, $0.box) }
            default: return []
            }
        }
    }

    /// What is written outside of a scene, or on other text.
    static func clashes(_ scene: Scene) -> [String] {
        let texts = texts(scene.items)
        let turned = turned(scene.items)
        let aslant = Set(turned.filter { $0.angle != -90 }.map(\.string))
        let whole = Rect(0, 0, scene.width, scene.height)
        func meet(_ a: Rect, _ b: Rect) -> Bool {
            a.x < b.right - 0.5 && b.x < a.right - 0.5 && a.y < b.bottom - 0.5 && b.y < a.bottom - 0.5
        }
        var result: [String] = []
        for (index, text) in texts.enumerated() {
            if !text.box.corners.allSatisfy(whole.contains) { result.append("\(text.string) is outside: \(text.box)") }
            for other in texts[..<index] where other.string != text.string && meet(text.box, other.box) {
                // Two that lie aslant are looked at below: their letters' upright boxes say too much.
                if !aslant.contains(text.string) || !aslant.contains(other.string) {
                    result.append("\(text.string) is on \(other.string)")
                }
            }
        }
        for (index, text) in turned.enumerated() {
            for other in turned[..<index]
            where other.string != text.string && other.angle == text.angle && meet(text.box, other.box) {
                result.append("\(text.string) is on \(other.string)")
            }
        }
        return result
    }
}
