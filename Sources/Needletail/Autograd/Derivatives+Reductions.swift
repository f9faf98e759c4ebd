import TensorRuntime

extension Derivatives {
    /// Reductions of `x` over the axes of a mask, which stay with extent 1.
    static func reduction(_ operation: ReductionOperation, _ mask: UInt8, _ x: Tensor) -> Pullback {
        switch operation {
        case .sum:
            let shape = x.shape
            return { p in InputGradients(p.gradient.expanded(to: shape)) }
        case .maximum, .minimum:
            // Equal elements share the gradient evenly; where the result is NaN, they are the NaNs.
            return { p in
                let winners = (x .== p.output).logicalOr(x.isNaN()).cast(to: x.dtype)
                return InputGradients(winners * (p.gradient / winners.folded(.sum, mask)))
            }
        case .product:
            // Where one element is 0 only it has a gradient, the product of the others; where two are, none has.
            return { p in
                // Differentiated again, the product of the others has to be a function of them.
                if ExecutionContext.current.recordsGradients {
                    return InputGradients(p.gradient * x.productsOfOthers(mask))
                }
                let zero = x .== 0.0
                let zeros = zero.cast(to: x.dtype).folded(.sum, mask)
                let filled = Tensor.select(zero, .scalar(.float(1)), .tensor(x))
                let others = filled.folded(.product, mask) / filled
                let counted = Tensor.select(zero, .tensor(zeros .== 1.0), .tensor(zeros .== 0.0))
                return InputGradients(p.gradient * Tensor.select(counted, .tensor(others), .scalar(.float(0))))
            }
        case .argmax, .argmin: return { _ in InputGradients(nil) }
        }
    }
}

extension Tensor {
    /// For each element, the product of all others that the axes of a mask fold with it, made of multiplications alone.
    ///
    /// Pairs are multiplied, and pairs of pairs, up to the whole; then, from the whole down, what a pair leaves out is
    /// multiplied by each one's partner.
    fileprivate func productsOfOthers(_ mask: UInt8) -> Tensor {
        let kept = (0..<rank).filter { mask & (1 << UInt8($0)) == 0 }
        let order = kept + (0..<rank).filter { mask & (1 << UInt8($0)) != 0 }
        let count = foldCount(mask)
        if elementCount == 0 { return self }
        let rows = elementCount / count
        let permuted = permuted(Shape(order))
        var width = 1
        while width < count { width *= 2 }
        let whole = permuted.viewed(as: [rows, count]).padded(
            axis: 1, before: 0, after: width - count, value: .float(1))
        var levels: [Tensor] = []
        var level = whole
        while width > 1 {
            width /= 2
            let pairs = level.viewed(as: [rows, width, 2])
            levels.append(pairs)
            level = (pairs.narrowed(axis: 2, start: 0, count: 1) * pairs.narrowed(axis: 2, start: 1, count: 1))
                .viewed(as: [rows, width])
        }
        var others = Tensor.onesLike(level)
        for pairs in levels.reversed() {
            let partners = pairs.flipped(1 << 2)
            others = (others.viewed(as: [rows, pairs.shape[1], 1]) * partners).viewed(as: [rows, 2 * pairs.shape[1]])
        }
        var inverse = Shape(repeating: 0, rank: rank)
        for (position, axis) in order.enumerated() { inverse[axis] = position }
        return others.narrowed(axis: 1, start: 0, count: count).viewed(as: permuted.shape).permuted(inverse)
    }
}
