import Foundation
import NeedletailTraining
import Testing

/// Marching squares on functions whose lines are known.
@Suite struct ContourTests {
    private let axis = (0...40).map { -2 + 4 * Double($0) / 40 }

    private func grid(_ function: (Double, Double) -> Double) -> Matrix {
        Matrix(values: axis.flatMap { y in axis.map { x in function(x, y) } }, rows: 41, columns: 41)
    }

    /// Twice the area that a closed line goes round, above 0 against the clock.
    private func area(_ line: [Point]) -> Double {
        zip(line, line.dropFirst()).reduce(0) { $0 + ($1.0.x * $1.1.y - $1.1.x * $1.0.y) / 2 }
    }

    @Test func theLineOfAPlaneIsStraight() throws {
        let lines = Contours.lines(grid { x, y in x + 2 * y }, x: axis, y: axis, level: 0.3)
        try #require(lines.count == 1)
        #expect(lines[0].allSatisfy { abs($0.x + 2 * $0.y - 0.3) < 1e-12 })
        #expect(abs(abs(lines[0].last!.x - lines[0][0].x) - 4) < 1e-9)
    }

    @Test func theLineOfABowlIsACircleThatEndsWhereItBegins() throws {
        let lines = Contours.lines(grid { x, y in x * x + y * y }, x: axis, y: axis, level: 1)
        try #require(lines.count == 1)
        #expect(lines[0][0] == lines[0].last)
        #expect(lines[0].allSatisfy { abs(hypot($0.x, $0.y) - 1) < 0.004 })
        // What is higher is on the left: outside, so the line turns with the clock.
        #expect(abs(area(lines[0]) + .pi) < 0.02)
    }

    @Test func aSaddleIsPartedByTheMeanOfItsCorners() {
        for (middle, wanted) in [(0.6, 2), (-0.6, 2)] {
            let saddle = Matrix(values: [1, -1, -1, 1].map { $0 + middle }, rows: 2, columns: 2)
            let lines = Contours.lines(saddle, x: [0, 1], y: [0, 1], level: 0)
            #expect(lines.count == wanted)
            // Where the mean is high the low corners are cut off, else the high ones.
            let cut = lines.map { line in
                [Point(0, 0), Point(1, 0), Point(0, 1), Point(1, 1)].min { a, b in
                    line.reduce(0) { $0 + hypot($1.x - a.x, $1.y - a.y) }
                        < line.reduce(0) { $0 + hypot($1.x - b.x, $1.y - b.y) }
                }!
            }
            #expect(Set(cut) == (middle > 0 ? [Point(1, 0), Point(0, 1)] : [Point(0, 0), Point(1, 1)]))
        }
    }

    @Test func areasEndAtTheRimAndHaveHoles() throws {
        let outside = Contours.areas(grid { x, y in x * x + y * y }, x: axis, y: axis, level: 1)
        #expect(outside.count == 2)
        #expect(outside.allSatisfy { $0[0] == $0.last })
        #expect(abs(outside.reduce(0) { $0 + area($1) } - (16 - .pi)) < 0.02)
        let half = Contours.areas(grid { x, _ in x }, x: axis, y: axis, level: 0.5)
        #expect(abs(half.reduce(0) { $0 + area($1) } - 6) < 1e-9)
        let whole = Contours.areas(grid { _, _ in 3 }, x: axis, y: axis, level: 1)
        #expect(abs(whole.reduce(0) { $0 + area($1) } - 16) < 1e-9)
        #expect(Contours.areas(grid { _, _ in 0 }, x: axis, y: axis, level: 1).isEmpty)
    }

    @Test func gapsHaveNoLines() {
        let holed = grid { x, y in x > 0 && y > 0 ? .nan : x * x + y * y }
        let lines = Contours.lines(holed, x: axis, y: axis, level: 1)
        #expect(lines.count == 1 && lines[0].allSatisfy { $0.x <= 0.1 || $0.y <= 0.1 })
        #expect(Contours.lines(grid { _, _ in .nan }, x: axis, y: axis, level: 1).isEmpty)
        #expect(Contours.lines(Matrix(values: [], rows: 0, columns: 0), x: [], y: [], level: 1).isEmpty)
    }
}
