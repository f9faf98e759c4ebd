import Foundation
import TensorGraph
import TensorRuntime

// Systems of triangular matrices, factors that are solved by, and functions of matrices: on the CPU, as the decompositions.

extension Tensor {
    /// The solution X of `T X = B`, T being the upper or lower triangle of this tensor, the rest of which is not looked at: shapes
    /// `[..., n, n]` and `[..., n, k]`, whose batches broadcast. By a 0 on the diagonal the result is infinite or NaN.
    ///
    /// Gradients: `solve(T^T, g)` by B, and the triangle of minus that by `X^T` by T.
    /// Source: [torch.linalg.solve_triangular](https://pytorch.org/docs/stable/generated/torch.linalg.solve_triangular.html).
    ///
    /// - Parameter unitriangular: whether the diagonal counts as ones, whatever it is.
    public func solveTriangular(
        _ b: Tensor, upper: Bool, unitriangular: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        if let failed = wrongMatrices("solveTriangular", isSquare: true, site) { return failed }
        guard b.rank >= 2, b.shape[b.rank - 2] == shape[rank - 1], b.dtype == dtype, shares(b),
            let batch = shape.leading(rank - 2).broadcast(with: b.shape.leading(b.rank - 2))
        else {
            return invalid(
                "solveTriangular", "matrices \(dtype)\(shape) and right sides \(b.dtype)\(b.shape)",
                remedy: "use one dtype and device, batches that broadcast, and as many rows", [self, b], at: site)
        }
        func wide(_ x: Tensor) -> Tensor {
            x.expanded(to: Shape(Array(batch) + [x.shape[x.rank - 2], x.shape[x.rank - 1]]))
        }
        return wide(self).substituted(wide(b), upper: upper, unit: unitriangular)
    }

    private func substituted(_ b: Tensor, upper: Bool, unit: Bool) -> Tensor {
        let a = self
        let (n, k) = (shape[rank - 1], b.shape[rank - 1])
        return Tensor.composite(a, b, savesOutput: true) {
            a.onHost("solveTriangular", b, size: n * k) { (x, y) throws(TensorError) in
                x.substitution(y!, upper: upper, unit: unit).elements
            }.unpacked(from: 0, n, k)
        } pullback: {
            { p in
                let right = a.T.substituted(p.gradient, upper: !upper, unit: unit)
                let whole = right.matmul(p.output.T) * -1
                let inner = unit ? 1 : 0
                return InputGradients(upper ? whole.triu(diagonal: inner) : whole.tril(diagonal: -inner), right)
            }
        }
    }

    /// The solution X of `A X = B`, this tensor being B, by the factor of ``cholesky(file:line:)``: `A = L L^T`, or of `A = U^T U`
    /// with `upper`.
    ///
    /// Source: [torch.cholesky_solve](https://pytorch.org/docs/stable/generated/torch.cholesky_solve.html).
    public func choleskySolve(
        _ factor: Tensor, upper: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        if let failed = factor.wrongMatrices("choleskySolve", isSquare: true, CallSite(file, line)) { return failed }
        let lower = upper ? factor.T : factor
        let inner = lower.solveTriangular(self, upper: false, file: file, line: line)
        return lower.T.solveTriangular(inner, upper: true, file: file, line: line)
    }

    /// The inverse of A by this factor of it, as ``choleskySolve(_:upper:file:line:)`` of the identity.
    ///
    /// Source: [torch.cholesky_inverse](https://pytorch.org/docs/stable/generated/torch.cholesky_inverse.html).
    public func choleskyInverse(
        upper: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        if let failed = wrongMatrices("choleskyInverse", isSquare: true, CallSite(file, line)) { return failed }
        return identity.expanded(to: shape).choleskySolve(self, upper: upper, file: file, line: line)
    }

    /// The logarithms of the determinants: NaN of negative ones, minus infinity of 0.
    ///
    /// Source: [torch.logdet](https://pytorch.org/docs/stable/generated/torch.logdet.html).
    public func logdet(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        if let failed = wrongMatrices("logdet", isSquare: true, CallSite(file, line)) { return failed }
        let (sign, logarithm) = slogdet(file: file, line: line)
        return Tensor.select(sign .< 0.0, .scalar(.float(.nan)), .tensor(logarithm))
    }
}

// MARK: - LU

extension Tensor {
    /// `P A = L U` of square matrices with partial pivoting: both triangles in one matrix, L's diagonal of ones left out, and the
    /// row, counted from 1, that each row was exchanged with (int32), as LAPACK has them.
    ///
    /// Gradient: `P^T L^-T (tril(L^T g_L, -1) + triu(g_U U^T)) U^-T`.
    /// Source: [torch.linalg.lu_factor](https://pytorch.org/docs/stable/generated/torch.linalg.lu_factor.html).
    public func luFactor(file: StaticString = #fileID, line: UInt = #line) -> (lu: Tensor, pivots: Tensor) {
        if let failed = wrongMatrices("luFactor", isSquare: true, CallSite(file, line)) {
            return (failed, failed.failedIndices().cast(to: .int32))
        }
        let a = self
        let n = shape[rank - 1]
        let batch = Array(shape.leading(rank - 2))
        let packed = Tensor.composite(a, savesOutput: true) {
            a.onHost("luFactor", size: n * n + n) { (x, _) throws(TensorError) in
                let (factors, swaps) = x.luWithSwaps()
                return factors.elements + swaps.map { Double($0 + 1) }
            }
        } pullback: {
            { p in
                let factors = p.output.unpacked(from: 0, n, n)
                let gradient = p.gradient.unpacked(from: 0, n, n)
                let pivots = p.output.unpacked(from: n * n, 1, n).viewed(as: Shape(batch + [n]))
                let (l, u) = factors.unpackedTriangles
                let low = l.T.matmul(gradient.tril(diagonal: -1)).tril(diagonal: -1)
                let high = gradient.triu().matmul(u.T).triu()
                let left = l.T.solveTriangular(low + high, upper: true, unitriangular: true)
                // X U^T = left, transposed.
                let whole = u.solveTriangular(left.T, upper: true).T
                return InputGradients(pivots.permutation.T.matmul(whole))
            }
        }
        let pivots = packed.detach().unpacked(from: n * n, 1, n).viewed(as: Shape(batch + [n])).cast(to: .int32)
        return (packed.unpacked(from: 0, n, n), pivots)
    }

    /// `A = P L U` of square matrices.
    ///
    /// Source: [torch.linalg.lu](https://pytorch.org/docs/stable/generated/torch.linalg.lu.html).
    public func lu(file: StaticString = #fileID, line: UInt = #line) -> (p: Tensor, l: Tensor, u: Tensor) {
        if let failed = wrongMatrices("lu", isSquare: true, CallSite(file, line)) { return (failed, failed, failed) }
        let (factors, pivots) = luFactor(file: file, line: line)
        let (l, u) = factors.unpackedTriangles
        return (pivots.cast(to: dtype).permutation.T, l, u)
    }

    /// The solution X of `A X = B`, this tensor being B, by ``luFactor(file:line:)`` of A.
    ///
    /// Source: [torch.linalg.lu_solve](https://pytorch.org/docs/stable/generated/torch.linalg.lu_solve.html).
    public func luSolve(
        _ lu: Tensor, pivots: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        if let failed = lu.wrongMatrices("luSolve", isSquare: true, site) { return failed }
        guard pivots.shape == lu.shape.leading(lu.rank - 1), pivots.dtype == .int32, rank >= 2, dtype == lu.dtype,
            shares(lu), shares(pivots), shape[rank - 2] == lu.shape[lu.rank - 1],
            shape.leading(rank - 2).broadcast(with: lu.shape.leading(lu.rank - 2)) != nil
        else {
            return invalid(
                "luSolve",
                "factors \(lu.dtype)\(lu.shape), pivots \(pivots.dtype)\(pivots.shape), right sides \(dtype)\(shape)",
                remedy: "use what luFactor() gives, and right sides [..., n, k] of its dtype and device",
                [self, lu, pivots], at: site)
        }
        let ordered = pivots.cast(to: dtype).permutation.matmul(self)
        let inner = lu.solveTriangular(ordered, upper: false, unitriangular: true, file: file, line: line)
        return lu.solveTriangular(inner, upper: true, file: file, line: line)
    }

    /// L and U of a packed matrix.
    private var unpackedTriangles: (l: Tensor, u: Tensor) {
        (tril(diagonal: -1) + identity, triu())
    }

    /// The matrices P of `P A`, of the rows that each row was exchanged with, counted from 1, as floats.
    private var permutation: Tensor {
        let n = shape[rank - 1]
        let rows = viewed(as: Shape(Array(shape) + [1]))
        return rows.detach().onHost("luSolve", size: n * n) { (x, _) throws(TensorError) in
            var result = HostMatrix.identity(n)
            for (row, other) in x.elements.enumerated() {
                guard other >= 1, other <= Double(n) else {
                    throw TensorError.wrongCall(
                        "luSolve", "a pivot of \(other)", remedy: "use the pivots of luFactor()")
                }
                result.swapRows(row, Int(other) - 1)
            }
            return result.elements
        }.unpacked(from: 0, n, n)
    }
}

// MARK: - The exponential

extension Tensor {
    /// The exponentials of square matrices, `1 + A + A^2 / 2 + ...`: by a Taylor polynomial of the matrix halved until it is small,
    /// squared as often. The gradient is a block of the exponential of a matrix of twice the size.
    ///
    /// Source: [torch.linalg.matrix_exp](https://pytorch.org/docs/stable/generated/torch.linalg.matrix_exp.html).
    public func matrixExp(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        if let failed = wrongMatrices("matrixExp", isSquare: true, CallSite(file, line)) { return failed }
        let a = self
        let n = shape[rank - 1]
        return Tensor.composite(a) {
            a.onHost("matrixExp", size: n * n) { (x, _) throws(TensorError) in x.exponential().elements }
                .unpacked(from: 0, n, n)
        } pullback: {
            { p in
                // Higham, Functions of Matrices, theorem 3.6: beside the exponentials stands the derivative.
                let last = a.rank - 1
                let top = Tensor.concatenate([a.T, p.gradient], axis: last)
                let bottom = Tensor.concatenate([Tensor.zerosLike(a.detach()), a.T], axis: last)
                let whole = Tensor.concatenate([top, bottom], axis: last - 1).matrixExp()
                return InputGradients(
                    whole.narrowed(axis: last - 1, start: 0, count: n).narrowed(axis: last, start: n, count: n))
            }
        }
    }
}

extension HostMatrix {
    /// The solution of a triangle's system.
    fileprivate func substitution(_ b: HostMatrix, upper: Bool, unit: Bool) -> HostMatrix {
        var x = b
        for column in 0..<b.columns {
            for step in 0..<rows {
                let row = upper ? rows - 1 - step : step
                var value = x[row, column]
                for place in upper ? row + 1..<rows : 0..<row { value -= self[row, place] * x[place, column] }
                x[row, column] = unit ? value : value / self[row, row]
            }
        }
        return x
    }

    /// ``lu()``, with the row that each row was exchanged with.
    fileprivate func luWithSwaps() -> (factors: HostMatrix, swaps: [Int]) {
        let (factors, order, _) = lu()
        // The exchanges that lead to the order.
        var current = Array(0..<rows)
        let swaps = (0..<rows).map { row -> Int in
            let place = current[row...].firstIndex(of: order[row])!
            current.swapAt(row, place)
            return place
        }
        return (factors, swaps)
    }

    private func times(_ other: HostMatrix) -> HostMatrix {
        var result = HostMatrix.zeros(rows, other.columns)
        for row in 0..<rows {
            for place in 0..<columns {
                let factor = self[row, place]
                for column in 0..<other.columns { result[row, column] += factor * other[place, column] }
            }
        }
        return result
    }

    fileprivate func exponential() -> HostMatrix {
        // The largest sum of a row's magnitudes.
        let norm = (0..<rows).map { row in (0..<columns).reduce(0) { $0 + abs(self[row, $1]) } }.max() ?? 0
        guard norm.isFinite else {
            return HostMatrix(rows, columns, [Double](repeating: .nan, count: elements.count))
        }
        let halvings = norm > 0.25 ? Int((Foundation.log2(norm) + 2).rounded(.up)) : 0
        let scale = Foundation.pow(2, -Double(halvings))
        let small = HostMatrix(rows, columns, elements.map { $0 * scale })
        // Of a norm of 1/4, term 14 is below the last digit.
        var result = HostMatrix.identity(rows)
        for k in stride(from: 14, through: 1, by: -1) {
            result = small.times(result)
            result.elements = result.elements.map { $0 / Double(k) }
            for place in 0..<rows { result[place, place] += 1 }
        }
        for _ in 0..<halvings { result = result.times(result) }
        return result
    }
}
