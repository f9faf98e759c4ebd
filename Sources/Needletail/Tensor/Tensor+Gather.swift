import TensorGraph
import TensorRuntime

// Indices are integers, counted from 0. One outside of the axis is an error: at the call where it came from the host, when a
// result is read where the device computed it. There, such an index reads NaN (0 in integers) and adds nothing.

// MARK: - The nodes

extension Tensor {
    /// `result[..., j, ...] = self[..., index[..., j, ...], ...]`; `index` is int64 and has the result's shape.
    package func gathered(axis: Int, _ index: Tensor) -> Tensor {
        let count = shape[axis]
        if dtype.kind == .integer {
            var known: KnownIntegers?
            if let data = knownIntegers, case .inside = index.checkIndices(in: 0..<count) { known = data.part }
            return Tensor(
                context.trace(
                    .gather(axis: axis), shape: index.shape, dtype: dtype, handle, index.handle, tag: known))
        }
        return Tensor.traced(.gather(axis: axis), shape: index.shape, dtype: dtype, self, index) {
            { p in InputGradients(p.gradient.scattered(axis: axis, index, count: count)) }
        }
    }

    /// Adds this tensor's elements to zeros, `count` long along `axis`; `index` is int64 and of this tensor's shape.
    package func scattered(axis: Int, _ index: Tensor, count: Int) -> Tensor {
        var target = shape
        target[axis] = count
        return Tensor.traced(.scatterAdd(axis: axis), shape: target, dtype: dtype, self, index) {
            { p in InputGradients(p.gradient.gathered(axis: axis, index)) }
        }
    }

    /// The index as int64, or nil where it is no integer.
    private var asIndex: Tensor? { dtype.kind == .integer ? cast(to: .int64) : nil }
}

// MARK: - Public

extension Tensor {
    /// `result[i][j] = self[index[i][j]][j]` for axis 0, and so on. `index` has this tensor's rank and is, along the other
    /// axes, no longer than it; the result has its shape.
    public func gather(
        axis: Int, index: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank > 0, let axis = shape.normalizedAxis(axis) else {
            return axisOutside("gather", axis, at: CallSite(file, line))
        }
        guard let places = checkedIndex("gather", axis, index, self, file, line) else { return failedLike(index) }
        return fitted(to: index.shape, butFor: axis).gathered(axis: axis, places)
    }

    /// The slices of an axis that a vector of indices names: shape `[n, d]` by `[k]` along axis 0 gives `[k, d]`.
    public func indexSelect(
        axis: Int = 0, index: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank > 0, let axis = shape.normalizedAxis(axis) else {
            return axisOutside("indexSelect", axis, at: CallSite(file, line))
        }
        guard shares(index) else { return deviceMismatch("indexSelect", index, at: CallSite(file, line)) }
        guard var places = index.asIndex, index.rank == 1 else {
            return invalid(
                "indexSelect", "index is \(index.dtype)\(index.shape)", remedy: "use a vector of integers",
                [self, index], file, line)
        }
        switch places.checkIndices(in: 0..<shape[axis]) {
        case .inside: break
        case .outside(let value):
            return indexOutside("indexSelect", value, axis, [self, index], at: CallSite(file, line))
        case .unknown: places = guardedIndex("indexSelect", places, axis)
        }
        var target = shape
        target[axis] = index.elementCount
        return gathered(axis: axis, places.along(axis, of: target))
    }

    /// This tensor with `source[i][j]` added at `[index[i][j]][j]` (axis 0), and so on, in order: the same bits every
    /// time. `index` and `source` have one shape, along the other axes no longer than this tensor.
    public func scatterAdd(
        axis: Int, index: Tensor, source: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank > 0, let axis = shape.normalizedAxis(axis) else {
            return axisOutside("scatterAdd", axis, at: CallSite(file, line))
        }
        guard shares(source) else { return deviceMismatch("scatterAdd", source, at: CallSite(file, line)) }
        guard source.shape == index.shape, source.dtype == dtype else {
            return invalid(
                "scatterAdd", "source \(source.dtype)\(source.shape), index \(index.shape), self \(dtype)",
                remedy: "source must have the index's shape and this tensor's dtype", [self, source, index], file, line)
        }
        guard let places = checkedIndex("scatterAdd", axis, index, self, file, line) else { return failedLike(index) }
        var added = source.scattered(axis: axis, places, count: shape[axis])
        for other in 0..<rank where other != axis {
            added = added.padded(
                axis: other, before: 0, after: shape[other] - added.shape[other],
                value: dtype.isFloat ? .float(0) : .int(0))
        }
        return self + added
    }

    /// 1 at each index, 0 elsewhere: shape `[...]` gives `[..., classes]`.
    public func oneHot(
        classes: Int, dtype type: DType = .float32, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard var places = asIndex, rank < Shape.maximumRank, classes > 0 else {
            return invalid(
                "oneHot", "\(classes) classes of \(dtype)\(shape)", remedy: "use integers and at least one class",
                [self], file, line)
        }
        let target = shape.inserting(classes, at: rank)
        guard target.isValid else {
            return invalid("oneHot", "a result of shape \(target)", remedy: Tensor.shapeRemedy, [self], file, line)
        }
        switch places.checkIndices(in: 0..<classes) {
        case .inside: break
        case .outside(let value):
            return invalid(
                "oneHot", "class \(value) is outside 0..<\(classes)", remedy: "use more classes", [self], file, line)
        case .unknown:
            places = places.guarded(
                in: 0..<classes, "oneHot", "a class that was computed is outside 0..<\(classes)",
                remedy: "use more classes")
        }
        return (places.viewed(as: shape.inserting(1, at: rank)) .== indices([classes])).cast(to: type)
    }

    /// The index as int64 where it fits this tensor, checked.
    private func checkedIndex(
        _ name: String, _ axis: Int, _ index: Tensor, _ data: Tensor, _ file: StaticString, _ line: UInt
    ) -> Tensor? {
        guard shares(index) else {
            _ = deviceMismatch(name, index, at: CallSite(file, line))
            return nil
        }
        let fits = index.rank == rank && (0..<rank).allSatisfy { $0 == axis || index.shape[$0] <= shape[$0] }
        if fits, let places = index.asIndex {
            switch places.checkIndices(in: 0..<shape[axis]) {
            case .inside: return places
            case .unknown: return guardedIndex(name, places, axis)
            case .outside(let value):
                _ = indexOutside(name, value, axis, [self, index], at: CallSite(file, line))
                return nil
            }
        }
        _ = invalid(
            name, "index \(index.dtype)\(index.shape) for \(shape), axis \(axis)",
            remedy: "use integers of the same rank, no longer along the other axes", [self, index], file, line)
        return nil
    }

    /// Indices of an axis that the device computed; negative ones count from the end where `allowsNegative`.
    func guardedIndex(_ name: String, _ index: Tensor, _ axis: Int, allowsNegative: Bool = false) -> Tensor {
        let extent = shape[axis]
        return index.guarded(
            in: (allowsNegative ? -extent : 0)..<extent, name,
            "an index that was computed is outside axis \(axis) of shape \(shape)",
            remedy: indexRemedy(extent, allowsNegative))
    }

    private func indexRemedy(_ extent: Int, _ allowsNegative: Bool) -> String {
        extent == 0 ? "the axis has no element" : "use indices in \(allowsNegative ? -extent : 0)..<\(extent)"
    }

    /// The error of an index that the axis does not have.
    func indexOutside(
        _ name: String, _ value: Int64, _ axis: Int, allowsNegative: Bool = false, _ operands: [Tensor],
        at site: CallSite?
    ) -> Tensor {
        invalid(
            name, "index \(value) is outside axis \(axis) of shape \(shape)",
            remedy: indexRemedy(shape[axis], allowsNegative), operands, at: site)
    }

    /// A poisoned tensor of the shape of `index`, after an error was recorded.
    private func failedLike(_ index: Tensor) -> Tensor {
        let error =
            handle.failure ?? index.handle.failure ?? WrongCall.errors?.error
            ?? TensorError(.invalidArgument, "an operand failed")
        return Tensor(context.failed(error, shape: index.shape, dtype: dtype))
    }

    /// The leading part of each axis but one, as long as `target`.
    func fitted(to target: Shape, butFor axis: Int) -> Tensor {
        var extents = target
        extents[axis] = shape[axis]
        return sliced(starts: Shape(repeating: 0, rank: rank), extents: extents, steps: Shape(repeating: 1, rank: rank))
    }
}
