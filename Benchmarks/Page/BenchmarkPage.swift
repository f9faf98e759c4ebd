import Foundation
import NeedletailTraining
import TensorRuntime

/// Rows as a page for people: which device for which work, then how that comes about.
package struct BenchmarkPage {
    let set: RowSet
    /// The file of each run, where the page is of files.
    private let files: [String]

    package init(_ rows: [BenchmarkRow]) { self.init(runs: [rows]) }

    /// - Parameter runs: rows of a file each. Where a run has a peer's rows beside ours, these two are compared and no others: they were
    ///   taken in turn.
    /// - Parameter files: what the runs' files are called, in their order.
    package init(runs: [[BenchmarkRow]], files: [String] = []) {
        set = RowSet(runs: runs)
        self.files = files
    }

    /// What people have to do, by rows that stand for it.
    static let kinds: [(name: String, isMeant: @Sendable (RowSet.Work, String) -> Bool)] = [
        ("training small nets (mlp, mlp-small)", { $0.suite == "train" && ["mlp", "mlp-small"].contains($1) }),
        (
            "training convolutional nets (cnn, lenet, resnet20)",
            {
                $0.suite == "train" && ["cnn", "lenet", "resnet20"].contains($1)
            }
        ),
        (
            "training on sequences (lstm, transformer)",
            {
                $0.suite == "train" && ["lstm", "transformer"].contains($1)
            }
        ),
        ("matrix products", { $0.suite == "op" && $0.dtype == "float32" && $1 == "matmul" }),
        (
            "convolutions and pooling",
            {
                $0.suite == "op" && $0.dtype == "float32" && ["convolution", "pooling"].contains($1)
            }
        ),
        (
            "number by number, rows, reductions",
            {
                $0.suite == "op" && $0.dtype == "float32" && ["pointwise", "row", "reduction", "layout"].contains($1)
            }
        ),
        (
            "sorts, scans, embeddings",
            {
                $0.suite == "op" && $0.dtype == "float32" && ["sort", "scan", "index"].contains($1)
            }
        ),
        (
            "attention and layers",
            {
                $0.suite == "op" && $0.dtype == "float32" && ["attention", "layer"].contains($1)
            }
        ),
        ("98 % on MNIST, from scratch", { work, _ in work.suite == "accuracy" }),
        (
            "a fresh program's whole process, three steps, nothing compiled yet",
            { work, _ in work.suite == "start" && work.name.contains(" cold whole process") }
        ),
    ]

    package func report() -> Report {
        let machines = Set(set.rows.compactMap(\.machine)).sorted()
        let subtitle = machines.isEmpty ? "machine not named" : machines.joined(separator: "; ")
        var report = Report("Which device for which work", subtitle: subtitle)
        addChoice(to: &report)
        addDevices(to: &report)
        addTraining(to: &report)
        addBars(to: &report)
        addRooflines(to: &report)
        addCurves(to: &report)
        addPeers(to: &report)
        addDoubts(to: &report)
        return report
    }

    private func addDevices(to report: inout Report) {
        report.section("Devices")
        func probe(_ source: RowSet.Source, _ isMeant: (BenchmarkRow) -> Bool) -> BenchmarkRow? {
            set.rows.filter {
                $0.suite == "probe" && $0.failure == nil && RowSet.Source($0) == source && isMeant($0)
            }.min { $0.median < $1.median }
        }
        // One that all have is said below: a column that says nothing takes the drivers' room.
        let commits = Set(set.ours.map(\.commit))
        let rows = set.sources.map { source -> [String] in
            let own = set.rows.filter { RowSet.Source($0) == source }
            let peaks = Peaks(own)
            let launch = probe(source) { $0.name == "launch, submit and wait" }
            return [
                set.name(source), source.driver, own.compactMap(\.kind).first ?? "-", "\(source.threads)",
            ] + (commits.count > 1 ? [source.commit.isEmpty ? "-" : source.commit] : []) + [
                peaks.arithmetic[.float32].map { String(format: "%.0f", $0 / 1e9) } ?? "-",
                peaks.arithmetic[.float16].map { String(format: "%.0f", $0 / 1e9) } ?? "-",
                peaks.bandwidth > 0 ? String(format: "%.1f", peaks.bandwidth / 1e9) : "-",
                launch.map { String(format: "%.1f", $0.median) } ?? "-",
            ]
        }
        report.table(
            ["device", "driver", "kind", "threads"] + (commits.count > 1 ? ["commit"] : [])
                + ["GFLOP/s", "in float16", "GB/s", "launch, us"], rows,
            caption: "Measured: products of 512 and 1024, a copy of 64 MiB, a small kernel with its wait."
                + (commits.count == 1 && commits != [""] ? " All of needletail at commit \(commits.first!)." : ""))
        guard files.count > 1 else { return }
        report.text("Files: " + files.enumerated().map { "file \($0 + 1) is \($1)" }.joined(separator: ", ") + ".")
    }

    private func addTraining(to report: inout Report) {
        let works = Set(set.sources.flatMap { set.works($0) }).filter { $0.suite == "train" }.sorted()
        guard !works.isEmpty else { return }
        report.section("A training step, milliseconds")
        let sources = set.sources.filter { !set.works($0).isDisjoint(with: works) }
        report.table(
            ["model"] + sources.map(set.name),
            works.map { work in
                [work.name]
                    + sources.map { source in
                        set.time(work, source).map { String(format: "%.3f", $0 / 1000) } ?? "-"
                    }
            })
    }

    private func addBars(to report: inout Report) {
        // A device that did no operation has none in common with the others.
        let sources = set.ours.filter { source in
            !set.common([source]) { work, _ in work.suite == "op" && work.dtype == "float32" }.isEmpty
        }
        guard sources.count > 1, let first = sources.first else { return }
        let families = OperationFamily.allCases.map(\.rawValue)
        func works(_ family: String) -> [RowSet.Work] {
            set.common(sources) { $0.suite == "op" && $0.dtype == "float32" && $1 == family }
        }
        let shown = families.filter { !works($0).isEmpty }
        guard !shown.isEmpty else { return }
        report.section("Speed by kind of operation")
        var chart = Chart("Speed beside \(set.name(first))", x: "times as fast as \(set.name(first))")
        for source in sources {
            let values = shown.map { family -> Double in
                let common = works(family)
                guard let own = set.mean(common, source), let other = set.mean(common, first) else { return .nan }
                return other / own
            }
            chart = chart.bars(shown, values, name: set.name(source), horizontal: true)
        }
        report.figure(
            Figure([[chart]], width: 900, rowHeight: Double(90 + 22 * shown.count * sources.count)),
            caption: "Longer is faster: geometric means over the rows of each kind.")
    }

    private func addPeers(to report: inout Report) {
        guard !set.peers.isEmpty else { return }
        report.section("Beside other frameworks")
        let sets = set.runs.map { RowSet($0) }
        for set in sets where !set.ours.isEmpty { addPeers(of: set, "taken in turn", to: &report) }
        let alone = sets.filter { $0.ours.isEmpty }.flatMap(\.rows)
        addPeers(of: RowSet(alone + set.rows.filter { $0.framework == "needletail" }), "of separate runs", to: &report)
    }

    /// - Parameter how: the rows came about.
    private func addPeers(of set: RowSet, _ how: String, to report: inout Report) {
        for peer in set.peers {
            let name = set.name(peer)
            let fitting = set.ours.filter { PeerComparison.obstacle($0, peer) == nil }
            if fitting.isEmpty, let obstacle = set.ours.first.flatMap({ PeerComparison.obstacle($0, peer) }) {
                report.text("Nothing is compared with \(name): \(obstacle).")
            }
            for device in fitting {
                let comparison = PeerComparison(set, device: device, peer: peer)
                guard !comparison.rows.isEmpty else {
                    report.text("Nothing is compared with \(name): \(set.name(device)) has none of its rows.")
                    continue
                }
                report.text(
                    String(
                        format: "%@ takes %.2f of the time of %@ (geometric mean of %d rows, %@); %.0f %% of the rows "
                            + "are not slower.", set.name(device), comparison.mean, name, comparison.rows.count, how,
                        100 * comparison.share))
                guard !comparison.slower.isEmpty else { continue }
                report.table(
                    ["slower than \(name)", "dtype", "us", "its us", "ratio"],
                    comparison.slower.map {
                        [
                            $0.work.name, $0.work.dtype, String(format: "%.1f", $0.ours),
                            String(format: "%.1f", $0.theirs), String(format: "%.2f", $0.ratio),
                        ]
                    }, caption: "The ledger: every row of \(set.name(device)) that takes more time than \(name).")
            }
        }
    }

    private func addDoubts(to report: inout Report) {
        report.section("How far to trust it")
        let failed = set.rows.filter { $0.failure != nil }
        let disturbed = set.rows.filter { !$0.warnings.isEmpty }
        let worst = set.rows.filter { $0.failure == nil && $0.suite == "op" }.compactMap(\.error).max()
        report.text(
            "Rows of operations, layers and training carry the error of what was timed beside Double arithmetic"
                + (worst.map { String(format: " (the largest here, relative to the result: %.1e)", $0) } ?? "")
                + ". \(disturbed.count) of \(set.rows.count) rows were taken while something disturbed the machine.")
        for source in set.sources {
            let own = set.files(of: source)
            guard own.count > 1 else { continue }
            let names = own.map { "file \($0 + 1)" }.joined(separator: " and ")
            report.text(
                "\(set.name(source)): \(names) have rows of the same round, of machines that are called alike or of one run "
                    + "twice. Tables and bars take the median over both; curves are a file's each.")
        }
        if !failed.isEmpty {
            report.table(
                ["row that counts for nothing", "dtype", "device", "why"],
                failed.map { [$0.name, $0.dtype, $0.device, $0.failure ?? ""] })
        }
        let reasons = Dictionary(grouping: disturbed.flatMap(\.warnings).map(BenchmarkPage.kind), by: { $0 })
        if !reasons.isEmpty {
            report.table(
                ["what disturbed", "rows"], reasons.sorted { $0.key < $1.key }.map { [$0.key, "\($0.value.count)"] })
        }
        report.text("Times are medians; needletail-bench compare says whether two runs differ by more than the noise.")
    }

    /// A warning without its numbers.
    private static func kind(_ warning: String) -> String {
        warning.filter { !$0.isNumber && $0 != "%" }.split(separator: " ").joined(separator: " ")
    }
}
