import Foundation
import Needletail
import TensorRuntime

/// A page of sections with text, tables and figures: one HTML file that needs nothing else, no network and no script,
/// light or dark as the reader prefers, and light in print.
///
///     var report = Report("Fashion-MNIST", subtitle: "12 epochs on the processor")
///     report.section("Result")
///     report.table(["set", "loss", "accuracy"], [["test", "0.31", "89.2 %"]])
///     report.figure(Figure(lossChart), caption: "The loss of each epoch.")
///     try report.write(to: "report.html")
///
/// A page has 1000 figures with 5000 images at most, so that one that is added to as a run goes on stays small enough to be held in
/// memory and shown. Figures behind that are left out, and a line at the page's end says how many.
public struct Report: Sendable {
    private let title: String
    private let subtitle: String
    private var body = ""
    private var isInSection = false
    /// What is on the page, and what is left out of it.
    private var shown = FigureCount()
    private var omitted = FigureCount()

    private struct FigureCount: Sendable {
        var figures = 0
        var images = 0

        mutating func add(_ figure: Figure) {
            figures += 1
            images += figure.imageCount
        }

        var isWithinBounds: Bool { figures <= 1000 && images <= 5000 }

        /// `3 figures with 4000 images`
        var text: String {
            let figures = "\(figures) figure\(figures == 1 ? "" : "s")"
            return images == 0 ? figures : "\(figures) with \(images) image\(images == 1 ? "" : "s")"
        }
    }

    /// A page without sections.
    public init(_ title: String, subtitle: String = "") {
        self.title = title
        self.subtitle = subtitle
    }

    /// Begins a section.
    public mutating func section(_ title: String) {
        endSection()
        body += "<section>\n<h2>\(SVGWriter.escaped(title))</h2>\n"
        isInSection = true
    }

    private mutating func endSection() {
        if isInSection { body += "</section>\n" }
        isInSection = false
    }

    /// Adds text. An empty line begins a paragraph.
    public mutating func text(_ text: String) {
        for paragraph in text.components(separatedBy: "\n\n") where !paragraph.isEmpty {
            body += "<p>\(SVGWriter.escaped(paragraph))</p>\n"
        }
    }

    /// Adds lines as they are, in letters of one width: a model's summary, a command.
    public mutating func code(_ text: String) { body += "<pre>\(SVGWriter.escaped(text))</pre>\n" }

    /// Adds a table. Cells that are numbers stand on the right.
    ///
    /// - Parameters:
    ///   - header: the columns' names.
    ///   - rows: a cell for each column.
    ///   - caption: what stands below it.
    public mutating func table(
        _ header: [String], _ rows: [[String]], caption: String = "", file: StaticString = #fileID, line: UInt = #line
    ) {
        if let odd = rows.first(where: { $0.count != header.count }) {
            let error = TensorError(
                .invalidArgument,
                "Report.table: a row of \(odd.count) cells under \(header.count) columns; pass a cell for each")
            WrongCall.report(error, at: CallSite(file, line))
            return
        }
        func cell(_ tag: String, _ text: String, _ column: Int) -> String {
            let isNumber = rows.allSatisfy { Report.isNumber($0[column]) } && !rows.isEmpty
            return "<\(tag)\(isNumber ? " class=\"n\"" : "")>\(SVGWriter.escaped(text))</\(tag)>"
        }
        func row(_ tag: String, _ cells: [String]) -> String {
            "<tr>\(cells.enumerated().map { cell(tag, $1, $0) }.joined())</tr>\n"
        }
        body += "<div class=\"t\"><table>\n<thead>\(row("th", header))</thead>\n<tbody>\n"
        for cells in rows { body += row("td", cells) }
        body += "</tbody></table></div>\n"
        if !caption.isEmpty { body += "<p class=\"c\">\(SVGWriter.escaped(caption))</p>\n" }
    }

    /// Whether a cell begins as a number does, or is empty.
    private static func isNumber(_ text: String) -> Bool {
        guard let first = text.drop(while: { "+-−± ".contains($0) }).first else { return true }
        return first.isNumber || first == "∞" || text == "NaN"
    }

    /// Adds a figure, where the page has room for it.
    public mutating func figure(_ figure: Figure, caption: String = "") {
        var count = shown
        count.add(figure)
        guard count.isWithinBounds else { return omitted.add(figure) }
        shown = count
        let width = NumberText.coordinate(figure.width)
        body += "<figure style=\"max-width:\(width)px\">\n\(figure.inlineSVG())"
        if !caption.isEmpty { body += "<figcaption>\(SVGWriter.escaped(caption))</figcaption>\n" }
        body += "</figure>\n"
    }

    /// Adds one chart.
    public mutating func figure(_ chart: Chart, caption: String = "") { figure(Figure([[chart]]), caption: caption) }

    private static let style = """
        *{box-sizing:border-box}
        body{margin:0;background:var(--nt-ground);color:var(--nt-text);
        font:17px/1.5 system-ui,Helvetica Neue,Arial,sans-serif}
        main{max-width:1000px;margin:0 auto;padding:2.2rem 1.2rem 4rem}
        h1{font-size:2rem;line-height:1.2;margin:0}
        header p{color:var(--nt-muted);margin:.3rem 0 0;font-size:1.1rem}
        header{border-bottom:3px solid var(--nt-s0);padding-bottom:1rem;margin-bottom:1.5rem}
        h2{font-size:1.35rem;margin:2.4rem 0 .6rem}
        p{max-width:70ch}
        .t{overflow-x:auto}
        table{border-collapse:collapse;font-variant-numeric:tabular-nums}
        th,td{padding:.4rem 1.1rem .4rem 0;text-align:left;border-bottom:1px solid var(--nt-grid);vertical-align:top}
        th,.n{white-space:nowrap}
        td{max-width:60ch}
        th{color:var(--nt-muted);font-weight:600;border-bottom-width:2px}
        .n{text-align:right}
        .c,figcaption{color:var(--nt-muted);font-size:.92rem;margin-top:.4rem}
        figure{margin:1.2rem 0}
        svg.nt{display:block;width:100%;height:auto}
        pre{overflow-x:auto;padding:.8rem 1rem;border:1px solid var(--nt-grid);border-radius:6px;
        font:14px/1.45 ui-monospace,Menlo,Consolas,Liberation Mono,monospace}
        @media print{main{max-width:none;padding:0}figure,tr,pre{break-inside:avoid}h2{break-after:avoid}
        thead{display:table-header-group}body{font-size:11pt}table{font-size:9pt}th{white-space:normal}
        .t{overflow:visible}th,td{padding-right:.7rem}pre{white-space:pre-wrap}}
        """

    /// The page.
    public func html() -> String {
        var ended = self
        ended.endSection()
        if omitted.figures > 0 {
            ended.body +=
                "<p class=\"c\">Left out: \(omitted.text). The page has \(shown.text), and room for no more.</p>\n"
        }
        let title = SVGWriter.escaped(self.title)
        let below = subtitle.isEmpty ? "" : "<p>\(SVGWriter.escaped(subtitle))</p>\n"
        // The policy forbids whatever would need the network, or run.
        let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="\(policy)">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title)</title>
            <style>
            \(Theme.styleSheet(for: ":root"))\(Report.style)
            </style>
            </head>
            <body>
            <main>
            <header>
            <h1>\(title)</h1>
            \(below)</header>
            \(ended.body)</main>
            </body>
            </html>

            """
    }

    /// Writes the page. The file is there in full or not at all.
    ///
    /// - Throws: `file` where the name does not end in .html, or the file cannot be written.
    public func write(to path: String) throws(TensorError) {
        let lower = path.lowercased()
        guard lower.hasSuffix(".html") || lower.hasSuffix(".htm") else {
            throw TensorError(.file, "\(path): a report is an HTML page; name a file that ends in .html")
        }
        try AtomicFile.write([Array(html().utf8)], to: path)
    }
}
