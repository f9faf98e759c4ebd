import TensorGraph
import TensorRuntime

extension Tensor {
    /// Part of the tensor: `x[0]`, `x[1..<3, .ellipsis, -1]`, `x[.all, .newAxis]`, `x[.range(0, nil, by: 2)]`, or
    /// `x[indices]` with a tensor of integers.
    ///
    /// Reading gives a view (with a tensor index, a gather). Assigning to a `var` rebinds the variable to a tensor in
    /// which the part is replaced by the value, broadcast to it; other copies keep their values.
    public subscript(_ indices: any TensorIndexable...) -> Tensor {
        get { part(indices.map(\.tensorIndex.place)) }
        set { self = replacing(indices.map(\.tensorIndex.place), with: newValue) }
    }

    private func part(_ indices: [TensorIndex.Place]) -> Tensor {
        switch ResolvedIndex.resolve(indices, for: shape) {
        case .failure(let error): return invalid("subscript", error.problem, remedy: error.remedy, [self], at: nil)
        case .success(let index):
            let view = sliced(starts: index.starts, extents: index.extents, steps: index.steps).viewed(as: index.result)
            guard let (axis, places) = index.gather else { return view }
            var flat = places.rank == 1 ? places : places.viewed(as: [places.elementCount])
            if flat.dtype != .uint8 {
                // A negative place counts from the end.
                flat = Tensor.select(flat .< 0, .tensor(flat + view.shape[axis]), .tensor(flat))
            }
            let chosen = view.indexSelect(axis: axis, index: flat)
            if places.rank == 1 { return chosen }
            guard view.rank - 1 + places.rank <= Shape.maximumRank else {
                return invalid(
                    "subscript", "index of shape \(places.shape) into \(shape)",
                    remedy: "the result has more than \(Shape.maximumRank) dimensions", [self], at: nil)
            }
            return chosen.viewed(as: Shape(view.shape[..<axis] + Array(places.shape) + view.shape[(axis + 1)...]))
        }
    }

    private func replacing(_ indices: [TensorIndex.Place], with value: Tensor) -> Tensor {
        switch ResolvedIndex.resolve(indices, for: shape) {
        case .failure(let error): return invalid("subscript", error.problem, remedy: error.remedy, [self], at: nil)
        case .success(let index):
            guard index.gather == nil else {
                return invalid(
                    "subscript", "assignment through a tensor of indices", remedy: "use scatterAdd() or Tensor.where()",
                    [self], at: nil)
            }
            guard value.shares(self) else { return deviceMismatch("subscript", value, at: nil) }
            guard value.shape.broadcast(with: index.result) == index.result else {
                return invalid(
                    "subscript", "a value of shape \(value.shape) for a part of shape \(index.result)",
                    remedy: "the value must broadcast to the part", [self, value], at: nil)
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
        let choice = (0..<extent).map { place in
            let offset = place - start
            return Int64(
                offset >= 0 && offset % step == 0 && offset / step < count ? extent + offset / step : place)
        }
        let places = Tensor.host(choice, shape: [extent], in: context)
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
