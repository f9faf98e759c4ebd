import TensorGraph
import TensorRuntime

// Elements more than once, or at other places.

/// Which of a grid's first two axes the first tensor runs along.
public enum GridIndexing: Sendable {
    /// The first along axis 0, as rows of a matrix.
    case ij
    /// The first along axis 1, as x in a picture, and the second along axis 0.
    case xy
}

extension Tensor {
    /// The coordinates of a grid: for each vector a tensor of the grid's shape in which it runs along its own axis. Vectors
    /// of lengths n and m give two views of shape `[n, m]`, with ``GridIndexing/xy`` `[m, n]`.
    ///
    /// Source: [torch.meshgrid](https://pytorch.org/docs/stable/generated/torch.meshgrid.html).
    public static func meshgrid(
        _ tensors: [Tensor], indexing: GridIndexing = .ij, file: StaticString = #fileID, line: UInt = #line
    ) -> [Tensor] {
        guard let first = tensors.first else { return [] }
        for tensor in tensors where tensor.rank > 1 || tensor.dtype != first.dtype || !tensor.shares(first) {
            return [
                first.invalid(
                    "meshgrid",
                    "\(tensor.dtype)\(tensor.shape) on \(tensor.device) beside \(first.dtype)\(first.shape)",
                    remedy: "use vectors of one dtype on one device", tensors, file, line)
            ]
        }
        guard tensors.count <= Shape.maximumRank else {
            return [
                first.invalid(
                    "meshgrid", "\(tensors.count) tensors", remedy: "use \(Shape.maximumRank) at most", tensors, file,
                    line)
            ]
        }
        let swaps = indexing == .xy && tensors.count > 1
        func axis(_ position: Int) -> Int { swaps && position < 2 ? 1 - position : position }
        var target = Shape(repeating: 1, rank: tensors.count)
        for (position, tensor) in tensors.enumerated() { target[axis(position)] = tensor.elementCount }
        guard target.isValid else {
            return [
                first.invalid("meshgrid", "a grid of shape \(target)", remedy: shapeRemedy, tensors, file, line)
            ]
        }
        return tensors.enumerated().map { $1.along(axis($0), of: target) }
    }

    /// The elements moved on by `shift` places, those beyond the end to the beginning: along an axis, or of all elements,
    /// row-major.
    ///
    /// Source: [torch.roll](https://pytorch.org/docs/stable/generated/torch.roll.html).
    public func roll(
        _ shift: Int, axis: Int? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard let axis else { return viewed(as: [elementCount]).rolled(shift, 0).viewed(as: shape) }
        return roll(shifts: [shift], axes: [axis], file: file, line: line)
    }

    /// ``roll(_:axis:file:line:)`` along several axes; of one named twice, by the sum.
    public func roll(
        shifts: [Int], axes: [Int], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard shifts.count == axes.count else {
            return invalid(
                "roll", "\(shifts.count) shifts along \(axes.count) axes", remedy: "name an axis for each shift",
                [self],
                file, line)
        }
        var result = self
        for (shift, axis) in zip(shifts, axes) {
            guard rank > 0, let index = shape.normalizedAxis(axis) else {
                return axisOutside("roll", axis, at: CallSite(file, line))
            }
            result = result.rolled(shift, index)
        }
        return result
    }

    private func rolled(_ shift: Int, _ axis: Int) -> Tensor {
        let extent = shape[axis]
        guard extent > 0 else { return self }
        let places = ((shift % extent) + extent) % extent
        if places == 0 { return self }
        return Tensor.concatenate(
            [
                narrowed(axis: axis, start: extent - places, count: places),
                narrowed(axis: axis, start: 0, count: extent - places),
            ], axis: axis)
    }

    /// The tensor side by side with itself, `counts` times along each axis: shape `[2, 3]` by 2 and 4 gives `[4, 12]`. More
    /// counts than axes add leading axes.
    ///
    /// Source: [torch.Tensor.repeat](https://pytorch.org/docs/stable/generated/torch.Tensor.repeat.html).
    public func `repeat`(_ counts: [Int], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        repeated("repeat", counts, at: CallSite(file, line))
    }

    /// As above: `x.repeat(2, 4)`.
    public func `repeat`(_ counts: Int..., file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        repeated("repeat", counts, at: CallSite(file, line))
    }

    /// ``repeat(_:file:line:)-(Int...,_,_)`` in which fewer counts than axes are of the last ones.
    ///
    /// Source: [torch.tile](https://pytorch.org/docs/stable/generated/torch.tile.html).
    public func tile(_ counts: [Int], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        let lead = Swift.max(0, rank - counts.count)
        return repeated("tile", [Int](repeating: 1, count: lead) + counts, at: CallSite(file, line))
    }

    /// As above: `x.tile(2, 4)`.
    public func tile(_ counts: Int..., file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        tile(counts, file: file, line: line)
    }

    private func repeated(_ name: String, _ counts: [Int], at site: CallSite) -> Tensor {
        guard counts.count >= rank, counts.count <= Shape.maximumRank, counts.allSatisfy({ $0 >= 0 }) else {
            return invalid(
                name, "counts \(counts) for shape \(shape)",
                remedy: "pass one of at least 0 for each axis, and \(Shape.maximumRank) at most", [self], at: site)
        }
        let source = Shape([Int](repeating: 1, count: counts.count - rank) + Array(shape))
        let target = Shape(zip(source, counts).map { $0.multipliedReportingOverflow(by: $1) }.map { $1 ? .max : $0 })
        guard target.isValid else {
            return invalid(name, "a result of shape \(target)", remedy: Tensor.shapeRemedy, [self], at: site)
        }
        var result = viewed(as: source)
        // From the last axis on: rows are repeated before what holds them.
        for axis in stride(from: counts.count - 1, through: 0, by: -1) where counts[axis] != 1 {
            result = result.repeated(counts[axis], axis: axis, eachElement: false)
        }
        return result
    }

    /// Each element of an axis `count` times in a row, or the whole axis `count` times.
    private func repeated(_ count: Int, axis: Int, eachElement: Bool) -> Tensor {
        var target = shape
        target[axis] *= count
        if target.elementCount == 0 { return narrowed(axis: axis, start: 0, count: 0).viewed(as: target) }
        // The axis alone between what is before and after it, which never has too many dimensions.
        let before = shape[..<axis].reduce(1, *)
        let after = shape[(axis + 1)...].reduce(1, *)
        let extent = shape[axis]
        let wide = eachElement ? viewed(as: [before, extent, 1, after]) : viewed(as: [before, 1, extent, after])
        return wide.expanded(to: eachElement ? [before, extent, count, after] : [before, count, extent, after])
            .viewed(as: target)
    }

    /// Each element `count` times in a row, along an axis or of all elements: `[a, b]` by 2 gives `[a, a, b, b]`.
    ///
    /// Source: [torch.repeat_interleave](https://pytorch.org/docs/stable/generated/torch.repeat_interleave.html).
    public func repeatInterleave(
        _ count: Int, axis: Int? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let (x, place) = axis.map { (self, $0) } ?? (viewed(as: [elementCount]), 0)
        guard x.rank > 0, let index = x.shape.normalizedAxis(place) else {
            return axisOutside("repeatInterleave", place, at: CallSite(file, line))
        }
        var target = x.shape
        let (extent, overflows) = target[index].multipliedReportingOverflow(by: count)
        target[index] = overflows ? .max : extent
        guard count >= 0, target.isValid else {
            return invalid(
                "repeatInterleave", "\(count) times shape \(x.shape)",
                remedy: "use a count of at least 0, and a result that fits in memory", [self], file, line)
        }
        return count == 1 ? x : x.repeated(count, axis: index, eachElement: true)
    }

    /// Element `i` of an axis, or of all elements, `counts[i]` times in a row; one count serves all.
    public func repeatInterleave(
        _ counts: [Int], axis: Int? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        if counts.count == 1 { return repeatInterleave(counts[0], axis: axis, file: file, line: line) }
        let (x, place) = axis.map { (self, $0) } ?? (viewed(as: [elementCount]), 0)
        guard x.rank > 0, let index = x.shape.normalizedAxis(place) else {
            return axisOutside("repeatInterleave", place, at: CallSite(file, line))
        }
        guard counts.count == x.shape[index], counts.allSatisfy({ $0 >= 0 }) else {
            return invalid(
                "repeatInterleave", "\(counts.count) counts from \(counts.min() ?? 0) on for shape \(x.shape)",
                remedy: "pass a count of at least 0 for each element of the axis", [self], file, line)
        }
        var target = x.shape
        target[index] = counts.reduce(0) { total, count in
            let (sum, overflows) = total.addingReportingOverflow(count)
            return overflows ? .max : sum
        }
        guard target.isValid else {
            return invalid(
                "repeatInterleave", "a result of shape \(target)", remedy: Tensor.shapeRemedy, [self], file, line)
        }
        do throws(TensorError) {
            let places = try withHostMemory(target[index], of: Int64.self, for: "repeatInterleave") { places in
                var next = 0
                for (place, count) in counts.enumerated() {
                    places[next..<next + count].initialize(repeating: Int64(place))
                    next += count
                }
            }
            return x.indexSelect(axis: index, index: Tensor.host(places, shape: [places.count], in: context))
        } catch {
            return Tensor(context.failed(error, shape: target, dtype: dtype))
        }
    }

    /// As ``repeatInterleave(_:axis:file:line:)-([Int],_,_,_)``, with a vector of counts, which is read: the result's shape
    /// depends on them.
    public func repeatInterleave(
        _ counts: Tensor, axis: Int? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard counts.rank <= 1, counts.dtype.kind == .integer else {
            return invalid(
                "repeatInterleave", "counts are \(counts.dtype)\(counts.shape)", remedy: "use a vector of integers",
                [self, counts], file, line)
        }
        do throws(TensorError) {
            return repeatInterleave(
                try counts.scalars(as: Int64.self).map(Int.init), axis: axis, file: file, line: line)
        } catch {
            return Tensor(context.failed(error, shape: shape, dtype: dtype))
        }
    }
}
