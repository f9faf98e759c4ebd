import Foundation
import TensorRuntime

/// The derivative of every operation, one row each, by family.
///
/// In a row, `x` and `y` are the operands, `p.gradient` is the result's gradient and `p.output` the result. A row keeps
/// only what it reads. Source: PyTorch's
/// [derivatives.yaml](https://github.com/pytorch/pytorch/blob/main/tools/autograd/derivatives.yaml) for the choice of
/// subgradients.
package enum Derivatives {
    /// A pullback, and whether it reads the result.
    package struct Row {
        var savesOutput = false
        var pullback: Pullback

        init(_ pullback: @escaping Pullback) { self.pullback = pullback }

        init(readingOutput pullback: @escaping Pullback) {
            self.savesOutput = true
            self.pullback = pullback
        }
    }

    /// Operations of one operand. Those that are flat almost everywhere send nothing back. Others are named too, so that an
    /// operation without a derivative does not compile: those of two operands have their rows below.
    package static func unary(_ operation: PointwiseOperation, _ x: Tensor) -> Row {
        switch operation {
        case .identity: return Row({ p in InputGradients(p.gradient) })
        case .negate: return Row({ p in InputGradients(-p.gradient) })
        case .abs: return Row({ p in InputGradients(p.gradient * x.sign()) })
        case .square: return Row({ p in InputGradients(p.gradient * x * 2.0) })
        case .reciprocal: return Row(readingOutput: { p in InputGradients(-(p.gradient * p.output.square())) })
        case .sqrt: return Row(readingOutput: { p in InputGradients(p.gradient * 0.5 / p.output) })
        case .rsqrt:
            return Row(readingOutput: { p in InputGradients(p.gradient * -0.5 * (p.output.square() * p.output)) })
        case .exp: return Row(readingOutput: { p in InputGradients(p.gradient * p.output) })
        case .exp2: return Row(readingOutput: { p in InputGradients(p.gradient * (p.output * log(2.0))) })
        case .expm1: return Row(readingOutput: { p in InputGradients(p.gradient * (p.output + 1.0)) })
        case .log: return Row({ p in InputGradients(p.gradient / x) })
        case .log2: return Row({ p in InputGradients(p.gradient / (x * log(2.0))) })
        case .log10: return Row({ p in InputGradients(p.gradient / (x * log(10.0))) })
        case .log1p: return Row({ p in InputGradients(p.gradient / (x + 1.0)) })
        case .sin: return Row({ p in InputGradients(p.gradient * x.cos()) })
        case .cos: return Row({ p in InputGradients(-(p.gradient * x.sin())) })
        case .tan: return Row(readingOutput: { p in InputGradients(p.gradient * (p.output.square() + 1.0)) })
        case .asin: return Row({ p in InputGradients(p.gradient * (1.0 - x.square()).rsqrt()) })
        case .acos: return Row({ p in InputGradients(-(p.gradient * (1.0 - x.square()).rsqrt())) })
        case .atan: return Row({ p in InputGradients(p.gradient / (x.square() + 1.0)) })
        case .sinh: return Row({ p in InputGradients(p.gradient * x.cosh()) })
        case .cosh: return Row({ p in InputGradients(p.gradient * x.sinh()) })
        case .tanh: return Row(readingOutput: { p in InputGradients(p.gradient * (1.0 - p.output.square())) })
        case .sigmoid: return Row(readingOutput: { p in InputGradients(p.gradient * (p.output * (1.0 - p.output))) })
        case .erf:
            return Row({ p in InputGradients(p.gradient * ((-x.square()).exp() * (2 / Double.pi.squareRoot()))) })
        case .erfc:
            return Row({ p in InputGradients(p.gradient * ((-x.square()).exp() * (-2 / Double.pi.squareRoot()))) })
        case .erfinv:
            return Row(readingOutput: { p in
                InputGradients(p.gradient * (p.output.square().exp() * (Double.pi.squareRoot() / 2)))
            })
        case .lgamma: return Row({ p in InputGradients(p.gradient * x.digamma()) })
        case .digamma: return Row({ p in InputGradients(p.gradient * x.trigamma()) })
        case .relu:
            return Row(readingOutput: { p in
                // A NaN lets the gradient through, as in PyTorch.
                InputGradients(Tensor.select(p.output .<= 0.0, .scalar(.float(0)), .tensor(p.gradient)))
            })
        case .sign, .floor, .ceil, .round, .trunc, .logicalNot, .bitwiseNot, .isNaN:
            return Row({ _ in InputGradients(nil) })
        case .cast, .add, .subtract, .multiply, .divide, .remainder, .fmod, .floorDivide, .power, .atan2, .maximum,
            .minimum, .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual, .logicalAnd, .logicalOr,
            .logicalXor, .bitwiseAnd, .bitwiseOr, .bitwiseXor, .shiftLeft, .shiftRight, .select, .randomBits,
            .randomUniform:
            fatalError("\(operation.name) has no derivative by one operand")
        }
    }

    /// Whether an operation's derivatives by two operands read its result.
    package static func readsOutput(_ operation: PointwiseOperation) -> Bool {
        switch operation {
        case .divide, .power: true
        default: false
        }
    }

    /// Operations of two tensors of one shape and dtype.
    package static func binary(_ operation: PointwiseOperation, _ a: Tensor, _ b: Tensor) -> Pullback {
        let wantsA = a.requiresGrad
        let wantsB = b.requiresGrad
        switch operation {
        case .add: return { p in InputGradients(p.gradient, p.gradient) }
        case .subtract: return { p in InputGradients(p.gradient, p.needs(1) ? -p.gradient : nil) }
        case .multiply:
            let x = wantsB ? a : nil
            let y = wantsA ? b : nil
            return { p in InputGradients(y.map { p.gradient * $0 }, x.map { p.gradient * $0 }) }
        case .divide:
            let y = b
            return { p in
                let byX = p.gradient / y
                return InputGradients(byX, p.needs(1) ? -(byX * p.output) : nil)
            }
        case .power:
            let x = a
            let y = b
            return { p in
                InputGradients(
                    p.needs(0) ? p.gradient * powerSlope(x, y) : nil,
                    p.needs(1)
                        ? p.gradient
                            * Tensor.select(
                                (x .== 0.0).logicalAnd(y .>= 0.0), .scalar(.float(0)),
                                .tensor(p.output * x.log())) : nil)
            }
        case .maximum, .minimum:
            // Equal operands share the gradient.
            let x = a
            let y = b
            return { p in
                let half = p.gradient * 0.5
                let equal = x .== y
                let first = operation == .maximum ? x .> y : x .< y
                let second = operation == .maximum ? x .< y : x .> y
                return InputGradients(
                    p.needs(0) ? side(equal, half, first, p.gradient) : nil,
                    p.needs(1) ? side(equal, half, second, p.gradient) : nil)
            }
        case .remainder:
            let x = wantsB ? a : nil
            let y = b
            return { p in InputGradients(p.gradient, x.map { -(p.gradient * $0.floorDivide(y)) }) }
        case .fmod:
            let x = wantsB ? a : nil
            let y = b
            return { p in InputGradients(p.gradient, x.map { -(p.gradient * ($0 / y).trunc()) }) }
        case .floorDivide: return { _ in InputGradients(nil, nil) }
        case .atan2:
            let y = a
            let x = b
            return { p in
                // 0 at the origin, as in PyTorch.
                let square = y.square() + x.square()
                let slope = Tensor.select(square .== 0.0, .scalar(.float(0)), .tensor(p.gradient / square))
                return InputGradients(p.needs(0) ? slope * x : nil, p.needs(1) ? -(slope * y) : nil)
            }
        default: fatalError("\(operation.name) has no derivative by two operands")
        }
    }

    /// `y * x^(y - 1)`, which is 0 where `y` is.
    private static func powerSlope(_ x: Tensor, _ y: Tensor) -> Tensor {
        Tensor.select(y .== 0.0, .scalar(.float(0)), .tensor(y * x.pow(y - 1.0)))
    }

    private static func side(_ equal: Tensor, _ half: Tensor, _ chosen: Tensor, _ gradient: Tensor) -> Tensor {
        Tensor.select(
            equal, .tensor(half), .tensor(Tensor.select(chosen, .tensor(gradient), .scalar(.float(0)))))
    }

    /// Operations of a tensor and a scalar.
    package static func binary(
        _ operation: PointwiseOperation, _ x: Tensor, _ scalar: Scalar, scalarIsFirst: Bool
    ) -> Pullback {
        let value = scalar.doubleValue
        switch operation {
        case .add: return { p in InputGradients(p.gradient) }
        case .subtract:
            if scalarIsFirst { return { p in InputGradients(-p.gradient) } }
            return { p in InputGradients(p.gradient) }
        case .multiply: return { p in InputGradients(p.gradient * value) }
        case .divide:
            if scalarIsFirst { return { p in InputGradients(-(p.gradient * p.output / x)) } }
            return { p in InputGradients(p.gradient / value) }
        case .power:
            if scalarIsFirst { return { p in InputGradients(p.gradient * p.output * log(value)) } }
            return { p in InputGradients(value == 0 ? nil : p.gradient * (x.pow(value - 1) * value)) }
        // As clamp in PyTorch 2.15: at the bound itself the gradient is 0.
        case .maximum:
            return { p in InputGradients(Tensor.select(x .> scalar, .tensor(p.gradient), .scalar(.float(0)))) }
        case .minimum:
            return { p in InputGradients(Tensor.select(x .< scalar, .tensor(p.gradient), .scalar(.float(0)))) }
        case .remainder:
            if scalarIsFirst { return { p in InputGradients(-(p.gradient * (value / x).floor())) } }
            return { p in InputGradients(p.gradient) }
        case .fmod:
            if scalarIsFirst { return { p in InputGradients(-(p.gradient * (value / x).trunc())) } }
            return { p in InputGradients(p.gradient) }
        case .floorDivide: return { _ in InputGradients(nil) }
        case .atan2:
            return { p in
                let square = x.square() + value * value
                let slope = Tensor.select(square .== 0.0, .scalar(.float(0)), .tensor(p.gradient / square))
                return InputGradients(slope * (scalarIsFirst ? -value : value))
            }
        default: fatalError("\(operation.name) has no derivative by a tensor and a scalar")
        }
    }
}
