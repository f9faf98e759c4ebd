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
