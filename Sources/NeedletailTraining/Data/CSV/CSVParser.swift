import Needletail
import TensorRuntime

/// Cuts the bytes of a CSV file into records ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)): quoted fields hold
/// separators, line ends and doubled quotes; lines end in LF, CRLF or CR; lines without anything are skipped.
///
/// It is our own: a table's errors are named by line, which SwiftCSV does not tell, and it works on bytes.
struct CSVParser {
    /// A field, and whether it stood in quotes: one that did is never missing.
    struct Field {
        var text: String
        var isQuoted: Bool
    }

    private let bytes: [UInt8]
    private let path: String
    private let separator: UInt8
    private var position = 0
    private var line = 1

    private static let quote = UInt8(ascii: "\"")
    private static let newline = UInt8(ascii: "\n")
    private static let carriage = UInt8(ascii: "\r")

    /// - Parameter separator: nil is the one of `,`, `;`, tab and `|` that is most often in the first record.
    init(_ bytes: [UInt8], path: String, separator: UInt8?) throws(TensorError) {
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            throw TensorError(.data, "\(path): is in UTF-16; save it as UTF-8")
        }
        self.bytes = bytes
        self.path = path
        // A byte order mark in front is no part of the first name.
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        self.separator = separator ?? CSVParser.guessedSeparator(bytes[position...])
    }

    private static func guessedSeparator(_ bytes: ArraySlice<UInt8>) -> UInt8 {
        let candidates: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t"), UInt8(ascii: "|")]
        var counts = [0, 0, 0, 0]
        var isQuoted = false
        for byte in bytes {
            if byte == quote { isQuoted.toggle() }
            if isQuoted { continue }
            if byte == newline || byte == carriage {
                if counts.contains(where: { $0 > 0 }) { break }
                continue
            }
            if let index = candidates.firstIndex(of: byte) { counts[index] += 1 }
        }
        return candidates[counts.firstIndex(of: counts.max() ?? 0) ?? 0]
    }

    /// The next record and the line that it begins on; nil at the end.
    mutating func next() throws(TensorError) -> (fields: [Field], line: Int)? {
        while position < bytes.count, isLineEnd(bytes[position]) { endLine() }
        guard position < bytes.count else { return nil }
        let first = line
        var fields: [Field] = []
        while true {
            fields.append(try field())
            guard position < bytes.count else { return (fields, first) }
            if bytes[position] == separator {
                position += 1
                continue
            }
            endLine()
            return (fields, first)
        }
    }

    private func isLineEnd(_ byte: UInt8) -> Bool { byte == CSVParser.newline || byte == CSVParser.carriage }

    private mutating func endLine() {
        let isPair =
            bytes[position] == CSVParser.carriage && position + 1 < bytes.count
            && bytes[position + 1] == CSVParser.newline
        position += isPair ? 2 : 1
        line += 1
    }

    /// A field; `position` is then at a separator, a line end or the end.
    private mutating func field() throws(TensorError) -> Field {
        while position < bytes.count, isBlank(bytes[position]) { position += 1 }
        guard position < bytes.count, bytes[position] == CSVParser.quote else {
            let start = position
            while position < bytes.count, bytes[position] != separator, !isLineEnd(bytes[position]) { position += 1 }
            var end = position
            while end > start, isBlank(bytes[end - 1]) { end -= 1 }
            return Field(text: try text(bytes[start..<end], line), isQuoted: false)
        }
        let first = line
        position += 1
        var start = position
        var joined: [UInt8] = []
        while true {
            guard position < bytes.count else {
                throw TensorError(.data, "\(path): line \(first): a quote is opened and never closed; close it")
            }
            switch bytes[position] {
            case CSVParser.quote:
                joined.append(contentsOf: bytes[start..<position])
                position += 1
                if position < bytes.count, bytes[position] == CSVParser.quote {
                    start = position
                    position += 1
                    continue
                }
                while position < bytes.count, isBlank(bytes[position]) { position += 1 }
                guard position == bytes.count || bytes[position] == separator || isLineEnd(bytes[position]) else {
                    throw TensorError(
                        .data,
                        "\(path): line \(line): text follows the closing quote of a field; double quotes inside of fields"
                    )
                }
                return Field(text: try text(joined[...], first), isQuoted: true)
            case CSVParser.carriage, CSVParser.newline:
                endLine()
            default:
                position += 1
            }
        }
    }

    private func isBlank(_ byte: UInt8) -> Bool {
        byte != separator && (byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t"))
    }

    private func text(_ bytes: ArraySlice<UInt8>, _ line: Int) throws(TensorError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw TensorError(.data, "\(path): line \(line): is no UTF-8 text; save the file as UTF-8")
        }
        return text
    }
}
