import Foundation
import Testing

/// Every public declaration has a comment that says what it is; for cases whose names say it, their enum's is enough.
@Suite struct DocumentedSymbolsTests {
    static let folders = [
        "Sources/Needletail", "Sources/NeedletailTraining", "Sources/NeedletailVision", "Sources/TensorRuntime",
        "Sources/TensorConformance",
    ]

    /// Attributes say there what takes each name's place.
    static let exceptions: Set<String> = ["Sources/Needletail/Tensor/Tensor+Unavailable.swift"]

    @Test func everyPublicSymbolHasAComment() throws {
        var files: [SwiftSource] = []
        for folder in DocumentedSymbolsTests.folders {
            let paths = ImportTests.swiftFiles(under: folder)
            #expect(!paths.isEmpty, "\(folder) has no files")
            for path in paths where !DocumentedSymbolsTests.exceptions.contains(path) {
                let text = try String(contentsOf: ImportTests.root.appendingPathComponent(path), encoding: .utf8)
                files.append(SwiftSource(path: path, text))
            }
        }
        let found = PublicSymbols(files)
        #expect(found.count > 2000, "only \(found.count) public declarations were found")
        for symbol in found.undocumented {
            Issue.record("\(symbol.place): \(symbol.text): write above it, after ///, what a user has to know of it")
        }
    }

    /// What the check above takes for commented, and what not.
    @Test func witnessesOfCommentedRequirementsNeedNoComment() {
        let text = """
            /// A shape.
            public protocol Drawn {
                /// Its area.
                var area: Double { get }
                var name: String { get }
                /// Moves it.
                mutating func move(by offset: (Int, Int), at time: Double)
            }
            public protocol Filled: Drawn {}
            extension Drawn {
                public var area: Double { 0 }
            }
            /// A disc.
            @frozen
            public struct Disc: Hashable,
                Filled
            {
                public var area: Double
                public let name = ""
                /// Of the rim.
                @inlinable
                public var radius: Double { 0 }
                // Not for documentation.
                public var middle: Double { 0 }
                public mutating func move(
                    by offset: (Int, Int), at time: Double
                ) {}
                public func move(by offset: (Int, Int)) {}
                public static func == (a: Disc, b: Disc) -> Bool { true }
                private var hidden = 0
            }
            public final class Other {
                public var area: Double { 0 }
                public override init() {}
            }
            public extension Other {}
            """
        let found = PublicSymbols([SwiftSource(path: "F", text)])
        #expect(
            found.undocumented.map(\.place) == ["F:5", "F:9", "F:19", "F:24", "F:28", "F:32", "F:33"],
            "\(found.undocumented)")
    }
}

/// A file's lines, and what each of them declares.
struct SwiftSource {
    struct Line {
        var indent: Int
        var text: Substring
    }

    /// A declaration as far as one line says it: words before its keyword, the keyword, and what follows.
    struct Declaration {
        var modifiers: [Substring]
        var keyword: Substring
        var rest: Substring

        var isPublic: Bool { modifiers.contains("public") || modifiers.contains("open") }
        var isType: Bool { ["class", "struct", "enum", "protocol", "extension", "actor"].contains(keyword) }
    }

    let path: String
    let lines: [Line]

    init(path: String, _ text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let text = line.drop { $0 == " " }
            return Line(indent: line.utf8.count - text.utf8.count, text: text)
        }
    }

    private static let modifiers: Set<Substring> = [
        "public", "open", "package", "internal", "private", "fileprivate", "final", "static", "override", "required",
        "convenience", "mutating", "indirect", "nonisolated", "prefix", "postfix", "lazy", "weak",
    ]

    /// Nil where the line declares nothing.
    func declaration(at number: Int) -> Declaration? {
        var rest = lines[number].text
        var modifiers: [Substring] = []
        while !rest.isEmpty {
            var word = rest.prefix { $0 != " " && $0 != "(" }
            let tail = rest[word.endIndex...]
            if tail.first == "(", word.hasPrefix("@") || SwiftSource.modifiers.contains(word) {
                // `@available(*, deprecated)`, `private(set)`
                guard let end = tail.firstIndex(of: ")") else { return nil }
                word = rest[...end]
            } else if !word.hasPrefix("@"), !SwiftSource.modifiers.contains(word) {
                let keyword = rest.prefix { $0.isLetter }
                return keyword.isEmpty
                    ? nil : Declaration(modifiers: modifiers, keyword: keyword, rest: rest[keyword.endIndex...])
            }
            modifiers.append(word)
            rest = rest[word.endIndex...].drop { $0 == " " }
        }
        return nil
    }

    func isDocumented(_ number: Int) -> Bool {
        var above = number - 1
        while above >= 0, lines[above].text.hasPrefix("@") { above -= 1 }
        return above >= 0 && lines[above].text.hasPrefix("///")
    }

    /// The line's text, with those below it as far as brackets are open or `end` has not come.
    private func joined(from number: Int, until end: Character? = nil) -> String {
        var text = ""
        for line in lines[number...] {
            text += line.text + " "
            let isOpen = text.count(where: { $0 == "(" }) > text.count(where: { $0 == ")" })
            if end.map({ text.contains($0) }) ?? !isOpen { break }
        }
        return text
    }

    /// `var area`, `func move(by:at:)`; nil of what is neither, nor an initialiser or subscript.
    func signature(at number: Int) -> String? {
        guard let declaration = declaration(at: number) else { return nil }
        let name = declaration.rest.drop { $0 == " " }
        switch declaration.keyword {
        case "var", "let": return "var \(name.prefix { $0.isLetter || $0.isNumber || $0 == "_" })"
        case "func":
            let isOperator = !(name.first.map { $0.isLetter || $0 == "`" || $0 == "_" } ?? false)
            let own = name.prefix { isOperator ? $0 != " " : $0 != "(" && $0 != "<" }
            return "func \(own)(\(labels(at: number)))"
        case "init", "subscript": return "\(declaration.keyword)(\(labels(at: number)))"
        default: return nil
        }
    }

    private func labels(at number: Int) -> String {
        let text = joined(from: number)
        guard let keyword = declaration(at: number)?.keyword, let start = text.range(of: keyword)?.upperBound,
            let bracket = text[start...].firstIndex(of: "(")
        else { return "" }
        var (labels, depth, isAtStart, last) = ("", 0, false, Character(" "))
        for character in text[bracket...] {
            if "([{<".contains(character) { depth += 1 }
            if ")]}".contains(character) || character == ">" && last != "-" { depth -= 1 }
            if depth == 0 { break }
            if depth == 1, "(,".contains(character) {
                isAtStart = true
            } else if isAtStart, character == " " || character == ":" {
                if last != "(" && last != "," && last != " " {
                    labels += ":"
                    isAtStart = false
                }
            } else if isAtStart {
                labels.append(character)
            }
            last = character
        }
        return labels
    }

    /// The names that a type's or an extension's header has: its own, and what stands behind the colon.
    func names(inHeaderAt number: Int) -> [Substring] {
        let header = joined(from: number, until: "{").prefix { $0 != "{" }
        guard let declaration = declaration(at: number) else { return [] }
        let own = declaration.rest.drop { $0 == " " }.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        guard let colon = header.firstIndex(of: ":") else { return [own] }
        return [own] + header[colon...].split { !$0.isLetter && !$0.isNumber && $0 != "_" }
    }

    /// The lines between a type's first and its last.
    func body(at number: Int) -> Range<Int> {
        let first = number + 1
        guard !lines[number].text.hasSuffix("}"),
            let end = lines[first...].firstIndex(where: { $0.text == "}" && $0.indent == lines[number].indent })
        else { return first..<first }
        return first..<end
    }

    /// The line that begins the type or extension around a declaration.
    func enclosing(_ number: Int) -> Int? {
        (0..<number).last { above in
            lines[above].indent < lines[number].indent && !lines[above].text.hasPrefix("//")
                && (declaration(at: above)?.isType ?? false)
        }
    }
}

/// Public declarations, and those of them without a comment.
struct PublicSymbols {
    struct Symbol {
        /// `file:line`
        var place: String
        var text: String
    }

    private(set) var count = 0
    private(set) var undocumented: [Symbol] = []

    /// Members whose meaning the standard library's protocols, and result builders, say.
    private static let standard: Set<String> = [
        "var description", "var debugDescription", "var startIndex", "var endIndex", "subscript(position:)",
        "func hash(into:)", "func encode(to:)", "init(from:)",
    ]

    private struct Requirements {
        var commented: Set<String> = []
        var inherited: [Substring] = []
    }
    private var protocols: [Substring: Requirements] = [:]

    init(_ files: [SwiftSource]) {
        for file in files { readProtocols(file) }
        for file in files { readSymbols(file) }
    }

    private mutating func note(_ file: SwiftSource, _ number: Int) {
        undocumented.append(
            Symbol(place: "\(file.path):\(number + 1)", text: String(file.lines[number].text)))
    }

    private mutating func readProtocols(_ file: SwiftSource) {
        for (number, line) in file.lines.enumerated() where line.text.contains("protocol ") {
            guard let declaration = file.declaration(at: number), declaration.isPublic,
                declaration.keyword == "protocol"
            else { continue }
            let names = file.names(inHeaderAt: number)
            var requirements = Requirements(inherited: Array(names.dropFirst()))
            for inner in file.body(at: number) where file.lines[inner].indent == line.indent + 4 {
                guard let signature = file.signature(at: inner), file.isDocumented(inner) else { continue }
                requirements.commented.insert(signature)
            }
            protocols[names[0]] = requirements
        }
    }

    private mutating func readSymbols(_ file: SwiftSource) {
        var requirementsEnd = 0
        for (number, line) in file.lines.enumerated() {
            guard !line.text.hasPrefix("//"), let declaration = file.declaration(at: number) else { continue }
            if number < requirementsEnd {
                // What a public protocol demands is public without saying so.
                if file.signature(at: number) == nil && declaration.keyword != "associatedtype" { continue }
            } else if !declaration.isPublic || ["extension", "import"].contains(declaration.keyword) {
                continue
            }
            if declaration.keyword == "protocol" {
                requirementsEnd = file.body(at: number).upperBound
            }
            count += 1
            if !file.isDocumented(number) && !isKnown(file, number, declaration) { note(file, number) }
        }
    }

    /// Whether a comment elsewhere says what the declaration is.
    private func isKnown(_ file: SwiftSource, _ number: Int, _ declaration: SwiftSource.Declaration) -> Bool {
        if declaration.modifiers.contains("override") { return true }
        guard let signature = file.signature(at: number) else { return false }
        if PublicSymbols.standard.contains(signature) || signature.hasPrefix("func build")
            || signature.hasPrefix("func ==(") || signature.hasPrefix("func <(")
        {
            return true
        }
        guard let header = file.enclosing(number), file.declaration(at: header)?.keyword != "protocol" else {
            return false
        }
        return file.names(inHeaderAt: header).contains { demands($0, signature) }
    }

    /// Whether a protocol, or one that it refines, has a comment on this requirement.
    private func demands(_ name: Substring, _ signature: String) -> Bool {
        guard let requirements = protocols[name] else { return false }
        return requirements.commented.contains(signature)
            || requirements.inherited.contains { demands($0, signature) }
    }
}
