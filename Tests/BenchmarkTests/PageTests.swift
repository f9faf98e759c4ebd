import Foundation
import NeedletailBench
import NeedletailTraining
import Testing

/// The page of rows, and a peer's rows beside ours.
@Suite struct PageTests {
    static func row(
        _ name: String, _ family: String, suite: String = "op", device: String = "cpu",
        framework: String = "needletail",
        time: Double, round: Int = 0
    ) -> BenchmarkRow {
        var row = BenchmarkRow(
            suite: suite, name: name, dtype: "float32", device: device, driver: "\(framework) on \(device)", threads: 2,
            round: round, firstMicroseconds: 1, samples: [time], hostMicroseconds: 0, launches: 1)
        row.framework = framework
        row.family = family
        row.machine = "A <processor>, 2 processors"
        (row.operations, row.bytes) = (1e6, 1e4)
        return row
    }

    static func rows(_ device: String, _ factor: Double) -> [BenchmarkRow] {
        var rows = [
            row("matmul 512", "probe", suite: "probe", device: device, time: 100 * factor),
            row("copy 64 MiB", "probe", suite: "probe", device: device, time: 1000 * factor),
            row("matmul 2x2x2", "matmul", device: device, time: 10 * factor),
            row("add 10", "pointwise", device: device, time: 5),
            row("mlp batch 64", "mlp", suite: "train", device: device, time: 500 * factor),
        ]
        rows[1].operations = nil
        for batch in [1, 4, 16] {
            var row = row("mlp, batch \(batch)", "mlp", suite: "scale", device: device, time: Double(100 * batch))
            (row.axis, row.place) = ("batch", Double(batch))
            rows.append(row)
        }
        return rows
    }

    static let peer = [
        row("matmul 2x2x2", "matmul", framework: "torch", time: 20),
        row("add 10", "pointwise", framework: "torch", time: 2.5),
    ]

    @Test func thePageNamesTheFastestDeviceFirst() {
        let html = BenchmarkPage(PageTests.rows("cpu", 1) + PageTests.rows("vulkan:0", 4)).report().html()
        let choice = html.range(of: "matrix products")!
        let line = html[choice.lowerBound...].prefix(120)
        #expect(line.contains("<td>cpu</td><td>vulkan:0 takes 4.0 times as long</td>"), "\(line)")
        #expect(html.range(of: "Take this device")!.lowerBound < html.range(of: "<h2>Devices")!.lowerBound)
        for section in ["A training step", "Speed by kind", "What the devices reach", "What it costs to grow"] {
            #expect(html.contains(section), "\(section)")
        }
    }

    /// One sentence before all else, and what is software is called so.
    @Test func thePageBeginsWithAVerdict() {
        let two = PageTests.rows("cpu", 1) + PageTests.rows("vulkan:0", 4)
        let html = BenchmarkPage(two).report().html()
        #expect(html.contains("<p>Take cpu for all of this work.</p>\n<div class=\"t\">"))
        // As fast within a twentieth: the rows of `add 10` are alike.
        #expect(html.contains("<td>vulkan:0 is as fast</td>") && !html.contains("software"))
        let products = (PageTests.rows("cpu", 1) + PageTests.rows("vulkan:0", 4)).map {
            var row = $0
            if row.device == "vulkan:0" {
                row.kind = "software"
                if row.family == "matmul" { row.samples = [1] }
            }
            return row
        }
        let mixed = BenchmarkPage(products).report().html()
        #expect(mixed.contains("<p>Take cpu; but vulkan:0 for matrix products.</p>"))
        #expect(mixed.contains("<p>vulkan:0: software, which is"))
        // A commit that all have is no column, and what did no training has none in its table.
        #expect(!html.contains("<th>commit</th>"))
        let other = products.filter { $0.suite != "train" || $0.device == "cpu" }.map {
            var row = $0
            row.commit = row.device
            return row
        }
        let columns = BenchmarkPage(other).report().html()
        #expect(
            columns.contains("<th>commit</th>") && columns.contains("<tr><th>model</th><th class=\"n\">cpu</th></tr>"))
        let apart = [PageTests.row("mul 10", "pointwise", device: "vulkan:0", time: 1)]
        #expect(
            BenchmarkPage(two.filter { $0.suite == "train" && $0.device == "cpu" } + apart).report().html()
                .contains("No two devices did the same work"))
    }

    /// A device of training steps only takes no bars from those that did operations.
    @Test func aDeviceWithoutOperationsHidesNoBars() {
        let training = PageTests.row("mlp batch 64", "mlp", suite: "train", device: "opencl:0", time: 1)
        let two = PageTests.rows("cpu", 1) + PageTests.rows("vulkan:0", 4)
        #expect(BenchmarkPage(two + [training]).report().html().contains("Speed by kind"))
        #expect(!BenchmarkPage(PageTests.rows("cpu", 1) + [training]).report().html().contains("Speed by kind"))
    }

    /// It needs no network and no script, and shows what it is given as text.
    @Test func thePageStandsAlone() {
        var rows = PageTests.rows("cpu", 1) + PageTests.rows("opencl:0", 2) + PageTests.peer
        rows[2].failure = "<script>"
        let html = BenchmarkPage(rows).report().html()
        #expect(
            !html.contains("<script") && !html.contains("src=") && !html.contains("<link") && !html.contains("url("))
        #expect(
            html.components(separatedBy: "://").count
                == html.components(separatedBy: "http://www.w3.org/2000/svg").count)
        #expect(html.contains("A &lt;processor&gt;") && html.contains("&lt;script&gt;"))
        #expect(html.contains("prefers-color-scheme"))
    }

    @Test func aPageOfOneDeviceAndOfNothingIsAPage() {
        #expect(BenchmarkPage(PageTests.rows("cpu", 1)).report().html().contains("Only one device was measured"))
        #expect(BenchmarkPage([]).report().html().contains("hold no training step and no operation"))
    }

    /// Three runs of one device that are not to be taken for one: each is a column and a bar of its own, by what it differs in.
    @Test func rowsOfOtherMachinesThreadsAndCommitsAreKeptApart() {
        func changed(_ factor: Double, _ change: (inout BenchmarkRow) -> Void) -> [BenchmarkRow] {
            PageTests.rows("cpu", factor).map {
                var row = $0
                row.commit = row.commit ?? "aaaa"
                change(&row)
                return row
            }
        }
        let runs = [
            changed(1) { _ in }, changed(2) { $0.machine = "Another <machine>" }, changed(4) { $0.threads = 1 },
            changed(8) { $0.commit = "bbbb" },
        ]
        let names = [
            "cpu, 2 threads, aaaa, A <processor>, 2 processors", "cpu, 2 threads, aaaa, Another <machine>",
            "cpu, 1 thread, aaaa, A <processor>, 2 processors", "cpu, 2 threads, bbbb, A <processor>, 2 processors",
        ]
        let set = RowSet(runs.flatMap { $0 })
        #expect(Set(set.ours.map(set.name)) == Set(names))
        for (run, name) in zip(runs, names) {
            let source = set.ours.first { set.name($0) == name }
            let work = RowSet.work(run[2])
            #expect(source.flatMap { set.time(work, $0) } == run[2].median, "\(name)")
        }
        let html = BenchmarkPage(runs.flatMap { $0 }).report().html()
        for name in names { #expect(html.contains(name.replacing("<", with: "&lt;").replacing(">", with: "&gt;"))) }
        // Two that differ in one thing say it alone.
        let two = RowSet(runs[0] + runs[2])
        #expect(two.ours.map(two.name) == ["cpu, 1 thread", "cpu, 2 threads"])
        let alone = RowSet(runs[0])
        #expect(alone.ours.map(alone.name) == ["cpu"])
    }

    /// By hand: in turn ratios of 10 / 20 and 5 / 2.5, whose geometric mean is 1. Of another run ours took a hundredth of that.
    @Test func aPeerIsComparedWithWhatWasTakenInTurn() {
        let own = PageTests.rows("cpu", 1)
        let other = own.map {
            var row = $0
            row.samples = row.samples.map { $0 / 100 }
            return row
        }
        let apart = BenchmarkPage(runs: [other, own + PageTests.peer, other]).report().html()
        #expect(apart.contains("cpu takes 1.00 of the time of torch, cpu (geometric mean of 2 rows, taken in turn)"))
        #expect(!apart.contains("of separate runs"))
        let alone = BenchmarkPage(runs: [other, PageTests.peer]).report().html()
        #expect(alone.contains("cpu takes 0.01 of the time of torch, cpu (geometric mean of 2 rows, of separate runs)"))
    }

    /// The places of a curve along threads are one curve, and no device of their own.
    @Test func threadsAreAnAxisAndNoColumns() {
        let curve = [1, 2].map { threads in
            var row = PageTests.row("mlp, threads \(threads)", "spread mlp", suite: "scale", time: 8 / Double(threads))
            (row.axis, row.place, row.threads) = ("threads", Double(threads), threads)
            return row
        }
        let set = RowSet(PageTests.rows("cpu", 1) + curve)
        #expect(set.ours.map(set.name) == ["cpu"])
        #expect(RowSet.Source(curve[0]) == RowSet.Source(curve[1]))
        // The curve's name is nowhere else.
        #expect(BenchmarkPage(set.rows).report().html().contains("spread mlp"))
        #expect(!BenchmarkPage(PageTests.rows("cpu", 1)).report().html().contains("spread mlp"))
    }

    /// A peer on another machine, or on the processor with other threads, is named and not compared.
    @Test func aPeerOfAnotherPlaceIsNotCompared() throws {
        func obstacle(_ change: (inout BenchmarkRow) -> Void, device: String = "cpu") -> String? {
            var peer = PageTests.peer[0]
            change(&peer)
            let own = PageTests.row("matmul 2x2x2", "matmul", device: device, time: 1)
            return PeerComparison.obstacle(RowSet.Source(own), RowSet.Source(peer))
        }
        #expect(obstacle { _ in } == nil)
        #expect(
            obstacle { $0.machine = "B" }
                == "cpu ran on A <processor>, 2 processors, torch, cpu ran on B; compare rows of one machine")
        #expect(obstacle { $0.threads = 1 }?.contains("torch, cpu ran with --threads 1; give both the same") == true)
        #expect(obstacle({ $0.threads = 1 }, device: "vulkan:0") == nil)
        let peers = PageTests.peer.map {
            var row = $0
            row.threads = 1
            return row
        }
        let html = BenchmarkPage(PageTests.rows("cpu", 1) + peers).report().html()
        #expect(html.contains("Nothing is compared with torch, cpu: cpu ran with --threads 2"))
        #expect(!html.contains("of the time of torch"))
        // A peer's own rows name no machine.
        let nameless = PageTests.peer.map {
            var row = $0
            row.machine = nil
            return row
        }
        #expect(BenchmarkPage(PageTests.rows("cpu", 1) + nameless).report().html().contains("of the time of torch"))
    }

    /// A program that was changed during a run is two, and what a round lacks is named.
    @Test func roundsOfOneRunAreOfOneProgramAndOneWork() {
        func rows(_ commits: [String], framework: String = "needletail") -> [BenchmarkRow] {
            commits.enumerated().map { round, commit in
                var row = PageTests.row("add 10", "pointwise", framework: framework, time: 1, round: round)
                row.commit = commit
                return row
            }
        }
        func obstacle(_ rows: [BenchmarkRow]) -> String? { PeerComparison.obstacle(in: RowSet(rows)) }
        #expect(obstacle(rows(["aaaa", "aaaa"]) + PageTests.peer) == nil)
        let split = obstacle(rows(["aaaa", "aaaa-dirty"]) + PageTests.peer)
        #expect(split?.contains("cpu, aaaa and cpu, aaaa-dirty; change nothing") == true, "\(split ?? "nil")")
        let peers = obstacle(rows(["aaaa", "aaaa"]) + rows(["bbbb", "cccc"], framework: "torch"))
        #expect(peers?.contains("torch, cpu, bbbb and torch, cpu, cccc") == true, "\(peers ?? "nil")")
        let more =
            rows(["aaaa", "aaaa"])
            + [PageTests.row("mul 10", "pointwise", time: 1, round: 1)].map {
                var row = $0
                row.commit = "aaaa"
                return row
            }
        #expect(obstacle(more)?.contains("round 1 of needletail has no row of mul 10 float32") == true)
        // A row that failed is there.
        var failed = more
        failed.append(more[2])
        failed[3].round = 0
        failed[3].failure = "it was not computed"
        #expect(obstacle(failed) == nil)
    }

    /// By hand: ratios 10 / 20 and 5 / 2.5, whose geometric mean is 1; one of two is not slower.
    @Test func aPeersRowsArePairedByName() {
        let set = RowSet(
            PageTests.rows("cpu", 1) + PageTests.peer + [
                PageTests.row("mul 10", "pointwise", framework: "torch", time: 1)
            ])
        let comparison = PeerComparison(set, device: set.ours[0], peer: set.peers[0])
        #expect(comparison.rows.map(\.work.name) == ["add 10", "matmul 2x2x2"])
        let theirs = comparison.unpaired.filter { !$0.source.isOurs }.map(\.work.name)
        let own = comparison.unpaired.filter { $0.source.isOurs }.map(\.work.name)
        #expect(theirs == ["mul 10"])
        #expect(own.contains("mlp batch 64") && !own.contains("add 10"))
        #expect(abs(comparison.mean - 1) < 1e-12 && comparison.share == 0.5)
        #expect(comparison.slower.map(\.work.name) == ["add 10"] && comparison.slower[0].ratio == 2)
        let text = comparison.table.joined(separator: "\n")
        #expect(text.contains("| add 10 | float32 | 5.0 | 2.5 | 2.00 |"))
        #expect(text.contains("2 rows, geometric mean of the ratios 1.000, 50 % not slower than torch on cpu"))
    }

    /// A peer's rows name no machine: of two files of two machines, each is beside the rows of its own file, and of a third file they are
    /// of neither.
    @Test func namelessRowsOfTwoFilesAreKeptApart() {
        func file(_ machine: String?, _ time: Double) -> [BenchmarkRow] {
            let own = PageTests.rows("cpu", 1)[2...3].map {
                var row = $0
                row.machine = machine
                return row
            }
            let theirs = (PageTests.peer + [PageTests.row("mul 10", "pointwise", framework: "torch", time: 1)]).map {
                var row = $0
                (row.machine, row.samples) = (nil, [time])
                return row
            }
            return (machine == nil ? [] : own) + theirs
        }
        let set = RowSet(runs: [file("A", 2), file("B", 4), file(nil, 8)])
        let machines = ["A", "B", "a machine that file 3 does not name"]
        #expect(set.peers.map(\.machine) == machines)
        let work = RowSet.work(PageTests.peer[0])
        #expect(set.peers.map { set.time(work, $0) } == [2, 4, 8])
        #expect(set.peers.map(set.name) == machines.map { "torch, cpu, \($0)" })
        // Where only one machine is named, the others are of it.
        let one = RowSet(runs: [file("A", 2), file(nil, 8)])
        #expect(one.peers.map(\.machine) == ["A"])
        // Two files that name none are of two machines for all that is known.
        #expect(RowSet(runs: [file(nil, 1), file(nil, 2)]).peers.count == 2)
    }

    /// Two machines that are called alike, or that differ in their names alone, have a curve each; rounds of one have one.
    @Test func curvesOfTwoMachinesAreTwo() {
        func curve(_ machine: String?, round: Int = 0) -> [BenchmarkRow] {
            [1, 2].map { threads in
                var row = PageTests.row(
                    "mlp, threads \(threads)", "spread mlp", suite: "scale", time: 8 / Double(threads), round: round)
                (row.axis, row.place, row.threads) = ("threads", Double(threads), threads)
                row.machine = machine
                return row
            }
        }
        func names(_ runs: [[BenchmarkRow]]) -> [Substring] {
            BenchmarkPage(runs: runs).report().html().matches(of: #/spread mlp[^<]*/#).map(\.output)
        }
        #expect(names([curve("A"), curve("A")]) == ["spread mlp, file 1", "spread mlp, file 2"])
        #expect(names([curve("A"), curve("B")]) == ["spread mlp, cpu, A", "spread mlp, cpu, B"])
        #expect(names([curve("A"), curve("A", round: 1)]) == names([curve("A")]))
        #expect(names([curve("A")]).count == 1)
    }

    /// By hand: of 10 and 30 tables have 20, and the page says of what files; it does not of rounds, of other machines, of one file.
    @Test func filesThatAreTakenForOneAreNamed() {
        func own(_ time: Double, round: Int = 0, machine: String = "A") -> [BenchmarkRow] {
            var row = PageTests.row("add 10", "pointwise", time: time, round: round)
            row.machine = machine
            return [row]
        }
        func doubt(_ runs: [[BenchmarkRow]]) -> Bool {
            BenchmarkPage(runs: runs).report().html()
                .contains("<p>cpu: file 1 and file 3 have rows of the same round, of machines that are called alike")
        }
        let alike = [own(10), own(1, machine: "B").map { PageTests.renamed($0, "vulkan:0") }, own(30)]
        let set = RowSet(runs: alike)
        #expect(set.time(RowSet.work(alike[0][0]), set.ours[0]) == 20 && set.files(of: set.ours[0]) == [0, 2])
        #expect(doubt(alike))
        #expect(!doubt([alike[0], alike[1], own(30, round: 1)]))
        #expect(!doubt([alike[0], alike[1], own(30, machine: "C")]))
        #expect(!doubt([alike[0] + alike[2]]))
    }

    private static func renamed(_ row: BenchmarkRow, _ device: String) -> BenchmarkRow {
        var other = PageTests.row(row.name, row.family ?? "other", device: device, time: row.median)
        other.machine = row.machine
        return other
    }

    /// Files of other work say so, and what of a peer cannot be compared is named.
    @Test func filesWithoutCommonWorkSaySo() {
        let other = [PageTests.row("matmul 3x3x3", "matmul", device: "vulkan:0", time: 1)]
        let html = BenchmarkPage(runs: [PageTests.rows("cpu", 1), other]).report().html()
        #expect(html.contains("no row that each of these has: cpu, vulkan:0"))
        let peers = [PageTests.row("mul 10", "pointwise", framework: "torch", time: 1)]
        let beside = BenchmarkPage(runs: [PageTests.rows("cpu", 1), peers]).report().html()
        #expect(beside.contains("Nothing is compared with torch, cpu: cpu has none of its rows."))
        #expect(!beside.contains("no row that each of these has"))
    }

    /// A piece of work's time is the median of its rounds, of those that did not fail.
    @Test func roundsAreOneNumber() {
        var rows = [30.0, 10, 20, 1].enumerated().map {
            PageTests.row("add 10", "pointwise", time: $0.element, round: $0.offset)
        }
        rows[3].failure = "it was not computed"
        let set = RowSet(rows)
        #expect(set.time(RowSet.work(rows[0]), set.ours[0]) == 20)
    }

    /// A peer's line as peer.py prints it.
    @Test func aPeersLineIsARow() throws {
        let line = """
            {"framework": "torch", "suite": "train", "op": "mlp batch 64", "dtype": "float32", "device": "cpu", "driver": "torch 2", \
            "threads": 2, "round": 0, "first_us": 9.5, "samples_us": [1.5, 2.5], "host_us": 0, "launches": 0, "warnings": [], \
            "min_us": 1.5, "median_us": 2.5, "machine": "x86_64", "family": "mlp", "model": "mlp", "batch": 64, "min_ms": 0.1}
            """
        let row = try JSONDecoder().decode(BenchmarkRow.self, from: Data(line.utf8))
        #expect(row.median == 2 && row.family == "mlp" && RowSet.Source(row).name == "torch, cpu")
    }
}
