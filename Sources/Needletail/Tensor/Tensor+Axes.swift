import TensorGraph
import TensorRuntime

// Axes moved, split and joined: views, and concatenations of them.

// MARK: - Order

extension Tensor {
    /// Moves axes to other places; the others keep their order.
    ///
    /// Source: [torch.movedim](https://pytorch.org/docs/stable/generated/torch.movedim.html).
    public func movedim(
        _ source: [Int], _ destination: [Int], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let from = source.compactMap { shape.normalizedAxis($0) }
        let to = destination.compactMap { shape.normalizedAxis($0) }
        guard from.count == source.count, to.count == destination.count, from.count == to.count,
            Set(from).count == from.count, Set(to).count == to.count
        else {
            return invalid(
                "movedim", "axes \(source) of shape \(shape) to \(destination)",
                remedy: "name as many axes as places, each once", [self], file, line)
        }
        if rank == 0 { return self }
        var order = (0..<rank).filter { !from.contains($0) }
        for (place, axis) in zip(to, from).sorted(by: { $0.0 < $1.0 }) { order.insert(axis, at: place) }
        return permuted(Shape(order))
    }

    /// Moves one axis to another place; the others keep their order. Negative numbers count from the end.
    public func movedim(
        _ source: Int, _ destination: Int, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        movedim([source], [destination], file: file, line: line)
    }

    /// ``movedim(_:_:file:line:)-([Int],_,_,_)`` under NumPy's name.
    public func moveAxis(
        _ source: Int, _ destination: Int, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        movedim([source], [destination], file: file, line: line)
    }

    /// Exchanges two axes: ``transpose(_:_:file:line:)`` under NumPy's name.
    public func swapAxes(_ a: Int, _ b: Int, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        transpose(a, b, file: file, line: line)
    }

    /// The elements of the axes in reverse order; none named leaves the tensor as it is.
    ///
    /// Source: [torch.flip](https://pytorch.org/docs/stable/generated/torch.flip.html).
    public func flip(_ axes: [Int], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard let mask = axisMask(axes, in: shape) else {
            return invalid(
                "flip", "axes \(axes) of shape \(shape)", remedy: "name axes that the tensor has, each once", [self],
                file, line)
        }
        return axes.isEmpty ? self : flipped(mask)
    }

    /// Rows from left to right reversed: axis 1.
    public func fliplr(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard rank >= 2 else {
            return invalid("fliplr", "shape \(shape)", remedy: "use a rank of 2 at least", [self], file, line)
        }
        return flipped(2)
    }

    /// Columns from top to bottom reversed: axis 0.
    public func flipud(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard rank >= 1 else {
            return invalid("flipud", "shape \(shape)", remedy: "use a rank of 1 at least", [self], file, line)
        }
        return flipped(1)
    }

    /// Turns the plane of two axes by 90 degrees, `count` times, from the first axis towards the second; a negative count
    /// turns the other way.
    ///
    /// Source: [torch.rot90](https://pytorch.org/docs/stable/generated/torch.rot90.html).
    public func rot90(
        _ count: Int = 1, axes: (Int, Int) = (0, 1), file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank >= 2, let first = shape.normalizedAxis(axes.0), let second = shape.normalizedAxis(axes.1),
            first != second
        else {
            return invalid(
                "rot90", "axes \(axes.0) and \(axes.1) of shape \(shape)", remedy: "name two axes of the tensor",
                [self], file, line)
        }
        let (a, b) = (UInt8(1) << UInt8(first), UInt8(1) << UInt8(second))
        let quarters = ((count % 4) + 4) % 4
        if quarters == 0 { return self }
        if quarters == 2 { return flipped(a | b) }
        return flipped(quarters == 1 ? b : a).transpose(first, second)
    }
}

// MARK: - Parts

extension Tensor {
    /// The slices along an axis, without it: shape `[n, d]` gives n views of shape `[d]`.
    ///
    /// Source: [torch.unbind](https://pytorch.org/docs/stable/generated/torch.unbind.html).
    public func unbind(axis: Int = 0, file: StaticString = #fileID, line: UInt = #line) -> [Tensor] {
        guard rank > 0, let index = shape.normalizedAxis(axis) else {
            return [axisOutside("unbind", axis, at: CallSite(file, line))]
        }
        return (0..<shape[index]).map {
            narrowed(axis: index, start: $0, count: 1).viewed(as: shape.removing(axis: index))
        }
    }

    /// Views of these many elements along an axis, which add up to its extent.
    ///
    /// Source: [torch.split](https://pytorch.org/docs/stable/generated/torch.split.html).
    public func split(
        sizes: [Int], axis: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> [Tensor] {
        guard rank > 0, let index = shape.normalizedAxis(axis) else {
            return [axisOutside("split", axis, at: CallSite(file, line))]
        }
        let total = sizes.reduce(0) { $0.addingReportingOverflow($1).partialValue }
        guard sizes.allSatisfy({ (0...shape[index]).contains($0) }), total == shape[index] else {
            return [
                invalid(
                    "split", "sizes \(sizes) of axis \(axis) of shape \(shape)",
                    remedy: "use sizes of at least 0 that add up to \(shape[index])", [self], file, line)
            ]
        }
        var start = 0
        return sizes.map { size in
            defer { start += size }
            return narrowed(axis: index, start: start, count: size)
        }
    }

    /// `sections` views along an axis, the first ones longer by 1 where it does not divide.
    ///
    /// Source: [torch.tensor_split](https://pytorch.org/docs/stable/generated/torch.tensor_split.html).
    public func tensorSplit(
        _ sections: Int, axis: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> [Tensor] {
        guard rank > 0, let index = shape.normalizedAxis(axis) else {
            return [axisOutside("tensorSplit", axis, at: CallSite(file, line))]
        }
        guard sections > 0 else {
            return [
                invalid("tensorSplit", "\(sections) sections", remedy: "ask for at least 1", [self], file, line)
            ]
        }
        let (size, longer) = shape[index].quotientAndRemainder(dividingBy: sections)
        return split(sizes: (0..<sections).map { size + ($0 < longer ? 1 : 0) }, axis: index)
    }

    /// The views of an axis between these places, as ranges of it: `[2, 5]` gives `..<2`, `2..<5` and `5...`. A negative
    /// place counts from the end, and places are cut off at the axis.
    public func tensorSplit(
        at places: [Int], axis: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> [Tensor] {
        guard rank > 0, let index = shape.normalizedAxis(axis) else {
            return [axisOutside("tensorSplit", axis, at: CallSite(file, line))]
        }
        let extent = shape[index]
        let ends = places.map { Swift.min(Swift.max($0 < 0 ? $0 + extent : $0, 0), extent) } + [extent]
        var start = 0
        return ends.map { end in
            defer { start = end }
            return narrowed(axis: index, start: Swift.min(start, end), count: Swift.max(end - start, 0))
        }
    }

    /// An axis as several, whose product is its extent; one of them may be -1.
    ///
    /// Source: [torch.unflatten](https://pytorch.org/docs/stable/generated/torch.unflatten.html).
    public func unflatten(
        axis: Int, sizes: [Int], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank > 0, let index = shape.normalizedAxis(axis) else {
            return axisOutside("unflatten", axis, at: CallSite(file, line))
        }
        var sizes = sizes
        let known = sizes.reduce(1) { $1 == -1 ? $0 : $0.multipliedReportingOverflow(by: $1).partialValue }
        if let open = sizes.firstIndex(of: -1), known > 0, shape[index] % known == 0 {
            sizes[open] = shape[index] / known
        }
        guard !sizes.isEmpty, rank - 1 + sizes.count <= Shape.maximumRank, Shape(sizes).isValid,
            Shape(sizes).elementCount == shape[index]
        else {
            return invalid(
                "unflatten", "axis \(axis) of shape \(shape) to \(sizes)",
                remedy: "the sizes' product must be \(shape[index]), and the rank \(Shape.maximumRank) at most", [self],
                file, line)
        }
        return viewed(as: Shape(shape[..<index] + sizes + shape[(index + 1)...]))
    }
}

// MARK: - Ranks

extension Tensor {
    /// At least one dimension: rank 0 becomes `[1]`.
    public func atLeast1d() -> Tensor { rank == 0 ? viewed(as: [1]) : self }

    /// At least two dimensions: shape `[n]` becomes `[1, n]`.
    public func atLeast2d() -> Tensor { rank < 2 ? viewed(as: [1, elementCount]) : self }

    /// At least three dimensions: shape `[n]` becomes `[1, n, 1]`, and `[n, m]` `[n, m, 1]`.
    public func atLeast3d() -> Tensor {
        if rank > 2 { return self }
        return viewed(as: rank == 2 ? [shape[0], shape[1], 1] : [1, elementCount, 1])
    }

    /// ``expand(_:file:line:)-(Shape,_,_)`` under NumPy's name.
    public func broadcastTo(_ target: Shape, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        expand(target, file: file, line: line)
    }

    /// Tensors side by side: along axis 1, vectors along axis 0.
    ///
    /// Source: [torch.hstack](https://pytorch.org/docs/stable/generated/torch.hstack.html).
    public static func hstack(_ tensors: [Tensor], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        let parts = tensors.map { $0.atLeast1d() }
        return concatenated(parts, axis: parts.first?.rank == 1 ? 0 : 1, for: "hstack", at: CallSite(file, line))
    }

    /// Tensors one below the other, along axis 0; vectors are rows.
    ///
    /// Source: [torch.vstack](https://pytorch.org/docs/stable/generated/torch.vstack.html).
    public static func vstack(_ tensors: [Tensor], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        concatenated(tensors.map { $0.atLeast2d() }, axis: 0, for: "vstack", at: CallSite(file, line))
    }

    /// Tensors one behind the other, along axis 2, which matrices get.
    ///
    /// Source: [torch.dstack](https://pytorch.org/docs/stable/generated/torch.dstack.html).
    public static func dstack(_ tensors: [Tensor], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        concatenated(tensors.map { $0.atLeast3d() }, axis: 2, for: "dstack", at: CallSite(file, line))
    }

    /// Vectors as the columns of a matrix, beside matrices.
    ///
    /// Source: [torch.column_stack](https://pytorch.org/docs/stable/generated/torch.column_stack.html).
    public static func columnStack(
        _ tensors: [Tensor], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        concatenated(
            tensors.map { $0.rank < 2 ? $0.viewed(as: [$0.elementCount, 1]) : $0 }, axis: 1, for: "columnStack",
            at: CallSite(file, line))
    }
}
