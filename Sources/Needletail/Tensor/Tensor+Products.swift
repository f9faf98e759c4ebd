import TensorGraph
import TensorRuntime

// Products under the names of linear algebra, each for one kind of operands. `matmul` takes all of them.

// MARK: - Vectors

extension Tensor {
    /// The sum of the products of two vectors' elements, as a tensor of rank 0.
    ///
    /// Source: [torch.dot](https://pytorch.org/docs/stable/generated/torch.dot.html).
    public func dot(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard rank == 1, other.rank == 1, elementCount == other.elementCount else {
            return wrongProduct("dot", other, "use two vectors of one length", CallSite(file, line))
        }
        return Tensor.product(self, other, at: CallSite(file, line))
    }

    /// The products of each element of a vector with each of another: shapes `[n]` and `[m]` give `[n, m]`.
    ///
    /// Source: [torch.outer](https://pytorch.org/docs/stable/generated/torch.outer.html).
    public func outer(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard rank == 1, other.rank == 1 else {
            return wrongProduct("outer", other, "use two vectors", CallSite(file, line))
        }
        return Tensor.binary(
            .multiply, viewed(as: [elementCount, 1]), other, symbol: "outer", at: CallSite(file, line))
    }

    /// The sum of products over the last axes: shapes `[..., k]` and `[---, k]` give `[..., ---]`; of a number, the product.
    ///
    /// Source: [torch.inner](https://pytorch.org/docs/stable/generated/torch.inner.html).
    public func inner(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        if rank == 0 || other.rank == 0 {
            return Tensor.binary(.multiply, self, other, symbol: "inner", at: CallSite(file, line))
        }
        guard shape[rank - 1] == other.shape[other.rank - 1] else {
            return invalid(
                "inner", "shapes \(shape) and \(other.shape)", remedy: "use last axes of one extent", [self, other],
                file, line)
        }
        return contracted("inner", other, [rank - 1], [other.rank - 1], CallSite(file, line))
    }

    /// The sum of the products along an axis, broadcast.
    ///
    /// Source: [torch.linalg.vecdot](https://pytorch.org/docs/stable/generated/torch.linalg.vecdot.html).
    public func vecdot(
        _ other: Tensor, axis: Int = -1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let product = Tensor.binary(.multiply, self, other, symbol: "vecdot", at: CallSite(file, line))
        guard product.rank > 0, product.shape.normalizedAxis(axis) != nil else {
            return product.axisOutside("vecdot", axis, at: CallSite(file, line))
        }
        // A product of integers stays one of their dtype.
        return product.sum(axes: [axis]).cast(to: product.dtype)
    }

    /// The vector at right angles to two vectors of three elements, along an axis. The two broadcast.
    ///
    /// Source: [torch.linalg.cross](https://pytorch.org/docs/stable/generated/torch.linalg.cross.html).
    public func cross(
        _ other: Tensor, axis: Int = -1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard shares(other) else { return deviceMismatch("cross", other, at: CallSite(file, line)) }
        guard let target = shape.broadcast(with: other.shape), target.rank > 0,
            let index = target.normalizedAxis(axis), target[index] == 3, rank == other.rank, shape[index] == 3,
            other.shape[index] == 3
        else {
            return wrongProduct(
                "cross", other, "use shapes that broadcast, with 3 elements along axis \(axis)", CallSite(file, line))
        }
        func turned(_ x: Tensor, _ places: Int) -> Tensor { x.roll(-places, axis: index) }
        let left = turned(self, 1) * turned(other, 2)
        let right = turned(self, 2) * turned(other, 1)
        return left - right
    }
}

// MARK: - Matrices

extension Tensor {
    /// A matrix by a vector: shapes `[n, m]` and `[m]` give `[n]`.
    public func mv(_ vector: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard rank == 2, vector.rank == 1 else {
            return wrongProduct("mv", vector, "use a matrix and a vector", CallSite(file, line))
        }
        return Tensor.product(self, vector, at: CallSite(file, line))
    }

    /// A matrix by a matrix: shapes `[n, k]` and `[k, m]` give `[n, m]`.
    public func mm(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard rank == 2, other.rank == 2 else {
            return wrongProduct("mm", other, "use two matrices", CallSite(file, line))
        }
        return Tensor.product(self, other, at: CallSite(file, line))
    }

    /// Matrices by as many matrices: shapes `[b, n, k]` and `[b, k, m]` give `[b, n, m]`.
    public func bmm(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard rank == 3, other.rank == 3, shape[0] == other.shape[0] else {
            return wrongProduct("bmm", other, "use two batches of as many matrices", CallSite(file, line))
        }
        return Tensor.product(self, other, at: CallSite(file, line))
    }

    /// `beta * self + alpha * (a b)` of matrices; this tensor broadcasts to the product, and is not read where beta is 0.
    ///
    /// Source: [torch.addmm](https://pytorch.org/docs/stable/generated/torch.addmm.html).
    public func addmm(
        _ a: Tensor, _ b: Tensor, beta: Double = 1, alpha: Double = 1, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        added("addmm", a.mm(b, file: file, line: line), beta, alpha, CallSite(file, line))
    }

    /// `beta * self + alpha * (matrix vector)`.
    ///
    /// Source: [torch.addmv](https://pytorch.org/docs/stable/generated/torch.addmv.html).
    public func addmv(
        _ matrix: Tensor, _ vector: Tensor, beta: Double = 1, alpha: Double = 1, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        added("addmv", matrix.mv(vector, file: file, line: line), beta, alpha, CallSite(file, line))
    }

    /// `beta * self + alpha * (a outer b)` of vectors.
    ///
    /// Source: [torch.addr](https://pytorch.org/docs/stable/generated/torch.addr.html).
    public func addr(
        _ a: Tensor, _ b: Tensor, beta: Double = 1, alpha: Double = 1, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        added("addr", a.outer(b, file: file, line: line), beta, alpha, CallSite(file, line))
    }

    /// `beta * self + alpha * (a b)` of batches of matrices.
    ///
    /// Source: [torch.baddbmm](https://pytorch.org/docs/stable/generated/torch.baddbmm.html).
    public func baddbmm(
        _ a: Tensor, _ b: Tensor, beta: Double = 1, alpha: Double = 1, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        added("baddbmm", a.bmm(b, file: file, line: line), beta, alpha, CallSite(file, line))
    }

    /// `beta * self + alpha * (the sum of a batch's products a b)`: shapes `[n, k, m]` and `[n, m, p]` give `[k, p]`.
    ///
    /// Source: [torch.addbmm](https://pytorch.org/docs/stable/generated/torch.addbmm.html).
    public func addbmm(
        _ a: Tensor, _ b: Tensor, beta: Double = 1, alpha: Double = 1, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        let products = a.bmm(b, file: file, line: line)
        let total = products.rank == 3 ? products.cast(to: products.dtype.sumType).sum(axes: [0]) : products
        return added("addbmm", total.cast(to: products.dtype), beta, alpha, CallSite(file, line))
    }

    private func added(
        _ name: StaticString, _ product: Tensor, _ beta: Double, _ alpha: Double, _ site: CallSite
    ) -> Tensor {
        guard shape.broadcast(with: product.shape) == product.shape, shares(product) else {
            return invalid(
                "\(name)", "\(shape) on \(device) and a product of shape \(product.shape) on \(product.device)",
                remedy: "use a summand that broadcasts to the product", [self, product], at: site)
        }
        guard product.dtype.isFloat || (Int64(exactly: beta) != nil && Int64(exactly: alpha) != nil) else {
            return invalid(
                "\(name)", "factors \(beta) and \(alpha) of \(product.dtype)",
                remedy: "use whole factors for integers, or cast them, to(.float32)", [self, product], at: site)
        }
        func scaled(_ x: Tensor, _ factor: Double) -> Tensor {
            if factor == 1 { return x }
            let whole = x.dtype.isFloat ? nil : Int64(exactly: factor)
            let scalar: Scalar = whole.map { .int($0) } ?? .float(factor)
            return Tensor.binary(.multiply, x, scalar, symbol: name, at: site)
        }
        let right = scaled(product, alpha)
        if beta == 0 { return right }
        return Tensor.binary(.add, scaled(self, beta), right, symbol: name, at: site)
    }

    /// The product of each element with a whole tensor, laid side by side: shapes `[a, b]` and `[c, d]` give `[a * c, b * d]`.
    /// Missing axes lead.
    ///
    /// Source: [torch.kron](https://pytorch.org/docs/stable/generated/torch.kron.html).
    public func kron(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        let dimensions = Swift.max(rank, other.rank)
        guard dimensions <= Shape.maximumRank / 2 else {
            return wrongProduct("kron", other, "use a rank of \(Shape.maximumRank / 2) at most", CallSite(file, line))
        }
        let a = Shape([Int](repeating: 1, count: dimensions - rank) + Array(shape))
        let b = Shape([Int](repeating: 1, count: dimensions - other.rank) + Array(other.shape))
        let left = viewed(as: Shape(a.flatMap { [$0, 1] }))
        let right = other.viewed(as: Shape(b.flatMap { [1, $0] }))
        let product = Tensor.binary(.multiply, left, right, symbol: "kron", at: CallSite(file, line))
        // Poisoned, it has another shape.
        if product.elementCount != a.elementCount * b.elementCount { return product }
        return product.viewed(as: Shape(zip(a, b).map { $0 * $1 }))
    }

    /// The matrix multiplied by itself; power 0 is the identity, a negative one a power of the inverse. Leading dimensions
    /// are a batch.
    ///
    /// Source: [torch.matrix_power](https://pytorch.org/docs/stable/generated/torch.linalg.matrix_power.html).
    public func matrixPower(_ power: Int, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard rank >= 2, shape[rank - 1] == shape[rank - 2], power > .min else {
            return invalid(
                "matrixPower", "power \(power) of shape \(shape)",
                remedy: "use square matrices",
                [self], file, line)
        }
        if power == 0 {
            let n = shape[rank - 1]
            return (indices([n, 1]) .== indices([1, n])).cast(to: dtype).expanded(to: shape)
        }
        var factor = power < 0 ? inverse(file: file, line: line) : self
        var rest = Swift.abs(power)
        var result: Tensor?
        while rest > 0 {
            if rest & 1 == 1 { result = result.map { $0.matmul(factor, file: file, line: line) } ?? factor }
            rest >>= 1
            if rest > 0 { factor = factor.matmul(factor, file: file, line: line) }
        }
        return result ?? self
    }

    /// The product of several matrices, in the order of multiplication that takes the fewest operations. The first and the
    /// last may be vectors.
    ///
    /// Source: [torch.linalg.multi_dot](https://pytorch.org/docs/stable/generated/torch.linalg.multi_dot.html); the order is
    /// that of Cormen et al., Introduction to Algorithms, chapter 15.2.
    public static func multiDot(
        _ tensors: [Tensor], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard tensors.count >= 2 else {
            let one = tensors.first ?? concatenated([], axis: 0, for: "multiDot", at: CallSite(file, line))
            return one.invalid(
                "multiDot", "\(tensors.count) tensors", remedy: "pass at least two", tensors, file, line)
        }
        var matrices = tensors
        let last = tensors.count - 1
        let (isRow, isColumn) = (tensors[0].rank == 1, tensors[last].rank == 1)
        if isRow { matrices[0] = tensors[0].viewed(as: [1, tensors[0].elementCount]) }
        if isColumn { matrices[last] = tensors[last].viewed(as: [tensors[last].elementCount, 1]) }
        for (position, matrix) in matrices.enumerated()
        where matrix.rank != 2 || (position > 0 && matrices[position - 1].shape[1] != matrix.shape[0]) {
            return matrix.invalid(
                "multiDot", "shapes \(tensors.map { "\($0.shape)" }.joined(separator: ", "))",
                remedy: "use matrices, each with as many rows as the one before has columns", tensors, file, line)
        }
        let sizes = matrices.map { Double($0.shape[0]) } + [Double(matrices[last].shape[1])]
        // For each run of matrices, the operations and where it is cut.
        var cost = [[Double]](repeating: [Double](repeating: 0, count: last + 1), count: last + 1)
        var cut = [[Int]](repeating: [Int](repeating: 0, count: last + 1), count: last + 1)
        for length in 1...last {
            for start in 0...last - length {
                let end = start + length
                cost[start][end] = .infinity
                for middle in start..<end {
                    let own = sizes[start] * sizes[middle + 1] * sizes[end + 1]
                    let total = cost[start][middle] + cost[middle + 1][end] + own
                    if total < cost[start][end] { (cost[start][end], cut[start][end]) = (total, middle) }
                }
            }
        }
        func product(_ start: Int, _ end: Int) -> Tensor {
            if start == end { return matrices[start] }
            let middle = cut[start][end]
            return Tensor.product(product(start, middle), product(middle + 1, end), at: CallSite(file, line))
        }
        let result = product(0, last)
        guard (isRow || isColumn) && result.rank == 2 else { return result }
        return result.viewed(as: Shape((isRow ? [] : [result.shape[0]]) + (isColumn ? [] : [result.shape[1]])))
    }

    /// ``multiDot(_:file:line:)`` under its older name.
    public static func chainMatmul(
        _ tensors: [Tensor], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        multiDot(tensors, file: file, line: line)
    }
}

// MARK: - Contraction

extension Tensor {
    /// The sum of products over this tensor's last `axes` axes and the first ones of another: shapes `[a, b, c]` and
    /// `[b, c, d]` over 2 give `[a, d]`.
    ///
    /// Source: [torch.tensordot](https://pytorch.org/docs/stable/generated/torch.tensordot.html).
    public func tensordot(
        _ other: Tensor, axes: Int = 2, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard axes >= 0, axes <= rank, axes <= other.rank else {
            return wrongProduct(
                "tensordot", other, "sum over 0 to \(Swift.min(rank, other.rank)) axes", CallSite(file, line))
        }
        return contracted(
            "tensordot", other, Array(rank - axes..<rank), Array(0..<axes), CallSite(file, line))
    }

    /// The sum of products over pairs of axes; the others stay in their order, this tensor's first.
    public func tensordot(
        _ other: Tensor, axes: (own: [Int], other: [Int]), file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        contracted("tensordot", other, axes.own, axes.other, CallSite(file, line))
    }

    private func contracted(
        _ name: String, _ other: Tensor, _ ownAxes: [Int], _ otherAxes: [Int], _ site: CallSite
    ) -> Tensor {
        guard shares(other) else { return deviceMismatch(name, other, at: site) }
        let own = ownAxes.compactMap { rank > 0 ? shape.normalizedAxis($0) : nil }
        let others = otherAxes.compactMap { other.rank > 0 ? other.shape.normalizedAxis($0) : nil }
        guard own.count == ownAxes.count, others.count == otherAxes.count, own.count == others.count,
            Set(own).count == own.count, Set(others).count == others.count,
            zip(own, others).allSatisfy({ shape[$0] == other.shape[$1] || shape[$0] == 1 || other.shape[$1] == 1 })
        else {
            return wrongProduct(
                name, other, "name pairs of axes of one extent, each once (found \(ownAxes) and \(otherAxes))", site)
        }
        // As in PyTorch, an extent of 1 beside a longer one is repeated: the longer one is summed.
        var (x, y) = (self, other)
        for (a, b) in zip(own, others) where x.shape[a] != y.shape[b] {
            if x.shape[a] == 1 {
                y = y.numeric.folded(.sum, 1 << UInt8(b))
            } else {
                x = x.numeric.folded(.sum, 1 << UInt8(a))
            }
        }
        let left = (0..<rank).filter { !own.contains($0) }
        let right = (0..<other.rank).filter { !others.contains($0) }
        let rest = Shape(left.map { shape[$0] } + right.map { other.shape[$0] })
        guard left.count + right.count <= Shape.maximumRank, rest.isValid else {
            return wrongProduct(name, other, "the result has too many elements or dimensions", site)
        }
        let count = own.reduce(1) { $0 * x.shape[$1] }
        let rows = left.reduce(1) { $0 * shape[$1] }
        let columns = right.reduce(1) { $0 * other.shape[$1] }
        let a = x.permuted(Shape(left + own)).viewed(as: [rows, count])
        let b = y.permuted(Shape(others + right)).viewed(as: [count, columns])
        let product = Tensor.product(a, b, at: site)
        return product.elementCount == rest.elementCount ? product.viewed(as: rest) : product
    }

    /// The tensor as numbers that add up.
    var numeric: Tensor { dtype == .bool ? cast(to: .int64) : self }

    /// The error of operands that do not fit a product.
    private func wrongProduct(_ name: String, _ other: Tensor, _ remedy: String, _ site: CallSite) -> Tensor {
        invalid(name, "shapes \(shape) and \(other.shape)", remedy: remedy, [self, other], at: site)
    }
}
