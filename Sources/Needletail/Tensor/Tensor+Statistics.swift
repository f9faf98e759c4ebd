import TensorRuntime

extension Tensor {
    /// The variance of float tensors: the sum of squared distances from the mean, divided by `n - correction`.
    /// Source: [torch.var](https://pytorch.org/docs/stable/generated/torch.var.html). Gradient:
    /// `2 g (x - mean) / (n - correction)`.
    public func variance(
        axes: [Int], correction: Int = 1, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        variance(axes, Double(correction), keepDims, for: "variance", at: CallSite(file, line))
    }

    /// As ``variance(axes:correction:keepDims:file:line:)``, with a correction that need not be whole.
    public func variance(
        axes: [Int] = [], correction: Double, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        variance(axes, correction, keepDims, for: "variance", at: CallSite(file, line))
    }

    /// ``variance(axes:correction:keepDims:file:line:)`` under the name that the user called.
    private func variance(
        _ axes: [Int], _ correction: Double, _ keepDims: Bool, for name: String, at site: CallSite
    ) -> Tensor {
        guard dtype.isFloat else {
            return invalid(name, "the tensor is \(dtype)", remedy: "cast it, to(.float32)", [self], at: site)
        }
        guard let mask = axisMask(axes, in: shape) else { return axesOutside(name, axes, at: site) }
        let count = foldCount(mask)
        let freedom = Swift.max(Double(count) - correction, 0)
        return inFloat32 { x in
            Tensor.composite(x) {
                (x - x.foldedMean(mask, count)).square().folded(.sum, mask) / freedom
            } pullback: {
                { p in InputGradients((x - x.foldedMean(mask, count)) * (p.gradient * (2 / freedom))) }
            }.dropping(mask, unless: keepDims)
        }
    }

    /// The variance over the axes listed, over all where none is.
    public func variance(
        axes: Int..., correction: Int = 1, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        variance(axes: axes, correction: correction, keepDims: keepDims, file: file, line: line)
    }

    /// The standard deviation: the root of ``variance(axes:correction:keepDims:file:line:)-([Int],Int,_,_,_)``.
    public func std(
        axes: [Int], correction: Int = 1, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        std(axes: axes, correction: Double(correction), keepDims: keepDims, file: file, line: line)
    }

    /// The standard deviation over the axes listed, over all where none is.
    public func std(
        axes: Int..., correction: Int = 1, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        std(axes: axes, correction: Double(correction), keepDims: keepDims, file: file, line: line)
    }

    /// As ``std(axes:correction:keepDims:file:line:)``, with a correction that need not be whole.
    public func std(
        axes: [Int] = [], correction: Double, keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let site = CallSite(file, line)
        guard dtype.isFloat else { return variance(axes, correction, keepDims, for: "std", at: site) }
        return inFloat32 { $0.variance(axes, correction, keepDims, for: "std", at: site).length() }
    }

    private func foldedMean(_ mask: UInt8, _ count: Int) -> Tensor { folded(.sum, mask) / Double(count) }

    /// `log(sum(exp(x)))`, without overflow. Of float tensors; integers are cast. Of no elements: minus infinity.
    /// Gradient: `g * exp(x - y)`.
    public func logSumExp(
        axes: [Int], keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard let mask = axisMask(axes, in: shape) else {
            return axesOutside("logSumExp", axes, at: CallSite(file, line))
        }
        return inFloat32 { x in
            if foldCount(mask) == 0 { return x.exp().folded(.sum, mask).log().dropping(mask, unless: keepDims) }
            return Tensor.composite(x, savesOutput: true) {
                let largest = x.folded(.maximum, mask)
                // An infinite maximum would make infinity minus infinity.
                let shift = Tensor.select(largest.abs() .== Double.infinity, .scalar(.float(0)), .tensor(largest))
                return (x - shift).exp().folded(.sum, mask).log() + shift
            } pullback: {
                { p in InputGradients(p.gradient * (x - p.output).exp()) }
            }.dropping(mask, unless: keepDims)
        }
    }

    /// `log(sum(exp(x)))` over the axes listed, over all where none is.
    public func logSumExp(
        axes: Int..., keepDims: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        logSumExp(axes: axes, keepDims: keepDims, file: file, line: line)
    }

    /// The Euclidean norm of all elements, as a tensor of rank 0.
    public func norm() -> Tensor {
        dtype.isFloat ? inFloat32 { $0.square().sum().length() } : square().sum().length()
    }

    /// The root of a sum of squares. Gradient: `g / (2 y)`, and 0 where the root is 0, as in PyTorch: all squares are at
    /// their least there.
    private func length() -> Tensor {
        let x = dtype.isFloat ? self : cast(to: .float32)
        return Tensor.composite(x, savesOutput: true) {
            x.sqrt()
        } pullback: {
            { p in
                let slope = p.gradient * 0.5 / p.output
                return InputGradients(Tensor.select(p.output .== 0.0, .scalar(.float(0)), .tensor(slope)))
            }
        }
    }
}
