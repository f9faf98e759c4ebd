import TensorGraph
import TensorRuntime

// Elements written, added or reduced at indices. Each gives a new tensor; indices outside of the axis are an error as in
// gather. Where several name one place of a function that replaces, the last one counts, on every device.

/// How ``Tensor/scatterReduce(axis:index:source:reduction:includeSelf:file:line:)`` joins what falls on one place.
public enum ScatterReduction: Sendable {
    /// By PyTorch's names: `amax` and `amin` are the largest and the smallest.
    case sum, prod, mean, amax, amin
}

// MARK: - Scatter

extension Tensor {
    /// This tensor with `source[i][j]` at `[index[i][j]][j]` (axis 0), and so on. `index` is no longer than `source`, and
    /// along the other axes no longer than this tensor.
    ///
    /// Source: [torch.scatter](https://pytorch.org/docs/stable/generated/torch.scatter.html).
    public func scatter(
        axis: Int, index: Tensor, source: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        guard let (axis, places, values) = scatterOperands("scatter", axis, index, source, at: site) else {
            return failedAfterError()
        }
        return overwritten(axis: axis, places, by: values, counting: places.isLastOfItsPlace(axis: axis))
    }

    /// This tensor with `value` at the places that the index names.
    public func scatter(
        axis: Int, index: Tensor, value: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        let ones = index.filled(index.shape, .int(1), dtype: dtype)
        guard let (axis, places, _) = scatterOperands("scatter", axis, index, ones, at: site) else {
            return failedAfterError()
        }
        return masked(where: marks(axis, places), with: value, file: file, line: line)
    }

    /// Whether places name each element; bool, of this shape.
    private func marks(_ axis: Int, _ places: Tensor) -> Tensor {
        if places.elementCount == 0 { return filled(shape, .int(0), dtype: .bool) }
        return places.filled(places.shape, .int(1), dtype: .int32).spread(axis: axis, places, in: shape) .!= 0
    }

    /// The sum, product, mean, largest or smallest of this tensor's element (unless it is left out) and of all elements of
    /// `source` whose index names its place. Elements that none names stay. The mean of integers is rounded down.
    ///
    /// Source: [torch.scatter_reduce](https://pytorch.org/docs/stable/generated/torch.Tensor.scatter_reduce.html); gradients
    /// are shared evenly by equal extremes.
    public func scatterReduce(
        axis: Int, index: Tensor, source: Tensor, reduction: ScatterReduction, includeSelf: Bool = true,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        guard let (axis, places, values) = scatterOperands("scatterReduce", axis, index, source, at: site) else {
            return failedAfterError()
        }
        guard dtype != .bool else {
            return invalid(
                "scatterReduce", "the \(reduction) of \(dtype)", remedy: "cast it, to(.int64)", [self, index], at: site)
        }
        if places.elementCount == 0 { return self }
        let isNamed = marks(axis, places)
        let base = includeSelf ? self : masked(where: isNamed, with: reduction == .prod ? 1 : 0)
        switch reduction {
        case .sum: return base + values.spread(axis: axis, places, in: shape)
        case .mean:
            let total = base + values.spread(axis: axis, places, in: shape)
            let ones = places.filled(places.shape, .int(1), dtype: dtype).spread(axis: axis, places, in: shape)
            let count = includeSelf ? ones + 1 : Tensor.select(isNamed, .tensor(ones), .scalar(.int(1)))
            return dtype.isFloat ? total / count : total.floorDivide(count)
        case .prod:
            let product = values.reducedRuns(axis: axis, places, in: self) { $0 * $1 }
            return Tensor.select(isNamed, .tensor(base * product), .tensor(self))
        case .amax, .amin:
            let isLargest = reduction == .amax
            return extremes(axis, places, values, isNamed, isLargest: isLargest, includeSelf: includeSelf)
        }
    }

    /// The extremes of what falls on each place. Gradient: shared evenly by the elements that are it.
    private func extremes(
        _ axis: Int, _ places: Tensor, _ values: Tensor, _ isNamed: Tensor, isLargest: Bool, includeSelf: Bool
    ) -> Tensor {
        let x = self
        return Tensor.composite(x, values, savesOutput: true) {
            func combine(_ a: Tensor, _ b: Tensor) -> Tensor {
                isLargest ? Tensor.maximum(a, b) : Tensor.minimum(a, b)
            }
            let found = values.reducedRuns(axis: axis, places, in: x, combine)
            return Tensor.select(isNamed, .tensor(includeSelf ? combine(x, found) : found), .tensor(x))
        } pullback: {
            { p in
                let output = p.output
                let read = output.fitted(to: places.shape, butFor: axis).gathered(axis: axis, places)
                let wins = (values .== read).logicalOr(values.isNaN()).cast(to: values.dtype)
                let isOwn =
                    includeSelf
                    ? (x .== output).logicalOr(x.isNaN()).logicalOr(isNamed.logicalNot()) : isNamed.logicalNot()
                let own = isOwn.cast(to: x.dtype)
                let share = p.gradient / (own + wins.spread(axis: axis, places, in: x.shape))
                let shares = share.fitted(to: places.shape, butFor: axis).gathered(axis: axis, places)
                return InputGradients(share * own, shares * wins)
            }
        }
    }

    /// What `combine` makes of the elements that fall on each place of `target`; 0 where none does.
    private func reducedRuns(
        axis: Int, _ places: Tensor, in target: Tensor, _ combine: (Tensor, Tensor) -> Tensor
    ) -> Tensor {
        let order = places.argsort(axis: axis)
        let keys = places.gathered(axis: axis, order)
        let folded = gathered(axis: axis, order).runs(axis: axis, of: keys, combine)
        // The last of a run is the whole of it, and keys are sorted: no later one is the same.
        return folded.kept(where: keys.isLastOfItsPlace(axis: axis)).spread(axis: axis, keys, in: target.shape)
    }

    /// The operands of a scatter, checked: the axis, the places as int64, the part of `source` that they name.
    private func scatterOperands(
        _ name: String, _ axis: Int, _ index: Tensor, _ source: Tensor, at site: CallSite
    ) -> (axis: Int, places: Tensor, values: Tensor)? {
        guard rank > 0, let own = shape.normalizedAxis(axis) else {
            _ = axisOutside(name, axis, at: site)
            return nil
        }
        guard index.rank == rank, source.rank == rank, source.dtype == dtype, shares(source),
            (0..<rank).allSatisfy({
                index.shape[$0] <= source.shape[$0] && ($0 == own || index.shape[$0] <= shape[$0])
            })
        else {
            _ = invalid(
                name,
                "index \(index.shape) and source \(source.dtype)\(source.shape) on \(source.device) for "
                    + "\(dtype)\(shape) on \(device), axis \(axis)",
                remedy: "use an index of the same rank, no longer than the source, nor along the other axes than the "
                    + "tensor, and a source of its dtype and device", [self, index, source], at: site)
            return nil
        }
        guard let places = checkedPlaces(name, index, axis: own, at: site) else { return nil }
        let start = Shape(repeating: 0, rank: rank)
        let values = source.sliced(starts: start, extents: index.shape, steps: Shape(repeating: 1, rank: rank))
        return (own, places, values)
    }
}

// MARK: - Whole slices

extension Tensor {
    /// This tensor with `alpha` times slice `i` of `source` added to slice `index[i]` of an axis.
    ///
    /// Source: [torch.index_add](https://pytorch.org/docs/stable/generated/torch.Tensor.index_add_.html).
    public func indexAdd(
        axis: Int, index: Tensor, source: Tensor, alpha: Double = 1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        guard let (axis, places) = sliceOperands("indexAdd", axis, index, source, at: site) else {
            return failedAfterError()
        }
        guard dtype != .bool, dtype.isFloat || Int64(exactly: alpha) != nil else {
            return invalid(
                "indexAdd", "alpha \(alpha) of \(dtype)", remedy: "cast the tensor, to(.float32)", [self], at: site)
        }
        if places.elementCount == 0 { return self }
        let scalar: Scalar = dtype.isFloat ? .float(alpha) : .int(Int64(alpha))
        let scaled = alpha == 1 ? source : Tensor.binary(.multiply, source, scalar, symbol: "indexAdd", at: site)
        return self + scaled.spread(axis: axis, places.along(axis, of: source.shape), in: shape)
    }

    /// This tensor with slice `i` of `source` as slice `index[i]` of an axis.
    ///
    /// Source: [torch.index_copy](https://pytorch.org/docs/stable/generated/torch.Tensor.index_copy_.html).
    public func indexCopy(
        axis: Int, index: Tensor, source: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard let (axis, places) = sliceOperands("indexCopy", axis, index, source, at: CallSite(file, line)) else {
            return failedAfterError()
        }
        if places.elementCount == 0 { return self }
        return overwritten(
            axis: axis, places.along(axis, of: source.shape), by: source,
            counting: places.isLastOfItsPlace(axis: 0).along(axis, of: source.shape))
    }

    /// This tensor with `value` in the slices `index` of an axis; negative ones count from the end.
    ///
    /// Source: [torch.index_fill](https://pytorch.org/docs/stable/generated/torch.Tensor.index_fill_.html).
    public func indexFill(
        axis: Int, index: Tensor, value: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        guard rank > 0, let own = shape.normalizedAxis(axis) else { return axisOutside("indexFill", axis, at: site) }
        guard index.rank <= 1 else {
            return invalid(
                "indexFill", "an index of shape \(index.shape)", remedy: "use a vector", [self, index], at: site)
        }
        guard let places = checkedPlaces("indexFill", index.atLeast1d(), axis: own, allowsNegative: true, at: site)
        else {
            return failedAfterError()
        }
        if places.elementCount == 0 { return self }
        let ones = places.filled(places.shape, .int(1), dtype: .int32)
        let isNamed = ones.scattered(axis: 0, places, count: shape[own]) .!= 0
        return masked(where: isNamed.along(own, of: shape), with: value, file: file, line: line)
    }

    /// The operands of a function that writes slices, checked: the axis, and the places as a vector of int64.
    private func sliceOperands(
        _ name: String, _ axis: Int, _ index: Tensor, _ source: Tensor, at site: CallSite
    ) -> (axis: Int, places: Tensor)? {
        guard rank > 0, let own = shape.normalizedAxis(axis) else {
            _ = axisOutside(name, axis, at: site)
            return nil
        }
        var expected = shape
        expected[own] = index.elementCount
        guard index.rank <= 1, source.shape == expected, source.dtype == dtype, shares(source) else {
            _ = invalid(
                name,
                "index \(index.shape) and source \(source.dtype)\(source.shape) on \(source.device) for "
                    + "\(dtype)\(shape) on \(device), axis \(axis)",
                remedy: "use a vector, and a source of shape \(expected) and of this dtype and device",
                [self, index, source], at: site)
            return nil
        }
        return checkedPlaces(name, index.atLeast1d(), axis: own, at: site).map { (own, $0) }
    }
}
