import TensorGraph
import TensorRuntime

// What functions that write at places share: indices checked, and which of several that name one place counts.

extension Tensor {
    /// Integers as int64 places of an axis, checked as the house checks indices: where the host knows them, at the call; else
    /// by a guard, so that reading what they chose throws. Negative ones count from the end where that is allowed.
    ///
    /// Nil after an error, which is recorded.
    func checkedPlaces(
        _ name: String, _ index: Tensor, axis: Int, allowsNegative: Bool = false, at site: CallSite
    ) -> Tensor? {
        guard shares(index), index.dtype.kind == .integer else {
            _ = invalid(
                name, "index is \(index.dtype)\(index.shape) on \(index.device)", remedy: "use integers on \(device)",
                [self, index], at: site)
            return nil
        }
        let extent = shape[axis]
        let places = index.cast(to: .int64)
        if case .inside = places.checkIndices(in: 0..<extent) { return places }
        switch places.checkIndices(in: (allowsNegative ? -extent : 0)..<extent) {
        case .outside(let value):
            _ = indexOutside(name, value, axis, allowsNegative: allowsNegative, [self, index], at: site)
            return nil
        case .inside: return places.countedFromStart(extent)
        case .unknown:
            let guarded = guardedIndex(name, places, axis, allowsNegative: allowsNegative)
            return allowsNegative ? guarded.countedFromStart(extent) : guarded
        }
    }

    /// Negative places of an axis of `extent` as those from its start.
    func countedFromStart(_ extent: Int) -> Tensor { Tensor.select(self .< 0, .tensor(self + extent), .tensor(self)) }

    /// A poisoned tensor of a shape and this one's dtype, after an error was recorded.
    func failedAfterError(_ shape: Shape? = nil) -> Tensor {
        let error = handle.failure ?? WrongCall.errors?.error ?? TensorError(.invalidArgument, "an operand failed")
        return Tensor(context.failed(error, shape: shape ?? self.shape, dtype: dtype))
    }

    /// For each index along an axis, whether no later one is the same: of several that name a place, the last counts. By a
    /// stable sort.
    func isLastOfItsPlace(axis: Int) -> Tensor {
        let count = shape[axis]
        if count < 2 { return filled(shape, .int(1), dtype: .bool) }
        let order = argsort(axis: axis)
        let sorted = gathered(axis: axis, order)
        let changes =
            sorted.narrowed(axis: axis, start: 0, count: count - 1)
            .!= sorted.narrowed(axis: axis, start: 1, count: count - 1)
        var edge = shape
        edge[axis] = 1
        let isLast = Tensor.concatenate([changes.cast(to: .int32), filled(edge, .int(1), dtype: .int32)], axis: axis)
        return isLast.scattered(axis: axis, order, count: count) .!= 0
    }

    /// This tensor with `source`'s elements in place of those that `places` (int64, of its shape, checked) names along an
    /// axis. Along other axes `source` may be shorter.
    ///
    /// - Parameter counts: of several that name one place, the one that counts (``isLastOfItsPlace(axis:)``); nil where none
    ///   is named twice.
    func overwritten(axis: Int, _ places: Tensor, by source: Tensor, counting counts: Tensor?) -> Tensor {
        if places.elementCount == 0 { return self }
        let isBool = dtype == .bool
        let new = isBool ? source.cast(to: .int32) : source
        let values = (counts.map { new.kept(where: $0) } ?? new).spread(axis: axis, places, in: shape)
        let marks = (counts ?? places.filled(places.shape, .int(1), dtype: .bool)).cast(to: .int32)
        let isNew = marks.spread(axis: axis, places, in: shape) .!= 0
        return Tensor.select(isNew, .tensor(isBool ? values.cast(to: .bool) : values), .tensor(self))
    }

    /// This tensor's elements added to zeros of `target` at places along an axis, and at their own along the others.
    func spread(axis: Int, _ places: Tensor, in target: Shape) -> Tensor {
        var result = scattered(axis: axis, places, count: target[axis])
        for other in 0..<rank where other != axis {
            result = result.padded(
                axis: other, before: 0, after: target[other] - result.shape[other],
                value: dtype.isFloat ? .float(0) : .int(0))
        }
        return result
    }

    /// For each element along an axis, `combine` of those up to it that have its key and stand next to each other: by
    /// doubling, in `log2(n)` steps. Nil as key: all are one run.
    func runs(axis: Int, of keys: Tensor?, _ combine: (Tensor, Tensor) -> Tensor) -> Tensor {
        let count = shape[axis]
        var result = self
        var distance = 1
        while distance < count {
            let before = result.narrowed(axis: axis, start: 0, count: count - distance)
            let own = result.narrowed(axis: axis, start: distance, count: count - distance)
            var joined = combine(before, own)
            if let keys {
                let same =
                    keys.narrowed(axis: axis, start: 0, count: count - distance)
                    .== keys.narrowed(axis: axis, start: distance, count: count - distance)
                joined = Tensor.select(same, .tensor(joined), .tensor(own))
            }
            result = Tensor.concatenate(
                [result.narrowed(axis: axis, start: 0, count: distance), joined], axis: axis)
            distance *= 2
        }
        return result
    }
}
