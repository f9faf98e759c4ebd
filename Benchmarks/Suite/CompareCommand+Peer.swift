import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import TensorRuntime

extension CompareCommand {
    /// Runs this program and a peer in turn, and says what each row takes beside the peer's.
    func run(beside peer: Peer) throws {
        let script = "\(peers)/peer"
        guard FileManager.default.isExecutableFile(atPath: script) else {
            throw TensorError(.file, "\(script): there is no such program; name the directory with --peers")
        }
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        var rows: [BenchmarkRow] = []
        for round in 0..<rounds {
            // Who goes first alternates: the second finds the machine warmer.
            for isPeer in round % 2 == 0 ? [false, true] : [true, false] {
                NeedletailBench.tell("round \(round + 1) of \(rounds): \(isPeer ? peer.rawValue : "needletail")")
                let (path, arguments) =
                    isPeer
                    ? (script, arguments(round) + ["--framework", peer.rawValue])
                    : (program, arguments(round) + ["--device", device, "--json"])
                // A row of ours that a guard failed is told below; the others are there all the same. A peer exits with 1 where
                // it broke.
                let text = try ChildProgram.run(path, arguments, accepted: isPeer ? EXIT_SUCCESS : EXIT_FAILURE)
                rows += try CompareCommand.rows(text, from: path)
            }
        }
        if let output {
            let lines = try rows.map { try $0.json() + "\n" }.joined()
            try AtomicFile.write([Array(lines.utf8)], to: output)
        }
        try report(rows)
    }

    private func arguments(_ round: Int) -> [String] {
        let turn = [what.rawValue, "--round", "\(round)"]
        if what == .train { return turn + ["--model", model, "--batch", batch] }
        let meant = turn + ["--seconds", "\(seconds)"] + (filter.map { ["--filter", $0] } ?? [])
        return what == .op ? meant + ["--dtype", dtype] : meant
    }

    private func report(_ rows: [BenchmarkRow]) throws {
        let set = RowSet(rows)
        guard let ours = set.ours.first, let theirs = set.peers.first else {
            throw BenchmarkFailure("compare --peer: one of the two made no row; run it by itself to see why")
        }
        let comparison = PeerComparison(set, device: ours, peer: theirs)
        guard !comparison.rows.isEmpty else {
            throw BenchmarkFailure("compare --peer: \(theirs.name) and \(ours.name) have no row in common")
        }
        for line in comparison.table { try StandardOutput.write(line: line) }
        for (work, source) in comparison.unpaired {
            try StandardOutput.write(line: "of \(source.name) only: \(work.name) \(work.dtype)")
        }
        for row in rows where row.failure != nil {
            try StandardOutput.write(line: "FAILED: \(row.name) \(row.dtype): \(row.failure ?? "")")
        }
        if comparison.share < share || rows.contains(where: { $0.failure != nil }) { throw ExitCode(EXIT_FAILURE) }
    }
}

extension PeerComparison {
    /// The comparison as Markdown: every row, what they come to, and the ledger.
    package var table: [String] {
        let name = "\(peer.driver)"
        var lines = ["| row | dtype | needletail us | \(name) us | ratio |", "|---|---|---|---|---|"]
        for row in rows.sorted(by: { $0.work < $1.work }) { lines.append(Self.line(row)) }
        lines.append(
            String(
                format: "\n%d rows, geometric mean of the ratios %.3f, %.0f %% not slower than %@", rows.count, mean,
                100 * share, name))
        if slower.isEmpty { return lines + ["no row is slower"] }
        lines.append("\nslower than \(name):")
        return lines + slower.map { Self.line($0) }
    }

    private static func line(_ row: Row) -> String {
        String(
            format: "| %@ | %@ | %.1f | %.1f | %.2f |", row.work.name, row.work.dtype, row.ours, row.theirs, row.ratio)
    }
}
