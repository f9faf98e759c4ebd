import TensorRuntime

extension Derivatives {
    /// The dtype in which sums over halves are made.
    static func wide(_ dtype: DType) -> DType { dtype.byteCount == 2 ? .float32 : dtype }

    /// Scans of `x` whose only result is their values.
    static func scan(_ operation: ScanKernel.Operation, _ axis: Int, _ reverse: Bool, _ x: Tensor) -> Pullback {
        switch operation {
        case .sum: return { p in InputGradients(p.gradient.scanned(.sum, axis: axis, reverse: !reverse)) }
        case .product, .logSumExp:
            let type = wide(x.dtype)
            return { p in
                let line = ScanLine(
                    x: x.cast(to: type), y: p.output.cast(to: type), gradient: p.gradient.cast(to: type), axis: axis,
                    reverse: reverse)
                let gradient =
                    operation == .logSumExp
                    ? line.logSumExpGradient
                    : ExecutionContext.current.recordsGradients ? line.exactProductGradient : line.productGradient
                return InputGradients(gradient.cast(to: x.dtype))
            }
        case .maximum, .minimum: preconditionFailure("an extreme has its places")
        }
    }
}

/// A scan's operand, its result, and the gradient by that.
private struct ScanLine {
    let x, y, gradient: Tensor
    let axis: Int
    let reverse: Bool

    private func back(_ operation: ScanKernel.Operation, _ x: Tensor) -> Tensor {
        x.scanned(operation, axis: axis, reverse: !reverse)
    }

    /// Before the first 0 of a line, `sum(g[i] y[i], i >= k) / x[k]`. For the first 0 itself the products are those of
    /// the others, and behind it there is no gradient.
    ///
    /// Source: `cumprod_backward` of [PyTorch](https://pytorch.org/docs/stable/generated/torch.cumprod.html).
    var productGradient: Tensor {
        let isZero = x .== 0.0
        let zeros = isZero.cast(to: .int64).scanned(.sum, axis: axis, reverse: reverse)
        let isFirst = isZero.logicalAnd(zeros .== 1)
        let filled = Tensor.select(isZero, .scalar(.float(1)), .tensor(x))
        let before = back(.sum, gradient * y) / filled
        let others = Tensor.select(isFirst, .scalar(.float(1)), .tensor(x))
            .scanned(.product, axis: axis, reverse: reverse)
        let first = back(.sum, gradient * others)
        let rest = Tensor.select(isFirst, .tensor(first), .scalar(.float(0)))
        return Tensor.select(zeros .== 0, .tensor(before), .tensor(rest))
    }

    /// The same of multiplications alone, so that it can be differentiated again: `y[k - 1] s[k]` with
    /// `s[k] = g[k] + x[k + 1] s[k + 1]`, of which each step doubles how far ahead `s` looks.
    var exactProductGradient: Tensor {
        let count = x.shape[axis]
        if count == 0 { return gradient }
        var sum = gradient
        var slope = ahead(x, by: 1)
        var distance = 1
        while distance < count {
            sum = sum + slope * ahead(sum, by: distance)
            slope = slope * ahead(slope, by: distance)
            distance *= 2
        }
        return before(y) * sum
    }

    /// What is `distance` further on the way; behind the end, 0.
    private func ahead(_ tensor: Tensor, by distance: Int) -> Tensor {
        let count = tensor.shape[axis]
        let there = min(distance, count)
        return tensor.narrowed(axis: axis, start: reverse ? 0 : there, count: count - there).padded(
            axis: axis, before: reverse ? there : 0, after: reverse ? 0 : there, value: .float(0))
    }

    /// What is one place before on the way; before the beginning, 1.
    private func before(_ tensor: Tensor) -> Tensor {
        tensor.narrowed(axis: axis, start: reverse ? 1 : 0, count: tensor.shape[axis] - 1).padded(
            axis: axis, before: reverse ? 0 : 1, after: reverse ? 1 : 0, value: .float(1))
    }

    /// `exp(x[k]) sum(g[i] / exp(y[i]), i >= k)`, in logarithms: gradients above 0 and below 0 apart.
    ///
    /// Source: `logcumsumexp_backward` of
    /// [PyTorch](https://pytorch.org/docs/stable/generated/torch.logcumsumexp.html).
    var logSumExpGradient: Tensor {
        part(gradient, where: gradient .> 0.0) - part(-gradient, where: gradient .< 0.0)
    }

    private func part(_ size: Tensor, where isIn: Tensor) -> Tensor {
        let least = x.dtype == .float64 ? -Double.greatestFiniteMagnitude : -Double(Float.greatestFiniteMagnitude)
        // The logarithm of what is not in would have an infinite derivative.
        let logarithm = Tensor.select(isIn, .tensor(size), .scalar(.float(1))).log()
        let shares = Tensor.select(isIn, .tensor(logarithm), .scalar(.float(least))) - y
        return (back(.logSumExp, shares) + x).exp()
    }
}
