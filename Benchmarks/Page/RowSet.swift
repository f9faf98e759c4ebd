import Foundation

/// Rows of several runs, put in order: by who made them, and one number for each piece of work.
package struct RowSet {
    /// A device, or a peer on one.
    package struct Source: Hashable, Comparable {
        package let framework, device, driver: String

        package init(_ row: BenchmarkRow) {
            (framework, device) = (row.framework, row.device)
            // The CPU backend's driver names its threads, which rows of one run differ in.
            driver = row.driver.split(separator: ",").filter { !$0.hasSuffix(" threads") }.joined(separator: ",")
        }

        package var isOurs: Bool { framework == "needletail" }
        /// What a column is called: `cpu`, `torch, cpu`.
        package var name: String { isOurs ? device : "\(framework), \(device)" }

        package static func < (a: Source, b: Source) -> Bool {
            (a.isOurs ? "" : a.framework, a.device, a.driver) < (b.isOurs ? "" : b.framework, b.device, b.driver)
        }
    }

    /// A piece of work, whoever does it.
    package struct Work: Hashable, Comparable {
        package let suite, name, dtype: String

        package static func < (a: Work, b: Work) -> Bool {
            (a.suite, a.name, a.dtype) < (b.suite, b.name, b.dtype)
        }
    }

    package let rows: [BenchmarkRow]
    package let sources: [Source]
    /// Microseconds of a piece of work: the median over rounds of their medians, of rows that did not fail.
    private let times: [Source: [Work: Double]]
    private let families: [Work: String]

    package init(_ rows: [BenchmarkRow]) {
        self.rows = rows
        let good = rows.filter { $0.failure == nil && !$0.samples.isEmpty }
        sources = Set(good.map(Source.init)).sorted()
        times = Dictionary(grouping: good, by: Source.init).mapValues { rows in
            Dictionary(grouping: rows, by: RowSet.work).mapValues { Quantiles($0.map(\.median)).median }
        }
        families = Dictionary(good.map { (RowSet.work($0), $0.family ?? "other") }) { first, _ in first }
    }

    package static func work(_ row: BenchmarkRow) -> Work { Work(suite: row.suite, name: row.name, dtype: row.dtype) }

    package var ours: [Source] { sources.filter(\.isOurs) }
    package var peers: [Source] { sources.filter { !$0.isOurs } }

    package func time(_ work: Work, _ source: Source) -> Double? { times[source]?[work] }

    package func works(_ source: Source) -> Set<Work> { Set((times[source] ?? [:]).keys) }

    /// Work that all these did, of a kind.
    package func common(_ sources: [Source], where isMeant: (Work, String) -> Bool) -> [Work] {
        guard let first = sources.first else { return [] }
        let shared = sources.dropFirst().reduce(works(first)) { $0.intersection(works($1)) }
        return shared.filter { isMeant($0, families[$0] ?? "other") }.sorted()
    }

    package func family(_ work: Work) -> String { families[work] ?? "other" }

    /// The geometric mean of times of some work.
    package func mean(_ works: [Work], _ source: Source) -> Double? {
        let times = works.compactMap { time($0, source) }
        guard times.count == works.count, !times.isEmpty else { return nil }
        return exp(times.reduce(0) { $0 + log($1) } / Double(times.count))
    }
}

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
