import Needletail
import TensorRuntime

/// How the columns of a table become numbers. It is fitted to the table that a model is trained on, saved beside the model, and
/// used again for what the model is to predict, so that both are standardised alike and categories keep their places.
///
///     let table = try CSVTable(contentsOf: "houses.csv")
///     let encoder = try TableEncoder(fitting: table, target: "price")
///     let data = try CSVDataset(table, encoder)
///     try encoder.save(to: "houses.encoder.json")
public struct TableEncoder: Hashable, Sendable, Codable {
    /// What is done where a field of a feature is missing.
    public enum MissingFields: Hashable, Sendable {
        /// It is an error that names line and column.
        case refuse
        /// Numbers are the column's mean, categories its most frequent.
        case mean
        /// Numbers are the column's median, categories its most frequent.
        case median
    }

    /// What becomes of a category.
    public enum Categories: Hashable, Sendable {
        /// A number for each, 1 of the one that it is.
        case oneHot
        /// The number of the category, as `Embedding` takes it.
        case index
    }

    /// A column's way to numbers.
    public enum Feature: Hashable, Sendable, Codable {
        /// `(value - mean) / deviation`; `filling` stands where it is missing, nil refuses.
        case number(column: String, mean: Double, deviation: Double, filling: Double?)
        case oneHot(column: String, categories: [String], filling: String?)
        case index(column: String, categories: [String], filling: String?)

        /// The name of its column.
        public var column: String {
            switch self {
            case .number(let column, _, _, _), .oneHot(let column, _, _), .index(let column, _, _): column
            }
        }

        /// How many numbers it is.
        public var width: Int {
            if case .oneHot(_, let categories, _) = self { categories.count } else { 1 }
        }
    }

    /// What is wanted of a model.
    public enum Target: Hashable, Sendable, Codable {
        /// A class, by its place in `names`.
        case classes(column: String, names: [String])
        /// `(value - mean) / deviation`.
        case number(column: String, mean: Double, deviation: Double)

        /// The name of its column.
        public var column: String {
            switch self {
            case .classes(let column, _), .number(let column, _, _): column
            }
        }
    }

    /// In the order of an example's numbers.
    public let features: [Feature]
    /// nil of a table without.
    public let target: Target?

    /// Numbers of an example.
    public var width: Int { features.reduce(0) { $0 + $1.width } }

    /// The name of each number: the column's, or `column=category`.
    public var names: [String] {
        features.flatMap { feature in
            if case .oneHot(let column, let categories, _) = feature {
                categories.map { "\(column)=\($0)" }
            } else {
                [feature.column]
            }
        }
    }

    /// The names of the classes; nil where the target is a number.
    public var classNames: [String]? {
        if case .classes(_, let names) = target { names } else { nil }
    }

    /// Looks through a table.
    ///
    /// - Parameters:
    ///   - target: the column that a model is to predict; categories, texts and integers of at most 20 values are classes, other
    ///     numbers are predicted as such.
    ///   - isClassification: nil for what was just said.
    ///   - features: the columns that it is predicted from; nil is all others but texts.
    ///   - standardize: whether numbers are moved to mean 0 and standard deviation 1 (of all rows: divided by the count).
    ///   - standardizeTarget: the same of a target that is a number; ``decode(_:)`` undoes it.
    /// - Throws: `data` where a column is not there or all missing, a feature is text, a target is missing, or, where it is
    ///   refused, a feature, by line and column.
    public init(
        fitting table: CSVTable, target: String?, isClassification: Bool? = nil, features: [String]? = nil,
        standardize: Bool = true, standardizeTarget: Bool = false, categories: Categories = .oneHot,
        missing: MissingFields = .refuse
    ) throws(TensorError) {
        let names = features ?? table.columns.filter { $0.kind != .text && $0.name != target }.map(\.name)
        var fitted: [Feature] = []
        for name in names {
            let column = try table.column(name)
            if missing == .refuse { try TableEncoder.refuseMissing(column, table) }
            fitted.append(try TableEncoder.feature(column, table, standardize, categories, missing))
        }
        guard !fitted.isEmpty else {
            throw TensorError(.data, "\(table.path): has no column to predict from; name one or more by features:")
        }
        self.features = fitted
        guard let target else {
            self.target = nil
            return
        }
        if names.contains(target) {
            throw TensorError(
                .data, "\(table.path): column \(quoted(target)) is feature and target; take it out of the features")
        }
        let column = try table.column(target)
        try TableEncoder.refuseMissing(column, table)
        self.target = try TableEncoder.target(column, table, isClassification, standardizeTarget)
    }

    // MARK: - Looking through

    /// Values of an integer column that are classes, unless it is said.
    private static let fewClasses = 20

    private static func refuseMissing(_ column: CSVTable.Column, _ table: CSVTable) throws(TensorError) {
        guard let row = column.fields.firstIndex(where: { $0 == nil }) else { return }
        throw missing(column.name, table.lines[row], table)
    }

    static func missing(_ column: String, _ line: Int, _ table: CSVTable) -> TensorError {
        TensorError(
            .data,
            "\(table.path): line \(line), column \(quoted(column)): is missing; write it, drop such rows by "
                + "droppingMissing(), or fill features in by TableEncoder(missing: .mean)")
    }

    private static func feature(
        _ column: CSVTable.Column, _ table: CSVTable, _ standardize: Bool, _ categories: Categories,
        _ missing: MissingFields
    ) throws(TensorError) -> Feature {
        guard column.fields.contains(where: { $0 != nil }) else {
            throw TensorError(
                .data, "\(table.path): column \(quoted(column.name)) has no value; take it out of the features")
        }
        switch column.kind {
        case .integer, .real:
            let numbers = column.fields.compactMap { $0.flatMap(CSVTable.number) }
            let filling: Double? =
                switch missing {
                case .refuse: nil
                case .mean: mean(numbers)
                case .median: median(numbers)
                }
            // Of the column as it will be: with what is filled in.
            let whole = numbers + Array(repeating: filling ?? 0, count: column.fields.count - numbers.count)
            let (middle, spread) = standardize ? (mean(whole), deviation(whole)) : (0, 1)
            guard middle.isFinite, spread.isFinite, filling?.isFinite ?? true else {
                throw tooLarge(column, table)
            }
            return .number(column: column.name, mean: middle, deviation: spread, filling: filling)
        case .category:
            let names = column.distinct
            let filling = missing == .refuse ? nil : mostFrequent(column.fields.compactMap { $0 })
            switch categories {
            case .oneHot: return .oneHot(column: column.name, categories: names, filling: filling)
            case .index: return .index(column: column.name, categories: names, filling: filling)
            }
        case .text:
            throw TensorError(
                .data,
                "\(table.path): column \(quoted(column.name)) is text; take it out of the features, or say that it is a "
                    + "category: CSVFormat(kinds:)")
        }
    }

    private static func target(
        _ column: CSVTable.Column, _ table: CSVTable, _ isClassification: Bool?, _ standardize: Bool
    ) throws(TensorError) -> Target {
        let isNumber = column.kind == .integer || column.kind == .real
        let isClasses: Bool
        if let isClassification {
            isClasses = isClassification
        } else {
            isClasses = !isNumber || (column.kind == .integer && column.distinct.count <= fewClasses)
        }
        if isClasses { return .classes(column: column.name, names: column.distinct) }
        guard isNumber else {
            throw TensorError(
                .data,
                "\(table.path): column \(quoted(column.name)) is \(column.kind.rawValue); predict a number, or classes")
        }
        let numbers = column.fields.compactMap { $0.flatMap(CSVTable.number) }
        let (middle, spread) = standardize ? (mean(numbers), deviation(numbers)) : (0, 1)
        guard middle.isFinite, spread.isFinite else { throw tooLarge(column, table) }
        return .number(column: column.name, mean: middle, deviation: spread)
    }

    private static func tooLarge(_ column: CSVTable.Column, _ table: CSVTable) -> TensorError {
        TensorError(
            .data, "\(table.path): column \(quoted(column.name)) has numbers too large to standardise; scale them")
    }

    private static func mean(_ numbers: [Double]) -> Double {
        numbers.isEmpty ? 0 : numbers.reduce(0, +) / Double(numbers.count)
    }

    /// The standard deviation; 1 where all are the same, as in scikit-learn, so that nothing is divided by 0.
    private static func deviation(_ numbers: [Double]) -> Double {
        let middle = mean(numbers)
        let square = mean(numbers.map { ($0 - middle) * ($0 - middle) })
        // All the same but for rounding.
        return square.squareRoot() <= 10 * Double.ulpOfOne * abs(middle) ? 1 : square.squareRoot()
    }

    private static func median(_ numbers: [Double]) -> Double {
        let sorted = numbers.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// The first by name of those that are most frequent.
    private static func mostFrequent(_ names: [String]) -> String? {
        var counts: [String: Int] = [:]
        for name in names { counts[name, default: 0] += 1 }
        return counts.min { (-$0.value, $0.key) < (-$1.value, $1.key) }?.key
    }
}
