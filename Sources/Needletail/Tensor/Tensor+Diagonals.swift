import TensorGraph
import TensorRuntime

// Triangles and diagonals of matrices. Leading dimensions are a batch.

// MARK: - Triangles

extension Tensor {
    /// The matrices' elements on and below a diagonal, 0 elsewhere: 0 is the main one, 1 the one above it.
    ///
    /// Source: [torch.tril](https://pytorch.org/docs/stable/generated/torch.tril.html).
    public func tril(diagonal: Int = 0, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        triangle("tril", file, line) { $0 .<= diagonal }
    }

    /// The matrices' elements on and above a diagonal, 0 elsewhere: 0 is the main one, 1 the one above it.
    ///
    /// Source: [torch.triu](https://pytorch.org/docs/stable/generated/torch.triu.html).
    public func triu(diagonal: Int = 0, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        triangle("triu", file, line) { $0 .>= diagonal }
    }

    private func triangle(
        _ name: String, _ file: StaticString, _ line: UInt, _ isKept: (Tensor) -> Tensor
    ) -> Tensor {
        guard rank >= 2 else {
            return invalid(name, "shape \(shape)", remedy: "use a matrix, or a batch of them", [self], file, line)
        }
        return kept(where: isKept(columnsLessRows(shape[rank - 2], shape[rank - 1])))
    }

    /// `column - row` at each place of a matrix: the number of the diagonal on which it lies.
    private func columnsLessRows(_ rows: Int, _ columns: Int) -> Tensor {
        indices([1, columns]) - indices([rows, 1])
    }

    /// The elements where a mask is true, 0 (false) elsewhere; the two broadcast.
    func kept(where mask: Tensor) -> Tensor {
        let zero: Scalar = dtype.isFloat ? .float(0) : .int(0)
        return Tensor.select(mask, .tensor(self), .scalar(zero)).cast(to: dtype)
    }
}

// MARK: - Diagonals

extension Tensor {
    /// A matrix's diagonal as a vector, or a matrix of zeros with this vector on a diagonal.
    ///
    /// Source: [torch.diag](https://pytorch.org/docs/stable/generated/torch.diag.html).
    public func diag(diagonal: Int = 0, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard rank == 1 || rank == 2 else {
            return invalid("diag", "shape \(shape)", remedy: "use a vector or a matrix", [self], file, line)
        }
        return rank == 2
            ? self.diagonal(offset: diagonal, axis1: 0, axis2: 1, file: file, line: line)
            : diagEmbed(offset: diagonal, file: file, line: line)
    }

    /// The diagonals of the matrices in two axes, as the last axis of a view: shape `[n, m, k]` gives `[k, min(n, m)]` for
    /// axes 0 and 1. A positive offset lies above the main diagonal, a negative one below.
    ///
    /// Source: [torch.diagonal](https://pytorch.org/docs/stable/generated/torch.diagonal.html).
    public func diagonal(
        offset: Int = 0, axis1: Int = 0, axis2: Int = 1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank >= 2, let first = shape.normalizedAxis(axis1), let second = shape.normalizedAxis(axis2),
            first != second
        else {
            return invalid(
                "diagonal", "axes \(axis1) and \(axis2) of shape \(shape)", remedy: "name two axes of the tensor",
                [self], file, line)
        }
        let order = (0..<rank).filter { $0 != first && $0 != second }
        let matrices = permuted(Shape(order + [first, second]))
        let (n, m) = (shape[first], shape[second])
        let count = Swift.max(
            0, offset >= 0 ? Swift.min(n, offset >= m ? 0 : m - offset) : Swift.min(offset <= -n ? 0 : n + offset, m))
        // Row by row, neighbours on a diagonal are a row and one element apart.
        let flat = matrices.viewed(as: Shape(order.map { shape[$0] } + [n * m]))
        let start = count == 0 ? 0 : offset >= 0 ? offset : -offset * m
        return flat.narrowed(axis: rank - 2, start: start, count: count, step: count > 1 ? m + 1 : 1)
    }

    /// Matrices of zeros with the last axis's elements on a diagonal: shape `[k, n]` gives `[k, n, n]`, an offset more of
    /// rows and columns. `axis1` and `axis2` are the result's axes of rows and of columns.
    ///
    /// Source: [torch.diag_embed](https://pytorch.org/docs/stable/generated/torch.diag_embed.html).
    public func diagEmbed(
        offset: Int = 0, axis1: Int = -2, axis2: Int = -1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank > 0, rank < Shape.maximumRank else {
            return invalid(
                "diagEmbed", "shape \(shape)", remedy: "use a rank of 1 to \(Shape.maximumRank - 1)", [self], file, line
            )
        }
        let count = shape[rank - 1]
        let (size, overflows) = count.addingReportingOverflow(offset == .min ? .max : Swift.abs(offset))
        let target = Shape(shape.dropLast() + [size, size])
        guard !overflows, target.isValid else {
            return invalid(
                "diagEmbed", "offset \(offset) for shape \(shape)", remedy: Tensor.shapeRemedy, [self], file, line)
        }
        guard let rows = target.normalizedAxis(axis1), let columns = target.normalizedAxis(axis2), rows != columns
        else {
            return invalid(
                "diagEmbed", "axes \(axis1) and \(axis2) of a result of shape \(target)",
                remedy: "name two of its axes", [self], file, line)
        }
        // Element i is in row i on or above the main diagonal, in column i below it.
        let long = padded(axis: rank - 1, before: 0, after: size - count, value: dtype.isFloat ? .float(0) : .int(0))
        let spread = long.viewed(as: long.shape.inserting(1, at: offset >= 0 ? rank : rank - 1))
        let matrices = spread.expanded(to: target).kept(where: columnsLessRows(size, size) .== offset)
        var order = Array(0..<rank - 1)
        let places = [(rows, rank - 1), (columns, rank)].sorted { $0.0 < $1.0 }
        for (place, axis) in places { order.insert(axis, at: place) }
        return matrices.permuted(Shape(order))
    }

    /// The sum of a matrix's main diagonal, as a tensor of rank 0. bool and integers add up in int64.
    ///
    /// Source: [torch.trace](https://pytorch.org/docs/stable/generated/torch.trace.html).
    public func trace(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard rank == 2 else { return invalid("trace", "shape \(shape)", remedy: "use a matrix", [self], file, line) }
        return diagonal().sum()
    }
}
