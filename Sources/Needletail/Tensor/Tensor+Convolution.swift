import TensorGraph
import TensorRuntime

extension Tensor {
    /// The convolution node of a kind. Its derivatives are convolutions of the other kinds: the three are one trilinear
    /// form of input, weight and output gradient.
    static func convolution(
        _ kind: ConvolutionKernel.Kind, _ a: Tensor, _ b: Tensor, _ window: Window, groups: Int, result: Shape
    ) -> Tensor {
        traced(.convolution(kind, window, groups: groups), shape: result, dtype: a.dtype, a, b) {
            let left = b.requiresGrad ? a : nil
            let right = a.requiresGrad ? b : nil
            let aShape = a.shape
            let bShape = b.shape
            switch kind {
            case .forward:  // (input, weight)
                return { p in
                    InputGradients(
                        right.map {
                            convolution(.inputGradient, p.gradient, $0, window, groups: groups, result: aShape)
                        },
                        left.map {
                            convolution(.weightGradient, $0, p.gradient, window, groups: groups, result: bShape)
                        })
                }
            case .inputGradient:  // (output gradient, weight)
                return { p in
                    InputGradients(
                        right.map { convolution(.forward, p.gradient, $0, window, groups: groups, result: aShape) },
                        left.map {
                            convolution(.weightGradient, p.gradient, $0, window, groups: groups, result: bShape)
                        })
                }
            case .weightGradient:  // (input, output gradient)
                return { p in
                    InputGradients(
                        right.map {
                            convolution(.inputGradient, $0, p.gradient, window, groups: groups, result: aShape)
                        },
                        left.map { convolution(.forward, $0, p.gradient, window, groups: groups, result: bShape) })
                }
            }
        }
    }

    /// 2-D convolution (cross-correlation): input `[n, in, h, w]`, weight `[out, in / groups, kh, kw]`, bias `[out]`,
    /// result `[n, out, oh, ow]` with `oh = (h + 2 padding - dilation (kh - 1) - 1) / stride + 1`, and so `ow`.
    /// Source: [torch.nn.Conv2d](https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html).
    public static func conv2d(
        _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: SIMD2<Int> = [1, 1], padding: SIMD2<Int> = [0, 0],
        dilation: SIMD2<Int> = [1, 1], groups: Int = 1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        convolved(
            "conv2d", x, weight, bias, stride: stride, padding: padding, dilation: dilation, groups: groups,
            at: CallSite(file, line))
    }

    /// ``conv2d(_:weight:bias:stride:padding:dilation:groups:file:line:)`` under the name that the user called.
    private static func convolved(
        _ name: String, _ x: Tensor, _ weight: Tensor, _ bias: Tensor?, stride: SIMD2<Int>, padding: SIMD2<Int>,
        dilation: SIMD2<Int>, groups: Int, at site: CallSite
    ) -> Tensor {
        func wrong(_ problem: String, _ remedy: String) -> Tensor {
            x.invalid(name, problem, remedy: remedy, [x, weight] + (bias.map { [$0] } ?? []), at: site)
        }
        guard x.shares(weight) else { return x.deviceMismatch(name, weight, at: site) }
        if let bias, !x.shares(bias) { return x.deviceMismatch(name, bias, at: site) }
        let type = x.dtype.promoted(with: weight.dtype)
        guard x.rank == 4, weight.rank == 4, type.isFloat else {
            return wrong(
                "input \(x.dtype)\(x.shape), weight \(weight.dtype)\(weight.shape)",
                "use floats, input [n, channels, height, width] and weight [out, in / groups, height, width]")
        }
        guard !x.dtype.isMixed(with: weight.dtype), bias == nil || !x.dtype.isMixed(with: bias!.dtype) else {
            return wrong(
                "input \(x.dtype)\(x.shape), weight \(weight.dtype)\(weight.shape)"
                    + (bias.map { ", bias \($0.dtype)\($0.shape)" } ?? ""), Tensor.mixedRemedy)
        }
        let outputs = weight.shape[0]
        guard groups > 0, x.shape[1] % groups == 0, x.shape[1] / groups == weight.shape[1], outputs % groups == 0
        else {
            return wrong(
                "input has \(x.shape[1]) channels, weight \(weight.shape) with \(groups) groups wants "
                    + "\(weight.shape[1]) in each", "match the weight's in / groups")
        }
        guard bias == nil || bias!.shape == [outputs] else {
            return wrong("bias \(bias!.shape) for \(outputs) output channels", "use a bias of [\(outputs)]")
        }
        let window = Window(
            kernel: [weight.shape[2], weight.shape[3]], stride: stride, padding: padding, dilation: dilation)
        let size: SIMD2<Int> = [x.shape[2], x.shape[3]]
        guard let output = window.checkedOutput(for: size) else {
            return wrong(window.problem(for: size), window.remedy)
        }
        let shape: Shape = [x.shape[0], outputs, output[0], output[1]]
        guard shape.isValid else { return wrong("a result of shape \(shape)", shapeRemedy) }
        let result = convolution(
            .forward, x.cast(to: type), weight.cast(to: type), window, groups: groups, result: shape)
        return bias.map { result + $0.viewed(as: [outputs, 1, 1]) } ?? result
    }

    /// 1-D convolution: input `[n, in, w]`, weight `[out, in / groups, kw]`, bias `[out]`, result `[n, out, ow]`.
    public static func conv1d(
        _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
        groups: Int = 1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard x.rank == 3, weight.rank == 3 else {
            return x.invalid(
                "conv1d", "input \(x.shape), weight \(weight.shape)",
                remedy: "use input [n, channels, width] and weight [out, in / groups, width]", [x, weight], file, line)
        }
        let result = convolved(
            "conv1d", x.viewed(as: x.shape.inserting(1, at: 2)), weight.viewed(as: weight.shape.inserting(1, at: 2)),
            bias, stride: [1, stride], padding: [0, padding], dilation: [1, dilation], groups: groups,
            at: CallSite(file, line))
        return result.rank == 4 ? result.viewed(as: result.shape.removing(axis: 2)) : result
    }
}

extension Window {
    /// Height and width of the result, or nil where the window's numbers make no sense or exceed the padded input.
    func checkedOutput(for size: SIMD2<Int>) -> SIMD2<Int>? {
        guard isPossible else { return nil }
        let output = outputSize(for: size)
        return output[0] > 0 && output[1] > 0 ? output : nil
    }

    /// Whether the numbers make sense for some input, and their products are far from the ends of Int.
    var isPossible: Bool {
        let one = SIMD2(repeating: 1)
        let most = SIMD2(repeating: 1 << 30)
        let isInside =
            (kernel .>= one) .& (kernel .<= most) .& (stride .>= one) .& (stride .<= most) .& (dilation .>= one)
            .& (dilation .<= most) .& (padding .>= SIMD2.zero) .& (padding .<= most)
        return isInside[0] && isInside[1]
    }

    func problem(for size: SIMD2<Int>) -> String {
        guard isPossible else { return text }
        let reach = dilation &* (kernel &- 1) &+ 1
        let padded = size &+ 2 &* padding
        return "kernel \(reach[0])x\(reach[1]) exceeds padded input \(padded[0])x\(padded[1])"
    }

    /// The numbers, for messages.
    var text: String {
        "kernel \(kernel[0])x\(kernel[1]), stride \(stride[0])x\(stride[1]), "
            + "padding \(padding[0])x\(padding[1]), dilation \(dilation[0])x\(dilation[1])"
    }

    var remedy: String { "increase padding or use a smaller kernel; strides and dilations are at least 1" }
}
