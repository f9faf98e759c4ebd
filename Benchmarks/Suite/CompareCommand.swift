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
            where a row of the second file is slower or a guard failed one of either, and with 2 where there are too few rounds to tell.

            With --peer, this program and the peer run in turn on this machine, and rows are paired by their names. Exits with 1 \
            where fewer rows than --share are not slower than the peer's.
            """)

    @Argument(help: "Rows of the one program, or of the state before a change.") var first: String?
    @Argument(help: "Rows of the other, or of the state after.") var second: String?
    @Option(help: "torch, torch-compile, jax or tinygrad: run it in turn with this program.") var peer: Peer?
    @Option(help: "What is compared with a peer: op, layers or train.") var what: PeerWork = .op
    @Option(help: "Only operations whose name contains this.") var filter: String?
    @Option(help: "Models of train, separated by commas.") var model = "mlp,mlp-small"
    @Option(help: "Images in a step of train, several numbers separated by commas.") var batch = "64"
    @Option(help: "Data types of op, separated by commas.") var dtype = "float32"
    @Option(help: "Turns of each.") var rounds = 3
    @Option(help: "The share of rows that are not to be slower than the peer's.") var share = 0.9
    @Option(help: "Where the peer's scripts are; setup.sh there installs the frameworks.")
    var peers = "Benchmarks/Peers"
    @Option(help: "A file for all rows of both, for needletail-bench page.") var output: String?
    @Option(help: "The device of this program.") var device = "cpu"
    @Option(help: "Seconds for the samples of a row.") var seconds = 0.5

    enum Peer: String, CaseIterable, ExpressibleByArgument {
        case torch
        case torchCompile = "torch-compile"
        case jax, tinygrad
    }

    enum PeerWork: String, CaseIterable, ExpressibleByArgument { case op, layers, train }

    func validate() throws {
        if peer == nil {
            if first == nil || second == nil { throw ValidationError("compare: give two files, or --peer") }
        } else if first != nil {
            throw ValidationError("compare: give two files or --peer, not both")
        }
        if rounds < 1 { throw ValidationError("--rounds \(rounds): give at least 1") }
        if !(0...1).contains(share) { throw ValidationError("--share \(share): give a number of 0 to 1") }
        if !(seconds > 0 && seconds.isFinite) { throw ValidationError("--seconds \(seconds): give a number above 0") }
    }

    func run() throws {
        if let peer { return try run(beside: peer) }
        guard let first, let second else { return }
        let comparison = Comparison(try Self.rows(of: first), try Self.rows(of: second))
        for row in comparison.failed {
            try StandardOutput.write(
                line:
                    "FAILED in \(row.isSecond ? second : first): \(row.key.name) \(row.key.dtype) on \(row.key.device): "
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
            lines.append("| \(row.key.name) \(row.key.dtype) | \(row.key.device) | \(numbers) | \(verdict.rawValue) |")
        }
        for line in lines { try StandardOutput.write(line: line) }
        let slower = comparison.rows.filter { comparison.verdict($0) == .slower }.count
        let faster = comparison.rows.filter { comparison.verdict($0) == .faster }.count
        try StandardOutput.write(
            line: String(format: "\ngeometric mean of the ratios %.3f; ", comparison.mean)
                + "\(comparison.rows.count) rows, \(slower) slower, \(faster) faster"
                + (comparison.failed.isEmpty ? "" : ", \(comparison.failed.count) failed"))
        for key in comparison.unpaired {
            try StandardOutput.write(line: "in one file only: \(key.name) on \(key.device)")
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
