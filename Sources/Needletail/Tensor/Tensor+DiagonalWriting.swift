import TensorGraph
import TensorRuntime

// Tensors with other diagonals, block matrices, and sums down to a shape.

extension Tensor {
    /// The matrix of zeros with all elements of this tensor, row-major, on a diagonal.
    ///
    /// Source: [torch.diagflat](https://pytorch.org/docs/stable/generated/torch.diagflat.html).
    public func diagflat(offset: Int = 0, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        viewed(as: [elementCount]).diagEmbed(offset: offset, file: file, line: line)
    }

    /// This tensor with `source` in place of what ``diagonal(offset:axis1:axis2:file:line:)`` gives, of that shape.
    ///
    /// Source: [torch.diagonal_scatter](https://pytorch.org/docs/stable/generated/torch.diagonal_scatter.html).
    public func diagonalScatter(
        _ source: Tensor, offset: Int = 0, axis1: Int = 0, axis2: Int = 1, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        let part = diagonal(offset: offset, axis1: axis1, axis2: axis2, file: file, line: line)
        guard rank >= 2, let first = shape.normalizedAxis(axis1), let second = shape.normalizedAxis(axis2),
            first != second
        else { return part }
        guard source.shape == part.shape, source.dtype == dtype, shares(source) else {
            return invalid(
                "diagonalScatter", "a source \(source.dtype)\(source.shape) for a diagonal \(dtype)\(part.shape)",
                remedy: "use the diagonal's shape, dtype and device", [self, source], file, line)
        }
        if part.elementCount == 0 { return self }
        let order = (0..<rank).filter { $0 != first && $0 != second } + [first, second]
        let (n, m) = (shape[first], shape[second])
        let matrices = permuted(Shape(order))
        // Element i of the source is in row i on or above the main diagonal, in column i below it.
        let rows = matrices.indices([n, 1])
        let columns = matrices.indices([1, m])
        let isHere = (columns - rows) .== offset
        let place = offset >= 0 ? rows.expanded(to: [n, m]) : columns.expanded(to: [n, m])
        let inside = Tensor.select(isHere, .tensor(place), .scalar(.int(0))).viewed(as: [n * m])
        var lines = Shape(part.shape.dropLast() + [n * m])
        let spread = source.gathered(axis: part.rank - 1, inside.along(part.rank - 1, of: lines))
        lines = matrices.shape
        let changed = Tensor.select(isHere, .tensor(spread.viewed(as: lines)), .tensor(matrices))
        var back = Shape(repeating: 0, rank: rank)
        for (place, axis) in order.enumerated() { back[axis] = place }
        return changed.permuted(back)
    }

    /// This matrix with a number on its main diagonal, or, of more axes of one extent, where all places are equal.
    ///
    /// Source: [torch.Tensor.fill_diagonal_](https://pytorch.org/docs/stable/generated/torch.Tensor.fill_diagonal_.html).
    ///
    /// - Parameter wraps: whether in a matrix with more rows than columns the diagonal begins anew after a row without one.
    public func fillDiagonal(
        _ value: some ScalarOperand, wraps: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank >= 2, rank == 2 || Set(shape).count == 1 else {
            return invalid(
                "fillDiagonal", "shape \(shape)", remedy: "use a matrix, or axes of one extent", [self], file, line)
        }
        let columns = shape[rank - 1]
        let number = indices(shape)
        // Row-major, the diagonal's elements are as far apart as one step along all axes.
        let strides = shape.contiguousStrides
        let step = strides.reduce(0, +)
        let isDue = number.remainder(step) .== 0
        let isWithin = wraps && rank == 2 ? isDue : isDue.logicalAnd(number .< columns * step)
        return masked(where: isWithin, with: value, file: file, line: line)
    }

    /// The matrix of these as blocks along its diagonal, and zeros beside them. Numbers and vectors are matrices of one row.
    ///
    /// Source: [torch.block_diag](https://pytorch.org/docs/stable/generated/torch.block_diag.html).
    public static func blockDiag(
        _ tensors: [Tensor], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard let first = tensors.first else {
            return concatenated([], axis: 0, for: "blockDiag", at: CallSite(file, line))
        }
        for tensor in tensors where tensor.rank > 2 || !tensor.shares(first) {
            return first.invalid(
                "blockDiag", "a tensor \(tensor.shape) on \(tensor.device)", remedy: "use matrices on one device",
                tensors, file, line)
        }
        let type = tensors.reduce(first.dtype) { $0.promoted(with: $1.dtype) }
        let blocks = tensors.map { $0.atLeast2d().cast(to: type) }
        let width = blocks.reduce(0) { $0 + $1.shape[1] }
        var start = 0
        let rows = blocks.map { block in
            defer { start += block.shape[1] }
            return block.padded(
                axis: 1, before: start, after: width - start - block.shape[1],
                value: type.isFloat ? .float(0) : .int(0))
        }
        return concatenate(rows, axis: 0, file: file, line: line)
    }

    /// The sum over what this tensor has more than a shape, which broadcasts to its own: of the axes that are 1 there, or missing.
    ///
    /// Source: [torch.Tensor.sum_to_size](https://pytorch.org/docs/stable/generated/torch.Tensor.sum_to_size.html).
    public func sumToSize(_ target: Shape, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard target.isValid, target.broadcast(with: shape) == shape else {
            return invalid(
                "sumToSize", "shape \(shape) to \(target)", remedy: "use a shape that broadcasts to the tensor's",
                [self],
                file, line)
        }
        let extra = rank - target.rank
        let axes = (0..<rank).filter { $0 < extra || target[$0 - extra] == 1 && shape[$0] != 1 }
        if axes.isEmpty { return viewed(as: target) }
        return sum(axes: axes, keepDims: true, file: file, line: line).viewed(as: target)
    }

    /// The places of the elements that are not 0, as ``nonzero()``, cut off or filled up with rows of `fill` to `size` rows.
    ///
    /// Source: [torch.nonzero_static](https://pytorch.org/docs/stable/generated/torch.nonzero_static.html).
    public func nonzeroStatic(
        size: Int, fill: Int = -1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard ([size, rank] as Shape).isValid else {
            return invalid("nonzeroStatic", "\(size) rows", remedy: "use a size of at least 0", [self], file, line)
        }
        let rows = nonzero()
        let count = rows.rank == 2 ? rows.shape[0] : 0
        if count >= size { return rows.narrowed(axis: 0, start: 0, count: size) }
        return rows.padded(axis: 0, before: 0, after: size - count, value: .int(Int64(fill)))
    }
}
