import Foundation
import TensorRuntime

// More activations, as torch.nn.functional has them. Those with a kink have a pullback of their own, so that the gradient at
// the kink is PyTorch's. Of float tensors; integers are cast to float32.

// MARK: - Bounded

extension Tensor {
    /// Each element moved into `min...max`; NaN stays. The gradient passes strictly inside.
    /// Source: [torch.nn.Hardtanh](https://pytorch.org/docs/stable/generated/torch.nn.Hardtanh.html).
    public func hardtanh(
        min: Double = -1, max: Double = 1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard min <= max else {
            return invalid("hardtanh", "bounds \(min) and \(max)", remedy: "put them in order", [self], file, line)
        }
        return inFloat32 { x in
            Tensor.composite(x) {
                Tensor.minimum(Tensor.maximum(x, min), max)
            } pullback: {
                { p in
                    let isInside = (x .> min).logicalAnd(x .< max)
                    return InputGradients(Tensor.select(isInside, .tensor(p.gradient), .scalar(.float(0))))
                }
            }
        }
    }

    /// Each element moved into `0...6`. Source: [torch.nn.ReLU6](https://pytorch.org/docs/stable/generated/torch.nn.ReLU6.html).
    public func relu6() -> Tensor { hardtanh(min: 0, max: 6) }

    /// `relu6(x + 3) / 6`.
    /// Source: [torch.nn.Hardsigmoid](https://pytorch.org/docs/stable/generated/torch.nn.Hardsigmoid.html).
    public func hardsigmoid() -> Tensor {
        inFloat32 { x in
            Tensor.composite(x) {
                Tensor.minimum(Tensor.maximum(x + 3.0, 0.0), 6.0) / 6.0
            } pullback: {
                { p in
                    let isInside = (x .> -3.0).logicalAnd(x .< 3.0)
                    return InputGradients(Tensor.select(isInside, .tensor(p.gradient / 6.0), .scalar(.float(0))))
                }
            }
        }
    }

    /// `x * relu6(x + 3) / 6`.
    /// Source: [torch.nn.Hardswish](https://pytorch.org/docs/stable/generated/torch.nn.Hardswish.html).
    public func hardswish() -> Tensor {
        inFloat32 { x in
            Tensor.composite(x) {
                x * Tensor.minimum(Tensor.maximum(x + 3.0, 0.0), 6.0) / 6.0
            } pullback: {
                { p in
                    let middle = p.gradient * (x / 3.0 + 0.5)
                    let upper = Tensor.select(x .>= 3.0, .tensor(p.gradient), .tensor(middle))
                    return InputGradients(Tensor.select(x .<= -3.0, .scalar(.float(0)), .tensor(upper)))
                }
            }
        }
    }
}

// MARK: - Exponential

extension Tensor {
    /// `scale * elu(x, alpha)` with the constants of [Klambauer et al.](https://arxiv.org/abs/1706.02515), which keep mean
    /// 0 and variance 1. Source: [torch.nn.SELU](https://pytorch.org/docs/stable/generated/torch.nn.SELU.html).
    public func selu() -> Tensor { elu(alpha: SELUConstants.alpha) * SELUConstants.scale }

    /// `max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`.
    /// Source: [torch.nn.CELU](https://pytorch.org/docs/stable/generated/torch.nn.CELU.html).
    public func celu(alpha: Double = 1, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard alpha != 0 else {
            return invalid("celu", "alpha is 0", remedy: "use another number", [self], file, line)
        }
        return inFloat32 { x in
            Tensor.composite(x) {
                let curve = (Tensor.minimum(x, 0.0) / alpha).expm1() * alpha
                return Tensor.select(x .> 0.0, .tensor(x), .tensor(curve))
            } pullback: {
                { p in
                    let slope = (Tensor.minimum(x, 0.0) / alpha).exp()
                    return InputGradients(Tensor.select(x .> 0.0, .tensor(p.gradient), .tensor(p.gradient * slope)))
                }
            }
        }
    }

    /// `x * tanh(softplus(x))`. Source: [torch.nn.Mish](https://pytorch.org/docs/stable/generated/torch.nn.Mish.html).
    public func mish() -> Tensor {
        inFloat32 { x in
            Tensor.composite(x) {
                x * x.softplus().tanh()
            } pullback: {
                { p in
                    let t = x.softplus().tanh()
                    let slope = x * x.sigmoid() * (1.0 - t.square())
                    return InputGradients(p.gradient * (t + slope))
                }
            }
        }
    }

    /// `log(1 + exp(beta * x)) / beta`, and `x` where `beta * x` is beyond `threshold`.
    /// Source: [torch.nn.Softplus](https://pytorch.org/docs/stable/generated/torch.nn.Softplus.html).
    public func softplus(
        beta: Double, threshold: Double = 20, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard beta != 0 else {
            return invalid("softplus", "beta is 0", remedy: "use another number", [self], file, line)
        }
        return inFloat32 { x in
            Tensor.composite(x) {
                let scaled = x * beta
                let curve = (scaled.relu() + (-scaled.abs()).exp().log1p()) / beta
                return Tensor.select(scaled .> threshold, .tensor(x), .tensor(curve))
            } pullback: {
                { p in
                    let scaled = x * beta
                    return InputGradients(
                        Tensor.select(
                            scaled .> threshold, .tensor(p.gradient), .tensor(p.gradient * scaled.sigmoid())))
                }
            }
        }
    }

    /// ``softmax(axis:file:line:)`` of the negated elements.
    /// Source: [torch.nn.Softmin](https://pytorch.org/docs/stable/generated/torch.nn.Softmin.html).
    public func softmin(axis: Int = -1, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        (-(dtype.isFloat ? self : cast(to: .float32))).softmax(axis: axis, file: file, line: line)
    }
}

/// The constants of SELU, in all their digits as PyTorch has them.
enum SELUConstants {
    static let alpha = 1.6732632423543772848170429916717
    static let scale = 1.0507009873554804934193349852946
}

// MARK: - Shrinkage and thresholds

extension Tensor {
    /// 0 where `-lambda <= x <= lambda`, `x` elsewhere.
    /// Source: [torch.nn.Hardshrink](https://pytorch.org/docs/stable/generated/torch.nn.Hardshrink.html).
    public func hardshrink(lambda: Double = 0.5) -> Tensor {
        inFloat32 { x in
            let isInside = (x .>= -lambda).logicalAnd(x .<= lambda)
            return Tensor.select(isInside, .scalar(.float(0)), .tensor(x))
        }
    }

    /// 0 where `-lambda <= x <= lambda`, elsewhere `x` moved towards 0 by `lambda`, which is at least 0.
    /// Source: [torch.nn.Softshrink](https://pytorch.org/docs/stable/generated/torch.nn.Softshrink.html).
    public func softshrink(
        lambda: Double = 0.5, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard lambda >= 0 else {
            return invalid("softshrink", "lambda is \(lambda)", remedy: "use 0 or more", [self], file, line)
        }
        return inFloat32 { x in
            let isInside = (x .>= -lambda).logicalAnd(x .<= lambda)
            let moved = x - x.detach().sign() * lambda
            return Tensor.select(isInside, .scalar(.float(0)), .tensor(moved))
        }
    }

    /// `x - tanh(x)`. Source: [torch.nn.Tanhshrink](https://pytorch.org/docs/stable/generated/torch.nn.Tanhshrink.html).
    public func tanhshrink() -> Tensor { inFloat32 { $0 - $0.tanh() } }

    /// `x / (1 + |x|)`. Source: [torch.nn.Softsign](https://pytorch.org/docs/stable/generated/torch.nn.Softsign.html).
    public func softsign() -> Tensor { inFloat32 { $0 / ($0.abs() + 1.0) } }

    /// `x` above `threshold`, `value` elsewhere. The dtype stays.
    /// Source: [torch.nn.Threshold](https://pytorch.org/docs/stable/generated/torch.nn.Threshold.html).
    public func threshold(_ threshold: Double, value: Double) -> Tensor {
        inFloat32 { x in Tensor.select(x .<= threshold, .scalar(.float(value)), .tensor(x)) }
    }
}

// MARK: - With slopes and gates

extension Tensor {
    /// `x` where positive, `weight * x` elsewhere, with one weight or one for each channel (axis 1).
    /// Source: [torch.nn.functional.prelu](https://pytorch.org/docs/stable/generated/torch.nn.functional.prelu.html).
    ///
    /// - Parameter weight: `[1]` or `[channels]`.
    public func prelu(_ weight: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        let channels = rank > 1 ? shape[1] : 1
        guard weight.rank <= 1, weight.elementCount == 1 || weight.elementCount == channels, dtype.isFloat else {
            return invalid(
                "prelu", "input \(dtype)\(shape) with weights \(weight.shape)",
                remedy: "use floats, and weights [1] or one for each of the \(channels) channels of axis 1",
                [self, weight], file, line)
        }
        var row = [Int](repeating: 1, count: Swift.max(rank, 1))
        if weight.elementCount > 1 { row[1] = channels }
        let slopes = weight.viewed(as: rank == 0 ? [] : Shape(row))
        return Tensor.select(self .> 0.0, .tensor(self), .tensor(self * slopes))
    }

    /// `x` where not negative, else `x` times a slope drawn from `lower..<upper` for each element in training, and their
    /// middle otherwise. Source: [torch.nn.RReLU](https://pytorch.org/docs/stable/generated/torch.nn.RReLU.html).
    public func rrelu(
        lower: Double = 1.0 / 8, upper: Double = 1.0 / 3, isTraining: Bool = false, generator: Generator? = nil,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard lower <= upper else {
            return invalid(
                "rrelu", "slopes from \(lower) to \(upper)", remedy: "put them in order", [self], file, line)
        }
        guard isTraining else { return leakyRelu(slope: (lower + upper) / 2) }
        let x = dtype.isFloat ? self : cast(to: .float32)
        let drawn = x.uniformNumbers(generator ?? .current) * (upper - lower) + lower
        return Tensor.select(x .> 0.0, .tensor(x), .tensor(x * drawn.cast(to: x.dtype)))
    }

    /// The first half along an axis times the sigmoid of the second half: shape `[..., 2n, ...]` gives `[..., n, ...]`.
    /// Source: [torch.nn.GLU](https://pytorch.org/docs/stable/generated/torch.nn.GLU.html).
    public func glu(axis: Int = -1, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard rank > 0, let index = shape.normalizedAxis(axis) else {
            return axisOutside("glu", axis, at: CallSite(file, line))
        }
        let half = shape[index] / 2
        guard shape[index] % 2 == 0 else {
            return invalid(
                "glu", "axis \(axis) of shape \(shape) is odd", remedy: "use an even extent", [self], file, line)
        }
        return inFloat32 { x in
            x.narrowed(axis: index, start: 0, count: half) * x.narrowed(axis: index, start: half, count: half).sigmoid()
        }
    }
}
