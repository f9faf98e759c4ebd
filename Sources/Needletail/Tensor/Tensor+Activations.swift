import Foundation
import TensorRuntime

// Activations that are composites. Each has a pullback of its own, so that the tape is one step long.
extension Tensor {
    /// `x * Φ(x)` with the normal distribution's Φ; or its tanh approximation. Of float tensors; integers are cast.
    /// Source: [torch.nn.GELU](https://pytorch.org/docs/stable/generated/torch.nn.GELU.html).
    public func gelu(approximate: Bool = false) -> Tensor {
        inFloat32 { x in
            if approximate {
                let inner = (x + x.pow(3) * 0.044715) * (2 / Double.pi).squareRoot()
                return x * 0.5 * (inner.tanh() + 1.0)
            }
            return Tensor.composite(x) {
                x * x.normalCDF()
            } pullback: {
                { p in
                    let density = (x.square() * -0.5).exp() * (1 / (2 * Double.pi).squareRoot())
                    return InputGradients(p.gradient * (x.normalCDF() + x * density))
                }
            }
        }
    }

    private func normalCDF() -> Tensor { (self * 0.5.squareRoot()).erf() * 0.5 + 0.5 }

    /// `x * sigmoid(x)`, also known as swish.
    public func silu() -> Tensor {
        inFloat32 { x in
            Tensor.composite(x) {
                x * x.sigmoid()
            } pullback: {
                { p in
                    let s = x.sigmoid()
                    return InputGradients(p.gradient * (s * (x * (1.0 - s) + 1.0)))
                }
            }
        }
    }

    /// `log(1 + exp(x))`, without overflow.
    public func softplus() -> Tensor {
        inFloat32 { x in
            Tensor.composite(x) {
                x.relu() + (-x.abs()).exp().log1p()
            } pullback: {
                { p in InputGradients(p.gradient * x.sigmoid()) }
            }
        }
    }

    /// `log(sigmoid(x))`, without overflow.
    public func logSigmoid() -> Tensor { -(-self).softplus() }

    /// `x` where positive, `slope * x` elsewhere.
    public func leakyRelu(slope: Double = 0.01) -> Tensor {
        let x = dtype.isFloat ? self : cast(to: .float32)
        return Tensor.composite(x) {
            Tensor.select(x .> 0.0, .tensor(x), .tensor(x * slope))
        } pullback: {
            { p in InputGradients(Tensor.select(x .> 0.0, .tensor(p.gradient), .tensor(p.gradient * slope))) }
        }
    }

    /// `x` where positive, `alpha * (exp(x) - 1)` elsewhere.
    public func elu(alpha: Double = 1) -> Tensor {
        inFloat32 { x in
            Tensor.composite(x) {
                Tensor.select(x .> 0.0, .tensor(x), .tensor(Tensor.minimum(x, 0.0).expm1() * alpha))
            } pullback: {
                { p in
                    let slope = Tensor.minimum(x, 0.0).exp() * alpha
                    return InputGradients(Tensor.select(x .> 0.0, .tensor(p.gradient), .tensor(p.gradient * slope)))
                }
            }
        }
    }
}

// MARK: - Softmax

extension Tensor {
    /// `exp(x) / sum(exp(x))` along an axis, without overflow. Of float tensors; integers are cast to float32.
    /// Gradient: `y * (g - sum(g * y))`.
    public func softmax(axis: Int = -1, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard let axis = shape.normalizedAxis(axis) else {
            return axisOutside("softmax", axis, at: CallSite(file, line))
        }
        return inFloat32 { x in
            if elementCount == 0 { return x }
            return x.normalised(axis) {
                let e = (x - x.max(axes: axis, keepDims: true)).exp()
                // One division a row.
                return e * e.sum(axes: axis, keepDims: true).reciprocal()
            }
        }
    }

    /// The softmax of the last axis, and 0 in rows that are -infinity all over.
    func softmaxOfSeen() -> Tensor {
        inFloat32 { x in
            if elementCount == 0 { return x }
            let axis = rank - 1
            return x.normalised(axis) {
                let largest = x.max(axes: axis, keepDims: true)
                let e = (x - Tensor.where(largest .== -Double.infinity, 0, largest)).exp()
                let sum = e.sum(axes: axis, keepDims: true)
                return e * Tensor.where(sum .== 0.0, 1, sum).reciprocal()
            }
        }
    }

    /// A softmax of this tensor, with its gradient `y (g - sum(g y))`.
    private func normalised(_ axis: Int, _ softmax: () -> Tensor) -> Tensor {
        Tensor.composite(self, savesOutput: true, forward: softmax) {
            { p in
                let y = p.output
                return InputGradients(y * (p.gradient - (p.gradient * y).sum(axes: axis, keepDims: true)))
            }
        }
    }

    /// `x - log(sum(exp(x)))` along an axis, without overflow. Of float tensors; integers are cast to float32.
    /// Gradient: `g - exp(y) * sum(g)`.
    public func logSoftmax(axis: Int = -1, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard let axis = shape.normalizedAxis(axis) else {
            return axisOutside("logSoftmax", axis, at: CallSite(file, line))
        }
        return inFloat32 { x in
            if elementCount == 0 { return x }
            return Tensor.composite(x, savesOutput: true) {
                let shifted = x - x.max(axes: axis, keepDims: true)
                return shifted - shifted.exp().sum(axes: axis, keepDims: true).log()
            } pullback: {
                { p in
                    let sum = p.gradient.sum(axes: axis, keepDims: true)
                    return InputGradients(p.gradient - p.output.exp() * sum)
                }
            }
        }
    }
}
