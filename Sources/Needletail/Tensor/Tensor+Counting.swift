import TensorGraph
import TensorRuntime

// Sorted sequences, sets and histograms.

// MARK: - Places in a sorted sequence

extension Tensor {
    /// Where values would stand in this ascending sequence, int64, of the values' shape: before equal elements, or behind them
    /// with `right`. The sequence is a vector, or has the values' leading axes: shapes `[..., n]` and `[..., m]`. NaN stands
    /// last.
    ///
    /// Source: [torch.searchsorted](https://pytorch.org/docs/stable/generated/torch.searchsorted.html).
    public func searchsorted(
        _ values: Tensor, right: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard shares(values) else { return deviceMismatch("searchsorted", values, at: CallSite(file, line)) }
        guard rank > 0, rank == 1 || (rank == values.rank && shape.leading(rank - 1) == values.shape.leading(rank - 1))
        else {
            return invalid(
                "searchsorted", "a sequence of shape \(shape) and values of shape \(values.shape)",
                remedy: "use a vector, or the values' leading axes", [self, values], file, line)
        }
        let type = promotedDType(with: values)
        let sequence = withRecording(false) { cast(to: type) }
        let wanted = withRecording(false) { values.cast(to: type) }
        if rank > 1 { return sequence.places(of: wanted, right: right) }
        return sequence.places(of: wanted.viewed(as: [wanted.elementCount]), right: right).viewed(as: values.shape)
    }

    /// Which of the ranges between these ascending boundaries each element is in: i where `boundaries[i - 1] < x <=
    /// boundaries[i]`, or with `right` `boundaries[i - 1] <= x < boundaries[i]`.
    ///
    /// Source: [torch.bucketize](https://pytorch.org/docs/stable/generated/torch.bucketize.html).
    public func bucketize(
        _ boundaries: Tensor, right: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard boundaries.rank == 1 else {
            return invalid(
                "bucketize", "boundaries of shape \(boundaries.shape)", remedy: "use a vector", [self, boundaries],
                file,
                line)
        }
        return boundaries.searchsorted(self, right: right, file: file, line: line)
    }

    /// How many elements of each row stand before a value, from the highest power of two down.
    private func places(of values: Tensor, right: Bool) -> Tensor {
        let axis = rank - 1
        let count = shape[axis]
        var place = values.filled(values.shape, .int(0), dtype: .int64)
        var step = 1
        while step * 2 <= count { step *= 2 }
        while step > 0, count > 0 {
            let next = place + step
            let element = gathered(axis: axis, Tensor.minimum(next, count) - 1)
            var stays = right ? element .> values : element .>= values
            // NaN stands behind every number.
            if dtype.isFloat { stays = stays.logicalOr(element.isNaN().logicalAnd(values.isNaN().logicalNot())) }
            let goes = stays.logicalNot().logicalAnd(next .<= count)
            place = Tensor.select(goes, .tensor(next), .tensor(place))
            step /= 2
        }
        return place
    }

    /// Whether each element is one of `elements`; bool. NaN is none.
    ///
    /// Source: [torch.isin](https://pytorch.org/docs/stable/generated/torch.isin.html).
    public func isin(
        _ elements: Tensor, invert: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard shares(elements) else { return deviceMismatch("isin", elements, at: CallSite(file, line)) }
        let count = elements.elementCount
        if count == 0 { return filled(shape, .int(invert ? 1 : 0), dtype: .bool) }
        let type = promotedDType(with: elements)
        let known = withRecording(false) { elements.cast(to: type).viewed(as: [count]).sort(axis: 0).values }
        let flat = withRecording(false) { cast(to: type).viewed(as: [elementCount]) }
        let nearest = known.gathered(axis: 0, Tensor.minimum(known.places(of: flat, right: false), count - 1))
        return (invert ? nearest .!= flat : nearest .== flat).viewed(as: shape)
    }
}

// MARK: - Sets

extension Tensor {
    /// The distinct elements in ascending order, for each element the number of its value among them (int64, of this tensor's
    /// shape), and how often each value stands (int64). Each NaN is a value of its own. The order is read, because the
    /// result's shape depends on it; no gradient flows.
    ///
    /// Source: [torch.unique](https://pytorch.org/docs/stable/generated/torch.unique.html).
    public func unique(
        file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, inverse: Tensor, counts: Tensor) {
        let (values, order) = detach().viewed(as: [elementCount, 1]).sort(axis: 0)
        let found = values.distinctRows(order: order.viewed(as: [elementCount]))
        return (found.rows.viewed(as: [found.rows.elementCount]), found.inverse.viewed(as: shape), found.counts)
    }

    /// The distinct slices of an axis in the order of their elements, for each slice its number among them, and how often each
    /// stands. Takes a sort for each element of a slice.
    public func unique(
        axis: Int, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, inverse: Tensor, counts: Tensor) {
        distinctSlices("unique", axis, isSorted: true, CallSite(file, line))
    }

    /// The elements without those equal to the one before them, for each element the number of its run, and how long each run
    /// is. Which are equal is read; no gradient flows.
    ///
    /// Source: [torch.unique_consecutive](https://pytorch.org/docs/stable/generated/torch.unique_consecutive.html).
    public func uniqueConsecutive(
        file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, inverse: Tensor, counts: Tensor) {
        let found = detach().viewed(as: [elementCount, 1]).distinctRows(order: nil)
        return (found.rows.viewed(as: [found.rows.elementCount]), found.inverse.viewed(as: shape), found.counts)
    }

    /// The slices of an axis without those equal to the one before them.
    public func uniqueConsecutive(
        axis: Int, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, inverse: Tensor, counts: Tensor) {
        distinctSlices("uniqueConsecutive", axis, isSorted: false, CallSite(file, line))
    }

    private func distinctSlices(
        _ name: String, _ axis: Int, isSorted: Bool, _ site: CallSite
    ) -> (values: Tensor, inverse: Tensor, counts: Tensor) {
        guard rank > 0, let own = shape.normalizedAxis(axis) else {
            let failed = axisOutside(name, axis, at: site)
            return (failed, failed.failedIndices(), failed.failedIndices())
        }
        let front = detach().movedim(own, 0)
        let count = shape[own]
        var rows = front.viewed(as: [count, front.shape.removing(axis: 0).elementCount])
        var order: Tensor?
        if isSorted {
            for column in stride(from: rows.shape[1] - 1, through: 0, by: -1) {
                let key = rows.narrowed(axis: 1, start: column, count: 1).viewed(as: [count])
                let next = order.map { $0.gathered(axis: 0, key.gathered(axis: 0, $0).argsort()) } ?? key.argsort()
                order = next
            }
            if let order { rows = rows.gathered(axis: 0, order.along(0, of: rows.shape)) }
        }
        let found = rows.distinctRows(order: order)
        var target = front.shape
        target[0] = found.rows.shape[0]
        return (found.rows.viewed(as: target).movedim(0, own), found.inverse, found.counts)
    }

    /// The rows that differ from the one before them. Row i stood at `order[i]`; nil says at i.
    private func distinctRows(order: Tensor?) -> (rows: Tensor, inverse: Tensor, counts: Tensor) {
        let count = shape[0]
        do throws(TensorError) {
            var starts: [Int64] = count > 0 ? [0] : []
            if count > 1 {
                let before = narrowed(axis: 0, start: 0, count: count - 1)
                let differs = (narrowed(axis: 0, start: 1, count: count - 1) .!= before).any(axes: [1])
                let flags = try differs.bytes()
                for row in flags.indices where flags[row] != 0 { starts.append(Int64(row + 1)) }
            }
            let ends = starts.dropFirst() + [Int64(count)]
            let counts = zip(starts, ends).map { $1 - $0 }
            let runs = counts.enumerated().flatMap { [Int64](repeating: Int64($0), count: Int($1)) }
            let kept = Tensor.host(starts, shape: [starts.count], in: context)
            let numbers = Tensor.host(runs, shape: [runs.count], in: context)
            return (
                gathered(axis: 0, kept.along(0, of: [starts.count, shape[1]])),
                order.map { numbers.scattered(axis: 0, $0, count: count) } ?? numbers,
                Tensor.host(counts, shape: [counts.count], in: context)
            )
        } catch {
            let failed = Tensor(context.failed(error, shape: [0, shape[1]], dtype: dtype))
            let indices = Tensor(context.failed(error, shape: [count], dtype: .int64))
            return (failed, indices, Tensor(context.failed(error, shape: [0], dtype: .int64)))
        }
    }
}

// MARK: - Histograms

extension Tensor {
    /// How often each number from 0 on stands in a vector of integers, or the sum of the weights of its places. As long as
    /// the largest number says, which is read, and as `minLength`. int64, or the weights' dtype.
    ///
    /// Source: [torch.bincount](https://pytorch.org/docs/stable/generated/torch.bincount.html).
    public func bincount(
        weights: Tensor? = nil, minLength: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank == 1, dtype.kind == .integer, minLength >= 0, weights == nil || weights!.shape == shape,
            weights.map(shares) ?? true
        else {
            return invalid(
                "bincount",
                "\(dtype)\(shape)" + (weights.map { " with weights \($0.shape)" } ?? "")
                    + ", at least \(minLength) numbers",
                remedy: "use a vector of integers, and weights of its shape and device",
                [self] + (weights.map { [$0] } ?? []), file, line)
        }
        let values =
            weights.map { $0.dtype.isFloat ? $0.detach() : $0.cast(to: .float64) }
            ?? filled(shape, .int(1), dtype: .int64)
        guard ([minLength] as Shape).isValid else {
            return invalid("bincount", "at least \(minLength) numbers", remedy: Tensor.shapeRemedy, [self], file, line)
        }
        if elementCount == 0 { return filled([minLength], .int(0), dtype: values.dtype) }
        do throws(TensorError) {
            let ends = try Tensor.stack([min().cast(to: .int64), max().cast(to: .int64)]).scalars(as: Int64.self)
            let count = Swift.max(Int(ends[1]), minLength - 1)
            guard ends[0] >= 0, count < Int.max, ([count + 1] as Shape).isValid else {
                return invalid(
                    "bincount", "numbers from \(ends[0]) to \(ends[1])",
                    remedy: "use numbers of at least 0, and counts that fit in memory", [self], file, line)
            }
            return values.scattered(axis: 0, cast(to: .int64), count: count + 1)
        } catch {
            return Tensor(context.failed(error, shape: [minLength], dtype: values.dtype))
        }
    }

    /// How many elements lie in each of `bins` ranges of one width from `min` to `max`, the last with its end; of the tensor's
    /// float dtype. Where both are equal, from the smallest element to the largest. Elements outside, and NaN, are not counted.
    ///
    /// Source: [torch.histc](https://pytorch.org/docs/stable/generated/torch.histc.html).
    public func histc(
        bins: Int = 100, min low: Double = 0, max high: Double = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard dtype.isFloat, bins > 0, bins < Int.max / 128, low <= high, (high - low).isFinite else {
            return invalid(
                "histc", "\(bins) bins from \(low) to \(high) of \(dtype)",
                remedy: "use floats, one bin at least, and finite ends in order", [self], file, line)
        }
        let x = detach().viewed(as: [elementCount])
        if elementCount == 0 { return filled([bins], .int(0), dtype: dtype) }
        let (first, last) = x.histogramEnds(low == high ? nil : (low, high))
        let isInside = (x .>= first).logicalAnd(x .<= last)
        let steps = ((x - first) * bins / (last - first)).floor()
        let inner = Tensor.minimum(steps, Double(bins - 1)).cast(to: .int64)
        return x.counted(at: Tensor.select(isInside, .tensor(inner), .scalar(.int(Int64(bins)))), bins, nil)
    }

    /// The ends of a histogram's range; nil takes the smallest and the largest element, and where these are equal, so much about.
    private func histogramEnds(_ range: (Double, Double)?, about: Double = 1) -> (Tensor, Tensor) {
        if let range {
            return (filled([], .float(range.0), dtype: dtype), filled([], .float(range.1), dtype: dtype))
        }
        let (low, high) = (min(), max())
        let isPoint = low .== high
        return (
            Tensor.select(isPoint, .tensor(low - about), .tensor(low)),
            Tensor.select(isPoint, .tensor(high + about), .tensor(high))
        )
    }

    /// Ones, or weights, added up at bins; bin `bins` is that of the elements outside.
    private func counted(at places: Tensor, _ bins: Int, _ weights: Tensor?) -> Tensor {
        let values = weights ?? filled([elementCount], .int(1), dtype: dtype)
        return values.scattered(axis: 0, places, count: bins + 1).narrowed(axis: 0, start: 0, count: bins)
    }

    /// A histogram of `bins` ranges of one width, and the `bins + 1` edges between them: counts of the elements, or sums of
    /// their weights; with `density` divided by the sum and the width. The range is that of the elements unless given; those
    /// outside are not counted.
    ///
    /// Source: [torch.histogram](https://pytorch.org/docs/stable/generated/torch.histogram.html).
    public func histogram(
        bins: Int, range: ClosedRange<Double>? = nil, weights: Tensor? = nil, density: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) -> (counts: Tensor, edges: Tensor) {
        guard dtype.isFloat, bins > 0, bins < Int.max / 128 else {
            let failed = invalid(
                "histogram", "\(bins) bins of \(dtype)", remedy: "use floats, and one bin at least", [self], file, line)
            return (failed, failed)
        }
        let x = detach()
        let ends: (Double, Double)? = range.map { ($0.lowerBound, $0.upperBound) }
        let given = elementCount == 0 ? ends ?? (0, 1) : ends
        let isPoint = given.map { $0.0 == $0.1 } ?? false
        let (low, high) = x.histogramEnds(isPoint ? given.map { ($0.0 - 0.5, $0.1 + 0.5) } : given, about: 0.5)
        let numbers = indices([bins + 1])
        let step = (high - low) / Double(bins)
        let fromLow = numbers.cast(to: dtype) * step + low
        let fromHigh = high - (numbers * -1 + bins).cast(to: dtype) * step
        let edges = Tensor.select(numbers .< (bins + 1) / 2, .tensor(fromLow), .tensor(fromHigh))
        return x.histogram("histogram", edges, weights, density, CallSite(file, line))
    }

    /// A histogram of the ranges between ascending edges.
    public func histogram(
        edges: Tensor, weights: Tensor? = nil, density: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> (counts: Tensor, edges: Tensor) {
        detach().histogram("histogram", edges.detach(), weights, density, CallSite(file, line))
    }

    private func histogram(
        _ name: String, _ edges: Tensor, _ weights: Tensor?, _ density: Bool, _ site: CallSite
    ) -> (counts: Tensor, edges: Tensor) {
        guard dtype.isFloat, edges.rank == 1, edges.elementCount > 1, edges.dtype == dtype, shares(edges),
            weights == nil || (weights!.shape == shape && weights!.dtype == dtype && shares(weights!))
        else {
            let failed = invalid(
                name,
                "\(dtype)\(shape) with edges \(edges.dtype)\(edges.shape)"
                    + (weights.map { " and weights \($0.dtype)\($0.shape)" } ?? ""),
                remedy: "use floats, two edges at least, and weights of the tensor's shape, of one dtype and device",
                [self, edges] + (weights.map { [$0] } ?? []), at: site)
            return (failed, failed)
        }
        let bins = edges.elementCount - 1
        let x = viewed(as: [elementCount])
        let place = edges.places(of: x, right: true)
        // The last range has its end.
        let last = edges.narrowed(axis: 0, start: bins, count: 1)
        let inner = Tensor.select(x .== last, .scalar(.int(Int64(bins - 1))), .tensor(place - 1))
        let isOutside = (inner .< 0).logicalOr(inner .>= bins)
        let bin = Tensor.select(isOutside, .scalar(.int(Int64(bins))), .tensor(inner))
        var counts = x.counted(at: bin, bins, weights.map { $0.detach().viewed(as: [elementCount]) })
        if density {
            let widths = edges.narrowed(axis: 0, start: 1, count: bins) - edges.narrowed(axis: 0, start: 0, count: bins)
            counts = counts / counts.sum() / widths
        }
        return (counts, edges)
    }
}
