import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

/// Charts as they are drawn, told from their scene and SVG.
@Suite struct ChartTests {
    private func texts(_ chart: Chart) -> [String] { PictureChecks.texts(Figure([[chart]]).scene.items).map(\.string) }

    /// The lines of one colour, seen through clips.
    private func lines(_ items: [Scene.Item], _ ink: Ink) -> [[Point]] {
        items.flatMap { item -> [[Point]] in
            switch item {
            case .clipped(_, let inner): lines(inner, ink)
            case .path(let lines, false, _, let stroke) where stroke?.ink == ink && lines[0].count > 2: lines
            default: []
            }
        }
    }

    /// Charts of every kind, with names of all lengths.
    static var examples: [(name: String, chart: Chart)] {
        let wave: [Double] = (0..<50).map { sin(Double($0) / 5) }
        let classes = [
            "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
        ]
        let counts: [[Int]] = (0..<10).map { row in (0..<10).map { $0 == row ? 900 : ($0 * row) % 17 } }
        let axis: [Double] = (0...20).map { -1 + Double($0) / 10 }
        let bowl: [[Double]] = axis.map { (y: Double) -> [Double] in
            axis.map { (x: Double) -> Double in
                let steep: Double = 3 * y * y
                return x * x + steep
            }
        }
        func pixel(_ x: Int, _ y: Int, _ k: Int) -> Double { Double((x * y + k) % 4) / 3 }
        let images: [[[Double]]] = (0..<7).map { k in (0..<5).map { y in (0..<5).map { x in pixel(x, y, k) } } }
        let many = (0..<9).reduce(Chart("Nine", x: "x", y: "y")) { $0.line(wave.map { $0 * 2 }, name: "series \($1)") }
        let steep: [Double] = wave.map { exp($0 * 9) }
        let small: [Double] = wave.map { $0 * 1e-7 + 1e-6 }
        let large: [Double] = wave.map { $0 * 3e9 }
        let half: [Double] = wave.map { $0 / 2 }
        let manySteps: [Int] = (0..<50).map { $0 * 40_000 }
        let fourClasses: [Int] = (0..<50).map { $0 % 4 }
        let counted: [Int] = (0..<10).map { 100 * $0 + 7 }
        let signed: [Int] = (0..<10).map { $0 - 5 }
        return [
            (
                "line",
                Chart("Loss", x: "epoch", y: "loss").line(wave, name: "training").line(
                    wave.reversed(), name: "validation")
            ),
            ("many", many),
            ("log", Chart("Log", x: "step", y: "loss", yScale: .logarithmic).line(steep, name: "a")),
            ("small", Chart(x: "x", y: "y").line(small)),
            ("large", Chart(x: "x", y: "y").line(x: manySteps, y: large)),
            ("scatter", Chart(x: "x", y: "y").scatter(x: wave, y: wave.reversed(), classes: fourClasses)),
            ("bars", Chart("Bars", y: "count").bars(classes, counted, name: "a")),
            (
                "grouped",
                Chart().bars(["a", "b", "c"], [0.873, 0.93, -0.2], name: "one").bars(
                    ["a", "b", "c"], [1, 2, 0.333], name: "two")
            ),
            ("lying", Chart(x: "value").bars(classes, signed, horizontal: true)),
            ("histogram", Chart(x: "weight", y: "count").histogram(wave, name: "weights")),
            ("boxes", Chart(y: "accuracy").boxes(["SGD", "Adam"], [wave, half])),
            ("heat", Chart.confusion(counts, classes: classes, title: "Confusion")),
            (
                "contour",
                Chart("Bowl", x: "w₁", y: "w₂").contour(bowl, x: axis, y: axis, label: "loss").path(
                    x: [0.9, 0.5, 0.1], y: [0.9, 0.2, 0.0], name: "descent")
            ),
            (
                "surface",
                Chart.surface(
                    bowl, x: axis, y: axis, title: "Surface", xLabel: "direction 1", yLabel: "direction 2",
                    zLabel: "loss")
            ),
            (
                "images",
                Chart.images(
                    images, captions: (0..<7).map { "\($0), not a very long name" },
                    mistakes: [true] + [Bool](repeating: false, count: 6))
            ),
            ("arrows", Chart().arrows(x: axis, y: axis, dx: axis.map { -$0 }, dy: axis)),
        ]
    }

    @Test func nothingIsWrittenOnOtherTextOrOutside() {
        for (name, chart) in ChartTests.examples {
            for figure in [
                Figure([[chart]]), Figure([[chart, chart]]),
                Figure([[chart], [chart, chart, chart]], title: "A run", subtitle: "twelve epochs"),
            ] {
                let clashes = PictureChecks.clashes(figure.scene)
                #expect(clashes.isEmpty, "\(name): \(clashes.prefix(3))")
            }
        }
    }

    @Test func everyChartIsWellFormedAndAPicture() throws {
        for (name, chart) in ChartTests.examples {
            let svg = Figure([[chart]]).svg(theme: .automatic)
            #expect(PictureChecks.problem(inXML: svg) == nil, "\(name)")
            #expect(!svg.contains("nan") && !svg.contains("inf\""), "\(name)")
            let file = try PictureChecks.decoded(Figure([[chart]]).png(scale: 0.25))
            #expect(Set(file.pixels).count > 10, "\(name) is empty")
        }
    }

    @Test func whatIsNoNumberIsAGap() {
        let chart = Chart().line([1, 2, 3, .nan, 4, 5, 6, .infinity, 7, 8, 9])
        let found = lines(Figure([[chart]]).scene.items, .role(.series(0)))
        #expect(found.map(\.count) == [3, 3, 3])
        let logarithmic = Chart(yScale: .logarithmic).line([1, 2, 3, 0, -1, 4, 5, 6])
        #expect(lines(Figure([[logarithmic]]).scene.items, .role(.series(0))).map(\.count) == [3, 3])
    }

    @Test func chartsWithoutNumbersSaySo() throws {
        let none = [Double]()
        for chart in [
            Chart("x"), Chart().line(none), Chart().line([Double.nan, .infinity]), Chart().scatter(x: none, y: none),
            Chart().histogram(none), Chart().heatMap([[Double]]()), Chart.images([[[Double]]]()),
            Chart(yScale: .logarithmic).line([0, -1]), Chart.surface([[Double]](), x: none, y: none),
            Chart().bars([], none), Chart().heatMap([[Double.nan]]), Chart().contour([[Double]](), x: none, y: none),
        ] { #expect(texts(chart).contains("no data")) }
    }

    @Test func oneNumberHasAxesAroundIt() {
        #expect(!texts(Chart().line([5.0])).contains("no data"))
        #expect(texts(Chart(yScale: .logarithmic).line([5.0, 5.0])).contains("5"))
        #expect(!texts(Chart().contour([[1, 1], [1, 1]], x: [0, 1], y: [0, 1])).contains("no data"))
        #expect(!texts(Chart().heatMap([[0.0]])).contains("no data"))
    }

    /// The largest and the least numbers there are: no trap, no loop without end.
    @Test func numbersOfAnySizeAreDrawn() {
        let huge = Double.greatestFiniteMagnitude
        let tiny = Double.leastNonzeroMagnitude
        let rows: [[Double]] = [
            [-huge, huge, 0], [0, tiny, 2 * tiny], [0, tiny], [1, 1 + 2e-16, 1 + 4e-16], [huge, huge, huge],
            [1e300, -1e-300, 3],
        ]
        for row in rows {
            let values = row.count == 3 ? row : row + [0]
            let chart = Chart().line(values, dashed: true).histogram(values)
            let narrow = Chart().line(values, dashed: true).limits(y: 0...1e-3)
            let logarithmic = Chart(yScale: .logarithmic).line(values).bars(["a", "b", "c"], values)
            let field = Chart().contour([values, values, values], x: [0, 1, 2], y: [0, 1, 2])
            let cells = Chart().heatMap([values], showsValues: true)
            let space = Chart.surface([values, values, values], x: [0, 1, 2], y: [0, 1, 2])
            let figure = Figure([[chart, narrow, logarithmic], [field, cells, space]])
            #expect(PictureChecks.problem(inXML: figure.svg()) == nil)
            #expect(figure.png(scale: 0.2).count > 100)
        }
    }

    @Test func cellsWithoutNamesHaveNumbersWhereTheyAreMany() {
        let cells = [[Double]](repeating: (0..<100).map(Double.init), count: 60)
        let found = texts(Chart().heatMap(cells))
        #expect(found.contains("20") && !found.contains("21") && found.count < 30)
        #expect(
            texts(Chart().heatMap([[1, 2, 3]], rows: ["row"])).filter { ["0", "1", "2", "row"].contains($0) }.count >= 4
        )
    }

    @Test func tensorsAreDrawnAsArraysAre() throws {
        let (x, y) = ([0.0, 1, 2, 3], [1.0, 4, 9, 16])
        let array = Figure([[Chart().line(x: x, y: y, name: "a")]]).svg()
        let tensors = try Chart().line(x: Tensor([Float(0), 1, 2, 3]), y: Tensor([Int64(1), 4, 9, 16]), name: "a")
        #expect(Figure([[tensors]]).svg() == array)
        #expect(try Tensor([true, false]).plotted().values == [1, 0])
        #expect(try Tensor([[1.5, 2], [3, 4]]).to(.float16).plotted().shape == [2, 2])
    }

    @Test func countsThatDoNotFitAreWrongCalls() {
        let wrong = PictureChecks.expectWrong
        wrong("3 values of x for 2 of y", #_sourceLocation) { _ = Chart().line(x: [1, 2, 3], y: [1, 2]) }
        wrong("shape [1, 2]", #_sourceLocation) { _ = Chart().line([[1.0, 2]]) }
        wrong("1 classes for 2 points", #_sourceLocation) { _ = Chart().scatter(x: [1, 2], y: [1, 2], classes: [0]) }
        wrong("class -1", #_sourceLocation) { _ = Chart().scatter(x: [1], y: [1], classes: [-1]) }
        wrong("1 labels for 2 points", #_sourceLocation) { _ = Chart().scatter(x: [1, 2], y: [1, 2], labels: ["a"]) }
        wrong("2 names", #_sourceLocation) { _ = Chart().bars(["a", "b"], [1]) }
        wrong("the same names", #_sourceLocation) { _ = Chart().bars(["a"], [1]).bars(["b"], [1]) }
        wrong("0 bins", #_sourceLocation) { _ = Chart().histogram([1.0], bins: 0) }
        wrong("rows of different lengths", #_sourceLocation) { _ = Chart().heatMap([[1.0], [1, 2]]) }
        wrong("3 row names", #_sourceLocation) { _ = Chart().heatMap([[1.0]], rows: ["a", "b", "c"]) }
        wrong("rising order", #_sourceLocation) { _ = Chart().contour([[1, 2], [3, 4]], x: [1, 0], y: [0, 1]) }
        wrong("1 values of x", #_sourceLocation) { _ = Chart.surface([[1, 2], [3, 4]], x: [1], y: [0, 1]) }
        wrong("images have shape [1, 2, 2, 2]", #_sourceLocation) {
            _ = Chart.images([[[[1, 2], [3, 4]], [[1, 2], [3, 4]]]])
        }
        wrong("2 captions for 1 images", #_sourceLocation) { _ = Chart.images([[[1.0]]], captions: ["a", "b"]) }
        wrong("1 vectors for 2 points", #_sourceLocation) {
            _ = Chart().arrows(x: [1, 2], y: [1, 2], dx: [1], dy: [1])
        }
        wrong("2 names for 1 rows", #_sourceLocation) { _ = Chart().boxes(["a", "b"], [[1]]) }
        wrong("width 5", #_sourceLocation) { _ = Figure([[Chart()]], width: 5) }
        wrong("scale 0", #_sourceLocation) { _ = Figure([[Chart()]]).png(scale: 0) }
    }

    @Test func legendsStandOffTheLinesOrAbove() {
        let free = Chart().line([1, 2, 3, 4], name: "rising")
        let names = PictureChecks.texts(Figure([[free]]).scene.items)
        let legend = names.first { $0.string == "rising" }!
        // Left above, where the line is not.
        #expect(legend.box.x < 300 && legend.box.y < 200)
        let full: [Double] = (0..<400).map { $0 % 2 == 0 ? 0 : 1 }
        let above = PictureChecks.texts(Figure([[Chart().line(full, name: "full")]]).scene.items)
        #expect(above.first { $0.string == "full" }!.box.y < 40)
    }

    @Test func filesAreWrittenByTheirExtension() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("pictures-\(UUID())").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let chart = Chart("a").line([1.0, 2])
        try chart.write(to: "\(directory)/a.svg", theme: .dark)
        try chart.write(to: "\(directory)/b.PNG", scale: 0.5)
        #expect(
            try String(contentsOfFile: "\(directory)/a.svg", encoding: .utf8) == Figure([[chart]]).svg(theme: .dark))
        let data = try Data(contentsOf: URL(fileURLWithPath: "\(directory)/b.PNG"))
        #expect(try PictureChecks.decoded([UInt8](data)).width == 300)
        for name in ["c.jpg", "c", "c.svg.gz", ".svgx"] {
            #expect {
                try chart.write(to: "\(directory)/\(name)")
            } throws: { error in
                let message = (error as? TensorError)?.message ?? ""
                return message.contains(".svg or .png") && message.contains(name)
            }
        }
        #expect(throws: TensorError.self) { try chart.write(to: "\(directory)/none/a.svg") }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == ["a.svg", "b.PNG"])
    }

    @Test func binsAreThoseOfNumpy() {
        // numpy.histogram(numpy.arange(100), "auto")
        let (edges, counts) = Histogram.counts((0..<100).map(Double.init), bins: nil)
        #expect(counts == [13, 12, 13, 12, 12, 13, 12, 13])
        #expect(edges.first == 0 && edges.last == 99 && edges[1] == 12.375)
        #expect(Histogram.counts([2, 2, .nan, 2], bins: 3).counts == [0, 3, 0])
    }
}
