import TensorGraph
import TensorRuntime

// Lengths and distances.

// MARK: - Norms

extension Tensor {
    /// The p-norm over axes: the p-th root of the sum of `|x|^p`. p 0 counts what is not 0, infinity is the largest
    /// magnitude, minus infinity the smallest. Integers are cast to float32.
    ///
    /// Gradients at 0 are PyTorch's: 0 of the Euclidean norm.
    /// Source: [torch.linalg.vector_norm](https://pytorch.org/docs/stable/generated/torch.linalg.vector_norm.html).
    public func norm(
        p: Double = 2, axes: [Int], keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        norm("norm", p, axes, keepDims, at: CallSite(file, line))
    }

    /// The p-norm over the axes listed, over all where none is.
    public func norm(
        p: Double, axes: Int..., keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        norm("norm", p, axes, keepDims, at: CallSite(file, line))
    }

    private func norm(_ name: String, _ p: Double, _ axes: [Int], _ keepDims: Bool, at site: CallSite) -> Tensor {
        guard let mask = axisMask(axes, in: shape) else { return axesOutside(name, axes, at: site) }
        guard !p.isNaN else {
            return invalid(name, "p is NaN", remedy: "use a number or an infinity", [self], at: site)
        }
        if foldCount(mask) == 0, p < 0 || p == .infinity { return emptyFold(name, at: site) }
        return inFloat32 { $0.powerNorm(p, mask).dropping(mask, unless: keepDims) }
    }

    /// The p-norm over the axes of a mask, which stay with extent 1, with PyTorch's gradient. Of float32 or float64.
    func powerNorm(_ p: Double, _ mask: UInt8) -> Tensor {
        let x = self
        return Tensor.composite(x, savesOutput: true) {
            if p == 0 { return (x .!= 0.0).cast(to: x.dtype).folded(.sum, mask) }
            if p == 1 { return x.abs().folded(.sum, mask) }
            if p == 2 { return x.square().folded(.sum, mask).sqrt() }
            if p == .infinity { return x.abs().folded(.maximum, mask) }
            if p == -.infinity { return x.abs().folded(.minimum, mask) }
            return x.abs().pow(p).folded(.sum, mask).pow(1 / p)
        } pullback: {
            { arguments in
                InputGradients(x.slopeOfNorm(p, mask, arguments.output, arguments.gradient))
            }
        }
    }

    private func slopeOfNorm(_ p: Double, _ mask: UInt8, _ norm: Tensor, _ gradient: Tensor) -> Tensor {
        if p == 0 { return Tensor.zerosLike(self) }
        if p == 1 { return sign() * gradient }
        let magnitude = abs()
        if p.isInfinite {
            // Equal ones share the gradient; where the norm is NaN, they are the NaNs.
            let winners = (magnitude .== norm).logicalOr(isNaN()).cast(to: dtype)
            return sign() * winners * (gradient / winners.folded(.sum, mask))
        }
        if p == 2 { return (self * (gradient / norm)).masked(where: norm .== 0.0, with: 0.0) }
        let scale = gradient * norm.pow(1 - p)
        let slope = sign() * magnitude.pow(p - 1) * scale
        return slope.masked(where: p < 1 ? self .== 0.0 : norm .== 0.0, with: 0.0)
    }

    /// The tensor divided by its p-norm along an axis, or by `epsilon` where that is larger.
    ///
    /// Source: [torch.nn.functional.normalize](https://pytorch.org/docs/stable/generated/torch.nn.functional.normalize.html).
    public func normalize(
        p: Double = 2, axis: Int = 1, epsilon: Double = 1e-12, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let length = norm("normalize", p, [axis], true, at: CallSite(file, line))
        return inFloat32 { $0 / Tensor.maximum(length.cast(to: $0.dtype), epsilon) }
    }

    /// The slices along an axis, each whose p-norm is above `maximum` scaled down to it.
    ///
    /// Source: [torch.renorm](https://pytorch.org/docs/stable/generated/torch.renorm.html).
    public func renorm(
        p: Double, axis: Int, maximum: Double, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard rank > 1, let index = shape.normalizedAxis(axis), p > 0, maximum >= 0, dtype.isFloat else {
            return invalid(
                "renorm", "p \(p), axis \(axis) and a maximum of \(maximum) for \(dtype)\(shape)",
                remedy: "use floats of rank 2 at least, one of their axes, p above 0 and a maximum of at least 0",
                [self], file, line)
        }
        let length = norm("renorm", p, (0..<rank).filter { $0 != index }, true, at: CallSite(file, line))
        return inFloat32 {
            let length = length.cast(to: $0.dtype)
            let scale = maximum / (length + 1e-7)
            return $0 * Tensor.select(length .> maximum, .tensor(scale), .scalar(.float(1)))
        }
    }
}

// MARK: - Distances

extension Tensor {
    /// The cosine of the angle between vectors along an axis: their product by their lengths, each at least `epsilon`. The two
    /// broadcast.
    ///
    /// Source: [torch.nn.CosineSimilarity](https://pytorch.org/docs/stable/generated/torch.nn.CosineSimilarity.html).
    public static func cosineSimilarity(
        _ a: Tensor, _ b: Tensor, axis: Int = 1, epsilon: Double = 1e-8, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        let product = binary(.multiply, a, b, symbol: "cosineSimilarity", at: CallSite(file, line))
        guard product.dtype.isFloat else {
            return a.invalid(
                "cosineSimilarity", "the tensors are \(a.dtype) and \(b.dtype)", remedy: "cast them, to(.float32)",
                [a, b], file, line)
        }
        guard product.rank > 0, let index = product.shape.normalizedAxis(axis) else {
            return product.axisOutside("cosineSimilarity", axis, at: CallSite(file, line))
        }
        func unit(_ x: Tensor) -> Tensor {
            let wide = x.cast(to: product.dtype).expanded(to: product.shape)
            return wide.inFloat32 {
                let length = $0.powerNorm(2, 1 << UInt8(index))
                return $0 / maximum(length, epsilon)
            }
        }
        return (unit(a) * unit(b)).sum(axes: [index])
    }

    /// The p-norm of the differences along the last axis, to which `epsilon` is added. The two broadcast.
    ///
    /// Source: [torch.nn.PairwiseDistance](https://pytorch.org/docs/stable/generated/torch.nn.PairwiseDistance.html).
    public static func pairwiseDistance(
        _ a: Tensor, _ b: Tensor, p: Double = 2, epsilon: Double = 1e-6, keepDims: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let difference = binary(.subtract, a, b, symbol: "pairwiseDistance", at: CallSite(file, line)) + epsilon
        guard difference.rank > 0 else {
            return difference.axisOutside("pairwiseDistance", -1, at: CallSite(file, line))
        }
        return difference.norm("pairwiseDistance", p, [-1], keepDims, at: CallSite(file, line))
    }

    /// The p-norm of the difference of two tensors, which broadcast.
    ///
    /// Source: [torch.dist](https://pytorch.org/docs/stable/generated/torch.dist.html).
    public func dist(_ other: Tensor, p: Double = 2, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        Tensor.binary(.subtract, self, other, symbol: "dist", at: CallSite(file, line))
            .norm("dist", p, [], false, at: CallSite(file, line))
    }

    /// The p-norm of the difference of each row with each row of another: shapes `[..., n, d]` and `[..., m, d]` give
    /// `[..., n, m]`. From differences, so that equal rows have distance 0; they are not stored. The gradient there is 0.
    ///
    /// Source: [torch.cdist](https://pytorch.org/docs/stable/generated/torch.cdist.html).
    public func cdist(
        _ other: Tensor, p: Double = 2, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard shares(other) else { return deviceMismatch("cdist", other, at: CallSite(file, line)) }
        guard rank >= 2, other.rank >= 2, rank < Shape.maximumRank, other.rank < Shape.maximumRank,
            shape[rank - 1] == other.shape[other.rank - 1], p >= 0, dtype.isFloat, other.dtype.isFloat
        else {
            return invalid(
                "cdist", "\(dtype)\(shape) and \(other.dtype)\(other.shape) with p \(p)",
                remedy: "use floats [..., n, d] and [..., m, d] and p of at least 0", [self, other], file, line)
        }
        let rows = viewed(as: shape.inserting(1, at: rank - 1))
        let columns = other.viewed(as: other.shape.inserting(1, at: other.rank - 2))
        let differences = Tensor.binary(.subtract, rows, columns, symbol: "cdist", at: CallSite(file, line))
        let last = differences.rank - 1
        if shape[rank - 1] == 0 {
            return differences.filled(differences.shape.removing(axis: last), .float(0), dtype: differences.dtype)
        }
        return differences.norm("cdist", p, [last], false, at: CallSite(file, line))
    }
}
