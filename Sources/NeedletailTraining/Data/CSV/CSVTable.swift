import Needletail
import TensorRuntime

/// How a CSV file is written.
public struct CSVFormat: Hashable, Sendable {
    /// Between fields; nil is the one of `,`, `;`, tab and `|` that is most often in the first line.
    public var separator: Character?
    /// Whether the first line names the columns; else they are `column1`, `column2`, ...
    public var hasHeader: Bool
    /// What stands, without quotes, where a value is missing.
    public var missing: Set<String>
    /// What columns are, by their names, where it is not to be told from their fields.
    public var kinds: [String: CSVTable.Kind]

    /// The defaults are those of most files.
    public init(
        separator: Character? = nil, hasHeader: Bool = true,
        missing: Set<String> = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "?"],
        kinds: [String: CSVTable.Kind] = [:]
    ) {
        self.separator = separator
        self.hasHeader = hasHeader
        self.missing = missing
        self.kinds = kinds
    }
}

/// A table of a CSV file: named columns, whose kinds are told from their fields.
///
///     let houses = try CSVTable(contentsOf: "houses.csv")
///     print(houses)
public struct CSVTable: Sendable {
    /// What a column's fields are.
    public enum Kind: String, Hashable, Sendable, Codable {
        case integer, real
        /// One of a few names.
        case category
        case text
    }

    /// A column: a field for each row, nil where it is missing.
    public struct Column: Sendable {
        /// By the header, or `column1`, ...
        public let name: String
        /// What its fields are.
        public let kind: Kind
        /// As they stand in the file, without quotes.
        public let fields: [String?]

        /// The distinct fields, sorted; numbers by their values.
        public var distinct: [String] {
            let all = Set(fields.compactMap { $0 })
            guard kind == .integer || kind == .real else { return all.sorted() }
            return all.sorted { (CSVTable.number($0) ?? 0, $0) < (CSVTable.number($1) ?? 0, $1) }
        }
    }

    /// Where the table came from, for messages.
    public let path: String
    /// In the file's order.
    public let columns: [Column]
    /// Lines of data.
    public let rowCount: Int
    /// The line of the file that each row begins on.
    public let lines: [Int]

    /// Reads a file in UTF-8.
    ///
    /// - Parameter limit: bytes of the file at most.
    /// - Throws: `file` where it cannot be read; `data`, with the line, where it is no table: a line with more or fewer fields
    ///   than the first, a quote that is not closed, a name that two columns have, a decimal comma, a field that is not of
    ///   the kind that `format` says.
    public init(
        contentsOf path: String, format: CSVFormat = CSVFormat(), limit: Int = 1 << 31
    ) throws(TensorError) {
        try self.init(parsing: try FileReader(path: path).readAll(limit: limit), path: path, format: format)
    }

    /// A table of text.
    ///
    /// - Throws: as ``init(contentsOf:format:limit:)``.
    public init(text: String, format: CSVFormat = CSVFormat()) throws(TensorError) {
        try self.init(parsing: Array(text.utf8), path: "table", format: format)
    }

    private init(parsing bytes: [UInt8], path: String, format: CSVFormat) throws(TensorError) {
        var separator: UInt8?
        if let character = format.separator {
            guard let byte = character.asciiValue, !"\"\r\n".utf8.contains(byte) else {
                throw TensorError(
                    .invalidArgument, "CSVFormat(separator: '\(character)'): no separator; use an ASCII character")
            }
            separator = byte
        }
        var parser = try CSVParser(bytes, path: path, separator: separator)
        guard let first = try parser.next() else {
            throw TensorError(.data, "\(path): holds no line; give a table with some")
        }
        let names =
            format.hasHeader
            ? first.fields.enumerated().map { $1.text.isEmpty ? "column\($0 + 1)" : $1.text }
            : first.fields.indices.map { "column\($0 + 1)" }
        try CSVTable.check(names, format, path)
        var fields = names.map { _ in [String?]() }
        var lines: [Int] = []
        var record = format.hasHeader ? try parser.next() : first
        while let (row, line) = record {
            guard row.count == names.count else {
                throw TensorError(
                    .data,
                    "\(path): line \(line): \(row.count) fields, but \(names.count) columns; "
                        + "correct the line, or quote fields that hold separators")
            }
            for (column, field) in row.enumerated() {
                let isMissing = !field.isQuoted && format.missing.contains(field.text)
                fields[column].append(isMissing ? nil : field.text)
            }
            lines.append(line)
            record = try parser.next()
        }
        self.path = path
        self.lines = lines
        rowCount = lines.count
        var columns: [Column] = []
        for (name, fields) in zip(names, fields) {
            let kind = try CSVTable.kind(of: fields, name, asked: format.kinds[name], lines, path)
            columns.append(Column(name: name, kind: kind, fields: fields))
        }
        self.columns = columns
    }

    init(path: String, columns: [Column], lines: [Int]) {
        self.path = path
        self.columns = columns
        self.lines = lines
        rowCount = lines.count
    }

    private static func check(_ names: [String], _ format: CSVFormat, _ path: String) throws(TensorError) {
        var seen = Set<String>()
        for name in names where !seen.insert(name).inserted {
            throw TensorError(.data, "\(path): line 1: two columns are named \(quoted(name)); name one differently")
        }
        if let unknown = format.kinds.keys.sorted().first(where: { !seen.contains($0) }) {
            throw TensorError.noColumn(unknown, of: names, path)
        }
    }

    /// A column by its name.
    ///
    /// - Throws: `data` where there is none.
    public func column(_ name: String) throws(TensorError) -> Column {
        guard let column = columns.first(where: { $0.name == name }) else {
            throw TensorError.noColumn(name, of: columns.map(\.name), path)
        }
        return column
    }

    /// The table with some of its rows, in that order.
    public func rows(
        _ indices: some Sequence<Int>, file: StaticString = #fileID, line: UInt = #line
    ) -> CSVTable {
        var kept = Array(indices)
        if let outside = kept.first(where: { !(0..<rowCount).contains($0) }) {
            WrongCall.report(
                "rows", "row \(outside) of \(rowCount)", remedy: "use numbers of at least 0, below the count",
                at: CallSite(file, line))
            kept = []
        }
        return CSVTable(
            path: path,
            columns: columns.map { column in
                Column(name: column.name, kind: column.kind, fields: kept.map { column.fields[$0] })
            }, lines: kept.map { lines[$0] })
    }

    /// The table without the rows in which a field is missing, of any column or of those named.
    ///
    /// - Throws: `data` where there is no column of a name.
    public func droppingMissing(_ names: [String]? = nil) throws(TensorError) -> CSVTable {
        var looked = columns
        if let names {
            looked = []
            for name in names { looked.append(try column(name)) }
        }
        return rows((0..<rowCount).filter { row in looked.allSatisfy { $0.fields[row] != nil } })
    }
}

extension CSVTable: CustomStringConvertible {
    /// A line for each column: name, kind, missing fields, and what the fields are.
    public var description: String {
        var text = "\(rowCount) rows, \(columns.count) columns"
        for column in columns {
            let present = column.fields.compactMap { $0 }
            var facts: [String] = []
            if present.count < rowCount { facts.append("\(rowCount - present.count) missing") }
            switch column.kind {
            case .integer, .real:
                let numbers = present.compactMap(CSVTable.number)
                if let least = numbers.min(), let most = numbers.max() { facts.append("\(least) to \(most)") }
            case .category:
                let names = column.distinct
                facts.append(names.prefix(5).joined(separator: ", ") + (names.count > 5 ? ", ..." : ""))
            case .text: break
            }
            text +=
                "\n  \(column.name): \(column.kind.rawValue)"
                + (facts.isEmpty ? "" : " (\(facts.joined(separator: "; ")))")
        }
        return text
    }
}

extension TensorError {
    static func noColumn(_ name: String, of names: [String], _ path: String) -> TensorError {
        TensorError(
            .data,
            "\(path): has no column \(quoted(name)), but \(names.map(quoted).joined(separator: ", ")); name one of them"
        )
    }
}
