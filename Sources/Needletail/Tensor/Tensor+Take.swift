import TensorGraph
import TensorRuntime

// Elements chosen, and put, by mask or by number.

// MARK: - Masks

extension Tensor {
    /// This tensor with `value` where the mask is true; the mask broadcasts to it.
    ///
    /// Source: [torch.masked_fill](https://pytorch.org/docs/stable/generated/torch.Tensor.masked_fill_.html).
    public func maskedFill(
        _ mask: Tensor, _ value: some ScalarOperand, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        masked(where: mask, with: value, file: file, line: line)
    }

    /// The elements where the mask is true, as a vector; the two broadcast. The mask is read, because the result's shape
    /// depends on it.
    ///
    /// Source: [torch.masked_select](https://pytorch.org/docs/stable/generated/torch.masked_select.html).
    public func maskedSelect(_ mask: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard shares(mask) else { return deviceMismatch("maskedSelect", mask, at: CallSite(file, line)) }
        guard mask.dtype == .bool, let joint = shape.broadcast(with: mask.shape) else {
            return wrongMask("maskedSelect", mask, CallSite(file, line))
        }
        let x = expanded(to: joint).viewed(as: [joint.elementCount])
        return x.part([.tensor(mask.expanded(to: joint).viewed(as: [joint.elementCount]))], at: CallSite(file, line))
    }

    /// This tensor with the elements of `source`, in their order, where the mask is true; the mask broadcasts to it. `source`
    /// has at least as many elements as the mask is true: a read throws where it has not.
    ///
    /// Source: [torch.masked_scatter](https://pytorch.org/docs/stable/generated/torch.Tensor.masked_scatter_.html).
    public func maskedScatter(
        _ mask: Tensor, source: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard shares(mask) else { return deviceMismatch("maskedScatter", mask, at: CallSite(file, line)) }
        guard shares(source) else { return deviceMismatch("maskedScatter", source, at: CallSite(file, line)) }
        guard mask.dtype == .bool, source.dtype == dtype, shape.broadcast(with: mask.shape) == shape else {
            return wrongMask("maskedScatter", mask, CallSite(file, line))
        }
        if elementCount == 0 { return self }
        let flags = mask.expanded(to: shape).viewed(as: [elementCount])
        let given = Swift.min(source.elementCount, elementCount)
        // The places where the mask is true come first, in their order.
        var order = flags.argsort(axis: 0, descending: true)
        if source.elementCount < elementCount {
            let count = flags.cast(to: .int64).folded(.sum, 1).guarded(
                in: 0..<source.elementCount + 1, "maskedScatter",
                "the mask is true more often than the source's \(source.elementCount) elements",
                remedy: "pass one for each")
            order = order + count * 0
        }
        if given == 0 { return guarded(by: order) }
        let places = order.narrowed(axis: 0, start: 0, count: given)
        let values = source.viewed(as: [source.elementCount]).narrowed(axis: 0, start: 0, count: given)
        return viewed(as: [elementCount]).overwritten(
            axis: 0, places, by: values, counting: flags.gathered(axis: 0, places)
        ).viewed(as: shape)
    }

    /// This tensor, with the guard of another one's integers.
    func guarded(by integers: Tensor) -> Tensor {
        let zero = integers.folded(.maximum, UInt8(truncatingIfNeeded: (1 << integers.rank) - 1)).viewed(as: []) * 0
        return Tensor.select(zero .== 0, .tensor(self), .tensor(self))
    }

    private func wrongMask(_ name: String, _ mask: Tensor, _ site: CallSite) -> Tensor {
        invalid(
            name, "a mask \(mask.dtype)\(mask.shape) for \(dtype)\(shape)",
            remedy: "use a mask of bool that broadcasts, and a source of the tensor's dtype", [self, mask], at: site)
    }
}

// MARK: - Numbers of elements

extension Tensor {
    /// The elements with these numbers, counted row-major, negative ones from the end; the index's shape.
    ///
    /// Source: [torch.take](https://pytorch.org/docs/stable/generated/torch.take.html).
    public func take(_ index: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        let flat = viewed(as: [elementCount])
        guard
            let places = flat.checkedPlaces("take", index, axis: 0, allowsNegative: true, at: CallSite(file, line))
        else { return failedAfterError(index.shape) }
        return flat.gathered(axis: 0, places.viewed(as: [index.elementCount])).viewed(as: index.shape)
    }

    /// The elements at indices along an axis, or of all elements row-major: ``gather(axis:index:file:line:)`` with an index
    /// that broadcasts.
    ///
    /// Source: [torch.take_along_dim](https://pytorch.org/docs/stable/generated/torch.take_along_dim.html).
    public func takeAlong(
        _ index: Tensor, axis: Int? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard let axis else {
            return viewed(as: [elementCount]).gather(
                axis: 0, index: index.viewed(as: [index.elementCount]), file: file, line: line)
        }
        guard rank > 0, let own = shape.normalizedAxis(axis) else {
            return axisOutside("takeAlong", axis, at: CallSite(file, line))
        }
        guard index.rank == rank,
            let joint = shape.removing(axis: own).broadcast(with: index.shape.removing(axis: own))
        else {
            return invalid(
                "takeAlong", "index of shape \(index.shape) for shape \(shape), axis \(axis)",
                remedy: "use the same rank, and shapes that broadcast along the other axes", [self, index], file, line)
        }
        return expanded(to: joint.inserting(shape[own], at: own)).gather(
            axis: own, index: index.expanded(to: joint.inserting(index.shape[own], at: own)), file: file, line: line)
    }

    /// This tensor with `source`'s elements at these numbers, counted row-major, negative ones from the end: in place of its
    /// own, or added to them.
    ///
    /// Source: [torch.Tensor.put_](https://pytorch.org/docs/stable/generated/torch.Tensor.put_.html).
    public func put(
        _ index: Tensor, source: Tensor, accumulate: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        guard source.elementCount == index.elementCount, source.dtype == dtype, shares(source),
            dtype != .bool || !accumulate
        else {
            return invalid(
                "put", "source \(source.dtype)\(source.shape) for index \(index.shape) and \(dtype)\(shape)",
                remedy: "use as many elements as indices, of the tensor's dtype, and numbers to add",
                [self, source, index],
                at: site)
        }
        let flat = viewed(as: [elementCount])
        guard let checked = flat.checkedPlaces("put", index, axis: 0, allowsNegative: true, at: site) else {
            return failedAfterError()
        }
        if index.elementCount == 0 { return self }
        let places = checked.viewed(as: [index.elementCount])
        let values = source.viewed(as: [index.elementCount])
        if accumulate {
            return (flat + values.scattered(axis: 0, places, count: elementCount)).viewed(as: shape)
        }
        return flat.overwritten(axis: 0, places, by: values, counting: places.isLastOfItsPlace(axis: 0)).viewed(
            as: shape)
    }
}
