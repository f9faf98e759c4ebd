import TensorGraph
import TensorRuntime

// The order is PyTorch's: NaN is larger than any number, so that it comes last, or first in descending order. Equal elements
// stay in their order, also in descending order; 0 and -0 are equal. Gradients go where the elements stood.

// MARK: - The nodes

extension Tensor {
    /// The first `kept` elements of each row along the last axis in their order, and where they stood (int64).
    private func sortedRows(descending: Bool, kept: Int) -> (values: Tensor, indices: Tensor) {
        let axis = rank - 1
        let count = shape[axis]
        var target = shape
        target[axis] = kept
        func result(_ result: SortKernel.Result, _ dtype: DType) -> (NodeOperation, Shape, DType) {
            (.sort(descending: descending, result), target, dtype)
        }
        let handles = context.trace([result(.values, dtype), result(.indices, .int64)], of: handle)
        let indices = Tensor(places(handles[1], below: count))
        if dtype.kind == .integer {
            return (Tensor(knownIntegers.map { handles[0].retagged($0.part) } ?? handles[0]), indices)
        }
        let function = Tensor.recorded(self) {
            { p in InputGradients(p.gradient.scattered(axis: axis, indices, count: count)) }
        }
        return (Tensor(function.map { handles[0].retagged($0) } ?? handles[0]), indices)
    }

    /// ``sortedRows(descending:kept:)``'s indices alone.
    private func sortedPlaces(descending: Bool) -> Tensor {
        let handle = context.trace(
            .sort(descending: descending, .indices), shape: shape, dtype: .int64, handle)
        return Tensor(places(handle, below: shape[rank - 1]))
    }

    /// The same value, of which is known that its elements are places of an axis.
    private func places(_ handle: Handle, below count: Int) -> Handle {
        count == 0 ? handle : handle.retagged(KnownIntegers(all: 0...Int64(count - 1)).part)
    }

    /// Calls `body` on this tensor with `axis` as its last; what it gives has the axis where it was. A tensor of rank 0 is
    /// one of one element.
    private func alongLast(_ axis: Int, _ body: (Tensor) -> [Tensor]) -> [Tensor] {
        if rank == 0 { return body(viewed(as: [1])).map { $0.viewed(as: []) } }
        var order = Shape(0..<rank)
        order.swapAt(axis, rank - 1)
        // A swap is its own inverse.
        return body(permuted(order)).map { $0.permuted(order) }
    }
}

// MARK: - Public

extension Tensor {
    /// The elements along an axis in ascending or descending order, and where they stood (int64). Both have this tensor's
    /// shape. Equal elements stay in their order; NaN is the largest.
    ///
    /// Source: [torch.sort](https://pytorch.org/docs/stable/generated/torch.sort.html), with `stable=True`.
    public func sort(
        axis: Int = -1, descending: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, indices: Tensor) {
        guard let last = shape.normalizedAxis(axis) else {
            return failedPair(axisOutside("sort", axis, at: CallSite(file, line)))
        }
        let results = alongLast(last) { x in
            let (values, indices) = x.sortedRows(descending: descending, kept: x.shape[x.rank - 1])
            return [values, indices]
        }
        return (results[0], results[1])
    }

    /// The indices (int64) that ``sort(axis:descending:file:line:)`` gives.
    public func argsort(
        axis: Int = -1, descending: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard let last = shape.normalizedAxis(axis) else {
            return failedPair(axisOutside("argsort", axis, at: CallSite(file, line))).indices
        }
        return alongLast(last) { [$0.sortedPlaces(descending: descending)] }[0]
    }

    /// The `k` largest elements along an axis from the largest on, or the smallest from the smallest on, and where they
    /// stood (int64): shape `[n, d]` gives `[n, k]` for axis -1. Equal elements stay in their order; NaN is the largest.
    ///
    /// Source: [torch.topk](https://pytorch.org/docs/stable/generated/torch.topk.html).
    public func topk(
        _ k: Int, axis: Int = -1, largest: Bool = true, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, indices: Tensor) {
        guard let last = shape.normalizedAxis(axis) else {
            return failedPair(axisOutside("topk", axis, at: CallSite(file, line)))
        }
        let count = rank == 0 ? 1 : shape[last]
        guard (0...count).contains(k), rank > 0 || k == 1 else {
            return failedPair(
                invalid(
                    "topk", "\(k) elements of axis \(last) of shape \(shape), which has \(count)",
                    remedy: rank == 0 ? "use 1" : "use 0 to \(count)", [self], file, line))
        }
        let results = alongLast(last) { x in
            let (values, indices) = x.sortedRows(descending: largest, kept: k)
            return [values, indices]
        }
        return (results[0], results[1])
    }

    /// The largest element along an axis, and where the first such stands (int64). NaN is the largest. The gradient goes to
    /// that element alone; `max(axes:)` shares it evenly.
    ///
    /// Source: [torch.max](https://pytorch.org/docs/stable/generated/torch.max.html) of a dimension.
    public func max(
        axis: Int, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, indices: Tensor) {
        extreme(.argmax, "max", axis, keepDims, at: CallSite(file, line))
    }

    /// The smallest element along an axis, and where the first such stands (int64). NaN is the smallest. The gradient goes
    /// to that element alone.
    ///
    /// Source: [torch.min](https://pytorch.org/docs/stable/generated/torch.min.html) of a dimension.
    public func min(
        axis: Int, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, indices: Tensor) {
        extreme(.argmin, "min", axis, keepDims, at: CallSite(file, line))
    }

    private func extreme(
        _ operation: ReductionOperation, _ name: String, _ axis: Int, _ keepDims: Bool, at site: CallSite
    ) -> (values: Tensor, indices: Tensor) {
        guard let last = shape.normalizedAxis(axis) else { return failedPair(axisOutside(name, axis, at: site)) }
        if rank == 0 { return (self, viewed(as: [1]).folded(operation, 1).viewed(as: [])) }
        if shape[last] == 0 { return failedPair(emptyFold(name, at: site)) }
        let mask = UInt8(1) << UInt8(last)
        let indices = folded(operation, mask)
        let values = gathered(axis: last, Tensor(places(indices.handle, below: shape[last])))
        return (values.dropping(mask, unless: keepDims), indices.dropping(mask, unless: keepDims))
    }

    /// A poisoned result twice, the second as indices.
    func failedPair(_ values: Tensor) -> (values: Tensor, indices: Tensor) {
        let error =
            values.handle.failure ?? WrongCall.errors?.error ?? TensorError(.invalidArgument, "an operand failed")
        return (values, Tensor(context.failed(error, shape: values.shape, dtype: .int64)))
    }
}
