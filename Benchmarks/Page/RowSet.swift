import Foundation

/// Rows of several runs, put in order: by who made them, and one number for each piece of work.
package struct RowSet {
    /// Who made rows that belong together: one state of one program on one device of one machine, with so many threads.
    package struct Source: Hashable, Comparable {
        package let framework, device, driver: String
        /// Empty where rows do not say.
        package let machine, commit: String
        package let threads: Int

        package init(_ row: BenchmarkRow) {
            (framework, device) = (row.framework, row.device)
            // The CPU backend's driver names its threads, which have a place of their own.
            driver = row.driver.split(separator: ",").filter { !$0.hasSuffix(" threads") }.joined(separator: ",")
            (machine, commit) = (row.machine ?? "", row.commit ?? "")
            // Where the threads are what a curve goes along, its places belong together.
            threads = row.axis == ScalingAxis.threads.rawValue ? 0 : row.threads
        }

        package var isOurs: Bool { framework == "needletail" }
        /// `cpu`, `torch, cpu`: what tells it from others of one run.
        package var name: String { isOurs ? device : "\(framework), \(device)" }

        package static func < (a: Source, b: Source) -> Bool { a.order.lexicographicallyPrecedes(b.order) }

        private var order: [String] {
            [isOurs ? "" : framework, device, machine, driver, String(format: "%6d", threads), commit]
        }
    }

    /// A piece of work, whoever does it.
    package struct Work: Hashable, Comparable {
        package let suite, name, dtype: String

        package static func < (a: Work, b: Work) -> Bool {
            (a.suite, a.name, a.dtype) < (b.suite, b.name, b.dtype)
        }
    }

    /// The rows of each file, where those that name no machine say which one they were taken on, as far as it is known.
    package let runs: [[BenchmarkRow]]
    package var rows: [BenchmarkRow] { runs.flatMap { $0 } }
    package let sources: [Source]
    /// Microseconds of a piece of work: the median over rounds of their medians, of rows that did not fail.
    private let times: [Source: [Work: Double]]
    private let families: [Work: String]
    private let names: [Source: String]

    /// Rows of one file.
    package init(_ rows: [BenchmarkRow]) { self.init(runs: [rows]) }

    /// - Parameter runs: rows of a file each.
    package init(runs: [[BenchmarkRow]]) {
        let all = Set(runs.flatMap { $0.compactMap(\.machine) })
        self.runs = runs.enumerated().map { index, rows in
            // Where all rows of the file, or else of all files, that name a machine name one, those that name none were taken there.
            let own = Set(rows.compactMap(\.machine))
            let unnamed = runs.count > 1 ? "a machine that file \(index + 1) does not name" : nil
            let machine = own.count == 1 ? own.first : all.count == 1 ? all.first : unnamed
            return rows.map { row in
                var row = row
                row.machine = row.machine ?? machine
                return row
            }
        }
        let rows = self.runs.flatMap { $0 }
        let good = rows.filter { $0.failure == nil && !$0.samples.isEmpty }
        let work = good.filter { $0.axis != ScalingAxis.threads.rawValue }
        let sources = Set(work.map(Source.init)).sorted()
        self.sources = sources
        names = RowSet.names(Set(good.map(Source.init)).sorted())
        times = Dictionary(grouping: work, by: Source.init).mapValues { rows in
            Dictionary(grouping: rows, by: RowSet.work).mapValues { Quantiles($0.map(\.median)).median }
        }
        families = Dictionary(work.map { (RowSet.work($0), $0.family ?? "other") }) { first, _ in first }
    }

    /// A name for each: the device's, and of several of that name what they differ in.
    private static func names(_ sources: [Source]) -> [Source: String] {
        let parts: [(Source) -> String] = [
            { $0.threads == 0 ? "" : $0.threads == 1 ? "1 thread" : "\($0.threads) threads" },
            { $0.commit.isEmpty ? "commit not named" : $0.commit }, { $0.driver },
            { $0.machine.isEmpty ? "machine not named" : $0.machine },
        ]
        var names: [Source: String] = [:]
        for (name, alike) in Dictionary(grouping: sources, by: \.name) {
            // What is at all threads differs from none.
            let telling = parts.filter { part in Set(alike.map(part)).subtracting([""]).count > 1 }
            for source in alike {
                names[source] = ([name] + telling.map { $0(source) }.filter { !$0.isEmpty }).joined(separator: ", ")
            }
        }
        return names
    }

    /// What a column or a curve is called: `cpu`, and beside a run on one thread `cpu, 2 threads`.
    package func name(_ source: Source) -> String { names[source] ?? source.name }

    package static func work(_ row: BenchmarkRow) -> Work { Work(suite: row.suite, name: row.name, dtype: row.dtype) }

    /// Whether files hold rows of the same round, so that they are not rounds of one run.
    static func areDoubled(_ files: [[BenchmarkRow]]) -> Bool {
        files.count > 1 && Comparison.doubled(files.flatMap { $0 }) != nil
    }

    /// The places of the files whose rows are taken for one source's though they are of the same round; else none.
    package func files(of source: Source) -> [Int] {
        let own = runs.map { rows in
            rows.filter { Source($0) == source && $0.failure == nil && !$0.samples.isEmpty }
        }
        return RowSet.areDoubled(own.filter { !$0.isEmpty }) ? own.indices.filter { !own[$0].isEmpty } : []
    }

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
