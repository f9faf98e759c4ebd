import Foundation
import Needletail
import TensorRuntime

extension TableEncoder {
    /// An encoder fitted to the rows that are trained on, which knows the categories and classes of all rows: one that only a
    /// row that is held out has is no mistake of the file.
    ///
    /// A target that is a number is standardised as its rows that are trained on are.
    ///
    /// - Throws: as ``init(fitting:target:isClassification:features:standardize:standardizeTarget:categories:missing:)``.
    package static func fit(
        training: CSVTable, all: CSVTable, target: String, isClassification: Bool, features: [String],
        missing: MissingFields
    ) throws(TensorError) -> TableEncoder {
        let fitted = try TableEncoder(
            fitting: training, target: target, isClassification: isClassification, features: features,
            standardizeTarget: true, missing: missing)
        let whole = try TableEncoder(
            fitting: all, target: target, isClassification: isClassification, features: features, missing: missing)
        var columns: [Feature] = []
        for (own, every) in zip(fitted.features, whole.features) {
            switch (own, every) {
            case (.oneHot(let column, _, let filling), .oneHot(_, let categories, _)):
                columns.append(.oneHot(column: column, categories: categories, filling: filling))
            case (_, .number), (_, .oneHot), (_, .index): columns.append(own)
            }
        }
        if case .number = fitted.target { return TableEncoder(features: columns, target: fitted.target) }
        return TableEncoder(features: columns, target: whole.target)
    }

    private init(features: [Feature], target: Target?) {
        self.features = features
        self.target = target
    }

    /// The encoder as a line of JSON.
    ///
    /// - Throws: `internalFault`.
    package func recipeText() throws(TensorError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        do { return String(decoding: try encoder.encode(self), as: UTF8.self) } catch {
            throw TensorError(.internalFault, "the encoder cannot be written as JSON: \(error); report this")
        }
    }

    /// What ``recipeText()`` wrote; nil where it is something else.
    package init?(recipeText text: String) {
        guard let encoder = try? JSONDecoder().decode(TableEncoder.self, from: Data(text.utf8)) else { return nil }
        func isScale(_ mean: Double, _ deviation: Double) -> Bool {
            mean.isFinite && deviation.isFinite && deviation > 0
        }
        func isSet(_ names: [String]) -> Bool { !names.isEmpty && Set(names).count == names.count }
        for feature in encoder.features {
            switch feature {
            case .number(_, let mean, let deviation, let filling):
                guard isScale(mean, deviation), filling?.isFinite ?? true else { return nil }
            case .oneHot(_, let categories, let filling), .index(_, let categories, let filling):
                guard isSet(categories), filling.map(categories.contains) ?? true else { return nil }
            }
        }
        switch encoder.target {
        case .classes(_, let names): guard isSet(names) else { return nil }
        case .number(_, let mean, let deviation): guard isScale(mean, deviation) else { return nil }
        case nil: return nil
        }
        guard isSet(encoder.features.map(\.column)) else { return nil }
        self = encoder
    }
}
