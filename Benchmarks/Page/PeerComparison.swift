import Foundation
import TensorRuntime

/// One program beside another on the same work.
package struct PeerComparison {
    package struct Row {
        package let work: RowSet.Work
        package let ours, theirs: Double
        package var ratio: Double { ours / theirs }
    }

    package let peer: RowSet.Source
    package let device: RowSet.Source
    /// All rows that both have, slowest of ours first.
    package let rows: [Row]
    /// What only one of them has, and which.
    package let unpaired: [(work: RowSet.Work, source: RowSet.Source)]

    package init(_ set: RowSet, device: RowSet.Source, peer: RowSet.Source) {
        (self.peer, self.device) = (peer, device)
        rows = set.common([device, peer]) { _, _ in true }.map {
            Row(work: $0, ours: set.time($0, device)!, theirs: set.time($0, peer)!)
        }.sorted { $0.ratio > $1.ratio }
        unpaired = [(device, peer), (peer, device)].flatMap { source, other in
            set.works(source).subtracting(set.works(other)).sorted().map { ($0, source) }
        }
    }

    /// Why the two are not to be compared, in words: another machine, or on the processor other threads.
    package static func obstacle(_ device: RowSet.Source, _ peer: RowSet.Source) -> String? {
        func place(_ source: RowSet.Source, _ text: String) -> String { "\(source.name) ran \(text)" }
        if device.machine != peer.machine {
            let places = [device, peer].map {
                place($0, "on " + ($0.machine.isEmpty ? "a machine that it does not name" : $0.machine))
            }
            return places.joined(separator: ", ") + "; compare rows of one machine"
        }
        if device.device == "\(DeviceID.cpu)", device.threads != peer.threads {
            let places = [device, peer].map { place($0, "with --threads \($0.threads)") }
            return places.joined(separator: ", ") + "; give both the same"
        }
        return nil
    }

    /// Why the rounds of one run are not to be taken together, in words: a program was changed between them, or ours did other work.
    package static func obstacle(in set: RowSet) -> String? {
        for sources in [set.ours, set.peers] where sources.count > 1 {
            let names = sources.map(set.name).joined(separator: " and ")
            return "the rows are of several programs: \(names); change nothing while it runs, and run it again"
        }
        let rounds = Dictionary(grouping: set.rows.filter { $0.framework == "needletail" }, by: \.round)
            .mapValues { Set($0.map(RowSet.work)) }
        let all = rounds.values.reduce(Set<RowSet.Work>()) { $0.union($1) }
        for (round, works) in rounds.sorted(by: { $0.key < $1.key }) {
            guard let missing = all.subtracting(works).min() else { continue }
            return
                "round \(round + 1) of needletail has no row of \(missing.name) \(missing.dtype), which another round has; "
                + "run it again"
        }
        return nil
    }

    /// Of ours by the peer's time.
    package var mean: Double {
        rows.isEmpty ? .nan : exp(rows.reduce(0) { $0 + log($1.ratio) } / Double(rows.count))
    }
    /// Of the rows, those in which ours takes no more time than the peer's.
    package var share: Double {
        rows.isEmpty ? .nan : Double(rows.filter { $0.ratio <= 1 }.count) / Double(rows.count)
    }
    /// The ledger: rows slower than the peer.
    package var slower: [Row] { rows.filter { $0.ratio > 1 } }
}
