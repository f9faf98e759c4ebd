import Needletail
import NeedletailTraining
import TensorRuntime

/// Training on the rows of a CSV file.
package struct TableSubject: RunSubject {
    /// What the target is predicted as.
    package enum Task: String, Hashable, Sendable, CaseIterable {
        case classification, regression
    }

    /// What is done with rows that lack a value.
    package enum Missing: String, Hashable, Sendable, CaseIterable {
        /// It is an error that names line and column.
        case refuse
        /// Numbers are the column's mean, categories its most frequent.
        case mean
        /// The row is left out.
        case drop
    }

    package let kind = RunKind.csv
    package let file: String
    package var target: String?
    package var task: Task?
    /// The columns that it is predicted from; nil is all others but texts.
    package var features: [String]?
    package var hidden: [Int]?
    package var missing: Missing?
    package var validation: Double?
    /// Of the run that is resumed.
    private var saved: (run: SavedRun, specification: TableSpecification)?

    package init(_ file: String) { self.file = file }

    package static let defaultHidden = [64, 32]
    package static let defaultValidation = 0.2

    package var defaults: RunDefaults { RunDefaults(epochs: 100, batchSize: 32) }

    package mutating func resume(_ saved: SavedRun) throws(TensorError) {
        let specification = try TableSpecification(saved)
        let columns = specification.encoder.features.map(\.column)
        let isClassification = specification.encoder.classNames != nil
        try saved.check("target", target, specification.encoder.target?.column)
        try saved.check("task", task?.rawValue, isClassification ? "classification" : "regression")
        try saved.check("features", features?.joined(separator: ","), columns.joined(separator: ","))
        try saved.check("hidden", hidden, specification.hidden) { $0.map(String.init).joined(separator: ",") }
        try saved.check("missing", missing?.rawValue, saved.recipe["missing"])
        let share = try saved.validation()
        try saved.check("validation", validation, share)
        guard let policy = saved.recipe["missing"].flatMap({ Missing(rawValue: $0) }) else {
            throw saved.wrong("missing")
        }
        target = specification.encoder.target?.column
        task = isClassification ? .classification : .regression
        features = columns
        hidden = specification.hidden
        missing = policy
        validation = share
        self.saved = (saved, specification)
    }

    package func prepare(_ settings: RunSettings, device: DeviceID) throws -> RunTask {
        guard let target else {
            throw TensorError(.invalidArgument, "--target: is missing; give the name of the column to predict")
        }
        let rows = try TableRows(
            file, target: target, task: task, features: features, missing: missing ?? .refuse,
            validation: validation ?? TableSubject.defaultValidation, seed: settings.seed)
        let specification = TableSpecification(
            encoder: rows.encoder, hidden: hidden ?? TableSubject.defaultHidden)
        if let saved, saved.specification != specification || !saved.run.isOf(fingerprint: rows.fingerprint) {
            throw TensorError(
                .data, "\(file): is another table than the one trained on; name that one, or leave out --resume")
        }
        var task = RunTask(
            specification: specification,
            training: try TableRows.dataset(rows.training, rows.encoder, device: device, dtype: settings.dtype),
            heldOut: try TableRows.dataset(rows.heldOut, rows.encoder, device: device, dtype: settings.dtype),
            data: absolutePath(file))
        task.words["validation"] = ["\(validation ?? TableSubject.defaultValidation)"]
        task.words[SavedRun.fingerprint] = [rows.fingerprint]
        task.words["missing"] = [(missing ?? .refuse).rawValue]
        task.notes = rows.notes
        return task
    }

    /// The rows by which a run is judged: all of another file, or those that it held out.
    static func heldOut(
        _ saved: SavedRun, _ specification: TableSpecification, data: String?, device: DeviceID, dtype: DType
    ) throws -> any Dataset {
        let encoder = specification.encoder
        guard let missing = saved.recipe["missing"].flatMap({ Missing(rawValue: $0) }) else {
            throw saved.wrong("missing")
        }
        if let data {
            var table = try CSVTable(contentsOf: data)
            if missing == .drop {
                table = try table.droppingMissing(encoder.features.map(\.column) + [encoder.target?.column ?? ""])
            }
            try specification.check(table, withTarget: true)
            return try TableRows.dataset(table, encoder, device: device, dtype: dtype)
        }
        let rows = try TableRows(
            try saved.data(), target: encoder.target?.column ?? "",
            task: encoder.classNames == nil ? .regression : .classification,
            features: encoder.features.map(\.column), missing: missing,
            validation: try saved.validation() ?? defaultValidation, seed: saved.checkpoint.seed)
        // Other rows would be parted otherwise, and some that were trained on held out.
        guard rows.encoder == encoder, saved.isOf(fingerprint: rows.fingerprint) else {
            throw TensorError(
                .data,
                "\(try saved.data()): is another table than the one trained on; name rows to judge by with --data")
        }
        return try TableRows.dataset(rows.heldOut, encoder, device: device, dtype: dtype)
    }
}

/// A table in two parts, and how its columns become numbers.
private struct TableRows {
    let encoder: TableEncoder
    let training: CSVTable
    let heldOut: CSVTable
    /// Of the fields of all rows.
    let fingerprint: String
    var notes: [String] = []

    private static let fewClasses = 20

    init(
        _ path: String, target: String, task: TableSubject.Task?, features: [String]?, missing: TableSubject.Missing,
        validation: Double, seed: UInt64
    ) throws(TensorError) {
        var table = try CSVTable(contentsOf: path)
        _ = try table.column(target)
        let texts = table.columns.filter { $0.kind == .text && $0.name != target }.map(\.name)
        if let features {
            if features.contains(target) {
                throw TensorError(
                    .invalidArgument, "--features: has the target \(quoted(target)); take it out of the list")
            }
            for name in features { _ = try table.column(name) }
            // Texts that are asked for are categories.
            let asked = texts.filter(features.contains)
            if !asked.isEmpty {
                let kinds = Dictionary(uniqueKeysWithValues: asked.map { ($0, CSVTable.Kind.category) })
                table = try CSVTable(contentsOf: path, format: CSVFormat(kinds: kinds))
            }
        } else if !texts.isEmpty {
            notes.append(
                "left out, because their values are all too different: \(texts.map(quoted).joined(separator: ", ")); "
                    + "--features names what to predict from")
        }
        let names = features ?? table.columns.map(\.name).filter { $0 != target && !texts.contains($0) }
        guard !names.isEmpty else {
            throw TensorError(
                .data,
                "\(path): has no column to predict \(quoted(target)) from; add one, or name texts by --features")
        }
        for column in table.columns {
            // A target that may as well be classes: one of texts, or asked to be numbers, is refused below.
            let isSeen =
                column.name == target
                ? task == nil && column.kind == .category : features?.contains(column.name) ?? true
            guard isSeen, let (line, field) = table.oddField(of: column) else { continue }
            notes.append(
                "column \(quoted(column.name)) would be numbers, but line \(line) has \(quoted(field)); correct it, or leave it "
                    + "empty where it is missing")
        }
        table = try TableRows.complete(table, names, target, missing)
        let column = try table.column(target)
        let isClassification = try TableRows.isClassification(column, task, table)
        let isNumber = !isClassification
        let places = isNumber ? nil : TableRows.classes(of: column)
        let parts = try RunData.split(
            Rows(count: table.rowCount), labels: places, validation: validation, seed: seed, path: path, unit: "rows")
        training = table.rows(parts.training.indices)
        heldOut = table.rows(parts.heldOut.indices)
        encoder = try TableEncoder.fit(
            training: training, all: table, target: target, isClassification: isClassification, features: names,
            missing: missing == .mean ? .mean : .refuse)
        try TableRows.checkSize(encoder, table)
        var fields: [[String?]] = []
        for name in names + [target] { fields.append(try table.column(name).fields) }
        fingerprint = RunData.fingerprint(fields.lazy.joined().map { $0.map { "=\($0)" } ?? "" })
    }

    /// Bytes of a table as numbers at most.
    private static let mostBytes = 1 << 30

    /// - Throws: `data` where categories would make the table larger than that.
    private static func checkSize(_ encoder: TableEncoder, _ table: CSVTable) throws(TensorError) {
        let (bytes, isTooMuch) = table.rowCount.multipliedReportingOverflow(by: 4 * encoder.width)
        guard isTooMuch || bytes > mostBytes, let widest = encoder.features.max(by: { $0.width < $1.width }) else {
            return
        }
        throw TensorError(
            .data,
            "\(table.path): \(table.rowCount) rows of \(encoder.width) numbers are more than \(mostBytes >> 20) MiB: column "
                + "\(quoted(widest.column)) has \(widest.width) categories; leave it out of --features")
    }

    /// The table without rows that lack a value, where they are to be dropped.
    ///
    /// - Throws: `data` by line and column, where a value is missing that may not be.
    private static func complete(
        _ table: CSVTable, _ features: [String], _ target: String, _ missing: TableSubject.Missing
    ) throws(TensorError) -> CSVTable {
        if missing == .drop {
            let kept = try table.droppingMissing(features + [target])
            guard kept.rowCount > 0 else {
                throw TensorError(
                    .data, "\(table.path): no row has all values; give --missing mean, or fewer --features")
            }
            return kept
        }
        var first: (line: Int, column: String)?
        for name in (missing == .mean ? [] : features) + [target] {
            guard let row = try table.column(name).fields.firstIndex(where: { $0 == nil }) else { continue }
            if table.lines[row] < first?.line ?? .max { first = (table.lines[row], name) }
        }
        guard let first else { return table }
        let remedy = missing == .mean ? "--missing drop" : "--missing drop or --missing mean"
        throw TensorError(
            .data,
            "\(table.path): line \(first.line), column \(quoted(first.column)): is missing; write it, or give \(remedy)"
        )
    }

    private static func isClassification(
        _ column: CSVTable.Column, _ task: TableSubject.Task?, _ table: CSVTable
    ) throws(TensorError) -> Bool {
        let path = table.path
        if task == .regression || task == nil && column.kind == .text, let (line, field) = table.oddField(of: column) {
            throw TensorError(
                .data,
                "\(path): line \(line), column \(quoted(column.name)): \(quoted(field)) is no number to predict, as most others are; "
                    + "correct it, leave it empty where it is missing, or give --task classification")
        }
        let isNumber = column.kind == .integer || column.kind == .real
        let values = column.distinct
        if task == .regression, !isNumber {
            throw TensorError(
                .data,
                "\(path): column \(quoted(column.name)) holds \(quoted(values.first ?? "")) and is no number to predict; "
                    + "leave out --task regression")
        }
        let isFew = column.kind == .integer && values.count <= fewClasses
        let isClassification = task.map { $0 == .classification } ?? (!isNumber || isFew)
        guard isClassification else { return false }
        guard values.count > 1 else {
            throw TensorError(
                .data,
                "\(path): column \(quoted(column.name)) has one class, \(quoted(values.first ?? "")), in all rows; name "
                    + "another --target")
        }
        if task == nil, column.kind == .text {
            throw TensorError(
                .data,
                "\(path): column \(quoted(column.name)) has \(values.count) different texts in \(column.fields.count) "
                    + "rows; name another --target, or give --task classification")
        }
        return true
    }

    private static func classes(of column: CSVTable.Column) -> [Int] {
        let places = Dictionary(uniqueKeysWithValues: column.distinct.enumerated().map { ($1, $0) })
        return column.fields.map { $0.flatMap { places[$0] } ?? 0 }
    }

    /// Rows as examples on a device.
    static func dataset(
        _ table: CSVTable, _ encoder: TableEncoder, device: DeviceID, dtype: DType
    ) throws(TensorError) -> DeviceDataset {
        guard table.rowCount > 0 else { throw TensorError(.data, "\(table.path): has no row; give some") }
        return DeviceDataset(
            inputs: [try encoder.encode(table)], target: try encoder.encodeTarget(table), device: device, dtype: dtype)
    }

    /// Rows by number.
    private struct Rows: Dataset {
        let count: Int
        func example(at index: Int) -> Example { Example([HostArray(Int64(index))]) }
    }
}
