import TensorGraph
import TensorRuntime

extension Tensor {
    /// Part of the tensor: `x[0]`, `x[1..<3, .ellipsis, -1]`, `x[.all, .newAxis]`, `x[.range(0, nil, by: 2)]`, or
    /// `x[indices]` with a tensor of integers.
    ///
    /// Reading gives a view (with a tensor index, a gather). Assigning to a `var` rebinds the variable to a tensor in
    /// which the part is replaced by the value, broadcast to it; other copies keep their values.
    public subscript(
        _ indices: any TensorIndexable..., file file: StaticString = #fileID, line line: UInt = #line
    ) -> Tensor {
        get { part(indices.map(\.tensorIndex.place), at: CallSite(file, line)) }
        set { self = replacing(indices.map(\.tensorIndex.place), with: newValue, at: CallSite(file, line)) }
    }

    private func part(_ indices: [TensorIndex.Place], at site: CallSite) -> Tensor {
        switch ResolvedIndex.resolve(indices, for: shape) {
        case .failure(let error): return invalid("subscript", error.problem, remedy: error.remedy, [self], at: site)
        case .success(let index):
            let view = sliced(starts: index.starts, extents: index.extents, steps: index.steps).viewed(as: index.result)
            guard let (axis, places) = index.gather else { return view }
            guard view.shares(places) else { return deviceMismatch("subscript", places, at: site) }
            let extent = view.shape[axis]
            var flat = (places.rank == 1 ? places : places.viewed(as: [places.elementCount])).cast(to: .int64)
            switch flat.checkIndices(in: 0..<extent) {
            case .inside: break
            case .outside, .unknown:
                switch flat.checkIndices(in: -extent..<extent) {
                case .inside: break
                case .unknown: flat = view.guardedIndex("subscript", flat, axis, allowsNegative: true)
                case .outside(let value):
                    return view.indexOutside("subscript", value, axis, allowsNegative: true, [self, places], at: site)
                }
                // A negative place counts from the end.
                if places.dtype != .uint8 {
                    flat = Tensor.select(flat .< 0, .tensor(flat + extent), .tensor(flat))
                }
            }
            var target = view.shape
            target[axis] = flat.elementCount
            let chosen = view.gathered(axis: axis, flat.along(axis, of: target))
            if places.rank == 1 { return chosen }
            guard view.rank - 1 + places.rank <= Shape.maximumRank else {
                return invalid(
                    "subscript", "index of shape \(places.shape) into \(shape)",
                    remedy: "the result has more than \(Shape.maximumRank) dimensions", [self], at: site)
            }
            return chosen.viewed(as: Shape(view.shape[..<axis] + Array(places.shape) + view.shape[(axis + 1)...]))
        }
    }

    private func replacing(_ indices: [TensorIndex.Place], with value: Tensor, at site: CallSite) -> Tensor {
        switch ResolvedIndex.resolve(indices, for: shape) {
        case .failure(let error): return invalid("subscript", error.problem, remedy: error.remedy, [self], at: site)
        case .success(let index):
            guard index.gather == nil else {
                return invalid(
                    "subscript", "assignment through a tensor of indices", remedy: "use scatterAdd() or Tensor.where()",
                    [self], at: site)
            }
            guard value.shares(self) else { return deviceMismatch("subscript", value, at: site) }
            guard value.shape.broadcast(with: index.result) == index.result else {
                return invalid(
                    "subscript", "a value of shape \(value.shape) for a part of shape \(index.result)",
                    remedy: "the value must broadcast to the part", [self, value], at: site)
            }
            let part = value.cast(to: dtype).expanded(to: index.result).viewed(as: index.extents)
            return replacing(index, axis: 0, with: part)
        }
    }

    /// Replaces the slice along `axis` and those after it: the elements before and after it stay around a new middle.
    private func replacing(_ index: ResolvedIndex, axis: Int, with part: Tensor) -> Tensor {
        guard axis < rank else { return part }
        let start = index.starts[axis]
        let count = index.extents[axis]
        let step = index.steps[axis]
        let extent = shape[axis]
        if count == 0 { return self }
        let middle = narrowed(axis: axis, start: start, count: count, step: step)
            .replacing(index, axis: axis + 1, with: part)
        if count == extent { return middle }
        if step == 1 || count == 1 {
            let rest = extent - start - count
            return Tensor.concatenate(
                [
                    narrowed(axis: axis, start: 0, count: start), middle,
                    narrowed(axis: axis, start: start + count, count: rest),
                ], axis: axis)
        }
        // Elements apart: choose from the old ones and, after them, the new ones.
        let places: Tensor
        do throws(TensorError) {
            let choice = try withHostMemory(extent, of: Int64.self, for: "subscript") { choice in
                for place in 0..<extent {
                    let offset = place - start
                    let isNew = offset >= 0 && offset % step == 0 && offset / step < count
                    choice.initializeElement(at: place, to: Int64(isNew ? extent + offset / step : place))
                }
            }
            places = Tensor.host(choice, shape: [extent], in: context)
        } catch {
            return Tensor(context.failed(error, shape: shape, dtype: dtype))
        }
        return Tensor.concatenate([self, middle], axis: axis).indexSelect(axis: axis, index: places)
    }

    /// Elements `from..<to` of an axis, `by` apart, as a view; negative ends count from the axis's end.
    public func slice(
        axis: Int, from: Int? = nil, to: Int? = nil, by step: Int = 1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank > 0, let place = shape.normalizedAxis(axis) else {
            return axisOutside("slice", axis, at: CallSite(file, line))
        }
        var indices = [TensorIndex.Place](repeating: .all, count: place)
        indices.append(.range(from, to, by: step))
        switch ResolvedIndex.resolve(indices, for: shape) {
        case .failure(let error): return invalid("slice", error.problem, remedy: error.remedy, [self], file, line)
        case .success(let index):
            return sliced(starts: index.starts, extents: index.extents, steps: index.steps)
        }
    }
}
