import TensorRuntime

/// One picture with axes: what is drawn is added to it, each time as a new chart.
///
///     try Chart("Loss", x: "epoch", y: "loss", yScale: .logarithmic)
///         .line(x: 1...12, y: history.loss, name: "training")
///         .line(x: 1...12, y: history.validationLoss, name: "validation")
///         .write(to: "loss.svg")
///
/// Numbers are arrays or tensors (``PlotValues``). Those that are not finite are gaps. A chart without numbers says so.
/// Counts that do not fit are wrong calls: they end the process, or throw inside `checked`.
///
/// Pictures of another kind are made by static functions: ``images(_:captions:mistakes:columns:title:file:line:)``,
/// ``surface(_:x:y:title:xLabel:yLabel:zLabel:file:line:)``. Several charts make a ``Figure``.
public struct Chart: Sendable {
    /// How numbers become places on an axis.
    public enum Scale: Hashable, Sendable {
        /// Evenly.
        case linear
        /// By powers of ten; numbers of 0 and below are gaps.
        case logarithmic
    }

    enum Content: Sendable {
        case plane
        case surface(SurfacePicture)
        case images(ImageGrid)
    }

    var title: String
    var xLabel: String
    var yLabel: String
    var xScale: Scale
    var yScale: Scale
    var xLimits: ClosedRange<Double>?
    var yLimits: ClosedRange<Double>?
    /// Names in place of numbers: the n-th stands at n.
    var xCategories: [String] = []
    var yCategories: [String] = []
    /// Whether y grows downwards, as rows of a matrix do.
    var isReversed = false
    /// Whether a unit is as long on both axes.
    var keepsAspect = false
    var marks: [any Mark] = []
    var content: Content = .plane

    /// A chart with axes, and nothing in it.
    ///
    /// - Parameters:
    ///   - title: what stands above it.
    ///   - x: what the horizontal axis measures, with its unit; `y` the vertical one.
    public init(
        _ title: String = "", x: String = "", y: String = "", xScale: Scale = .linear, yScale: Scale = .linear
    ) {
        self.title = title
        xLabel = x
        yLabel = y
        self.xScale = xScale
        self.yScale = yScale
    }

    /// The chart with axes that end at these numbers; nil leaves an axis as it is.
    public func limits(x: ClosedRange<Double>? = nil, y: ClosedRange<Double>? = nil) -> Chart {
        var result = self
        if let x { result.xLimits = x }
        if let y { result.yLimits = y }
        return result
    }

    /// The chart with units of the same length on both axes.
    public func equalUnits() -> Chart {
        var result = self
        result.keepsAspect = true
        return result
    }

    func adding(_ mark: any Mark) -> Chart {
        var result = self
        result.marks.append(mark)
        return result
    }

    /// The colour index that the next series gets.
    var nextSeries: Int { marks.reduce(0) { $0 + $1.seriesCount } }

    /// Reports a wrong call: `chart.line: 3 values of x for 4 of y; pass as many`.
    static func wrong(
        _ operation: String, of type: String = "Chart", _ problem: String, remedy: String, _ site: CallSite
    ) {
        WrongCall.report(TensorError(.invalidArgument, "\(type).\(operation): \(problem); \(remedy)"), at: site)
    }

    /// Two rows of as many numbers; empty ones after a wrong call.
    static func pairs(_ operation: String, _ x: PlotArray, _ y: PlotArray, _ site: CallSite) -> [Point] {
        for (name, array) in [("x", x), ("y", y)] where array.isRagged || array.shape.count > 1 {
            wrong(operation, "\(name) has \(array.shapeText)", remedy: "pass one row of numbers", site)
            return []
        }
        guard x.values.count == y.values.count else {
            wrong(
                operation, "\(x.values.count) values of x for \(y.values.count) of y", remedy: "pass as many of both",
                site)
            return []
        }
        return zip(x.values, y.values).map { Point($0, $1) }
    }

    /// 0, 1, 2, ... for `array`.
    static func places(of array: PlotArray) -> PlotArray {
        PlotArray(values: array.values.indices.map(Double.init), shape: array.shape)
    }
}

/// Something drawn in a chart's axes.
protocol Mark: Sendable {
    /// The numbers that the axes have to hold; points that are not finite say nothing.
    var extent: [Point] { get }
    /// How many series' colours it takes.
    var seriesCount: Int { get }
    var legend: [LegendEntry] { get }
    /// Whether the axes end where its numbers do.
    var isTight: Bool { get }
    /// Whether the vertical axis (the horizontal one of lying bars) ends at 0 where all numbers are on one side of it.
    var standsOnZero: Bool { get }
    /// The share of an axis that stays free at both ends.
    var margin: Double { get }
    /// What stands in a bar of colours beside the axes.
    var colorBar: ColorBar? { get }
    func draw(into scene: inout Scene, _ axes: Axes)
    /// Places on the picture that a legend should not hide.
    func obstacles(_ axes: Axes) -> [Point]
}

extension Mark {
    var seriesCount: Int { 0 }
    var legend: [LegendEntry] { [] }
    var isTight: Bool { false }
    var standsOnZero: Bool { false }
    var margin: Double { 0.05 }
    var colorBar: ColorBar? { nil }
    func obstacles(_ axes: Axes) -> [Point] { extent.map { axes.point($0.x, $0.y) } }
}

/// A name in a legend, and how what it names looks.
struct LegendEntry: Hashable, Sendable {
    enum Sample: Hashable, Sendable {
        case line(dashes: [Double])
        case dot(DotShape)
        case box
    }

    var name: String
    var ink: Ink
    var sample: Sample
}

/// The numbers behind colours.
struct ColorBar: Sendable {
    var map: ColorMap
    var range: ClosedRange<Double>
    var label: String
    /// The bands' edges of a contour; empty for a map without steps.
    var levels: [Double] = []
    var isLogarithmic = false
}
