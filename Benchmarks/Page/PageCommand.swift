import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime

/// `needletail-bench page`: files of rows as one page.
struct PageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "page", abstract: "Makes a page of files of rows: which device for which work, and why.",
        discussion: "The page is one HTML file that needs no network. Files of several devices make it compare them.")

    @Argument(help: "Files of JSON lines, of one device or peer each or of several.") var files: [String]
    @Option(help: "The page's file.") var output = "page.html"

    func run() throws {
        let runs = try files.map { try CompareCommand.rows(of: $0) }
        guard !runs.allSatisfy(\.isEmpty) else {
            throw TensorError(.data, "\(files.joined(separator: ", ")): no rows; make them with needletail-bench all")
        }
        try BenchmarkPage(runs: runs, files: files).report().write(to: output)
        try StandardOutput.write(line: "\(runs.reduce(0) { $0 + $1.count }) rows in \(output)")
    }
}
