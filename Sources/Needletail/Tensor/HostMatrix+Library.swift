import TensorRuntime

// Factorisations by a library, of matrices that are large enough for it to be worth the copies. Results have the form of the own
// code's: the same pivots, R's diagonal of the same signs, and of each eigenvector and left singular vector the sign that
// `fixSigns` gives to both.

extension HostMatrix {
    /// The library, where it is there and the matrix is for it. What is not finite is the own code's.
    private var eligible: (any FactorizationLibrary)? {
        guard let library, Swift.min(rows, columns) >= HostMatrix.leastExtent, rows <= 1 << 14, columns <= 1 << 14,
            isFinite
        else { return nil }
        return library
    }

    /// A column-major array as a matrix.
    private static func matrix(_ rows: Int, _ columns: Int, byColumns elements: [Double]) -> HostMatrix {
        HostMatrix(columns, rows, elements).transposed
    }

    func libraryLU() -> (factors: HostMatrix, order: [Int], sign: Double)? {
        guard let (factors, pivots) = eligible?.lu(transposed.elements, rows) else { return nil }
        var order = Array(0..<rows)
        var sign = 1.0
        for (row, pivot) in pivots.enumerated() where Int(pivot) - 1 != row {
            order.swapAt(row, Int(pivot) - 1)
            sign = -sign
        }
        return (HostMatrix.matrix(rows, columns, byColumns: factors), order, sign)
    }

    /// nil also where the matrix is not positive definite: the own code says so.
    func libraryCholesky() -> HostMatrix? {
        // By columns, the lower triangle's rows are the upper one's columns.
        guard let factors = eligible?.cholesky(elements, rows) else { return nil }
        var result = HostMatrix(rows, rows, factors)
        for row in 0..<rows { for column in row + 1..<rows { result[row, column] = 0 } }
        return result
    }

    func libraryQR() -> (q: HostMatrix, r: HostMatrix)? {
        guard let (q, packed) = eligible?.qr(transposed.elements, rows, columns) else { return nil }
        let count = Swift.min(rows, columns)
        let whole = HostMatrix.matrix(rows, columns, byColumns: packed)
        var r = HostMatrix(count, columns, Array(whole.elements[..<(count * columns)]))
        for row in 0..<count { for column in 0..<Swift.min(row, columns) { r[row, column] = 0 } }
        return (HostMatrix.matrix(rows, count, byColumns: q), r)
    }

    func libraryEigh() -> (values: [Double], vectors: HostMatrix)? {
        // The lower triangle by rows is the upper one by columns; the other is not looked at.
        guard let (values, vectors) = eligible?.eigh(elements, rows) else { return nil }
        return (values, HostMatrix.matrix(rows, rows, byColumns: vectors))
    }

    func librarySVD() -> (u: HostMatrix, s: [Double], v: HostMatrix)? {
        guard let (u, s, vt) = eligible?.svd(transposed.elements, rows, columns) else { return nil }
        let count = Swift.min(rows, columns)
        // V^T by columns is V by rows.
        return (HostMatrix.matrix(rows, count, byColumns: u), s, HostMatrix(columns, count, vt))
    }

    /// Makes the first of the largest elements of each column positive, with the column of `other` at its place. What is within
    /// rounding of the largest counts as such, so that two ways of computing a vector agree.
    mutating func fixSigns(with other: inout HostMatrix?) {
        for column in 0..<columns {
            let largest = (0..<rows).reduce(0) { Swift.max($0, abs(self[$1, column])) }
            guard let first = (0..<rows).first(where: { abs(self[$0, column]) >= largest * (1 - 1e-6) }),
                self[first, column] < 0
            else { continue }
            for row in 0..<rows { self[row, column] = -self[row, column] }
            guard let count = other?.rows else { continue }
            for row in 0..<count { other![row, column] = -other![row, column] }
        }
    }
}
