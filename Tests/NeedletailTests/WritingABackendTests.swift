import Foundation
import Testing

/// The article about backends and the example that it walks through.
@Suite struct WritingABackendTests {
    private static let example = "Examples/ReferenceBackend"

    private static func lines(of path: String) throws -> [String] {
        try String(contentsOf: ImportTests.root.appendingPathComponent(path), encoding: .utf8)
            .components(separatedBy: "\n")
    }

    /// The article's excerpts in Swift.
    private static func excerpts() throws -> [[String]] {
        var found: [[String]] = []
        var isInside = false
        for line in try lines(of: "Documentation/WritingABackend.md") {
            if line == "```swift" {
                isInside = true
                found.append([])
            } else if line == "```" {
                isInside = false
            } else if isInside {
                found[found.count - 1].append(line)
            }
        }
        return found
    }

    /// Whether `file` has the lines one behind the other, all as much further to the right.
    private static func isThere(_ excerpt: [String], in file: [String]) -> Bool {
        guard let first = excerpt.first, file.count >= excerpt.count else { return false }
        return (0...file.count - excerpt.count).contains { start in
            guard file[start].hasSuffix(first) else { return false }
            let margin = String(file[start].dropLast(first.count))
            guard margin.allSatisfy({ $0 == " " }) else { return false }
            return zip(file[start...], excerpt).allSatisfy { $0 == ($1.isEmpty ? "" : margin + $1) }
        }
    }

    @Test func everyExcerptOfTheArticleIsInTheExample() throws {
        let files = try ImportTests.swiftFiles(under: Self.example).filter { !$0.contains("/.build/") }
            .map(Self.lines(of:))
        let excerpts = try Self.excerpts()
        #expect(excerpts.count > 12 && files.count > 8)
        for excerpt in excerpts {
            #expect(files.contains { Self.isThere(excerpt, in: $0) }, "\(excerpt.joined(separator: "\n"))")
        }
        #expect(!files.contains { Self.isThere(["func allocate(byteCount: Int)"], in: $0) })
    }

    @Test func theExampleIsAsShortAsTheArticleSays() throws {
        let files = ImportTests.swiftFiles(under: Self.example + "/Sources")
        let count = try files.reduce(0) { try $0 + Self.lines(of: $1).count - 1 }
        #expect(files.count > 5 && count <= 450, "\(count) lines")
    }

    /// What an outside author could not import, the example does not.
    @Test func theExampleImportsTheContractAlone() throws {
        for file in ImportTests.swiftFiles(under: Self.example + "/Sources/ReferenceBackend") {
            let imports = try ImportTests.imports(of: ImportTests.root.appendingPathComponent(file))
            #expect(imports == ["TensorRuntime"], "\(file)")
        }
    }

    @Test func everySectionOfTheArticleIsInItsContents() throws {
        let lines = try Self.lines(of: "Documentation/WritingABackend.md")
        let sections = lines.filter { $0.hasPrefix("## ") }.map { String($0.dropFirst(3)) }
        let links = sections.map { section in
            let anchor = section.lowercased().replacingOccurrences(of: " ", with: "-")
            return "- [\(section)](#\(anchor))"
        }
        #expect(sections.count > 10 && lines.filter { $0.hasPrefix("- [") && $0.contains("](#") } == links)
    }
}
