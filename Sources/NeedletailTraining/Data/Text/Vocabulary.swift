import Foundation
import Needletail
import TensorRuntime

/// The numbers of a text's characters or words.
///
///     let text = try Vocabulary.text(of: "speeches.txt")
///     let vocabulary = Vocabulary(of: text, by: .character)
///     let data = NextTokenDataset(try vocabulary.encode(text), length: 64)
public struct Vocabulary: Hashable, Sendable, Codable {
    /// What a token is.
    public enum Unit: String, Hashable, Sendable, Codable {
        /// A character as people count them: a letter with its accents is one.
        case character
        /// A run of letters and digits, with apostrophes and hyphens inside; other marks are a token each; what is white is
        /// none.
        case word
    }

    /// Tokens that stand for no text. They have the first numbers, in the order given.
    public enum Special: String, Hashable, Sendable, Codable, CaseIterable {
        case padding = "<pad>"
        /// What is not in the vocabulary.
        case unknown = "<unk>"
        /// What a model is to find out.
        case mask = "<mask>"
    }

    /// What a token is.
    public let unit: Unit
    /// Whether capitals are taken for small letters.
    public let lowercased: Bool
    /// The special tokens, in the order of their numbers.
    public let specials: [Special]
    /// All tokens by their numbers, special ones first.
    public let tokens: [String]

    private let numbers: [String: Int64]

    /// The tokens of a text: characters in their order, words by how often they come, those as often in their order.
    ///
    /// - Parameters:
    ///   - specials: each at most once. Without `unknown`, ``encode(_:)`` refuses what is not there.
    ///   - minimumCount: how often a token has to come.
    ///   - maximumCount: tokens at most, the most frequent, special ones counted; nil is all.
    public init(
        of text: String, by unit: Unit, lowercased: Bool = false, specials: [Special] = [], minimumCount: Int = 1,
        maximumCount: Int? = nil
    ) {
        var counts: [String: Int] = [:]
        for token in Vocabulary.split(text, unit, lowercased) { counts[token, default: 0] += 1 }
        for special in specials { counts[special.rawValue] = nil }
        let unique = specials.enumerated().filter { !specials[..<$0].contains($1) }.map(\.element)
        var kept = counts.filter { $0.value >= minimumCount }
            .sorted { ($1.value, Vocabulary.Order($0.key)) < ($0.value, Vocabulary.Order($1.key)) }.map(\.key)
        if let maximumCount { kept = Array(kept.prefix(Swift.max(maximumCount - unique.count, 0))) }
        if unit == .character { kept.sort { Vocabulary.Order($0) < Vocabulary.Order($1) } }
        self.init(unit: unit, lowercased: lowercased, specials: unique, tokens: unique.map(\.rawValue) + kept)
    }

    private init(unit: Unit, lowercased: Bool, specials: [Special], tokens: [String]) {
        self.unit = unit
        self.lowercased = lowercased
        self.specials = specials
        self.tokens = tokens
        numbers = Dictionary(tokens.enumerated().map { ($1, Int64($0)) }) { first, _ in first }
    }

    /// Texts in the order of their bytes, which no locale changes.
    private struct Order: Comparable {
        let text: String

        init(_ text: String) { self.text = text }

        static func < (a: Order, b: Order) -> Bool { a.text.utf8.lexicographicallyPrecedes(b.text.utf8) }
        static func == (a: Order, b: Order) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
    }

    /// How many tokens there are: what `Embedding` and a last layer are made for.
    public var count: Int { tokens.count }

    /// The number of a token; nil where it is not there.
    public func number(of token: String) -> Int64? { numbers[token] }

    /// The number of a special token; nil where there is none.
    public func number(of special: Special) -> Int64? { numbers[special.rawValue] }

    /// The numbers of a text's tokens.
    ///
    /// - Throws: `data` where a token is not there and there is no `unknown`.
    public func encode(_ text: String) throws(TensorError) -> [Int64] {
        let unknown = number(of: .unknown)
        var result: [Int64] = []
        for (place, token) in Vocabulary.split(text, unit, lowercased).enumerated() {
            guard let number = numbers[token] ?? unknown else {
                throw TensorError(
                    .data,
                    "encode: token \(place), \(quoted(token)), is not in the vocabulary; make one of a text that has it, or "
                        + "with specials: [.unknown]")
            }
            result.append(number)
        }
        return result
    }

    /// The text of tokens: words with blanks between, but before closing marks. Numbers that are none are `<unk>`.
    public func decode(_ numbers: some Sequence<Int64>) -> String {
        let parts = numbers.map { number in
            number >= 0 && number < Int64(tokens.count) ? tokens[Int(number)] : Special.unknown.rawValue
        }
        guard unit == .word else { return parts.joined() }
        var text = ""
        for part in parts {
            let closes = part.count == 1 && ".,;:!?)]}%".contains(part)
            if !text.isEmpty, !closes, let last = text.last, !"([{".contains(last) { text += " " }
            text += part
        }
        return text
    }

    private static func split(_ text: String, _ unit: Unit, _ lowercased: Bool) -> [String] {
        let text = lowercased ? text.lowercased() : text
        switch unit {
        case .character: return text.map(String.init)
        case .word:
            var words: [String] = []
            var word = ""
            let characters = Array(text)
            for (place, character) in characters.enumerated() {
                let isInner =
                    "'’-".contains(character) && !word.isEmpty && place + 1 < characters.count
                    && (characters[place + 1].isLetter || characters[place + 1].isNumber)
                if character.isLetter || character.isNumber || isInner {
                    word.append(character)
                    continue
                }
                if !word.isEmpty { words.append(word) }
                word = ""
                if !character.isWhitespace { words.append(String(character)) }
            }
            if !word.isEmpty { words.append(word) }
            return words
        }
    }
}

// MARK: - Files

extension Vocabulary {
    private enum CodingKeys: String, CodingKey { case unit, lowercased, specials, tokens }

    /// From JSON; a vocabulary in which a token comes twice is refused.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let specials = try values.decode([Special].self, forKey: .specials)
        let tokens = try values.decode([String].self, forKey: .tokens)
        guard Set(tokens).count == tokens.count, tokens.starts(with: specials.map(\.rawValue)) else {
            throw DecodingError.dataCorruptedError(
                forKey: .tokens, in: values, debugDescription: "a token comes twice, or special ones are not first")
        }
        self.init(
            unit: try values.decode(Unit.self, forKey: .unit),
            lowercased: try values.decode(Bool.self, forKey: .lowercased), specials: specials, tokens: tokens)
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(unit, forKey: .unit)
        try values.encode(lowercased, forKey: .lowercased)
        try values.encode(specials, forKey: .specials)
        try values.encode(tokens, forKey: .tokens)
    }

    /// The text of a file in UTF-8.
    ///
    /// - Parameter limit: bytes of the file at most.
    /// - Throws: `file` where it cannot be read; `data` where it is too large or no UTF-8.
    public static func text(of path: String, limit: Int = 1 << 30) throws(TensorError) -> String {
        var bytes = try FileReader(path: path).readAll(limit: limit)[...]
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw TensorError(.data, "\(path): is no text in UTF-8; save it as UTF-8")
        }
        return text
    }

    /// Writes the vocabulary as JSON.
    ///
    /// - Throws: `file`.
    public func save(to path: String) throws(TensorError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let text: Data
        do { text = try encoder.encode(self) } catch {
            throw TensorError(
                .internalFault, "\(path): the vocabulary cannot be written as JSON: \(error); report this")
        }
        try AtomicFile.write([Array(text)], to: path)
    }

    /// Reads what ``save(to:)`` wrote.
    ///
    /// - Throws: `file`; `data` where it is no vocabulary.
    public init(contentsOf path: String) throws(TensorError) {
        let bytes = try FileReader(path: path).readAll(limit: 1 << 28)
        do { self = try JSONDecoder().decode(Vocabulary.self, from: Data(bytes)) } catch {
            throw TensorError(.data, "\(path): is no file of a vocabulary; name one that Vocabulary.save(to:) wrote")
        }
    }
}
