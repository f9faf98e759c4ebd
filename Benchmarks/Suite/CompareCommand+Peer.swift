import ArgumentParser
import CommandLineSupport
import Foundation
import Needletail
import TensorRuntime

extension CompareCommand {
    /// Runs this program and a peer in turn, and says what each row takes beside the peer's.
    func run(beside peer: Peer) throws {
        let script = "\(beside.peers ?? "Benchmarks/Peers")/peer"
        guard FileManager.default.isExecutableFile(atPath: script) else {
            throw TensorError(.file, "\(script): there is no such program; name the directory with --peers")
        }
        let program = try ChildProgram.own()
        let id = try DeviceSelection.resolve(beside.device ?? "cpu")
        let isProcessor = id.backend == DeviceID.cpu.backend
        // What a device of another kind takes has nothing to do with the peer's threads.
        let threads =
            try beside.threads ?? Machine.threads(of: deviceContext(isProcessor ? id : .cpu).device.description)
        let own = isProcessor ? ["NEEDLETAIL_THREADS": "\(threads)"] : [:]
        // This program is to have the processors that such a peer is kept to.
        let isKept = isProcessor && peer.isKeptToProcessors
        if isKept && (try? ChildProgram.run("/bin/sh", ["-c", "command -v taskset"])) == nil {
            throw TensorError(
                .file,
                "taskset: there is no such program, which keeps this one to \(peer.rawValue)'s processors; install util-linux"
            )
        }
        let kept =
            isKept
            ? ["-c", try ChildProgram.run(script, ["processors", "--threads", "\(threads)"]).trimmed] : []
        let file = try beside.output.map { try RowFile($0) }
        let rounds = beside.rounds ?? 3
        var rows: [BenchmarkRow] = []
        for round in 0..<rounds {
            // Who goes first alternates: the second finds the machine warmer. A peer that is not there is found at once.
            for isPeer in round % 2 == 0 ? [true, false] : [false, true] {
                NeedletailBench.tell("round \(round + 1) of \(rounds): \(isPeer ? peer.rawValue : "needletail")")
                let turn = [beside.work.rawValue, "--round", "\(round)"] + beside.arguments
                // A row of ours that failed is told below; the others are there all the same. Without one, and of a peer, 1 is a run that
                // broke.
                let text =
                    try isPeer
                    ? ChildProgram.run(script, turn + ["--framework", peer.rawValue, "--threads", "\(threads)"])
                    : ChildProgram.run(
                        kept.isEmpty ? program : "taskset",
                        (kept.isEmpty ? [] : kept + [program]) + turn + ["--device", "\(id)", "--json"],
                        environment: own,
                        isAccepted: { text in
                            let made = try? CompareCommand.rows(text, from: program)
                            return made?.contains { $0.failure != nil } ?? false
                        })
                for var row in try CompareCommand.rows(text, from: isPeer ? script : program) {
                    // It ran here, whether it says so or not.
                    row.machine = row.machine ?? Machine.description
                    rows.append(row)
                    try file?.append(row)
                }
            }
        }
        try file?.finish()
        try report(rows)
    }

    private func report(_ rows: [BenchmarkRow]) throws {
        let set = RowSet(rows)
        for row in rows where row.failure != nil {
            try StandardOutput.write(line: "FAILED: \(row.name) \(row.dtype): \(row.failure ?? "")")
        }
        if let obstacle = PeerComparison.obstacle(in: set) {
            throw BenchmarkFailure("compare --peer: \(obstacle)")
        }
        guard let ours = set.ours.first, let theirs = set.peers.first else {
            throw BenchmarkFailure("compare --peer: one of the two made no row; run it by itself to see why")
        }
        if let obstacle = PeerComparison.obstacle(ours, theirs) {
            throw BenchmarkFailure("compare --peer: \(obstacle)")
        }
        let comparison = PeerComparison(set, device: ours, peer: theirs)
        guard !comparison.rows.isEmpty else {
            throw BenchmarkFailure("compare --peer: \(theirs.name) and \(ours.name) have no row in common")
        }
        for line in comparison.table { try StandardOutput.write(line: line) }
        for (work, source) in comparison.unpaired {
            try StandardOutput.write(line: "of \(source.name) only: \(work.name) \(work.dtype)")
        }
        if comparison.share < (beside.share ?? 0.9) || rows.contains(where: { $0.failure != nil }) {
            throw BenchmarkExit.failed
        }
    }
}

extension String {
    fileprivate var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
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
