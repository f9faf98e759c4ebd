import Foundation
import TensorRuntime
import Testing

/// Every program of the documentation compiles: each stands, line for line, in a file that does.
@Suite struct SnippetTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// A block between "```swift" and "```".
    struct Snippet {
        let page: String
        let line: Int
        let lines: [String]
    }

    static func files(under folder: String, ending: String) -> [String] {
        let paths = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)?
            .compactMap { $0 as? String }
        return (paths ?? []).filter { $0.hasSuffix(ending) && !$0.contains(".build/") }.sorted()
            .map { "\(folder)/\($0)" }
    }

    static func lines(of path: String) throws -> [String] {
        try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8).components(separatedBy: "\n")
    }

    static func snippets(of page: String) throws -> [Snippet] {
        var result: [Snippet] = []
        var block: (line: Int, lines: [String])?
        for (number, line) in try lines(of: page).enumerated() {
            let trimmed = line.trimmingCharacters(in: .whitespaces)
            if let open = block {
                if trimmed == "```" {
                    result.append(Snippet(page: page, line: open.line, lines: open.lines))
                    block = nil
                } else if !trimmed.isEmpty, !trimmed.hasPrefix("import ") {
                    block?.lines.append(trimmed)
                }
            } else if trimmed == "```swift" {
                block = (number + 1, [])
            }
        }
        return result
    }

    /// Those of `FirstSteps.md` are whole files: `Scripts/first-steps.sh` compiles and runs them.
    @Test func everySnippetIsPartOfAProgram() throws {
        let found = ["Documentation", "Sources", "Examples"].flatMap { SnippetTests.files(under: $0, ending: ".md") }
        let pages = ["README.md", "ARCHITECTURE.md"] + found.filter { $0 != "Documentation/FirstSteps.md" }
        let snippets = try pages.flatMap { page in try SnippetTests.snippets(of: page) }
        #expect(snippets.count > 20)
        let programs = try
            (SnippetTests.files(under: "Tests/DocumentationTests", ending: ".swift")
            + SnippetTests.files(under: "Examples", ending: ".swift") + ["Tests/NeedletailTests/ReadmeTests.swift"])
            .map { file in
                try SnippetTests.lines(of: file).map { $0.trimmingCharacters(in: .whitespaces) }
                    .filter { !$0.isEmpty && !$0.hasPrefix("import ") }
            }
        for snippet in snippets {
            let isFound = programs.contains { program in
                program.indices.contains { start in
                    program[start...].prefix(snippet.lines.count).elementsEqual(snippet.lines)
                }
            }
            #expect(isFound, "\(snippet.page):\(snippet.line) stands in no program")
        }
    }
}
