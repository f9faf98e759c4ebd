import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import TensorRuntime

/// `needletail-bench compare before.json after.json`: which rows changed by more than the noise; with `--peer`, how another framework does.
struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Says which rows of two files, or of a peer, differ.",
        discussion: """
            Two files hold JSON lines of several rounds, taken in turn: Benchmarks/compare-runs.sh makes them. Exits with 1 \
            where a row of the second file is slower or one of either failed, and with 2 where there are too few rounds to tell.

            With --peer, this program and the peer run in turn on this machine, and rows are paired by their names. Exits with 1 \
            where fewer rows than --share are not slower than the peer's, or where a row failed.
            """)

    @Argument(help: "Rows of the one program, or of the state before a change.") var first: String?
    @Argument(help: "Rows of the other, or of the state after.") var second: String?
    @Option(help: "torch, torch-compile, jax or tinygrad: run it in turn with this program.") var peer: Peer?
    @OptionGroup var beside: PeerOptions

    func validate() throws {
        if let peer {
            if first != nil { throw ValidationError("compare: give two files or --peer, not both") }
            return try beside.validateUse(beside: peer)
        }
        if first == nil || second == nil { throw ValidationError("compare: give two files, or --peer") }
        if let option = beside.given.first {
            throw ValidationError("compare: \(option) is for --peer; two files are compared as they are")
        }
    }

    func run() throws {
        if let peer { return try run(beside: peer) }
        guard let first, let second else { return }
        let (before, after) = (try Self.rows(of: first), try Self.rows(of: second))
        if let difference = Comparison.machines(before, after) {
            throw TensorError(.data, "\(first) and \(second): \(difference)")
        }
        for (path, rows) in [(first, before), (second, after)] {
            if let doubled = Comparison.doubled(rows) { throw TensorError(.data, "\(path): \(doubled)") }
        }
        let comparison = Comparison(before, after)
        for row in comparison.failed {
            try StandardOutput.write(
                line:
                    "FAILED in \(row.isSecond ? second : first): \(row.key.name) \(row.key.dtype) on \(row.key.place): "
                    + row.failure)
        }
        guard !comparison.rows.isEmpty else {
            if !comparison.failed.isEmpty { throw ExitCode(EXIT_FAILURE) }
            throw TensorError(.data, "\(first) and \(second) have no row in common; name files of the same commands")
        }
        var lines = ["| row | device | ratio | rounds | chance | verdict |", "|---|---|---|---|---|---|"]
        for row in comparison.rows {
            let verdict = comparison.verdict(row)
            let numbers = String(format: "%.3f | %d | %.4f", row.ratio, row.ratios.count, row.probability)
            lines.append("| \(row.key.name) \(row.key.dtype) | \(row.key.place) | \(numbers) | \(verdict.rawValue) |")
        }
        for line in lines { try StandardOutput.write(line: line) }
        let slower = comparison.rows.filter { comparison.verdict($0) == .slower }.count
        let faster = comparison.rows.filter { comparison.verdict($0) == .faster }.count
        try StandardOutput.write(
            line: String(format: "\ngeometric mean of the ratios %.3f; ", comparison.mean)
                + "\(comparison.rows.count) rows, \(slower) slower, \(faster) faster"
                + (comparison.failed.isEmpty ? "" : ", \(comparison.failed.count) failed"))
        for key in comparison.unpaired {
            try StandardOutput.write(line: "in one file only: \(key.name) on \(key.place)")
        }
        let rounds = comparison.rows.map(\.ratios.count).min()!
        let needed = Comparison.roundsNeeded(rows: comparison.rows.count)
        if rounds < needed {
            try StandardOutput.write(
                line: "\(rounds) rounds cannot tell a change of one row among \(comparison.rows.count); take \(needed)")
        }
        if slower > 0 || !comparison.failed.isEmpty { throw ExitCode(EXIT_FAILURE) }
        if rounds < needed { throw ExitCode(2) }
    }

    /// The rows of a file; what other tools print between them is no JSON and is left out.
    static func rows(of path: String) throws -> [BenchmarkRow] {
        let text = String(decoding: try FileReader(path: path).readAll(limit: 1 << 30), as: UTF8.self)
        return try rows(text, from: path)
    }

    static func rows(_ text: String, from path: String) throws -> [BenchmarkRow] {
        let decoder = JSONDecoder()
        return try text.split(separator: "\n").enumerated().filter { $0.element.hasPrefix("{") }.map { number, line in
            do {
                return try decoder.decode(BenchmarkRow.self, from: Data(line.utf8))
            } catch {
                throw TensorError(
                    .data, "\(path), line \(number + 1): no row of needletail-bench (\(error)); make the file anew")
            }
        }
    }
}
