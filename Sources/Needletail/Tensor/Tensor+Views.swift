import TensorGraph
import TensorRuntime

// Views: no kernel runs, and no-op views give the tensor itself.

// MARK: - The view nodes

extension Tensor {
    /// Repeats unit dimensions and adds leading ones; `target` fits. Gradient: the sum over what was repeated.
    @inline(never)
    func expanded(to target: Shape) -> Tensor {
        if target == shape { return self }
        let source = shape
        return Tensor.traced(.expand, shape: target, dtype: dtype, self) {
            { p in InputGradients(p.gradient.summed(to: source)) }
        }
    }

    /// The sum over the dimensions in which `target` was expanded to this shape.
    func summed(to target: Shape) -> Tensor {
        if target == shape { return self }
        let lead = rank - target.rank
        var mask: UInt8 = 0
        for axis in 0..<rank where axis < lead || (target[axis - lead] == 1 && shape[axis] != 1) {
            mask |= 1 << UInt8(axis)
        }
        return folded(.sum, mask).viewed(as: target)
    }

    /// The same elements in another shape of equal count.
    @inline(never)
    func viewed(as target: Shape) -> Tensor {
        if target == shape { return self }
        let source = shape
        return Tensor.traced(.reshape, shape: target, dtype: dtype, self) {
            { p in InputGradients(p.gradient.viewed(as: source)) }
        }
    }

    /// Dimension `i` of the result is dimension `axes[i]`; `axes` is a permutation.
    func permuted(_ axes: Shape) -> Tensor {
        let source = shape
        var target = source
        var inverse = axes
        var isIdentity = true
        for position in 0..<axes.rank {
            let axis = axes[position]
            target[position] = source[axis]
            inverse[axis] = position
            isIdentity = isIdentity && axis == position
        }
        if isIdentity { return self }
        return Tensor.traced(.permute(axes: axes), shape: target, dtype: dtype, self) { [inverse] in
            { p in InputGradients(p.gradient.permuted(inverse)) }
        }
    }

    /// Elements `steps` apart from `starts` on, `extents` of them along each axis.
    func sliced(starts: Shape, extents: Shape, steps: Shape) -> Tensor {
        if extents == shape, starts.allSatisfy({ $0 == 0 }), steps.allSatisfy({ $0 == 1 }) { return self }
        let source = shape
        return Tensor.traced(.slice(steps: steps), shape: extents, dtype: dtype, self, starts: starts) {
            { p in InputGradients(p.gradient, part: GradientPart(shape: source, starts: starts, steps: steps)) }
        }
    }

    /// The adjoint of ``sliced(starts:extents:steps:)``: this tensor's elements at their places in zeros of `target`.
    func placed(in target: Shape, starts: Shape, steps: Shape) -> Tensor {
        var result = self
        for axis in 0..<rank {
            if steps[axis] == 1 {
                let after = target[axis] - starts[axis] - shape[axis]
                result = result.padded(axis: axis, before: starts[axis], after: after, value: .float(0))
            } else {
                let places = indices([shape[axis]]) * steps[axis] + starts[axis]
                result = result.scattered(axis: axis, places.along(axis, of: result.shape), count: target[axis])
            }
        }
        return result
    }

    /// Reverses the axes of a mask.
    func flipped(_ mask: UInt8) -> Tensor {
        if mask == 0 { return self }
        return Tensor.traced(.flip(axes: mask), shape: shape, dtype: dtype, self) {
            { p in InputGradients(p.gradient.flipped(mask)) }
        }
    }

    /// A vector laid along `axis` and repeated to `target`, in which that axis has the vector's extent.
    func along(_ axis: Int, of target: Shape) -> Tensor {
        var unit = Shape(repeating: 1, rank: target.rank)
        unit[axis] = elementCount
        return viewed(as: unit).expanded(to: target)
    }
}

// MARK: - Shapes

extension Tensor {
    /// The same elements, row-major, in another shape. One extent may be -1: it is what remains.
    public func reshape(_ target: Shape, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        if target.isOverlong { return rankOutside("reshape", "\(target)", file, line) }
        var target = target
        let open = target.firstIndex(of: -1)
        if let open { target[open] = 1 }
        if let extent = target.first(where: { $0 < 0 }) {
            return invalid(
                "reshape", "extent \(extent) in \(target)", remedy: "use extents of at least 0, and one -1 at most",
                [self], file, line)
        }
        let known = target.isValid ? target.elementCount : 0
        if let open, known > 0, elementCount % known == 0 { target[open] = elementCount / known }
        guard target.isValid, target.elementCount == elementCount, open == nil || known > 0 else {
            return invalid(
                "reshape", "shape \(shape) with \(elementCount) elements to \(target)",
                remedy: "the extents' product must be the number of elements", [self], file, line)
        }
        return viewed(as: target)
    }

    /// As above, of extents in an array; more than 8 are a wrong call.
    public func reshape(_ target: [Int], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard target.count <= Shape.maximumRank else { return rankOutside("reshape", "\(target)", file, line) }
        return reshape(Shape(target), file: file, line: line)
    }

    /// The error of more extents than a shape can have.
    private func rankOutside(_ name: String, _ target: String, _ file: StaticString, _ line: UInt) -> Tensor {
        invalid(
            name, "shape \(shape) to \(target)", remedy: "use a rank of \(Shape.maximumRank) at most", [self],
            file,
            line)
    }

    /// As above: `x.reshape(2, -1)`.
    public func reshape(_ target: Int..., file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        reshape(target, file: file, line: line)
    }

    /// Joins the dimensions `from...through` into one.
    public func flatten(
        from: Int = 0, through: Int = -1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard let first = shape.normalizedAxis(from), let last = shape.normalizedAxis(through), first <= last else {
            return invalid(
                "flatten", "dimensions \(from) to \(through) of shape \(shape)", remedy: "name axes in order", [self],
                file, line)
        }
        if rank == 0 { return viewed(as: [1]) }
        return viewed(as: Shape(shape[..<first] + [shape[first...last].reduce(1, *)] + shape[(last + 1)...]))
    }

    /// Drops an axis of extent 1 (one of another extent stays), or all of them.
    public func squeeze(_ axis: Int? = nil, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard let axis else { return viewed(as: Shape(shape.filter { $0 != 1 })) }
        guard let index = shape.normalizedAxis(axis) else {
            return axisOutside("squeeze", axis, at: CallSite(file, line))
        }
        return rank > 0 && shape[index] == 1 ? viewed(as: shape.removing(axis: index)) : self
    }

    /// Inserts an axis of extent 1 before `axis`; -1 appends it.
    public func unsqueeze(_ axis: Int, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        let index = axis < 0 ? axis + rank + 1 : axis
        guard index >= 0, index <= rank, rank < Shape.maximumRank else {
            return invalid(
                "unsqueeze", "axis \(axis) for shape \(shape)",
                remedy: "use an axis in \(-rank - 1)...\(rank), and rank \(Shape.maximumRank) at most", [self], file,
                line)
        }
        return viewed(as: shape.inserting(1, at: index))
    }

    /// Repeats dimensions of extent 1, and adds leading ones; -1 keeps an extent.
    public func expand(_ target: Shape, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        let lead = target.rank - rank
        var full = target
        var fits = lead >= 0
        if fits {
            for axis in lead..<target.rank {
                if full[axis] == -1 { full[axis] = shape[axis - lead] }
                fits = fits && (shape[axis - lead] == full[axis] || shape[axis - lead] == 1)
            }
            fits = fits && full.isValid
        }
        if target.isOverlong { return rankOutside("expand", "\(target)", file, line) }
        guard fits else {
            return invalid(
                "expand", "shape \(shape) to \(target)",
                remedy: "only dimensions of extent 1 are repeated, and new ones lead", [self], file, line)
        }
        return expanded(to: full)
    }

    /// As above: `x.expand(4, -1)`.
    public func expand(_ target: Int..., file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard target.count <= Shape.maximumRank else { return rankOutside("expand", "\(target)", file, line) }
        return expand(Shape(target), file: file, line: line)
    }
}

// MARK: - Order

extension Tensor {
    /// Dimension `i` of the result is dimension `axes[i]`.
    public func permute(_ axes: [Int], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        let normal = axes.compactMap { shape.normalizedAxis($0) }
        guard normal.sorted() == Array(0..<rank) else {
            return invalid(
                "permute", "axes \(axes) of shape \(shape)", remedy: "name each axis once", [self], file, line)
        }
        return permuted(Shape(normal))
    }

    /// As above: `x.permute(1, 0)`.
    public func permute(_ axes: Int..., file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        permute(axes, file: file, line: line)
    }

    /// Exchanges two axes.
    public func transpose(
        _ a: Int = -2, _ b: Int = -1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank > 0, let x = shape.normalizedAxis(a), let y = shape.normalizedAxis(b) else {
            return invalid(
                "transpose", "axes \(a) and \(b) of shape \(shape)", remedy: "use axes that the tensor has", [self],
                file, line)
        }
        var axes = Shape(0..<rank)
        axes[x] = y
        axes[y] = x
        return permuted(axes)
    }

    // swift-format-ignore: AlwaysUseLowerCamelCase
    /// The last two axes exchanged; a tensor of lower rank is itself.
    public var T: Tensor {
        let rank = rank
        if rank < 2 { return self }
        var axes = Shape(repeating: 0, rank: rank)
        for axis in 0..<rank { axes[axis] = axis }
        axes[rank - 2] = rank - 1
        axes[rank - 1] = rank - 2
        return permuted(axes)
    }

    /// The elements of the axes in reverse order.
    public func flip(_ axes: Int..., file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard let mask = axisMask(axes, in: shape) else {
            return invalid(
                "flip", "axes \(axes) of shape \(shape)", remedy: "name axes that the tensor has, each once", [self],
                file, line)
        }
        return flipped(mask)
    }
}
