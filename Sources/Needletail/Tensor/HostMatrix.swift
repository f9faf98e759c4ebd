import TensorRuntime

/// A matrix of Doubles in the host's memory, row-major, with the factorisations of small dense linear algebra.
///
/// Source of the algorithms: Golub and Van Loan, Matrix Computations, 4th edition.
struct HostMatrix {
    let rows: Int
    let columns: Int
    var elements: [Double]
    /// Computes large factorisations; nil leaves them to the code below.
    var library: (any FactorizationLibrary)?

    /// The least extent for which a library is asked.
    static let leastExtent = 24

    init(_ rows: Int, _ columns: Int, _ elements: [Double]) {
        self.rows = rows
        self.columns = columns
        self.elements = elements
    }

    static func zeros(_ rows: Int, _ columns: Int) -> HostMatrix {
        HostMatrix(rows, columns, [Double](repeating: 0, count: rows * columns))
    }

    static func identity(_ count: Int) -> HostMatrix {
        var result = zeros(count, count)
        for place in 0..<count { result[place, place] = 1 }
        return result
    }

    subscript(row: Int, column: Int) -> Double {
        get { elements[row * columns + column] }
        set { elements[row * columns + column] = newValue }
    }

    var transposed: HostMatrix {
        var result = HostMatrix.zeros(columns, rows)
        for row in 0..<rows { for column in 0..<columns { result[column, row] = self[row, column] } }
        return result
    }

    /// Whether no element is NaN or infinite.
    var isFinite: Bool { elements.allSatisfy(\.isFinite) }

    mutating func swapRows(_ a: Int, _ b: Int) {
        if a == b { return }
        for column in 0..<columns { elements.swapAt(a * columns + column, b * columns + column) }
    }

    // MARK: Triangles

    /// `P A = L U` with partial pivoting (algorithm 3.4.1): both triangles in one matrix, L's diagonal of ones left out. Of a
    /// singular matrix, U has a 0 on its diagonal.
    func lu() -> (factors: HostMatrix, order: [Int], sign: Double) {
        if let found = libraryLU() { return found }
        var a = self
        var order = Array(0..<rows)
        var sign = 1.0
        for step in 0..<rows {
            var pivot = step
            // NaN before all, so that it reaches the result.
            for row in step..<rows where !a[pivot, step].isNaN && !(abs(a[row, step]) <= abs(a[pivot, step])) {
                pivot = row
            }
            if pivot != step {
                a.swapRows(pivot, step)
                order.swapAt(pivot, step)
                sign = -sign
            }
            if a[step, step] == 0 { continue }
            for row in step + 1..<rows {
                let factor = a[row, step] / a[step, step]
                a[row, step] = factor
                for column in step + 1..<columns { a[row, column] -= factor * a[step, column] }
            }
        }
        return (a, order, sign)
    }

    /// The solution of `A X = B`; nil where A is singular.
    func solve(_ b: HostMatrix) -> HostMatrix? {
        let (factors, order, _) = lu()
        for place in 0..<rows where factors[place, place] == 0 { return nil }
        var x = HostMatrix.zeros(rows, b.columns)
        for column in 0..<b.columns {
            for row in 0..<rows {
                var value = b[order[row], column]
                for place in 0..<row { value -= factors[row, place] * x[place, column] }
                x[row, column] = value
            }
            for row in stride(from: rows - 1, through: 0, by: -1) {
                var value = x[row, column]
                for place in row + 1..<rows { value -= factors[row, place] * x[place, column] }
                x[row, column] = value / factors[row, row]
            }
        }
        return x
    }

    /// The lower triangle L of `A = L L^T`, from A's lower triangle (algorithm 4.2.1); nil where A is not positive definite.
    func cholesky() -> HostMatrix? {
        if let found = libraryCholesky() { return found }
        var l = HostMatrix.zeros(rows, rows)
        for column in 0..<rows {
            for row in column..<rows {
                var value = self[row, column]
                for place in 0..<column { value -= l[row, place] * l[column, place] }
                if row > column {
                    l[row, column] = value / l[column, column]
                } else {
                    guard value > 0 else { return nil }
                    l[row, row] = value.squareRoot()
                }
            }
        }
        return l
    }

    // MARK: Orthogonal factors

    /// `A = Q R` by Householder reflections (algorithm 5.2.1), Q with `min(rows, columns)` columns. As LAPACK's, R's diagonal
    /// may be negative.
    func qr() -> (q: HostMatrix, r: HostMatrix) {
        if let found = libraryQR() { return found }
        var a = self
        let count = Swift.min(rows, columns)
        var reflections: [[Double]] = []
        for step in 0..<count {
            // The reflection does not depend on the vector's length; squares of one near 1 are neither infinite nor 0.
            let largest = (step..<rows).reduce(0) { Swift.max($0, abs(a[$1, step])) }
            let unit =
                largest > 0 && largest.isFinite
                ? Double(sign: .plus, exponent: largest.exponent, significand: 1) : 1
            var v = (step..<rows).map { a[$0, step] / unit }
            let rest = v.dropFirst().reduce(0) { $0 + $1 * $1 }
            if rest == 0 {
                reflections.append([])
                continue
            }
            let length = (v[0] * v[0] + rest).squareRoot()
            v[0] += v[0] < 0 ? -length : length
            let square = v.reduce(0) { $0 + $1 * $1 }
            v = v.map { $0 * (2 / square).squareRoot() }
            a.reflect(v, from: step)
            for row in step + 1..<rows { a[row, step] = 0 }
            reflections.append(v)
        }
        var q = HostMatrix.zeros(rows, count)
        for place in 0..<count { q[place, place] = 1 }
        for step in stride(from: count - 1, through: 0, by: -1) where !reflections[step].isEmpty {
            q.reflect(reflections[step], from: step)
        }
        return (q, HostMatrix(count, columns, Array(a.elements[..<(count * columns)])))
    }

    /// `A - v (v^T A)` on the rows from `start` on.
    private mutating func reflect(_ v: [Double], from start: Int) {
        for column in 0..<columns {
            var product = 0.0
            for (offset, value) in v.enumerated() { product += value * self[start + offset, column] }
            for (offset, value) in v.enumerated() { self[start + offset, column] -= value * product }
        }
    }

    // MARK: Spectra

    /// The eigenvalues in ascending order, and the eigenvectors as columns, of the symmetric matrix in the lower triangle. The
    /// first of the largest elements of a vector is positive.
    func eigh() -> (values: [Double], vectors: HostMatrix) {
        let (values, found) = libraryEigh() ?? jacobiEigh()
        var vectors = found
        var alone: HostMatrix?
        vectors.fixSigns(with: &alone)
        return (values, vectors)
    }

    /// ``eigh()`` by cyclic Jacobi rotations (algorithm 8.5.3); NaN, all of them, where an element is not finite.
    ///
    /// An element counts as 0 where it is so beside the two on the diagonal that it joins, not beside the largest of all: the
    /// small eigenvalues of a positive definite matrix of elements of all magnitudes have digits too
    /// ([Demmel and Veselić](https://doi.org/10.1137/0613074)).
    private func jacobiEigh() -> (values: [Double], vectors: HostMatrix) {
        var a = self
        for row in 0..<rows { for column in 0..<row { a[column, row] = a[row, column] } }
        guard a.isFinite else {
            return (
                [Double](repeating: .nan, count: rows),
                HostMatrix(rows, rows, [Double](repeating: .nan, count: rows * rows))
            )
        }
        var v = HostMatrix.identity(rows)
        for _ in 0..<64 {
            var turned = false
            for p in 0..<rows {
                for q in p + 1..<rows where a[p, q] != 0 {
                    let x = a[p, q]
                    let scale = abs(a[p, p]).squareRoot() * abs(a[q, q]).squareRoot()
                    guard abs(x) > scale * 0x1p-53 else { continue }
                    turned = true
                    let (c, s) = HostMatrix.rotation(a[p, p], x, a[q, q])
                    let shift = s / c * x
                    let (low, high) = (a[p, p] - shift, a[q, q] + shift)
                    for place in 0..<rows { HostMatrix.rotate(&a, (place, p), (place, q), c, s) }
                    for place in 0..<rows { HostMatrix.rotate(&a, (p, place), (q, place), c, s) }
                    for place in 0..<rows { HostMatrix.rotate(&v, (place, p), (place, q), c, s) }
                    (a[p, p], a[q, q], a[p, q], a[q, p]) = (low, high, 0, 0)
                }
            }
            if !turned { break }
        }
        let order = (0..<rows).sorted { a[$0, $0] < a[$1, $1] }
        var vectors = HostMatrix.zeros(rows, rows)
        for (place, column) in order.enumerated() {
            for row in 0..<rows { vectors[row, place] = v[row, column] }
        }
        return (order.map { a[$0, $0] }, vectors)
    }

    /// Cosine and sine of the rotation that makes `[[p, x], [x, q]]` diagonal.
    private static func rotation(_ p: Double, _ x: Double, _ q: Double) -> (Double, Double) {
        let tau = (q - p) / (2 * x)
        let t = (tau < 0 ? -1 : 1) / (abs(tau) + (1 + tau * tau).squareRoot())
        let c = 1 / (1 + t * t).squareRoot()
        return (c, t * c)
    }

    private static func rotate(
        _ m: inout HostMatrix, _ a: (Int, Int), _ b: (Int, Int), _ c: Double, _ s: Double
    ) {
        let (x, y) = (m[a.0, a.1], m[b.0, b.1])
        m[a.0, a.1] = c * x - s * y
        m[b.0, b.1] = s * x + c * y
    }

    /// `A = U diag(S) V^T` with `min(rows, columns)` singular values, the largest first. The first of the largest elements of a
    /// column of U is positive.
    func svd() -> (u: HostMatrix, s: [Double], v: HostMatrix) {
        let (left, values, right) = librarySVD() ?? jacobiSVD()
        var u = left
        var v: HostMatrix? = right
        u.fixSigns(with: &v)
        return (u, values, v!)
    }

    /// ``svd()`` by one-sided Jacobi rotations (section 8.6.3). Columns of U for singular values of 0 complete the others.
    /// Elements are finite.
    private func jacobiSVD() -> (u: HostMatrix, s: [Double], v: HostMatrix) {
        if rows < columns {
            let (u, s, v) = transposed.jacobiSVD()
            return (v, s, u)
        }
        // By a power of 2, so that squares are neither infinite nor 0.
        let exponent = elements.lazy.map { abs($0) }.max().map { $0 > 0 ? $0.exponent : 0 } ?? 0
        let unit = Double(sign: .plus, exponent: exponent, significand: 1)
        var a = HostMatrix(rows, columns, elements.map { $0 / unit })
        var v = HostMatrix.identity(columns)
        for _ in 0..<64 {
            var turned = false
            for p in 0..<columns {
                for q in p + 1..<columns {
                    var (pp, pq, qq) = (0.0, 0.0, 0.0)
                    for row in 0..<rows {
                        pp += a[row, p] * a[row, p]
                        pq += a[row, p] * a[row, q]
                        qq += a[row, q] * a[row, q]
                    }
                    guard abs(pq) > 1e-16 * (pp * qq).squareRoot(), pq != 0 else { continue }
                    turned = true
                    let (c, s) = HostMatrix.rotation(pp, pq, qq)
                    for row in 0..<rows { HostMatrix.rotate(&a, (row, p), (row, q), c, s) }
                    for row in 0..<columns { HostMatrix.rotate(&v, (row, p), (row, q), c, s) }
                }
            }
            if !turned { break }
        }
        let lengths = (0..<columns).map { column in
            (0..<rows).reduce(0) { $0 + a[$1, column] * a[$1, column] }.squareRoot()
        }
        let order = (0..<columns).sorted { lengths[$0] > lengths[$1] }
        var left = HostMatrix.zeros(rows, columns)
        var right = HostMatrix.zeros(columns, columns)
        for (place, column) in order.enumerated() {
            // What rounding left has no direction.
            let isZero = !(lengths[column] > lengths[order[0]] * Double(rows) * .ulpOfOne)
            for row in 0..<rows { left[row, place] = isZero ? 0 : a[row, column] / lengths[column] }
            for row in 0..<columns { right[row, place] = v[row, column] }
            if isZero { left.completeColumn(place) }
        }
        return (left, order.map { lengths[$0] * unit }, right)
    }

    /// Makes a column a unit vector at right angles to those before it.
    private mutating func completeColumn(_ column: Int) {
        for unit in 0..<rows {
            var candidate = (0..<rows).map { $0 == unit ? 1.0 : 0 }
            // Twice, so that rounding leaves no rest.
            for _ in 0..<2 {
                for other in 0..<column {
                    let product = (0..<rows).reduce(0) { $0 + candidate[$1] * self[$1, other] }
                    for row in 0..<rows { candidate[row] -= product * self[row, other] }
                }
            }
            let length = candidate.reduce(0) { $0 + $1 * $1 }.squareRoot()
            guard length > 0.5 / Double(rows).squareRoot() else { continue }
            for row in 0..<rows { self[row, column] = candidate[row] / length }
            return
        }
    }
}
