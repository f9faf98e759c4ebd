import TensorGraph
import TensorRuntime

extension Tensor {
    /// Joins tensors of one dtype along an axis; the other extents are equal. Shapes `[a, n]`, `[b, n]` give `[a + b, n]`.
    public static func concatenate(
        _ tensors: [Tensor], axis: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        concatenated(tensors, axis: axis, for: "concatenate", at: CallSite(file, line))
    }

    /// ``concatenate(_:axis:file:line:)`` under the name that the user called.
    static func concatenated(_ tensors: [Tensor], axis: Int, for name: String, at site: CallSite) -> Tensor {
        guard let first = tensors.first else {
            return invalidCreation(
                name, "there are no tensors", remedy: "pass at least one", shape: [0], dtype: .float32, device: nil,
                at: site)
        }
        guard first.rank > 0, let index = first.shape.normalizedAxis(axis) else {
            return first.axisOutside(name, axis, at: site)
        }
        var shape = first.shape
        var type = first.dtype
        for tensor in tensors.dropFirst() {
            guard tensor.shares(first) else {
                return first.deviceMismatch(name, tensor, at: site)
            }
            guard tensor.rank == first.rank, tensor.shape.removing(axis: index) == first.shape.removing(axis: index)
            else {
                return first.invalid(
                    name, "shapes \(first.shape) and \(tensor.shape) along axis \(axis)",
                    remedy: "all other extents must be equal", tensors, at: site)
            }
            shape[index] += tensor.shape[index]
            type = type.promoted(with: tensor.dtype)
            guard shape.isValid else {
                return first.invalid(name, "a result of shape \(shape)", remedy: shapeRemedy, tensors, at: site)
            }
        }
        return joined(tensors.map { $0.cast(to: type) }, axis: index, shape: shape)
    }

    /// The concatenation node. `parts` have one dtype, and fit; empty ones among them have a gradient, but no place.
    static func joined(_ parts: [Tensor], axis: Int, shape: Shape) -> Tensor {
        let filled = parts.filter { $0.elementCount > 0 }
        var function: GradientFunction?
        if parts.contains(where: \.requiresGrad), ExecutionContext.current.recordsGradients {
            if parts.count == 1 { return parts[0] }
            let extents = parts.map { $0.shape[axis] }
            let links = GradientFunction.Links(more: parts.map(\.gradientFunction)) { p in
                var start = 0
                return InputGradients(
                    all: extents.map { extent in
                        defer { start += extent }
                        return p.gradient.narrowed(axis: axis, start: start, count: extent)
                    })
            }
            function = GradientFunction(links)
        }
        let context = parts[0].context
        let type = parts[0].dtype
        switch filled.count {
        case 0: return Tensor(context.trace(.fill, shape: shape, dtype: type, tag: function))
        case 1: return function == nil ? filled[0] : Tensor(filled[0].handle.retagged(function))
        default:
            return Tensor(
                context.trace(
                    .concatenate(axis: axis), shape: shape, dtype: type, more: filled.map(\.handle), tag: function))
        }
    }

    /// Joins tensors of one shape along a new axis.
    public static func stack(
        _ tensors: [Tensor], axis: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        for tensor in tensors where tensor.shape != tensors[0].shape {
            return tensor.invalid(
                "stack", "shapes \(tensors[0].shape) and \(tensor.shape)", remedy: "all shapes must be equal", tensors,
                file, line)
        }
        let site = CallSite(file, line)
        guard let first = tensors.first else { return concatenated([], axis: 0, for: "stack", at: site) }
        let rank = first.rank + 1
        guard axis >= -rank, axis < rank, rank <= Shape.maximumRank else {
            return first.invalid(
                "stack", "axis \(axis) for shape \(first.shape)",
                remedy: "use an axis in \(-rank)..<\(rank), and rank \(Shape.maximumRank) at most", tensors, at: site)
        }
        let place = axis < 0 ? axis + rank : axis
        let rows = tensors.map { $0.viewed(as: $0.shape.inserting(1, at: place)) }
        return concatenated(rows, axis: place, for: "stack", at: site)
    }

    /// Views of `size` elements along an axis each, the last of what remains.
    public func split(
        _ size: Int, axis: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> [Tensor] {
        guard rank > 0, let index = shape.normalizedAxis(axis) else {
            return [axisOutside("split", axis, at: CallSite(file, line))]
        }
        guard size > 0 else {
            return [invalid("split", "size \(size)", remedy: "use a size of at least 1", [self], file, line)]
        }
        let extent = shape[index]
        return stride(from: 0, to: Swift.max(extent, 1), by: Swift.min(size, Swift.max(extent, 1))).map {
            narrowed(axis: index, start: $0, count: Swift.min(size, extent - $0))
        }
    }

    /// At most `count` views of equal size along an axis; the last may be smaller.
    public func chunk(
        _ count: Int, axis: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> [Tensor] {
        guard rank > 0, let index = shape.normalizedAxis(axis) else {
            return [axisOutside("chunk", axis, at: CallSite(file, line))]
        }
        guard count > 0 else {
            return [invalid("chunk", "\(count) chunks", remedy: "ask for at least 1", [self], file, line)]
        }
        let size = shape[index] == 0 ? 1 : (shape[index] - 1) / count + 1
        return split(size, axis: index, file: file, line: line)
    }

    /// Adds elements of one value around the tensor: a pair for each of the last axes, in the order of the axes.
    public func pad(
        _ widths: [(before: Int, after: Int)], value: Double = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard widths.count <= rank, widths.allSatisfy({ $0.before >= 0 && $0.after >= 0 }) else {
            return invalid(
                "pad", "\(widths.map { "(\($0.before), \($0.after))" }.joined(separator: ", ")) for shape \(shape)",
                remedy: "pass at most one pair of non-negative widths an axis", [self], file, line)
        }
        var result = self
        let fill: Scalar? = dtype.isFloat ? .float(value) : Int64(exactly: value).map { .int($0) }
        guard let fill, fill.fits(dtype) else {
            return invalid(
                "pad", "value \(value) for a tensor of \(dtype)", remedy: "use a value that the dtype holds", [self],
                file, line)
        }
        var target = shape
        for (position, width) in widths.enumerated() {
            let axis = rank - widths.count + position
            let (padding, overflows) = width.before.addingReportingOverflow(width.after)
            let (extent, exceeds) = target[axis].addingReportingOverflow(padding)
            target[axis] = overflows || exceeds ? .max : extent
        }
        guard target.isValid else {
            return invalid("pad", "a result of shape \(target)", remedy: Tensor.shapeRemedy, [self], file, line)
        }
        for (position, width) in widths.enumerated() {
            result = result.padded(
                axis: rank - widths.count + position, before: width.before, after: width.after, value: fill)
        }
        return result
    }

    /// Adds elements of one value before and after along one axis.
    func padded(axis: Int, before: Int, after: Int, value: Scalar) -> Tensor {
        if before == 0 && after == 0 { return self }
        var target = shape
        target[axis] += before + after
        var parts: [Tensor] = []
        var edge = shape
        if before > 0 {
            edge[axis] = before
            parts.append(filled(edge, value, dtype: dtype))
        }
        parts.append(self)
        if after > 0 {
            edge[axis] = after
            parts.append(filled(edge, value, dtype: dtype))
        }
        return Tensor.joined(parts, axis: axis, shape: target)
    }

    /// The elements `start..<start + count` of an axis, as a view.
    public func narrow(
        axis: Int, start: Int, count: Int, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank > 0, let index = shape.normalizedAxis(axis) else {
            return axisOutside("narrow", axis, at: CallSite(file, line))
        }
        guard start >= 0, count >= 0, start <= shape[index], count <= shape[index] - start else {
            return invalid(
                "narrow", "\(count) elements from \(start) on of axis \(axis) of shape \(shape)",
                remedy: "stay within the axis", [self], file, line)
        }
        return narrowed(axis: index, start: start, count: count)
    }

    func narrowed(axis: Int, start: Int, count: Int, step: Int = 1) -> Tensor {
        var starts = Shape(repeating: 0, rank: rank)
        var steps = Shape(repeating: 1, rank: rank)
        var extents = shape
        starts[axis] = start
        steps[axis] = step
        extents[axis] = count
        return sliced(starts: starts, extents: extents, steps: steps)
    }
}
