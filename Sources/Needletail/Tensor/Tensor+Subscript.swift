import TensorGraph
import TensorRuntime

extension Tensor {
    /// Part of the tensor: `x[0]`, `x[1..<3, .ellipsis, -1]`, `x[.all, .newAxis]`, `x[.range(0, nil, by: 2)]`, `x[i, j]` with
    /// tensors of integers, or `x[mask]` with one of bool.
    ///
    /// Reading gives a view (with a tensor index, a gather). Several tensors broadcast, and their shape takes the place of
    /// their axes where these are neighbours, else the first place, as in PyTorch. A mask chooses from as many axes as it has;
    /// it is read, because the result's shape depends on it. Assigning to a `var` rebinds the variable to a tensor in
    /// which the part is replaced by the value, broadcast to it (leading axes of 1 that the part does not have are left out of
    /// account); other copies keep their values. Where indices name an element more than once, it gets the last value.
    public subscript(
        _ indices: any TensorIndexable..., file file: StaticString = #fileID, line line: UInt = #line
    ) -> Tensor {
        get { part(indices.map(\.tensorIndex.place), at: CallSite(file, line)) }
        set { self = replacing(indices.map(\.tensorIndex.place), with: newValue, at: CallSite(file, line)) }
    }

    func part(_ indices: [TensorIndex.Place], at site: CallSite) -> Tensor {
        let read: [TensorIndex.Place]
        switch Tensor.readingMasks(indices) {
        case .success(let places): read = places
        case .failure(let error): return Tensor(context.failed(error, shape: [], dtype: dtype))
        }
        switch ResolvedIndex.resolve(read, for: shape) {
        case .failure(let error): return invalid("subscript", error.problem, remedy: error.remedy, [self], at: site)
        case .success(let index):
            let view = sliced(starts: index.starts, extents: index.extents, steps: index.steps).viewed(as: index.result)
            if index.gathers.isEmpty { return view }
            return view.chosen(index.gathers, at: site)
        }
    }

    /// This tensor without leading axes of extent 1 that are more than a part of `rank` dimensions has.
    func fitting(rank part: Int) -> Tensor {
        let extra = rank - part
        guard extra > 0, shape.prefix(extra).allSatisfy({ $0 == 1 }) else { return self }
        return viewed(as: Shape(shape.dropFirst(extra)))
    }

    func replacing(_ indices: [TensorIndex.Place], with value: Tensor, at site: CallSite) -> Tensor {
        guard value.shares(self) else { return deviceMismatch("subscript", value, at: site) }
        if let result = maskedByOne(indices, value) { return result }
        let read: [TensorIndex.Place]
        switch Tensor.readingMasks(indices) {
        case .success(let places): read = places
        case .failure(let error): return Tensor(context.failed(error, shape: shape, dtype: dtype))
        }
        switch ResolvedIndex.resolve(read, for: shape) {
        case .failure(let error): return invalid("subscript", error.problem, remedy: error.remedy, [self], at: site)
        case .success(let index):
            if !index.gathers.isEmpty {
                let view = sliced(starts: index.starts, extents: index.extents, steps: index.steps)
                    .viewed(as: index.result)
                guard let changed = view.choosing(index.gathers, isOneMask: index.isOneMask, by: value, at: site) else {
                    return failedAfterError()
                }
                return replacing(index, axis: 0, with: changed.viewed(as: index.extents))
            }
            let value = value.fitting(rank: index.result.rank)
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
