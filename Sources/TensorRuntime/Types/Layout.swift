/// How the elements of a tensor lie in a buffer: shape, strides and offset, all in elements.
///
/// Every view operation maps one layout to another, so that views cost no kernel.
public struct Layout: Hashable, Sendable {
    /// The extents of the tensor.
    public var shape: Shape
    /// One for each dimension: the distance of neighbours; 0 repeats an element, negative ones go backwards.
    public var strides: Strides
    /// The place of the first element in the buffer.
    public var offset: Int

    /// - Parameters:
    ///   - strides: one for each dimension.
    ///   - offset: from the buffer's start.
    public init(shape: Shape, strides: Strides, offset: Int = 0) {
        self.shape = shape
        self.strides = strides
        self.offset = offset
    }

    /// The row-major layout of `shape`.
    public init(contiguous shape: Shape, offset: Int = 0) {
        self.init(shape: shape, strides: shape.contiguousStrides, offset: offset)
    }

    /// Whether elements lie in row-major order without gaps. Strides of unit dimensions do not matter.
    public var isContiguous: Bool {
        if shape.elementCount == 0 { return true }
        var expected = 1
        for axis in stride(from: shape.rank - 1, through: 0, by: -1) where shape[axis] != 1 {
            if strides[axis] != expected { return false }
            expected *= shape[axis]
        }
        return true
    }

    /// The half-open range of element offsets that the layout touches; empty for an empty shape.
    public var extent: Range<Int> {
        if shape.elementCount == 0 { return offset..<offset }
        var low = offset
        var high = offset
        for axis in 0..<shape.rank {
            let reach = (shape[axis] - 1) * strides[axis]
            if reach < 0 { low += reach } else { high += reach }
        }
        return low..<high + 1
    }

    /// Dimension `i` of the result is dimension `axes[i]` of this layout.
    public func permuted(_ axes: Shape) -> Layout {
        var result = Layout(shape: Shape(), strides: Strides(), offset: offset)
        for axis in axes {
            result.shape.append(shape[axis])
            result.strides.append(strides[axis])
        }
        return result
    }

    /// Repeats unit dimensions (and new leading ones) without copying. The caller has checked that `target` fits.
    public func expanded(to target: Shape) -> Layout {
        var result = Layout(shape: target, strides: Strides(repeating: 0, rank: target.rank), offset: offset)
        let lead = target.rank - shape.rank
        for axis in 0..<shape.rank where shape[axis] == target[axis + lead] {
            result.strides[axis + lead] = strides[axis]
        }
        return result
    }

    /// Keeps `count` elements of `axis` from `start`, `step` apart.
    public func sliced(axis: Int, start: Int, count: Int, step: Int = 1) -> Layout {
        var result = self
        result.offset += start * strides[axis]
        result.shape[axis] = count
        result.strides[axis] *= step
        return result
    }

    /// Reverses `axis`.
    public func flipped(axis: Int) -> Layout {
        var result = self
        result.offset += Swift.max(shape[axis] - 1, 0) * strides[axis]
        result.strides[axis] = -strides[axis]
        return result
    }

    /// The layout of the same elements in the same logical order under another shape, or nil where no strides say it
    /// (the caller then copies).
    public func reshaped(to target: Shape) -> Layout? {
        precondition(target.elementCount == shape.elementCount)
        if target.elementCount == 0 || isContiguous { return Layout(contiguous: target, offset: offset) }
        // Dimensions of the source that step evenly into one another, unit ones left out.
        var runs: [(extent: Int, stride: Int)] = []
        for axis in 0..<shape.rank where shape[axis] != 1 {
            if let last = runs.last, last.stride == strides[axis] * shape[axis] {
                runs[runs.count - 1] = (last.extent * shape[axis], strides[axis])
            } else {
                runs.append((shape[axis], strides[axis]))
            }
        }
        var result = Layout(shape: target, strides: Strides(repeating: 0, rank: target.rank), offset: offset)
        var run = runs.count - 1
        var left = run >= 0 ? runs[run].extent : 1
        var step = run >= 0 ? runs[run].stride : 1
        for axis in stride(from: target.rank - 1, through: 0, by: -1) {
            if target[axis] == 1 {
                result.strides[axis] = step
                continue
            }
            if left == 1 {
                run -= 1
                guard run >= 0 else { return nil }
                left = runs[run].extent
                step = runs[run].stride
            }
            guard left % target[axis] == 0 else { return nil }
            result.strides[axis] = step
            step *= target[axis]
            left /= target[axis]
        }
        return result
    }

    /// Joins neighbouring dimensions of `extents` over which every operand steps evenly, and drops unit ones. Dimensions
    /// on different sides of `boundary` are never joined (the outer and inner dimensions of a row program).
    ///
    /// - Returns: the new extents, the operands' strides over them, and the new boundary.
    public static func collapsed(
        extents: Shape, strides: [Strides], boundary: Int
    ) -> (extents: Shape, strides: [Strides], boundary: Int) {
        var outExtents = Shape()
        var outStrides = [Strides](repeating: Strides(), count: strides.count)
        var outBoundary = 0
        var lastSource = -1
        for axis in 0..<extents.rank {
            if axis == boundary { outBoundary = outExtents.rank }
            if extents[axis] == 1 { continue }
            let joins =
                lastSource >= 0 && (lastSource < boundary) == (axis < boundary)
                && strides.indices.allSatisfy {
                    outStrides[$0][outExtents.rank - 1] == strides[$0][axis] * extents[axis]
                }
            if joins {
                outExtents[outExtents.rank - 1] *= extents[axis]
                for operand in strides.indices { outStrides[operand][outExtents.rank - 1] = strides[operand][axis] }
            } else {
                outExtents.append(extents[axis])
                for operand in strides.indices { outStrides[operand].append(strides[operand][axis]) }
            }
            lastSource = axis
        }
        if boundary >= extents.rank { outBoundary = outExtents.rank }
        return (outExtents, outStrides, outBoundary)
    }
}
