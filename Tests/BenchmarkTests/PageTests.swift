import Foundation
import NeedletailBench
import NeedletailTraining
import Testing

/// The page of rows, and a peer's rows beside ours.
@Suite struct PageTests {
    private static func row(
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

    private static func rows(_ device: String, _ factor: Double) -> [BenchmarkRow] {
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

    private static let peer = [
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
