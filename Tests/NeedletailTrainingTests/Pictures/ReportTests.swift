import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

/// The page of a run.
@Suite struct ReportTests {
    private var report: Report {
        var report = Report("Run <1>", subtitle: "12 epochs & more")
        report.section("Curves")
        report.text("First.\n\nSecond, \"quoted\".")
        report.figure(Chart("Loss").line([3.0, 2, 1], name: "training"), caption: "Loss of each epoch.")
        report.figure(Figure([[Chart("a").line([1.0, 2]), Chart.images([[[0.0, 1], [1, 0]]])]]))
        report.section("Result")
        report.table(
            ["set", "loss", "accuracy"], [["train", "0.31", "89.2 %"], ["test", "−0.4", ""]], caption: "At the end.")
        report.code("Linear(2 -> 3)\n  <weights>")
        return report
    }

    @Test func aReportIsOnePageThatNeedsNothingElse() {
        let html = report.html()
        for outside in ["http://", "https://", "<script", "<link", "url(", "@import"] {
            let found = html.replacingOccurrences(of: "http://www.w3.org/2000/svg", with: "")
            #expect(!found.contains(outside), "\(outside)")
        }
        #expect(html.contains("default-src 'none'"))
        #expect(html.components(separatedBy: "<svg xmlns").count == 3)
        #expect(html.contains("prefers-color-scheme:dark") && html.contains("@media print"))
        #expect(html.contains("<h1>Run &lt;1&gt;</h1>") && html.contains("12 epochs &amp; more"))
        #expect(html.contains("<p>First.</p>\n<p>Second, &quot;quoted&quot;.</p>"))
        #expect(html.contains("<th>set</th><th class=\"n\">loss</th><th class=\"n\">accuracy</th>"))
        #expect(html.utf8.count < 40_000)
    }

    @Test func aReportIsWellFormed() {
        var html = report.html()
        html.removeFirst("<!DOCTYPE html>".count)
        // What HTML does not end.
        for line in html.split(separator: "\n") where line.hasPrefix("<meta") {
            html = html.replacingOccurrences(of: line, with: line.dropLast() + "/>")
        }
        #expect(PictureChecks.problem(inXML: html) == nil)
    }

    @Test func aReportIsWrittenToAnHTMLFileOnly() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("report-\(UUID()).html").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try report.write(to: path)
        #expect(try String(contentsOfFile: path, encoding: .utf8) == report.html())
        #expect(throws: TensorError.self) { try report.write(to: "/tmp/report.pdf") }
        PictureChecks.expectWrong("a row of 1 cells under 2 columns") {
            var other = Report("a")
            other.table(["a", "b"], [["1"]])
        }
    }
}
