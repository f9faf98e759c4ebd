import Foundation
import TensorRuntime

extension Chart {
    /// A picture of a function's height over the plane, seen from above and aside.
    ///
    /// - Parameters:
    ///   - values: the heights, a row for each `y` and a column for each `x`. Where one is no number there is a hole.
    ///   - x: where the columns are, in rising order; `y` where the rows are.
    public static func surface<X: PlotValues, Y: PlotValues, Z: PlotValues>(
        _ values: Z, x: X, y: Y, title: String = "", xLabel: String = "", yLabel: String = "", zLabel: String = "",
        file: StaticString = #fileID, line: UInt = #line
    ) throws(Z.Failure) -> Chart where X.Failure == Z.Failure, Y.Failure == Z.Failure {
        let (array, x, y) = (try values.plotted(), try x.plotted(), try y.plotted())
        var result = Chart(title, x: xLabel, y: yLabel)
        let field = Chart.field("surface", array, x, y, CallSite(file, line))
        result.content = .surface(
            SurfacePicture(
                field: field ?? Field(matrix: Matrix(values: [], rows: 0, columns: 0), x: [], y: []), xLabel: xLabel,
                yLabel: yLabel, zLabel: zLabel))
        return result
    }
}

/// A surface in a box, in parallel projection.
struct SurfacePicture: Sendable {
    var field: Field
    var xLabel: String
    var yLabel: String
    var zLabel: String

    /// How far the box is turned, and how far above it the eye is, in radians.
    private static let turn = 38.0 * .pi / 180
    private static let elevation = 27.0 * .pi / 180
    /// The height of the box, whose floor reaches from -1 to 1.
    private static let height = 1.25

    /// A place in the box as the eye sees it: to the right, upwards, and how far away.
    private static func seen(_ x: Double, _ y: Double, _ z: Double) -> (right: Double, up: Double, depth: Double) {
        let right = x * cos(turn) - y * sin(turn)
        let away = x * sin(turn) + y * cos(turn)
        let up = z * height * cos(elevation) + away * sin(elevation)
        return (right, up, away * cos(elevation) - z * height * sin(elevation))
    }

    func draw(into scene: inout Scene, in frame: Rect) {
        guard let range = field.matrix.range, field.x.count > 1, field.y.count > 1 else {
            Chart.drawNothing(into: &scene, in: frame)
            return
        }
        let zTicks = TickMarks.linear(range.lowerBound, range.upperBound, count: 4)
        let zSpace = (zTicks.labels.map { StrokeFont.width(of: $0, size: Sizes.tick) }.max() ?? 0) + Sizes.gap * 2
        let inner = frame.inset(
            left: zSpace + (zLabel.isEmpty ? 0 : Sizes.label * 1.4), top: Sizes.gap, right: 40,
            bottom: Sizes.tick * 2 + (xLabel.isEmpty && yLabel.isEmpty ? 0 : Sizes.label * 1.5))
        let box = Projection(in: inner)
        let height = range.upperBound > range.lowerBound ? range.upperBound - range.lowerBound : 1
        let z = { (value: Double) in (value - range.lowerBound) / height }
        drawWalls(into: &scene, box, zTicks, z)
        drawFaces(into: &scene, box, z)
        drawNames(into: &scene, box, zTicks, z, zSpace)
    }

    /// From places in the box to places on the picture.
    private struct Projection {
        var scale: Double
        var center: Point

        init(in frame: Rect) {
            var (low, high) = (Point(.infinity, .infinity), Point(-.infinity, -.infinity))
            for x in [-1.0, 1] {
                for y in [-1.0, 1] {
                    for z in [0.0, 1] {
                        let place = SurfacePicture.seen(x, y, z)
                        low = Point(min(low.x, place.right), min(low.y, place.up))
                        high = Point(max(high.x, place.right), max(high.y, place.up))
                    }
                }
            }
            scale = min(frame.width / (high.x - low.x), frame.height / (high.y - low.y))
            center = Point(
                frame.center.x - scale * (low.x + high.x) / 2, frame.center.y + scale * (low.y + high.y) / 2)
        }

        func point(_ x: Double, _ y: Double, _ z: Double) -> Point {
            let place = SurfacePicture.seen(x, y, z)
            return Point(center.x + scale * place.right, center.y - scale * place.up)
        }
    }

    private static func share(_ value: Double, _ values: [Double]) -> Double {
        2 * (value - values[0]) / (values[values.count - 1] - values[0]) - 1
    }

    private func ticks(_ values: [Double]) -> TickMarks {
        TickMarks.linear(values[0], values[values.count - 1], count: 4)
    }

    private func drawWalls(
        into scene: inout Scene, _ box: Projection, _ zTicks: TickMarks, _ z: (Double) -> Double
    ) {
        let grid = Ink.role(.grid)
        for value in ticks(field.x).values {
            let x = SurfacePicture.share(value, field.x)
            scene.line([box.point(x, -1, 0), box.point(x, 1, 0), box.point(x, 1, 1)], Stroke(grid, 1.2))
        }
        for value in ticks(field.y).values {
            let y = SurfacePicture.share(value, field.y)
            scene.line([box.point(-1, y, 0), box.point(1, y, 0), box.point(1, y, 1)], Stroke(grid, 1.2))
        }
        for value in zTicks.values {
            let height = z(value)
            scene.line(
                [box.point(-1, 1, height), box.point(1, 1, height), box.point(1, -1, height)], Stroke(grid, 1.2))
        }
        let edge = Stroke(.role(.axis), 1.5)
        scene.line([box.point(-1, 1, 1), box.point(-1, 1, 0), box.point(-1, -1, 0), box.point(1, -1, 0)], edge)
    }

    private func drawFaces(into scene: inout Scene, _ box: Projection, _ z: (Double) -> Double) {
        let (rows, columns) = (field.matrix.rows, field.matrix.columns)
        var faces: [(depth: Double, corners: [Point], height: Double)] = []
        for row in 0..<rows - 1 {
            for column in 0..<columns - 1 {
                let places = [(row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column)]
                let heights = places.map { z(field.matrix[$0.0, $0.1]) }
                guard heights.allSatisfy(\.isFinite) else { continue }
                var depth = 0.0
                var corners: [Point] = []
                for (place, height) in zip(places, heights) {
                    let x = SurfacePicture.share(field.x[place.1], field.x)
                    let y = SurfacePicture.share(field.y[place.0], field.y)
                    depth += SurfacePicture.seen(x, y, 0).depth
                    corners.append(box.point(x, y, height))
                }
                faces.append((depth, corners, heights.reduce(0, +) / 4))
            }
        }
        let isFine = max(rows, columns) > 60
        // The farthest first. Equally far ones lie side by side.
        for face in faces.sorted(by: { $0.depth > $1.depth }) {
            guard let color = ColorMap.sequential.color(face.height) else { continue }
            // A rim in the face's own colour closes the seams, a darker one shows the mesh.
            let rim = isFine ? color : color.mixed(with: RGB(0, 0, 0), 0.28)
            scene.polygon(face.corners, .fixed(color), stroke: Stroke(.fixed(rim), isFine ? 0.6 : 0.7))
        }
    }

    private func drawNames(
        into scene: inout Scene, _ box: Projection, _ zTicks: TickMarks, _ z: (Double) -> Double, _ zSpace: Double
    ) {
        let size = Sizes.tick
        let (xTicks, yTicks) = (ticks(field.x), ticks(field.y))
        for (value, label) in zip(xTicks.values, xTicks.labels) {
            let place = box.point(SurfacePicture.share(value, field.x), -1, 0)
            scene.text(label, Point(place.x + 2, place.y + size + 5), size: size)
        }
        for (value, label) in zip(yTicks.values, yTicks.labels) {
            let place = box.point(-1, SurfacePicture.share(value, field.y), 0)
            scene.text(label, Point(place.x - 4, place.y + size + 5), size: size, .end)
        }
        for (value, label) in zip(zTicks.values, zTicks.labels) {
            let place = box.point(-1, 1, z(value))
            scene.text(label, Point(place.x - Sizes.gap, place.y + size * 0.35), size: size, .end)
        }
        let (x, y) = (box.point(0.1, -1, 0), box.point(-1, 0, 0))
        scene.text(xLabel, Point(x.x + 34, x.y + size * 2 + Sizes.label), size: Sizes.label)
        scene.text(yLabel, Point(y.x - 34, y.y + size * 2 + Sizes.label), size: Sizes.label, .end)
        let top = box.point(-1, 1, 0.5)
        scene.text(
            zLabel, Point(top.x - zSpace - Sizes.label * 0.3, top.y), size: Sizes.label, .middle, angle: -90)
    }
}
