import TensorGraph
import TensorRuntime

// Sums, extremes and moments beside those of their own files, and what is made of neighbours.

// MARK: - Pairs of results

extension Tensor {
    /// The variance and the mean, as ``variance(axes:correction:keepDims:file:line:)-(_,Double,_,_,_)`` and
    /// ``mean(axes:keepDims:file:line:)-([Int],_,_,_)``.
    ///
    /// Source: [torch.var_mean](https://pytorch.org/docs/stable/generated/torch.var_mean.html).
    public func varianceMean(
        axes: [Int] = [], correction: Double = 1, keepDims: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) -> (variance: Tensor, mean: Tensor) {
        (
            variance(axes: axes, correction: correction, keepDims: keepDims, file: file, line: line),
            mean(axes: axes, keepDims: keepDims, file: file, line: line)
        )
    }

    /// The standard deviation and the mean.
    ///
    /// Source: [torch.std_mean](https://pytorch.org/docs/stable/generated/torch.std_mean.html).
    public func stdMean(
        axes: [Int] = [], correction: Double = 1, keepDims: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) -> (std: Tensor, mean: Tensor) {
        (
            std(axes: axes, correction: correction, keepDims: keepDims, file: file, line: line),
            mean(axes: axes, keepDims: keepDims, file: file, line: line)
        )
    }

    /// The largest element over axes: ``max(axes:keepDims:file:line:)-([Int],_,_,_)``.
    public func amax(
        axes: [Int] = [], keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        max(axes: axes, keepDims: keepDims, file: file, line: line)
    }

    /// The smallest element over axes: ``min(axes:keepDims:file:line:)-([Int],_,_,_)``.
    public func amin(
        axes: [Int] = [], keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        min(axes: axes, keepDims: keepDims, file: file, line: line)
    }

    /// The smallest and the largest element, along an axis or of all.
    ///
    /// Source: [torch.aminmax](https://pytorch.org/docs/stable/generated/torch.aminmax.html).
    public func aminmax(
        axis: Int? = nil, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> (min: Tensor, max: Tensor) {
        let axes = axis.map { [$0] } ?? []
        return (
            min(axes: axes, keepDims: keepDims, file: file, line: line),
            max(axes: axes, keepDims: keepDims, file: file, line: line)
        )
    }
}

// MARK: - Counts, and sums without NaN

extension Tensor {
    /// How many elements are not 0 (NaN is not), int64.
    ///
    /// Source: [torch.count_nonzero](https://pytorch.org/docs/stable/generated/torch.count_nonzero.html).
    public func countNonzero(
        axes: [Int] = [], keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        cast(to: .bool).sum(axes: axes, keepDims: keepDims, file: file, line: line)
    }

    /// The sum of the elements but NaN.
    ///
    /// Source: [torch.nansum](https://pytorch.org/docs/stable/generated/torch.nansum.html).
    public func nanSum(
        axes: [Int] = [], keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard dtype.isFloat else { return sum(axes: axes, keepDims: keepDims, file: file, line: line) }
        return kept(where: isNaN().logicalNot()).sum(axes: axes, keepDims: keepDims, file: file, line: line)
    }

    /// The mean of the elements but NaN; NaN where there are no others.
    ///
    /// Source: [torch.nanmean](https://pytorch.org/docs/stable/generated/torch.nanmean.html).
    public func nanMean(
        axes: [Int] = [], keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard dtype.isFloat else {
            return invalid("nanMean", "the tensor is \(dtype)", remedy: "cast it, to(.float32)", [self], file, line)
        }
        let count = isNaN().logicalNot().sum(axes: axes, keepDims: keepDims, file: file, line: line)
        return inFloat32 {
            $0.nanSum(axes: axes, keepDims: keepDims, file: file, line: line) / count.cast(to: $0.dtype)
        }
    }
}

// MARK: - Covariance

extension Tensor {
    /// The covariances of variables, the rows, over observations, the columns; of a vector its variance. `frequencies` say how
    /// often each observation was made (integers), `weights` how much it counts.
    ///
    /// Source: [torch.cov](https://pytorch.org/docs/stable/generated/torch.cov.html).
    public func cov(
        correction: Double = 1, frequencies: Tensor? = nil, weights: Tensor? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        guard rank <= 2, dtype.isFloat else {
            return invalid(
                "cov", "\(dtype)\(shape)", remedy: "use a matrix of floats, a row a variable", [self], file, line)
        }
        let x = rank == 2 ? self : viewed(as: [1, elementCount])
        let count = x.shape[1]
        for given in [frequencies, weights].compactMap({ $0 })
        where given.shape != [count] || given.dtype == .bool || !shares(given) {
            return invalid(
                "cov", "frequencies or weights \(given.dtype)\(given.shape) for \(count) observations",
                remedy: "use a vector of one number for each", [self, given], file, line)
        }
        var factors = frequencies?.cast(to: dtype)
        if let weights {
            let own = weights.cast(to: dtype)
            factors = factors.map { $0 * own } ?? own
        }
        let result: Tensor
        if let factors {
            let total = factors.sum()
            var freedom = total - correction
            if let weights, correction != 0 {
                freedom = total - (factors * weights.cast(to: dtype)).sum() / total * correction
            }
            let mean = (x * factors).sum(axes: [1], keepDims: true) / total
            let centred = x - mean
            result = (centred * factors).matmul(centred.T) / Tensor.maximum(freedom, 0.0)
        } else {
            let centred = x - x.mean(axes: [1], keepDims: true)
            result = centred.matmul(centred.T) / Swift.max(Double(count) - correction, 0)
        }
        return rank == 2 && shape[0] != 1 ? result : result.viewed(as: [])
    }

    /// The correlations of variables, the rows, over observations: covariances by both standard deviations, cut off at -1 and
    /// 1.
    ///
    /// Source: [torch.corrcoef](https://pytorch.org/docs/stable/generated/torch.corrcoef.html).
    public func corrcoef(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        let covariance = cov(file: file, line: line)
        if covariance.rank < 2 { return covariance / covariance }
        let deviation = covariance.diagonal().sqrt()
        let scaled = covariance / deviation.viewed(as: [deviation.elementCount, 1]) / deviation
        return scaled.clamp(min: -1, max: 1)
    }
}

// MARK: - Neighbours

extension Tensor {
    /// Each element less the one before it along an axis, `n` times over. What is prepended and appended counts as part of the
    /// tensor. Of bool, whether the two differ.
    ///
    /// Source: [torch.diff](https://pytorch.org/docs/stable/generated/torch.diff.html).
    public func diff(
        n: Int = 1, axis: Int = -1, prepend: Tensor? = nil, append: Tensor? = nil, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        guard rank > 0, let own = shape.normalizedAxis(axis) else {
            return axisOutside("diff", axis, at: CallSite(file, line))
        }
        guard n >= 0 else {
            return invalid("diff", "\(n) times", remedy: "use a number of at least 0", [self], file, line)
        }
        if n == 0 { return self }
        let parts = [prepend, self, append].compactMap { $0 }
        var result =
            parts.count == 1 ? self : Tensor.concatenated(parts, axis: own, for: "diff", at: CallSite(file, line))
        for _ in 0..<Swift.min(n, result.shape[own]) {
            let count = result.shape[own] - 1
            let after = result.narrowed(axis: own, start: 1, count: count)
            let before = result.narrowed(axis: own, start: 0, count: count)
            result = dtype == .bool ? after .!= before : after - before
        }
        return result
    }

    /// The integral along an axis by the trapezoidal rule, of values `spacing` apart. Integers add up in int64 and give
    /// float32.
    ///
    /// Source: [torch.trapezoid](https://pytorch.org/docs/stable/generated/torch.trapezoid.html).
    public func trapezoid(
        spacing: Double = 1, axis: Int = -1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank > 0, let own = shape.normalizedAxis(axis) else {
            return axisOutside("trapezoid", axis, at: CallSite(file, line))
        }
        guard dtype != .bool else { return boolTrapezoid([self], at: CallSite(file, line)) }
        return pairSums(own).sum(axes: [own]) * (spacing / 2)
    }

    /// The integral along an axis by the trapezoidal rule, of values at places: a vector, or a tensor that broadcasts to this
    /// one.
    public func trapezoid(
        at places: Tensor, axis: Int = -1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank > 0, let own = shape.normalizedAxis(axis) else {
            return axisOutside("trapezoid", axis, at: CallSite(file, line))
        }
        guard shares(places) else { return deviceMismatch("trapezoid", places, at: CallSite(file, line)) }
        guard places.rank == 1 ? places.elementCount == shape[own] : shape.broadcast(with: places.shape) == shape else {
            return invalid(
                "trapezoid", "places of shape \(places.shape) for shape \(shape), axis \(axis)",
                remedy: "use a vector of \(shape[own]), or a shape that broadcasts", [self, places], file, line)
        }
        guard dtype != .bool, places.dtype != .bool else {
            return boolTrapezoid([self, places], at: CallSite(file, line))
        }
        let numbers = places.cast(to: places.dtype.sumType)
        let wide = places.rank == 1 ? numbers.along(own, of: shape) : numbers.expanded(to: shape)
        return (pairSums(own) * wide.diff(axis: own)).sum(axes: [own]) * 0.5
    }

    private func boolTrapezoid(_ operands: [Tensor], at site: CallSite) -> Tensor {
        invalid("trapezoid", "values or places of bool", remedy: "cast them, to(.float32)", operands, at: site)
    }

    /// Each element and the one before it along an axis, added.
    private func pairSums(_ axis: Int) -> Tensor {
        let count = Swift.max(shape[axis] - 1, 0)
        let start = Swift.min(1, shape[axis])
        let numbers = cast(to: dtype.sumType)
        return numbers.narrowed(axis: axis, start: start, count: count)
            + numbers.narrowed(axis: axis, start: 0, count: count)
    }

    /// The powers of a vector's elements as the columns of a matrix: of `n` columns the highest first, or last with
    /// `increasing`; as many as elements unless given.
    ///
    /// Source: [torch.vander](https://pytorch.org/docs/stable/generated/torch.vander.html).
    public func vander(
        _ n: Int? = nil, increasing: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let count = n ?? elementCount
        guard rank == 1, count >= 0, dtype != .bool, ([elementCount, count] as Shape).isValid else {
            return invalid(
                "vander", "\(count) columns of \(dtype)\(shape)",
                remedy: "use a vector of numbers, and columns that fit in memory", [self], file, line)
        }
        if count == 0 { return filled([elementCount, 0], .int(0), dtype: dtype) }
        let ones = filled([elementCount, 1], .int(1), dtype: dtype)
        let factors = along(0, of: [elementCount, count - 1])
        let powers = count == 1 ? factors : factors.cumprod(axis: 1).cast(to: dtype)
        let columns = Tensor.concatenate([ones, powers], axis: 1)
        return increasing ? columns : columns.flip([1])
    }

    /// All pairs, triples, ... with one element of each vector, as rows; one vector is itself.
    ///
    /// Source: [torch.cartesian_prod](https://pytorch.org/docs/stable/generated/torch.cartesian_prod.html).
    public static func cartesianProd(
        _ tensors: [Tensor], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard let first = tensors.first else {
            return concatenated([], axis: 0, for: "cartesianProd", at: CallSite(file, line))
        }
        for tensor in tensors where tensor.rank != 1 {
            return tensor.invalid(
                "cartesianProd", "a tensor of shape \(tensor.shape)", remedy: "use vectors", tensors, file, line)
        }
        if tensors.count == 1 { return first }
        let grid = meshgrid(tensors, file: file, line: line)
        if grid.count != tensors.count { return grid[0] }
        return stack(grid.map { $0.viewed(as: [$0.elementCount]) }, axis: 1)
    }

    /// All choices of `r` elements of a vector as rows, in their order; with replacement an element may be chosen again.
    ///
    /// Source: [torch.combinations](https://pytorch.org/docs/stable/generated/torch.combinations.html).
    public func combinations(
        _ r: Int = 2, withReplacement: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank == 1, r >= 0 else {
            return invalid(
                "combinations", "\(r) elements of shape \(shape)", remedy: "use a vector, and at least 0 of it", [self],
                file, line)
        }
        if r == 0 { return filled([0], .int(0), dtype: dtype) }
        // n over r, step by step; of more than an array holds, what it is no more counts.
        let most = withReplacement ? elementCount + Swift.min(r, 1 << 40) - 1 : elementCount
        var count = r > most || elementCount == 0 ? 0.0 : 1.0
        for step in 0..<Swift.min(r, most - Swift.min(r, most)) where count < 0x1p53 {
            count *= Double(most - step) / Double(step + 1)
        }
        let target: Shape = [count < 0x1p53 ? Int(count.rounded()) : .max, r]
        guard target.isValid, hostHasMemory(Swift.min(target.elementCount, 1 << 56) * 16) else {
            return invalid(
                "combinations", "\(r) of \(elementCount) elements, in a result of shape \(target)",
                remedy: "choose fewer", [self], file, line)
        }
        if target.elementCount == 0 { return filled([0, r], .int(0), dtype: dtype) }
        var rows: [[Int64]] = (0..<Int64(elementCount)).map { [$0] }
        for _ in 1..<r {
            rows = rows.flatMap { row in
                ((withReplacement ? row.last! : row.last! + 1)..<Int64(elementCount)).map { row + [$0] }
            }
        }
        let places = Tensor.host(rows.flatMap { $0 }, shape: [rows.count * r], in: context)
        return gathered(axis: 0, places).viewed(as: [rows.count, r])
    }
}
