import Foundation
import NeedletailTraining
import TensorRuntime

extension BenchmarkPage {
    /// What each device reaches of what its memory and its arithmetic allow.
    func addRooflines(to report: inout Report) {
        let charts = set.ours.compactMap(roofline)
        guard !charts.isEmpty else { return }
        report.section("What the devices reach of what they could")
        report.figure(
            Figure(BenchmarkPage.grid(charts)),
            caption: "Roofs are measured: the slope is the copy's bandwidth, the flat part products in float32. A "
                + "point far below its roof could be faster; one above the slope works in a cache.")
    }

    private func roofline(_ source: RowSet.Source) -> Chart? {
        let own = set.rows.filter { RowSet.Source($0) == source && $0.failure == nil && !$0.samples.isEmpty }
        let peaks = Peaks(own)
        guard let peak = peaks.arithmetic[.float32], peaks.bandwidth > 0 else { return nil }
        let points = own.compactMap { row -> (family: String, x: Double, y: Double)? in
            guard row.suite == "op", row.dtype == "float32", let operations = row.operations, let bytes = row.bytes,
                bytes > 0
            else { return nil }
            return (row.family ?? "other", operations / bytes, operations / row.median / 1e3)
        }
        guard !points.isEmpty else { return nil }
        let ridge = peak / peaks.bandwidth
        let least = min(points.map(\.x).min()!, ridge / 4)
        let most = max(points.map(\.x).max()!, ridge * 4)
        var chart = Chart(
            set.name(source), x: "operations for each byte", y: "GFLOP/s", xScale: .logarithmic, yScale: .logarithmic
        ).line(
            x: [least, ridge, most], y: [least * peaks.bandwidth / 1e9, peak / 1e9, peak / 1e9], name: "roof", color: 7)
        for (index, family) in Set(points.map(\.family)).sorted().enumerated() {
            let own = points.filter { $0.family == family }
            chart = chart.scatter(x: own.map(\.x), y: own.map(\.y), name: family, color: index)
        }
        return chart
    }

    /// Curves of cost: how time grows with what grows.
    func addCurves(to report: inout Report) {
        let rows = set.runs.enumerated().flatMap { run, rows in
            rows.filter { $0.axis != nil && $0.place != nil && $0.failure == nil && !$0.samples.isEmpty }.map {
                (run: run, row: $0)
            }
        }
        guard !rows.isEmpty else { return }
        let hasSeveral = Set(rows.map { set.name(RowSet.Source($0.row)) }).count > 1
        report.section("What it costs to grow")
        let charts = ScalingAxis.allCases.compactMap { axis -> Chart? in
            let own = rows.filter { $0.row.axis == axis.rawValue }
            guard !own.isEmpty else { return nil }
            var chart = Chart(
                axis.rawValue, x: axis.label, y: "milliseconds", xScale: .logarithmic, yScale: .logarithmic)
            let curves = Dictionary(grouping: own) {
                Curve(name: $0.row.family ?? $0.row.name, source: RowSet.Source($0.row))
            }
            for (curve, rows) in curves.sorted(by: { $0.key < $1.key }) {
                let name = hasSeveral ? "\(curve.name), \(set.name(curve.source))" : curve.name
                // Of machines that are called alike, each file is a curve.
                let files = Dictionary(grouping: rows, by: \.run)
                let isDoubled = RowSet.areDoubled(Array(files.mapValues { $0.map(\.row) }.values))
                for (file, rows) in isDoubled ? files.sorted(by: { $0.key < $1.key }) : [(0, rows)] {
                    let places = Dictionary(grouping: rows) { $0.row.place! }
                    let points = places.map { ($0, Quantiles($1.map(\.row.median)).median / 1000) }
                        .sorted { $0.0 < $1.0 }
                    chart = chart.line(
                        x: points.map(\.0), y: points.map(\.1), name: isDoubled ? "\(name), file \(file + 1)" : name)
                }
            }
            return chart
        }
        // Curves of several have long names, which want a chart's whole width; and a figure is not broken between pages.
        let figures =
            hasSeveral
            ? charts.map { Figure([[$0]], width: 900, rowHeight: 340) } : [Figure(BenchmarkPage.grid(charts))]
        for figure in figures.dropLast() { report.figure(figure) }
        report.figure(figures.last!, caption: "Flat is free; a slope of one doubles with it.")
    }

    private struct Curve: Hashable, Comparable {
        let name: String
        let source: RowSet.Source

        static func < (a: Curve, b: Curve) -> Bool { (a.name, a.source) < (b.name, b.source) }
    }

    /// Two charts in a row.
    private static func grid(_ charts: [Chart]) -> [[Chart]] {
        stride(from: 0, to: charts.count, by: 2).map { Array(charts[$0..<min($0 + 2, charts.count)]) }
    }
}
