import Foundation
import Needletail
import NeedletailTraining
import TensorRuntime
import Testing

/// Charts of odd numbers: levels below 0, nothing but zeros, limits inside of the data, numbers far apart.
@Suite struct PictureEdgeTests {
    private func texts(_ chart: Chart) -> [String] { PictureChecks.texts(Figure([[chart]]).scene.items).map(\.string) }

    private func images(_ items: [Scene.Item]) -> [(image: PixelImage, box: Rect)] {
        items.flatMap { item -> [(image: PixelImage, box: Rect)] in
            switch item {
            case .image(let image, let box, _): [(image, box)]
            case .clipped(_, let inner): images(inner)
            case .path, .circle, .rect, .text: []
            }
        }
    }

    private func lines(_ items: [Scene.Item], _ ink: Ink) -> [[Point]] {
        items.flatMap { item -> [[Point]] in
            switch item {
            case .path(let parts, _, _, let stroke) where stroke?.ink == ink: parts
            case .clipped(_, let inner): lines(inner, ink)
            case .path, .circle, .rect, .text, .image: []
            }
        }
    }

    @Test func logarithmicLevelsOfNegativeHeightsAreLinear() {
        let heights: [[Double]] = [[-2, -1], [-3, -1.5]]
        let chart = Chart().contour(heights, x: [0, 1], y: [0, 1], logarithmic: true)
        #expect(Figure([[chart]]).svg() == Figure([[Chart().contour(heights, x: [0, 1], y: [0, 1])]]).svg())
    }

    @Test func zerosAreWhiteAmongSignedNumbers() throws {
        let grid = try #require(images(Figure([[Chart.signedImages([[[0.0, 0.0]]])]]).scene.items).first)
        let white = try #require(ColorMap.diverging.color(0.5)).bytes
        #expect(grid.image.pixels == [white.0, white.1, white.2, 255, white.0, white.1, white.2, 255])
    }

    @Test func areasOfHugeHeightsAreOnTheRightSide() {
        let axis: [Double] = (0...40).map { -2 + Double($0) / 10 }
        func height(_ x: Double, _ y: Double) -> Double { (x * x + y * y) * 1e17 }
        let grid = Matrix(values: axis.flatMap { y in axis.map { x in height(x, y) } }, rows: 41, columns: 41)
        let areas = Contours.areas(grid, x: axis, y: axis, level: 1e17)
        // The square without the disc: the border and the hole.
        #expect(areas.count == 2)
    }

    @Test func aHeatMapStandsAtItsNumbers() throws {
        let cells = [[Double]](repeating: (0..<30).map(Double.init), count: 30)
        let whole = try #require(images(Figure([[Chart().heatMap(cells)]]).scene.items).first)
        let chart = Chart().heatMap(cells).limits(x: -0.5...9.5, y: -0.5...9.5)
        let part = try #require(images(Figure([[chart]]).scene.items).first)
        // A third of the columns fills the axis, so that all are three times as wide.
        #expect(abs(part.box.width / whole.box.width - 3) < 0.2, "\(part.box) beside \(whole.box)")
    }

    @Test func anInfiniteExampleLeavesTheOthersAttributionsAlone() throws {
        func model(_ x: Tensor) -> Tensor { (x * 2).sum(axes: 1) }
        let input = Tensor([[Float(1)], [.infinity]])
        let found = try Attribution.expectedGradients(
            model, input, background: Tensor([[Float(0)]]), samples: 4, generator: Generator(seed: 1))
        let values = try found.scalars(as: Float.self)
        #expect(abs(values[0] - 2) < 1e-4 && !values[1].isFinite, "\(values)")
    }

    @Test func aNegativeColourIsTheFirst() {
        let svg = Figure([[Chart().line([1, 2], color: -1)]]).svg()
        #expect(svg == Figure([[Chart().line([1, 2], color: 0)]]).svg())
    }

    @Test func aThresholdOutsideOfTheDataIsInThePicture() throws {
        let chart = Chart().line([1, 2]).rule(y: 5, name: "limit")
        let rule = try #require(lines(Figure([[chart]]).scene.items, .role(.muted)).first { $0[0].y == $0[1].y })
        #expect(rule[0].y > 0 && texts(chart).contains("5"), "\(rule)")
    }

    @Test func whiskersAreNotInsideTheBox() {
        let numbers = FiveNumbers([0, 10, 10, 10])
        #expect(numbers.lowest <= numbers.lowerQuartile && numbers.highest >= numbers.upperQuartile)
    }

    @Test func barsOfNoNumbersSaySo() {
        #expect(texts(Chart().bars(["a"], [Double.nan])).contains("no data"))
    }

    @Test func aLogarithmicAxisOverAllNumbersHasPlaces() throws {
        let chart = Chart(yScale: .logarithmic).line([1e-200, 1e200])
        let line = try #require(lines(Figure([[chart]]).scene.items, .role(.series(0))).first)
        #expect(line.count == 2 && line[0].y - line[1].y > 100, "\(line)")
    }
}
