import Foundation
import TensorGraph
import TensorRuntime

// Linear algebra of small dense matrices, in the last two axes of batches: on the host's memory, in Double, so on the CPU
// alone. Operands are read; gradients are PyTorch's formulas, written in tensor operations.

// MARK: - Systems of equations

extension Tensor {
    /// The solution X of `A X = B`, this tensor being A: shapes `[..., n, n]` and `[..., n, k]`, whose batches broadcast, or a
    /// vector `[n]`, or one for each matrix. A read throws where a matrix is singular.
    ///
    /// Gradients: `solve(A^T, g)` by B, and minus that by `X^T` by A.
    /// Source: [torch.linalg.solve](https://pytorch.org/docs/stable/generated/torch.linalg.solve.html).
    public func solve(_ b: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        let site = CallSite(file, line)
        if let failed = wrongMatrices("solve", isSquare: true, site) { return failed }
        let isVector = b.rank == 1 || b.shape == shape.leading(rank - 1)
        let right = isVector ? b.viewed(as: b.shape.inserting(1, at: b.rank)) : b
        guard right.rank >= 2, right.shape[right.rank - 2] == shape[rank - 1], b.dtype == dtype, shares(b),
            let batch = shape.leading(rank - 2).broadcast(with: right.shape.leading(right.rank - 2))
        else {
            return invalid(
                "solve", "matrices \(dtype)\(shape) and right sides \(b.dtype)\(b.shape)",
                remedy: "use one dtype and device, batches that broadcast, and as many rows", [self, b], at: site)
        }
        func wide(_ x: Tensor) -> Tensor {
            x.expanded(to: Shape(Array(batch) + [x.shape[x.rank - 2], x.shape[x.rank - 1]]))
        }
        let result = wide(self).solved(wide(right))
        return isVector ? result.viewed(as: result.shape.removing(axis: result.rank - 1)) : result
    }

    private func solved(_ b: Tensor) -> Tensor {
        let a = self
        let (n, k) = (shape[rank - 1], b.shape[rank - 1])
        return Tensor.composite(a, b, savesOutput: true) {
            a.onHost("solve", b, size: n * k) { (x, y) throws(TensorError) in
                guard let found = x.solve(y!) else { throw Tensor.isSingular("solve") }
                return found.elements
            }.unpacked(from: 0, n, k)
        } pullback: {
            { p in
                let right = a.T.solved(p.gradient)
                return InputGradients(right.matmul(p.output.T) * -1, right)
            }
        }
    }

    /// The inverse matrices. A read throws where one is singular. Gradient: `-X^T g X^T`.
    ///
    /// Source: [torch.linalg.inv](https://pytorch.org/docs/stable/generated/torch.linalg.inv.html).
    public func inverse(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        if let failed = wrongMatrices("inverse", isSquare: true, CallSite(file, line)) { return failed }
        let a = self
        let n = shape[rank - 1]
        return Tensor.composite(a, savesOutput: true) {
            a.onHost("inverse", size: n * n) { (x, _) throws(TensorError) in
                guard let found = x.solve(.identity(n)) else { throw Tensor.isSingular("inverse") }
                return found.elements
            }.unpacked(from: 0, n, n)
        } pullback: {
            { p in InputGradients(p.output.T.matmul(p.gradient).matmul(p.output.T) * -1) }
        }
    }

    /// The determinants: shape `[..., n, n]` gives `[...]`. Gradient: the determinant times the inverse's transpose, so not of
    /// singular matrices.
    ///
    /// Source: [torch.linalg.det](https://pytorch.org/docs/stable/generated/torch.linalg.det.html).
    public func det(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        if let failed = wrongMatrices("det", isSquare: true, CallSite(file, line)) { return failed }
        let a = self
        let n = shape[rank - 1]
        return Tensor.composite(a, savesOutput: true) {
            a.onHost("det", size: 1) { (x, _) throws(TensorError) in
                let (factors, _, sign) = x.lu()
                return [(0..<n).reduce(sign) { $0 * factors[$1, $1] }]
            }.viewed(as: a.shape.leading(a.rank - 2))
        } pullback: {
            { p in InputGradients(a.inverse().T * (p.gradient * p.output).unsqueeze(-1).unsqueeze(-1)) }
        }
    }

    /// The determinants' signs (-1, 0 or 1) and the logarithms of their magnitudes, which do not overflow. Gradient of the
    /// logarithm: the inverse's transpose.
    ///
    /// Source: [torch.linalg.slogdet](https://pytorch.org/docs/stable/generated/torch.linalg.slogdet.html).
    public func slogdet(file: StaticString = #fileID, line: UInt = #line) -> (sign: Tensor, logAbsDet: Tensor) {
        if let failed = wrongMatrices("slogdet", isSquare: true, CallSite(file, line)) { return (failed, failed) }
        let a = self
        let n = shape[rank - 1]
        let batch = shape.leading(rank - 2)
        let packed = Tensor.composite(a) {
            a.onHost("slogdet", size: 2) { (x, _) throws(TensorError) in
                let (factors, _, sign) = x.lu()
                let pivots = (0..<n).map { factors[$0, $0] }
                return [
                    pivots.reduce(sign) { $1 > 0 ? $0 : $1 < 0 ? -$0 : 0 },
                    pivots.reduce(0) { $0 + Foundation.log(Swift.abs($1)) },
                ]
            }
        } pullback: {
            { p in
                let slope = p.gradient.narrowed(axis: a.rank - 2, start: 1, count: 1)
                return InputGradients(a.inverse().T * slope.unsqueeze(-1))
            }
        }
        let parts = (0..<2).map { packed.narrowed(axis: rank - 2, start: $0, count: 1).viewed(as: batch) }
        return (parts[0].detach(), parts[1])
    }

    /// The lower triangles L of `A = L L^T`, of symmetric positive definite matrices, whose lower triangles are looked at. A
    /// read throws where one is not positive definite.
    ///
    /// Source: [torch.linalg.cholesky](https://pytorch.org/docs/stable/generated/torch.linalg.cholesky.html); the gradient is
    /// [Murray's](https://arxiv.org/abs/1602.07527).
    public func cholesky(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        if let failed = wrongMatrices("cholesky", isSquare: true, CallSite(file, line)) { return failed }
        let a = self
        let n = shape[rank - 1]
        return Tensor.composite(a, savesOutput: true) {
            a.onHost("cholesky", size: n * n) { (x, _) throws(TensorError) in
                guard let found = x.cholesky() else {
                    throw TensorError.wrongCall(
                        "cholesky", "a matrix is not positive definite", remedy: "add to its diagonal")
                }
                return found.elements
            }.unpacked(from: 0, n, n)
        } pullback: {
            { p in
                let inverse = p.output.inverse()
                let product = p.output.T.matmul(p.gradient)
                let lower = product.tril(diagonal: -1)
                let inner = lower + lower.T + product * p.output.identity
                return InputGradients(inverse.T.matmul(inner).matmul(inverse) * 0.5)
            }
        }
    }

    /// An identity matrix of this one's rows.
    var identity: Tensor {
        let n = shape[rank - 1]
        return (indices([n, 1]) .== indices([1, n])).cast(to: dtype)
    }
}

// MARK: - Factors

extension Tensor {
    /// `A = Q R` with orthonormal columns in Q: shape `[..., m, n]` gives `[..., m, k]` and `[..., k, n]`, k the smaller
    /// extent. Gradients where the first k columns are independent.
    ///
    /// Source: [torch.linalg.qr](https://pytorch.org/docs/stable/generated/torch.linalg.qr.html), with mode "reduced".
    public func qr(file: StaticString = #fileID, line: UInt = #line) -> (q: Tensor, r: Tensor) {
        if let failed = wrongMatrices("qr", isSquare: false, CallSite(file, line)) { return (failed, failed) }
        let a = self
        let (m, n) = (shape[rank - 2], shape[rank - 1])
        let k = Swift.min(m, n)
        let packed = Tensor.composite(a, savesOutput: true) {
            a.onHost("qr", size: (m + n) * k) { (x, _) throws(TensorError) in
                let (q, r) = x.qr()
                return q.elements + r.elements
            }
        } pullback: {
            { p in
                let (q, r) = (p.output.unpacked(from: 0, m, k), p.output.unpacked(from: m * k, k, n))
                let (gq, gr) = (p.gradient.unpacked(from: 0, m, k), p.gradient.unpacked(from: m * k, k, n))
                if m >= n { return InputGradients(Tensor.qrSlope(q, r, gq, gr)) }
                // Columns beyond the square are Q times R's.
                let last = a.rank - 1
                func columns(_ x: Tensor, _ start: Int, _ count: Int) -> Tensor {
                    x.narrowed(axis: last, start: start, count: count)
                }
                let beyond = columns(gr, m, n - m)
                let inner = gq + columns(a, m, n - m).matmul(beyond.T)
                let square = Tensor.qrSlope(q, columns(r, 0, m), inner, columns(gr, 0, m))
                return InputGradients(Tensor.concatenate([square, q.matmul(beyond)], axis: last))
            }
        }
        return (packed.unpacked(from: 0, m, k), packed.unpacked(from: m * k, k, n))
    }

    /// The gradient of a QR factorisation whose R is square.
    private static func qrSlope(_ q: Tensor, _ r: Tensor, _ gq: Tensor, _ gr: Tensor) -> Tensor {
        let product = r.matmul(gr.T) - gq.T.matmul(q)
        let symmetric = product.tril() + product.tril(diagonal: -1).T
        let right = gq + q.matmul(symmetric)
        // Solves X R^T = right.
        return r.solved(right.T).T
    }

    /// The eigenvalues of symmetric matrices in ascending order, and their eigenvectors as columns; the lower triangles are
    /// looked at. Gradients by the vectors are those of distinct values, and of what does not depend on their signs. All are NaN
    /// where an element of the lower triangle is not finite.
    ///
    /// Source: [torch.linalg.eigh](https://pytorch.org/docs/stable/generated/torch.linalg.eigh.html).
    public func eigh(file: StaticString = #fileID, line: UInt = #line) -> (values: Tensor, vectors: Tensor) {
        if let failed = wrongMatrices("eigh", isSquare: true, CallSite(file, line)) { return (failed, failed) }
        let a = self
        let n = shape[rank - 1]
        let batch = Array(shape.leading(rank - 2))
        let packed = Tensor.composite(a, savesOutput: true) {
            a.onHost("eigh", size: n + n * n) { (x, _) throws(TensorError) in
                let (values, vectors) = x.eigh()
                return values + vectors.elements
            }
        } pullback: {
            { p in
                let values = p.output.unpacked(from: 0, 1, n)
                let slopes = p.gradient.unpacked(from: 0, 1, n)
                let v = p.output.unpacked(from: n, n, n)
                let inner = v.T.matmul(p.gradient.unpacked(from: n, n, n))
                let unit = v.identity
                // Element i, j by value j less value i; the diagonal is the values' own.
                let gaps = (values - values.T) + unit
                let joined = (inner / gaps).kept(where: (unit .== 0.0).logicalAnd(inner .!= 0.0)) + slopes * unit
                return InputGradients(v.matmul(joined).matmul(v.T))
            }
        }
        return (packed.unpacked(from: 0, 1, n).viewed(as: Shape(batch + [n])), packed.unpacked(from: n, n, n))
    }

    /// `A = U diag(S) V^T`: the k singular values, the largest first, the left vectors as columns and the right ones as rows;
    /// shape `[..., m, n]` gives `[..., m, k]`, `[..., k]` and `[..., k, n]`. Gradients by the vectors are those of distinct
    /// values above 0, and of what does not depend on their signs. A read throws where an element is not finite.
    ///
    /// Source: [torch.linalg.svd](https://pytorch.org/docs/stable/generated/torch.linalg.svd.html), with
    /// `full_matrices=False`.
    public func svd(file: StaticString = #fileID, line: UInt = #line) -> (u: Tensor, s: Tensor, vt: Tensor) {
        if let failed = wrongMatrices("svd", isSquare: false, CallSite(file, line)) { return (failed, failed, failed) }
        let a = self
        let (m, n) = (shape[rank - 2], shape[rank - 1])
        let k = Swift.min(m, n)
        let batch = Array(shape.leading(rank - 2))
        let packed = Tensor.composite(a, savesOutput: true) {
            a.onHost("svd", size: (m + 1 + n) * k) { (x, _) throws(TensorError) in
                let (u, s, v) = try Tensor.finite(x, "svd").svd()
                return u.elements + s + v.transposed.elements
            }
        } pullback: {
            { p in InputGradients(Tensor.svdSlope(p.output, p.gradient, m, n, k)) }
        }
        return (
            packed.unpacked(from: 0, m, k), packed.unpacked(from: m * k, 1, k).viewed(as: Shape(batch + [k])),
            packed.unpacked(from: (m + 1) * k, k, n)
        )
    }

    private static func svdSlope(_ packed: Tensor, _ gradient: Tensor, _ m: Int, _ n: Int, _ k: Int) -> Tensor {
        func parts(_ x: Tensor) -> (u: Tensor, s: Tensor, vt: Tensor) {
            (x.unpacked(from: 0, m, k), x.unpacked(from: m * k, 1, k), x.unpacked(from: (m + 1) * k, k, n))
        }
        let (u, s, vt) = parts(packed)
        let (gu, gs, gvt) = parts(gradient)
        let unit = s.identity
        let squares = s.square()
        let gaps = (squares - squares.T) + unit
        func skew(_ x: Tensor) -> Tensor {
            let turn = x - x.T
            return (turn / gaps).kept(where: (unit .== 0.0).logicalAnd(turn .!= 0.0))
        }
        let left = skew(u.T.matmul(gu)) * s
        let right = s.T * skew(vt.matmul(gvt.T))
        let inner = left + right + gs * unit
        var slope = u.matmul(inner).matmul(vt)
        if m > k {
            let scaled = (gu / s).kept(where: gu .!= 0.0)
            slope = slope + (scaled - u.matmul(u.T.matmul(scaled))).matmul(vt)
        }
        if n > k {
            let scaled = (gvt / s.T).kept(where: gvt .!= 0.0)
            slope = slope + u.matmul(scaled - scaled.matmul(vt.T).matmul(vt))
        }
        return slope
    }

    /// The pseudo-inverses (Moore and Penrose): shape `[..., m, n]` gives `[..., n, m]`. Singular values of at most
    /// `tolerance` times the largest count as 0; unless given, the larger extent times the dtype's step at 1. A read throws
    /// where an element is not finite.
    ///
    /// Source: [torch.linalg.pinv](https://pytorch.org/docs/stable/generated/torch.linalg.pinv.html); the gradient is that of
    /// [Golub and Pereyra](https://doi.org/10.1137/0710036).
    public func pinv(tolerance: Double? = nil, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        if let failed = wrongMatrices("pinv", isSquare: false, CallSite(file, line)) { return failed }
        return pseudoInverse("pinv", tolerance)
    }

    private func pseudoInverse(_ name: String, _ tolerance: Double?) -> Tensor {
        let a = self
        let (m, n) = (shape[rank - 2], shape[rank - 1])
        let step = dtype == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne)
        let relative = tolerance ?? Double(Swift.max(m, n)) * step
        return Tensor.composite(a, savesOutput: true) {
            a.onHost(name, size: m * n) { (x, _) throws(TensorError) in
                let (u, s, v) = try Tensor.finite(x, name).svd()
                var result = HostMatrix.zeros(n, m)
                for (place, value) in s.enumerated() where value > relative * s[0] {
                    for row in 0..<n {
                        for column in 0..<m { result[row, column] += v[row, place] * u[column, place] / value }
                    }
                }
                return result.elements
            }.unpacked(from: 0, n, m)
        } pullback: {
            { p in
                let (x, g) = (p.output, p.gradient)
                let first = x.T.matmul(g).matmul(x.T) * -1
                // What leaves the columns' and the rows' space.
                let rows = g.T - a.matmul(x.matmul(g.T))
                let columns = g.T - g.T.matmul(x).matmul(a)
                let second = rows.matmul(x).matmul(x.T)
                let third = x.T.matmul(x).matmul(columns)
                return InputGradients(first + second + third)
            }
        }
    }

    /// The X whose `A X` is closest to B, this tensor being A; of several the shortest: shapes `[..., m, n]` and `[..., m, k]`
    /// give `[..., n, k]`. By the pseudo-inverse. A read throws where an element of A is not finite.
    ///
    /// Source: [torch.linalg.lstsq](https://pytorch.org/docs/stable/generated/torch.linalg.lstsq.html).
    public func lstsq(_ b: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        let site = CallSite(file, line)
        if let failed = wrongMatrices("lstsq", isSquare: false, site) { return failed }
        guard b.rank == rank, b.shape.leading(rank - 1) == shape.leading(rank - 1), b.dtype == dtype, shares(b) else {
            return invalid(
                "lstsq", "matrices \(dtype)\(shape) and right sides \(b.dtype)\(b.shape)",
                remedy: "use one dtype and device, equal batches, and as many rows", [self, b], at: site)
        }
        return pseudoInverse("lstsq", nil).matmul(b)
    }
}
