import Foundation
import Needletail
import TensorRuntime

extension TableEncoder {
    /// The features of each row: float32 `[rows, width]`.
    ///
    /// - Throws: `data` with line and column where a field is missing and not filled in, is no number, or is a category that
    ///   the table that this was fitted to has not.
    public func encode(_ table: CSVTable) throws(TensorError) -> HostArray {
        var numbers = [Float](repeating: 0, count: table.rowCount * width)
        var place = 0
        for feature in features {
            try encode(feature, table, into: &numbers, at: place)
            place += feature.width
        }
        return HostArray(numbers, shape: [table.rowCount, width])
    }

    /// The target of each row: classes as int64 `[rows]`, numbers as float32 `[rows, 1]`.
    ///
    /// - Throws: as ``encode(_:)``, and `invalidArgument` where this was fitted without a target.
    public func encodeTarget(_ table: CSVTable) throws(TensorError) -> HostArray {
        switch target {
        case nil:
            throw TensorError(
                .invalidArgument, "encodeTarget: the encoder has no target; fit one with the column to predict")
        case .classes(let name, let names):
            let places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, Int64($0)) })
            let classes = try values(of: name, table, filling: nil) { (field, line) throws(TensorError) in
                try known(field, places, name, line, table)
            }
            return HostArray(classes)
        case .number(let name, let mean, let deviation):
            let numbers = try values(of: name, table, filling: nil) { (field, line) throws(TensorError) in
                Float((try number(field, name, line, table) - mean) / deviation)
            }
            return HostArray(numbers, shape: [table.rowCount, 1])
        }
    }

    /// What a number that a model predicted is in the target's own unit; itself of classes.
    public func decode(_ prediction: Double) -> Double {
        if case .number(_, let mean, let deviation) = target { prediction * deviation + mean } else { prediction }
    }

    // MARK: - Columns

    private func encode(
        _ feature: Feature, _ table: CSVTable, into numbers: inout [Float], at place: Int
    ) throws(TensorError) {
        let width = width
        switch feature {
        case .number(let name, let mean, let deviation, let filling):
            let column = try values(of: name, table, filling: filling) { (field, line) throws(TensorError) in
                try number(field, name, line, table)
            }
            for (row, value) in column.enumerated() { numbers[row * width + place] = Float((value - mean) / deviation) }
        case .oneHot(let name, let categories, let filling), .index(let name, let categories, let filling):
            let places = Dictionary(uniqueKeysWithValues: categories.enumerated().map { ($1, Int64($0)) })
            let column = try values(of: name, table, filling: filling.flatMap { places[$0] }) {
                (field, line) throws(TensorError) in
                try known(field, places, name, line, table)
            }
            for (row, value) in column.enumerated() {
                if case .oneHot = feature {
                    numbers[row * width + place + Int(value)] = 1
                } else {
                    numbers[row * width + place] = Float(value)
                }
            }
        }
    }

    private func values<Value>(
        of name: String, _ table: CSVTable, filling: Value?, _ read: (String, Int) throws(TensorError) -> Value
    ) throws(TensorError) -> [Value] {
        var result: [Value] = []
        result.reserveCapacity(table.rowCount)
        for (row, field) in try table.column(name).fields.enumerated() {
            if let field {
                result.append(try read(field, table.lines[row]))
            } else if let filling {
                result.append(filling)
            } else {
                throw TableEncoder.missing(name, table.lines[row], table)
            }
        }
        return result
    }

    private func number(
        _ field: String, _ name: String, _ line: Int, _ table: CSVTable
    ) throws(TensorError) -> Double {
        if let value = CSVTable.number(field) { return value }
        throw TensorError(
            .data, "\(table.path): line \(line), column \(quoted(name)): \(quoted(field)) is not a number; correct it")
    }

    private func known(
        _ field: String, _ places: [String: Int64], _ name: String, _ line: Int, _ table: CSVTable
    ) throws(TensorError) -> Int64 {
        if let place = places[field] { return place }
        let some = places.keys.sorted().prefix(10).map(quoted).joined(separator: ", ")
        throw TensorError(
            .data,
            "\(table.path): line \(line), column \(quoted(name)): \(quoted(field)) is none of \(some)"
                + (places.count > 10 ? ", ...; " : "; ") + "correct it, or fit an encoder to a table that has it")
    }
}

// MARK: - Files

extension TableEncoder {
    /// Writes the encoder as JSON.
    ///
    /// - Throws: `file`.
    public func save(to path: String) throws(TensorError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let text: Data
        do { text = try encoder.encode(self) } catch {
            throw TensorError(.internalFault, "\(path): the encoder cannot be written as JSON: \(error); report this")
        }
        try AtomicFile.write([Array(text)], to: path)
    }

    /// Reads what ``save(to:)`` wrote.
    ///
    /// - Throws: `file`; `data` where it is no encoder.
    public init(contentsOf path: String) throws(TensorError) {
        let bytes = try FileReader(path: path).readAll(limit: 1 << 26)
        do { self = try JSONDecoder().decode(TableEncoder.self, from: Data(bytes)) } catch {
            throw TensorError(.data, "\(path): is no file of an encoder; name one that TableEncoder.save(to:) wrote")
        }
        let isSound = features.allSatisfy { feature in
            switch feature {
            case .number(_, let mean, let deviation, _): mean.isFinite && deviation.isFinite && deviation > 0
            case .oneHot(_, let categories, let filling), .index(_, let categories, let filling):
                Set(categories).count == categories.count && (filling.map(categories.contains) ?? true)
            }
        }
        let targetIsSound =
            switch target {
            case nil: true
            case .classes(_, let names): Set(names).count == names.count
            case .number(_, let mean, let deviation): mean.isFinite && deviation.isFinite && deviation > 0
            }
        guard isSound, targetIsSound, !features.isEmpty else {
            throw TensorError(
                .data, "\(path): has a category twice, or a deviation that is none; fit and save the encoder again")
        }
    }
}
