/// Lines of one height through a grid of numbers, by marching squares.
///
/// Source: Lorensen and Cline, Marching Cubes, SIGGRAPH 1987, in two dimensions. Where both diagonals are possible, the
/// mean of the four corners decides.
package enum Contours {
    /// The lines where the numbers between the grid's points are `level`, as rows of points `(x, y)`; what is at least
    /// as high lies on their left, seen with x to the right and y upwards. A closed line ends where it begins. Squares
    /// with a corner that is not finite have none.
    ///
    /// - Parameters:
    ///   - x: where the columns are, in order; `y` where the rows are.
    package static func lines(_ grid: Matrix, x: [Double], y: [Double], level: Double) -> [[Point]] {
        guard grid.rows > 1, grid.columns > 1 else { return [] }
        var tracer = Tracer(grid: grid, x: x, y: y, level: level)
        tracer.march()
        return tracer.joined()
    }

    /// The borders of all that is at least `level` high, as closed lines: outer ones turn against the clock and those
    /// of holes with it. What is not finite is below.
    package static func areas(_ grid: Matrix, x: [Double], y: [Double], level: Double) -> [[Point]] {
        guard grid.rows > 1, grid.columns > 1 else { return [] }
        // A rim below the level around the grid, of no width, closes every line.
        let (rows, columns) = (grid.rows + 2, grid.columns + 2)
        var values = [Double](repeating: level - max(1, abs(level) * 1e-6), count: rows * columns)
        for row in 0..<grid.rows {
            for column in 0..<grid.columns {
                let value = grid[row, column]
                let place = (row + 1) * columns + column + 1
                if value.isFinite { values[place] = value } else if value == .infinity { values[place] = level + 1 }
            }
        }
        var tracer = Tracer(
            grid: Matrix(values: values, rows: rows, columns: columns), x: [x[0]] + x + [x[x.count - 1]],
            y: [y[0]] + y + [y[y.count - 1]], level: level)
        tracer.march()
        return tracer.joined()
    }

    /// Walks over the squares of a grid and joins what crosses them.
    private struct Tracer {
        let grid: Matrix
        let x: [Double]
        let y: [Double]
        let level: Double
        /// For the edge where a piece begins, the edge where it ends.
        private var next: [Int: Int] = [:]

        init(grid: Matrix, x: [Double], y: [Double], level: Double) {
            self.grid = grid
            self.x = x
            self.y = y
            self.level = level
        }

        /// The number of an edge: of a row's `(row, column)` to its right neighbour, or upwards to the next row's.
        private func edge(_ row: Int, _ column: Int, isUpright: Bool) -> Int {
            2 * (row * grid.columns + column) + (isUpright ? 1 : 0)
        }

        mutating func march() {
            for row in 0..<grid.rows - 1 {
                for column in 0..<grid.columns - 1 { cross(row, column) }
            }
        }

        private mutating func cross(_ row: Int, _ column: Int) {
            // Against the clock from the left lower corner.
            let corners = [
                grid[row, column], grid[row, column + 1], grid[row + 1, column + 1], grid[row + 1, column],
            ]
            guard corners.allSatisfy(\.isFinite) else { return }
            var kind = 0
            for (bit, corner) in corners.enumerated() where corner >= level { kind |= 1 << bit }
            let bottom = edge(row, column, isUpright: false)
            let top = edge(row + 1, column, isUpright: false)
            let left = edge(row, column, isUpright: true)
            let right = edge(row, column + 1, isUpright: true)
            let isHigh = (corners[0] + corners[1] + corners[2] + corners[3]) / 4 >= level
            switch kind {
            case 1: next[bottom] = left
            case 2: next[right] = bottom
            case 3: next[right] = left
            case 4: next[top] = right
            case 5:
                next[bottom] = isHigh ? right : left
                next[top] = isHigh ? left : right
            case 6: next[top] = bottom
            case 7: next[top] = left
            case 8: next[left] = top
            case 9: next[bottom] = top
            case 10:
                next[left] = isHigh ? bottom : top
                next[right] = isHigh ? top : bottom
            case 11: next[right] = top
            case 12: next[left] = right
            case 13: next[bottom] = right
            case 14: next[left] = bottom
            default: break
            }
        }

        /// Where the level crosses an edge.
        private func point(_ edge: Int) -> Point {
            let (row, column) = (edge / 2 / grid.columns, edge / 2 % grid.columns)
            let isUpright = edge % 2 == 1
            let a = grid[row, column]
            let b = isUpright ? grid[row + 1, column] : grid[row, column + 1]
            let share = a == b ? 0.5 : (level - a) / (b - a)
            return isUpright
                ? Point(x[column], y[row] + (y[row + 1] - y[row]) * share)
                : Point(x[column] + (x[column + 1] - x[column]) * share, y[row])
        }

        /// The pieces as whole lines: first those that begin at the grid's rim or at a gap, then the closed ones.
        mutating func joined() -> [[Point]] {
            var result: [[Point]] = []
            let ends = Set(next.values)
            let starts = next.keys.sorted()
            for isOpen in [true, false] {
                for start in starts where next[start] != nil && (!isOpen || !ends.contains(start)) {
                    var line = [point(start)]
                    var place = start
                    while let following = next.removeValue(forKey: place) {
                        line.append(point(following))
                        place = following
                    }
                    result.append(line)
                }
            }
            return result
        }
    }
}
