import TensorGraph
import TensorRuntime

// Medians, quantiles and other elements chosen by their order. NaN is the largest, as in sort().

/// What a quantile between two elements is.
public enum QuantileInterpolation: Sendable {
    /// Between them in proportion.
    case linear
    /// The smaller or the larger one.
    case lower, higher
    /// The nearer one, at the middle that with an even rank.
    case nearest
    /// Their mean.
    case midpoint
}

// MARK: - Median

extension Tensor {
    /// The median of all elements, of two in the middle the lower; NaN where there is one, and of no floats. Elements equal to
    /// it share the gradient evenly; along an axis it goes to the one that is named.
    ///
    /// Source: [torch.median](https://pytorch.org/docs/stable/generated/torch.median.html).
    public func median(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        wholeMedian("median", ignoresNaN: false, CallSite(file, line))
    }

    /// The median along an axis, and where it stands (int64). Of equal elements any may be named.
    public func median(
        axis: Int, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, indices: Tensor) {
        middle("median", axis, keepDims, ignoresNaN: false, CallSite(file, line))
    }

    /// The median of all elements but NaN; NaN where there are no others.
    ///
    /// Source: [torch.nanmedian](https://pytorch.org/docs/stable/generated/torch.nanmedian.html).
    public func nanMedian(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        wholeMedian("nanMedian", ignoresNaN: true, CallSite(file, line))
    }

    /// The median of the elements but NaN along an axis, and where it stands (int64).
    public func nanMedian(
        axis: Int, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, indices: Tensor) {
        middle("nanMedian", axis, keepDims, ignoresNaN: true, CallSite(file, line))
    }

    private func wholeMedian(_ name: String, ignoresNaN: Bool, _ site: CallSite) -> Tensor {
        if elementCount == 0, dtype.isFloat { return filled([], .float(.nan), dtype: dtype) }
        let x = viewed(as: [elementCount])
        return Tensor.composite(x, savesOutput: true) {
            x.middle(name, 0, false, ignoresNaN: ignoresNaN, site).values
        } pullback: {
            { p in
                let isMedian = (x .== p.output).logicalOr(x.isNaN().logicalAnd(p.output.isNaN()))
                let share = p.gradient / isMedian.cast(to: .int64).sum().cast(to: p.gradient.dtype)
                return InputGradients(share.expanded(to: x.shape).kept(where: isMedian))
            }
        }
    }

    private func middle(
        _ name: String, _ axis: Int, _ keepDims: Bool, ignoresNaN: Bool, _ site: CallSite
    ) -> (values: Tensor, indices: Tensor) {
        chosenByOrder(name, axis, keepDims, site) { x, axis in
            let count = x.shape[axis]
            var unit = x.shape
            unit[axis] = 1
            guard x.dtype.isFloat else { return x.filled(unit, .int(Int64((count - 1) / 2)), dtype: .int64) }
            let holes = x.isNaN().cast(to: .int64).folded(.sum, 1 << UInt8(axis))
            guard ignoresNaN else {
                // The first NaN stands behind all numbers.
                return Tensor.select(
                    holes .> 0, .tensor(holes * -1 + count), .scalar(.int(Int64((count - 1) / 2))))
            }
            // Half of an odd or even number of numbers, without a division of integers.
            let last = (holes * -1 + (count - 1)).cast(to: .float32)
            return count < 1 << 23 ? Tensor.maximum((last * 0.5).floor(), 0.0).cast(to: .int64) : x.halved(holes, count)
        }
    }

    /// `(count - 1 - holes) / 2`, at least 0, of numbers beyond float32's integers: the low bit goes before the halving.
    private func halved(_ holes: Tensor, _ count: Int) -> Tensor {
        let last = Tensor.maximum(holes * -1 + (count - 1), 0)
        let even = last - last % 2
        // Both parts are halves of integers that a float32 holds.
        let low = (even % (1 << 20)).cast(to: .float32) * 0.5
        let high = ((even - even % (1 << 20)).cast(to: .float32) * 0.5).cast(to: .int64)
        return high + low.cast(to: .int64)
    }

    /// The elements along an axis whose place in the order `place` says, a tensor of extent 1 there; values and indices.
    private func chosenByOrder(
        _ name: String, _ axis: Int, _ keepDims: Bool, _ site: CallSite, _ place: (Tensor, Int) -> Tensor
    ) -> (values: Tensor, indices: Tensor) {
        let index = shape.normalizedAxis(axis)
        guard let index, rank == 0 || shape[index] > 0 else {
            let failed = index == nil ? axisOutside(name, axis, at: site) : emptyFold(name, at: site)
            return (failed, failed.failedIndices())
        }
        if rank == 0 { return (self, filled([], .int(0), dtype: .int64)) }
        let order = sort(axis: index)
        let places = place(self, index)
        let mask = UInt8(1) << UInt8(index)
        return (
            order.values.gathered(axis: index, places).dropping(mask, unless: keepDims),
            order.indices.gathered(axis: index, places).dropping(mask, unless: keepDims)
        )
    }

    /// A poisoned tensor of indices beside this poisoned one.
    func failedIndices() -> Tensor {
        let error = handle.failure ?? WrongCall.errors?.error ?? TensorError(.invalidArgument, "an operand failed")
        return Tensor(context.failed(error, shape: shape, dtype: .int64))
    }

    /// The k-th smallest element along an axis, counted from 1, and where it stands (int64).
    ///
    /// Source: [torch.kthvalue](https://pytorch.org/docs/stable/generated/torch.kthvalue.html).
    public func kthValue(
        _ k: Int, axis: Int = -1, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, indices: Tensor) {
        if let index = shape.normalizedAxis(axis) {
            let count = rank == 0 ? 1 : shape[index]
            guard (1...Swift.max(count, 1)).contains(k) else {
                let failed = invalid(
                    "kthValue", "element \(k) of axis \(axis) of shape \(shape)", remedy: "use 1 to \(count)", [self],
                    file, line)
                return (failed, failed.failedIndices())
            }
        }
        return chosenByOrder("kthValue", axis, keepDims, CallSite(file, line)) { x, axis in
            var unit = x.shape
            unit[axis] = 1
            return x.filled(unit, .int(Int64(k - 1)), dtype: .int64)
        }
    }

    /// The most frequent element along an axis, of several the smallest, and where it stands last (int64).
    ///
    /// Source: [torch.mode](https://pytorch.org/docs/stable/generated/torch.mode.html).
    public func mode(
        axis: Int = -1, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, indices: Tensor) {
        chosenByOrder("mode", axis, keepDims, CallSite(file, line)) { x, axis in
            let sorted = x.detach().sort(axis: axis).values
            let ones = x.filled(x.shape, .int(1), dtype: .int32)
            // How many equal ones end here: the first largest is the end of the first longest run.
            return ones.runs(axis: axis, of: sorted) { $0 + $1 }.folded(.argmax, 1 << UInt8(axis))
        }
    }

    /// The elements in ascending order along axis 0.
    ///
    /// Source: [torch.msort](https://pytorch.org/docs/stable/generated/torch.msort.html).
    public func msort(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        sort(axis: 0, file: file, line: line).values
    }
}

// MARK: - Quantiles

extension Tensor {
    /// The quantile `q` (0...1) along an axis, or of all elements: the element at rank `q * (n - 1)` of the order, or between
    /// two. NaN where there is one. Of float tensors.
    ///
    /// Source: [torch.quantile](https://pytorch.org/docs/stable/generated/torch.quantile.html).
    public func quantile(
        _ q: Double, axis: Int? = nil, keepDims: Bool = false, interpolation: QuantileInterpolation = .linear,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        quantiles("quantile", [q], axis, keepDims, interpolation, ignoresNaN: false, CallSite(file, line))[0]
    }

    /// Several quantiles, along a new first axis.
    public func quantile(
        _ q: [Double], axis: Int? = nil, keepDims: Bool = false, interpolation: QuantileInterpolation = .linear,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        return Tensor.stack(quantiles("quantile", q, axis, keepDims, interpolation, ignoresNaN: false, site))
    }

    /// ``quantile(_:axis:keepDims:interpolation:file:line:)-(Double,_,_,_,_,_)`` of the elements but NaN.
    ///
    /// Source: [torch.nanquantile](https://pytorch.org/docs/stable/generated/torch.nanquantile.html).
    public func nanQuantile(
        _ q: Double, axis: Int? = nil, keepDims: Bool = false, interpolation: QuantileInterpolation = .linear,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        quantiles("nanQuantile", [q], axis, keepDims, interpolation, ignoresNaN: true, CallSite(file, line))[0]
    }

    /// Several quantiles of the elements but NaN, along a new first axis.
    public func nanQuantile(
        _ q: [Double], axis: Int? = nil, keepDims: Bool = false, interpolation: QuantileInterpolation = .linear,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        return Tensor.stack(quantiles("nanQuantile", q, axis, keepDims, interpolation, ignoresNaN: true, site))
    }

    private func quantiles(
        _ name: String, _ quantiles: [Double], _ axis: Int?, _ keepDims: Bool, _ interpolation: QuantileInterpolation,
        ignoresNaN: Bool, _ site: CallSite
    ) -> [Tensor] {
        guard dtype.isFloat, !quantiles.isEmpty, quantiles.allSatisfy({ (0...1).contains($0) }) else {
            return [
                invalid(
                    name, "\(quantiles) of \(dtype)", remedy: "use floats and numbers from 0 to 1, one at least",
                    [self],
                    at: site)
            ]
        }
        guard rank == 0 || axis == nil || shape.normalizedAxis(axis!) != nil else {
            return [axisOutside(name, axis!, at: site)]
        }
        let x = axis == nil || rank == 0 ? viewed(as: [elementCount]) : self
        let own = axis == nil || rank == 0 ? 0 : shape.normalizedAxis(axis!)!
        guard x.shape[own] > 0 else { return [emptyFold(name, at: site)] }
        let type: DType = dtype == .float64 ? .float64 : .float32
        let sorted = x.sort(axis: own).values.cast(to: type)
        let last = x.shape[own] - 1
        let mask = UInt8(1) << UInt8(own)
        let holes = x.isNaN().cast(to: .int64).folded(.sum, mask)
        let target =
            !keepDims ? x.shape.removing(axis: own) : axis == nil ? Shape(repeating: 1, rank: rank) : holes.shape
        return quantiles.map { q in
            // Ranks of the order: of all rows at once, or, where NaN is left out, of each.
            let value: Tensor
            if ignoresNaN {
                let ranks = Tensor.maximum((holes * -1 + last).cast(to: type) * q, 0.0)
                value = sorted.between(ranks.floor(), ranks.ceil(), ranks - ranks.floor(), own, interpolation)
            } else {
                let rank = q * Double(last)
                func places(_ rank: Double) -> Tensor {
                    Tensor.select(holes .> 0, .scalar(.int(Int64(last))), .tensor(holes * 0 + Int(rank)))
                }
                let weight = holes.filled(holes.shape, .float(rank - rank.rounded(.down)), dtype: type)
                value = sorted.between(
                    places(rank.rounded(.down)), places(rank.rounded(.up)), weight, own, interpolation)
            }
            return value.cast(to: dtype).viewed(as: rank == 0 ? [] : target)
        }
    }

    /// What lies at a weight between two places of an axis.
    private func between(
        _ below: Tensor, _ above: Tensor, _ weight: Tensor, _ axis: Int, _ interpolation: QuantileInterpolation
    ) -> Tensor {
        let (low, high) = (below.cast(to: .int64), above.cast(to: .int64))
        func mixed(_ weight: Tensor) -> Tensor {
            let (a, b) = (gathered(axis: axis, low), gathered(axis: axis, high))
            return a + weight * (b - a)
        }
        switch interpolation {
        case .lower: return gathered(axis: axis, low)
        case .higher: return gathered(axis: axis, high)
        case .midpoint:
            return mixed(Tensor.select(low .== high, .scalar(.float(0)), .scalar(.float(0.5))).cast(to: dtype))
        case .linear: return mixed(weight)
        case .nearest:
            // Halves go to the even rank.
            let tie = (weight .== 0.5).logicalAnd((low % 2) .!= 0)
            let goesUp = (weight .> 0.5).logicalOr(tie)
            return gathered(axis: axis, Tensor.select(goesUp, .tensor(high), .tensor(low)))
        }
    }
}
