import Needletail
import TensorRuntime

// What a column is, told from its fields: integers if all are; reals if all are numbers; a category where values come again
// and are few; text else.

extension CSVTable {
    /// Distinct values that a category has at least the right to.
    private static let fewCategories = 20

    static func kind(
        of fields: [String?], _ name: String, asked: Kind?, _ lines: [Int], _ path: String
    ) throws(TensorError) -> Kind {
        if let asked {
            try check(fields, name, asked, lines, path)
            return asked
        }
        let present = fields.compactMap { $0 }
        if present.isEmpty { return .real }
        if present.allSatisfy({ integer($0) != nil }) { return .integer }
        if present.allSatisfy({ number($0) != nil }) { return .real }
        try refuseDecimalCommas(fields, name, lines, path)
        let distinct = Set(present).count
        return distinct < present.count && distinct <= max(fewCategories, present.count / 5) ? .category : .text
    }

    private static func check(
        _ fields: [String?], _ name: String, _ kind: Kind, _ lines: [Int], _ path: String
    ) throws(TensorError) {
        guard kind == .integer || kind == .real else { return }
        for (row, field) in fields.enumerated() {
            guard let field, kind == .integer ? integer(field) == nil : number(field) == nil else { continue }
            if isDecimalComma(field) { throw decimalComma(field, name, lines[row], path) }
            let wanted = kind == .integer ? "an integer" : "a number"
            throw TensorError(
                .data,
                "\(path): line \(lines[row]), column \(quoted(name)): \(quoted(field)) is not \(wanted); "
                    + "correct it, or leave it empty where it is missing")
        }
    }

    /// Numbers that all but for their commas are numbers.
    private static func refuseDecimalCommas(
        _ fields: [String?], _ name: String, _ lines: [Int], _ path: String
    ) throws(TensorError) {
        var first: Int?
        for (row, field) in fields.enumerated() {
            guard let field else { continue }
            if isDecimalComma(field) { first = first ?? row } else if number(field) == nil { return }
        }
        guard let first, let field = fields[first] else { return }
        throw decimalComma(field, name, lines[first], path)
    }

    private static func isDecimalComma(_ field: String) -> Bool {
        guard number(field) == nil, let comma = field.firstIndex(of: ",") else { return false }
        var text = field
        text.replaceSubrange(comma...comma, with: ".")
        return number(text) != nil
    }

    private static func decimalComma(_ field: String, _ name: String, _ line: Int, _ path: String) -> TensorError {
        TensorError(
            .data,
            "\(path): line \(line), column \(quoted(name)): \(quoted(field)) has a decimal comma; "
                + "write decimal points, or say that the column is text: CSVFormat(kinds:)")
    }

    /// The field that keeps a column from being one of numbers: its first that is none, where at least nine of ten are. Nil of other
    /// columns.
    package func oddField(of column: Column) -> (line: Int, field: String)? {
        guard column.kind == .text || column.kind == .category else { return nil }
        var (numbers, others) = (0, 0)
        var first: (line: Int, field: String)?
        for (row, field) in column.fields.enumerated() {
            guard let field else { continue }
            if CSVTable.number(field) != nil {
                numbers += 1
            } else {
                others += 1
                first = first ?? (lines[row], field)
            }
        }
        return numbers >= 9 * others ? first : nil
    }

    // MARK: - Numbers

    /// The number that a field is: decimal, with an exponent or without, finite.
    static func number(_ field: String) -> Double? {
        // Swift reads hexadecimal numbers, inf and nan too.
        guard field.utf8.allSatisfy({ isNumeric($0) }), let value = Double(field), value.isFinite else { return nil }
        return value
    }

    private static func isNumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }

    static func integer(_ field: String) -> Int64? { Int64(field) }
}
