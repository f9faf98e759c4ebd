import TensorGraph
import TensorRuntime

// Reductions over any axes; none named means all. With `keepDims`, reduced axes stay with extent 1.

// MARK: - The reduction node

extension Tensor {
    /// Folds the axes of a mask, which stay with extent 1. The dtype is one the operation takes.
    func folded(_ operation: ReductionOperation, _ mask: UInt8) -> Tensor {
        var target = shape
        var folds = false
        for axis in 0..<rank where mask & (1 << UInt8(axis)) != 0 {
            folds = folds || target[axis] != 1
            target[axis] = 1
        }
        if operation.yieldsIndex {
            return Tensor.untracked(.reduce(operation, axes: mask), shape: target, dtype: .int64, self)
        }
        // One element folds to itself.
        if !folds { return self }
        let x = self
        return Tensor.traced(
            .reduce(operation, axes: mask), shape: target, dtype: dtype, self,
            savesOutput: operation == .maximum || operation == .minimum
        ) { Derivatives.reduction(operation, mask, x) }
    }

    /// Drops the axes of a mask, which have extent 1, unless they are kept.
    func dropping(_ mask: UInt8, unless keepDims: Bool) -> Tensor {
        if keepDims { return self }
        var target = Shape()
        for axis in 0..<rank where mask & (1 << UInt8(axis)) == 0 { target.append(shape[axis]) }
        return viewed(as: target)
    }

    /// The number of elements that each result folds.
    func foldCount(_ mask: UInt8) -> Int {
        var count = 1
        for axis in 0..<rank where mask & (1 << UInt8(axis)) != 0 { count *= shape[axis] }
        return count
    }

    /// A reduction under the name that the user called.
    private func reduced(
        _ operation: ReductionOperation, as name: StaticString, _ axes: [Int], _ keepDims: Bool, at site: CallSite
    ) -> Tensor {
        guard let mask = axisMask(axes, in: shape) else { return axesOutside("\(name)", axes, at: site) }
        if operation.identity == nil, foldCount(mask) == 0 { return emptyFold("\(name)", at: site) }
        return folded(operation, mask).dropping(mask, unless: keepDims)
    }

    @inline(never)
    func emptyFold(_ name: String, at site: CallSite) -> Tensor {
        invalid(name, "shape \(shape) has no element to choose", remedy: "test for emptiness first", [self], at: site)
    }

    @inline(never)
    func axesOutside(_ name: String, _ axes: [Int], at site: CallSite) -> Tensor {
        invalid(
            name, "axes \(axes) of shape \(shape)", remedy: "name axes in \(-rank)..<\(rank), each once", [self],
            at: site)
    }
}

// MARK: - Sums

extension Tensor {
    /// The sum. bool and integers add up in int64. Of no elements: 0.
    public func sum(
        axes: [Int], keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        cast(to: dtype.sumType).reduced(.sum, as: "sum", axes, keepDims, at: CallSite(file, line))
    }

    /// The sum over the axes listed, over all where none is: `x.sum(axes: 0, -1)`.
    public func sum(
        axes: Int..., keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        cast(to: dtype.sumType).reduced(.sum, as: "sum", axes, keepDims, at: CallSite(file, line))
    }

    /// The product. bool and integers multiply in int64. Of no elements: 1.
    public func prod(
        axes: [Int], keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        cast(to: dtype.sumType).reduced(.product, as: "prod", axes, keepDims, at: CallSite(file, line))
    }

    /// The product over the axes listed, over all where none is.
    public func prod(
        axes: Int..., keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        cast(to: dtype.sumType).reduced(.product, as: "prod", axes, keepDims, at: CallSite(file, line))
    }

    /// The mean, of float tensors; the sum of float16 may be beyond its range. Of no elements: NaN.
    public func mean(
        axes: [Int], keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard dtype.isFloat else {
            return invalid("mean", "the tensor is \(dtype)", remedy: "cast it, to(.float32)", [self], file, line)
        }
        guard let mask = axisMask(axes, in: shape) else {
            return axesOutside("mean", axes, at: CallSite(file, line))
        }
        let count = foldCount(mask)
        return inFloat32 {
            let total = $0.folded(.sum, mask).dropping(mask, unless: keepDims)
            return count == 1 ? total : total / Double(count)
        }
    }

    /// The mean over the axes listed, over all where none is.
    public func mean(
        axes: Int..., keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        mean(axes: axes, keepDims: keepDims, file: file, line: line)
    }
}

// MARK: - Extremes

extension Tensor {
    /// The largest element; NaN where there is one. The gradient is shared evenly by equal elements.
    public func max(
        axes: [Int], keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        reduced(.maximum, as: "max", axes, keepDims, at: CallSite(file, line))
    }

    /// The largest element along the axes listed, of all where none is.
    public func max(
        axes: Int..., keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        reduced(.maximum, as: "max", axes, keepDims, at: CallSite(file, line))
    }

    /// The smallest element; NaN where there is one. The gradient is shared evenly by equal elements.
    public func min(
        axes: [Int], keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        reduced(.minimum, as: "min", axes, keepDims, at: CallSite(file, line))
    }

    /// The smallest element along the axes listed, of all where none is.
    public func min(
        axes: Int..., keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        reduced(.minimum, as: "min", axes, keepDims, at: CallSite(file, line))
    }

    /// The index (int64) of the first largest element along `axis`, or of all elements, row-major. NaN is the largest.
    public func argmax(
        _ axis: Int? = nil, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        reduced(.argmax, as: "argmax", axis.map { [$0] } ?? [], keepDims, at: CallSite(file, line))
    }

    /// The index (int64) of the first smallest element along `axis`, or of all elements, row-major. NaN is the smallest.
    public func argmin(
        _ axis: Int? = nil, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        reduced(.argmin, as: "argmin", axis.map { [$0] } ?? [], keepDims, at: CallSite(file, line))
    }
}

// MARK: - Logic

extension Tensor {
    /// Whether any element is true or not 0. Of no elements: false.
    public func any(
        axes: [Int], keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        cast(to: .bool).cast(to: .int64).reduced(.sum, as: "any", axes, keepDims, at: CallSite(file, line)) .!= 0
    }

    /// Whether any element along the axes listed, or of all where none is, is true or not 0.
    public func any(
        axes: Int..., keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        any(axes: axes, keepDims: keepDims, file: file, line: line)
    }

    /// Whether all elements are true or not 0. Of no elements: true.
    public func all(
        axes: [Int], keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        logicalNot().cast(to: .int64).reduced(.sum, as: "all", axes, keepDims, at: CallSite(file, line)) .== 0
    }

    /// Whether all elements along the axes listed, or all where none is, are true or not 0.
    public func all(
        axes: Int..., keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        all(axes: axes, keepDims: keepDims, file: file, line: line)
    }
}
