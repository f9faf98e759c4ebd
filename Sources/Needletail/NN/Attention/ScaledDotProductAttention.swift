import TensorRuntime

/// `softmax(query key^T * scale + mask) value`, as
/// [torch.nn.functional.scaled_dot_product_attention](https://pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html).
///
/// Query `[..., targets, size]`, key `[..., sources, size]` and value `[..., sources, outputs]`, whose leading axes
/// broadcast, give `[..., targets, outputs]`.
///
/// - Parameters:
///   - mask: broadcasts to `[..., targets, sources]`: bool is true where a source takes part, floats are added to the
///     scores. A target without sources gives 0.
///   - dropout: the probability with which weights are dropped, whatever the mode.
///   - isCausal: whether target `i` sees sources `0...i` alone. No mask is stored.
///   - scale: nil is `1 / sqrt(size)`.
///   - groupedHeads: whether key and value have fewer heads (axis -3) than the query, each for as many in a row.
public func scaledDotProductAttention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor? = nil, dropout: Double = 0, isCausal: Bool = false,
    scale: Double? = nil, groupedHeads: Bool = false, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    Attention.attend(
        query, key, value, mask: mask, dropout: dropout, isCausal: isCausal, scale: scale, groupedHeads: groupedHeads,
        at: CallSite(file, line)
    ).output
}

enum Attention {
    private static let name = "scaledDotProductAttention"

    /// The result, and the weights `[..., targets, sources]` after dropout.
    static func attend(
        _ query: Tensor, _ key: Tensor, _ value: Tensor, mask: Tensor?, dropout: Double, isCausal: Bool,
        scale: Double?, groupedHeads: Bool, at site: CallSite?
    ) -> (output: Tensor, weights: Tensor) {
        let operands = [query, key, value] + [mask].compactMap { $0 }
        func wrong(_ problem: String, _ remedy: String) -> (Tensor, Tensor) {
            let failed = query.invalid(name, problem, remedy: remedy, operands, at: site)
            return (failed, failed)
        }
        let shapes = "query \(query.shape), key \(key.shape), value \(value.shape)"
        for other in operands where !query.shares(other) {
            let failed = query.deviceMismatch(name, other, at: site)
            return (failed, failed)
        }
        guard query.rank >= 2, key.rank >= 2, value.rank >= 2, query.dtype.isFloat,
            query.shape[query.rank - 1] == key.shape[key.rank - 1],
            key.shape[key.rank - 2] == value.shape[value.rank - 2]
        else {
            return wrong(
                shapes, "use floats [..., targets, size], [..., sources, size] and [..., sources, outputs]")
        }
        guard (0...1).contains(dropout) else {
            return wrong("dropout \(dropout) is not a probability", "give a number from 0 to 1")
        }
        if groupedHeads {
            guard query.rank >= 3, key.rank == query.rank, value.rank == query.rank,
                key.shape[key.rank - 3] > 0, key.shape[key.rank - 3] == value.shape[value.rank - 3],
                query.shape[query.rank - 3] % key.shape[key.rank - 3] == 0
            else { return wrong("\(shapes) in groups of heads", "let the key's heads divide the query's") }
            let heads = query.shape[query.rank - 3]
            return attend(
                query, key.repeatedHeads(heads), value.repeatedHeads(heads), mask: mask, dropout: dropout,
                isCausal: isCausal, scale: scale, groupedHeads: false, at: site)
        }
        let (targets, sources) = (query.shape[query.rank - 2], key.shape[key.rank - 2])
        let size = query.shape[query.rank - 1]
        let factor = scale ?? (size > 0 ? 1 / Double(size).squareRoot() : 1)
        // A factor behind the product costs no launch; where the product could overflow, it stands in front.
        let scalesFirst = query.dtype.isShortFloat
        var scores = scalesFirst ? product(query * factor, key) : product(query, key) * factor
        if let mask, mask.dtype != .bool, !mask.dtype.isFloat {
            return wrong("a mask of \(mask.dtype)", "use bool, true where a source takes part, or floats to add")
        }
        if let mask, scores.shape.broadcast(with: mask.shape) == nil {
            return wrong("mask \(mask.shape) for scores \(scores.shape)", "let it broadcast to [..., targets, sources]")
        }
        if isCausal {
            let isSeen = query.indices([targets, 1]) .>= query.indices([1, sources])
            scores = Tensor.where(isSeen, scores, -Double.infinity)
        }
        if let mask {
            scores =
                mask.dtype == .bool
                ? Tensor.where(mask, scores, -Double.infinity) : scores + mask.cast(to: scores.dtype)
        }
        // A target that sees nothing has no largest score to take away.
        let weights = mask != nil && sources > 0 ? scores.softmaxOfSeen() : scores.softmax(axis: -1)
        let kept = weights.droppedOut(dropout)
        return (kept.matmul(value), kept)
    }

    /// `query key^T`, whose gradient by the key comes in rows, as the key does, so that nothing transposes it.
    private static func product(_ query: Tensor, _ key: Tensor) -> Tensor {
        guard query.dtype == key.dtype, query.shape.dropLast(2) == key.shape.dropLast(2) else {
            return query.matmul(key.T)
        }
        return Tensor.composite(query, key) {
            query.matmul(key.T)
        } pullback: {
            { p in
                InputGradients(
                    p.needs(0) ? p.gradient.matmul(key) : nil, p.needs(1) ? p.gradient.T.matmul(query) : nil)
            }
        }
    }
}

extension Tensor {
    /// Each head of axis -3 several times in a row, so that there are `count`.
    fileprivate func repeatedHeads(_ count: Int) -> Tensor {
        let axis = rank - 3
        let heads = shape[axis]
        if heads == count { return self }
        var target = shape.inserting(count / heads, at: axis + 1)
        let repeated = viewed(as: shape.inserting(1, at: axis + 1)).expanded(to: target)
        target = shape
        target[axis] = count
        return repeated.viewed(as: target)
    }
}
