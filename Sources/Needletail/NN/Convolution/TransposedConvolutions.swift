import TensorRuntime

/// What ``ConvTranspose1d``, ``ConvTranspose2d`` and ``ConvTranspose3d`` have in common: the gradient of a convolution by its input, as a layer.
///
/// Input `[N, inputs, ...]` or without `N`, output `[N, outputs, ...]` with
/// `(size - 1) stride - 2 padding + dilation (kernel - 1) + outputPadding + 1` along each axis.
///
/// Safety: all stored properties are constants of sendable types.
public class TransposedConvolution: UnaryLayer, @unchecked Sendable {
    /// `[inputs, outputs / groups, kernel...]`
    public final let weight: Parameter
    /// `[outputs]`
    public final let bias: Parameter?

    private let name: String
    private let inputs: Int
    private let outputs: Int
    private let groups: Int
    private let geometry: ConvolutionGeometry
    private let outputPadding: [Int]
    private let isPossible: Bool

    /// What the initialisers of all have in common.
    fileprivate struct Options {
        var kernel: [Int]
        var stride: [Int]
        var padding: [Int]
        var outputPadding: [Int]
        var dilation: [Int]
        var groups: Int
        var bias: Bool
        var generator: Generator?
        var device: DeviceID?
        var dtype: DType
    }

    fileprivate init(_ inputs: Int, _ outputs: Int, _ options: Options, name: String, at site: CallSite) {
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        let groups = options.groups
        let outputPadding = options.outputPadding
        self.groups = groups
        self.outputPadding = outputPadding
        let divides = groups > 0 && inputs % groups == 0 && outputs % groups == 0
        if !divides {
            WrongCall.report(
                name, "\(groups) groups do not divide both channel counts", remedy: "change groups", at: site)
        }
        let geometry = ConvolutionGeometry(
            kernel: options.kernel, stride: options.stride, padding: .by(options.padding), dilation: options.dilation,
            mode: .zeros, for: name, at: site)
        let isShort = zip(outputPadding, zip(options.stride, options.dilation)).allSatisfy { padding, bounds in
            padding >= 0 && (padding < bounds.0 || padding < bounds.1)
        }
        if !isShort {
            WrongCall.report(
                name,
                "output padding \(Printed.extents(outputPadding)) with stride \(Printed.extents(options.stride)), "
                    + "dilation \(Printed.extents(options.dilation))",
                remedy: "use less than the stride or the dilation", at: site)
        }
        self.geometry = geometry
        isPossible = divides && geometry.isPossible && isShort
        let parameters = ConvolutionParameters(
            [inputs, divides ? outputs / groups : outputs], kernel: options.kernel, bias: options.bias ? outputs : nil,
            generator: options.generator, device: options.device, dtype: options.dtype, for: name, at: site)
        weight = parameters.weight
        bias = parameters.bias
    }

    public final var configuration: String {
        "\(inputs), \(outputs)" + geometry.text(groups: groups, hasBias: bias != nil, outputPadding: outputPadding)
    }

    public final func callAsFunction(_ input: Tensor) -> Tensor {
        let axes = geometry.kernel.count
        let lead = input.rank - axes
        guard lead == 1 || lead == 2, input.shape[lead - 1] == inputs, isPossible else {
            let sizes = ["length", "height, width", "depth, height, width"][axes - 1]
            return input.invalid(
                name, "input \(input.shape) is not [N, \(inputs), \(sizes)]",
                remedy: "reshape the input, or change the layer's input channels", [input], at: nil)
        }
        if lead == 1 { return self(input.unsqueeze(0)).squeeze(0) }
        if axes == 3 {
            return Tensor.convTranspose3d(
                input, weight: weight.value, bias: bias?.value, stride: geometry.stride,
                padding: geometry.padding.map(\.before), outputPadding: outputPadding, dilation: geometry.dilation,
                groups: groups)
        }
        func pair(_ numbers: [Int], _ neutral: Int) -> SIMD2<Int> {
            axes == 1 ? [neutral, numbers[0]] : [numbers[0], numbers[1]]
        }
        let (x, matrix) =
            axes == 1 ? (input.unsqueeze(2), weight.value.unsqueeze(2)) : (input, weight.value)
        let result = Tensor.convTranspose2d(
            x, weight: matrix, bias: bias?.value, stride: pair(geometry.stride, 1),
            padding: pair(geometry.padding.map(\.before), 0), outputPadding: pair(outputPadding, 0),
            dilation: pair(geometry.dilation, 1), groups: groups)
        return axes == 1 && result.rank == 4 ? result.squeeze(2) : result
    }
}

/// A transposed convolution of sequences, as
/// [torch.nn.ConvTranspose1d](https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose1d.html).
public final class ConvTranspose1d: TransposedConvolution, @unchecked Sendable {
    /// Weight and bias are uniform in `±1 / sqrt(outputs / groups * kernel)`, as in PyTorch.
    ///
    /// - Parameter outputPadding: elements more at the end, where several sizes have one convolution's size.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0,
        groups: Int = 1, bias: Bool = true, dilation: Int = 1, generator: Generator? = nil, device: DeviceID? = nil,
        dtype: DType = .float32,
        file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            inputs, outputs,
            Options(
                kernel: [kernel], stride: [stride], padding: [padding], outputPadding: [outputPadding],
                dilation: [dilation], groups: groups, bias: bias, generator: generator, device: device, dtype: dtype),
            name: "ConvTranspose1d(\(inputs), \(outputs), kernel: \(kernel))", at: CallSite(file, line))
    }
}

/// A transposed convolution of images, as
/// [torch.nn.ConvTranspose2d](https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html).
public final class ConvTranspose2d: TransposedConvolution, @unchecked Sendable {
    /// Weight and bias are uniform in `±1 / sqrt(outputs / groups * kernel)`, as in PyTorch.
    ///
    /// - Parameter outputPadding: elements more at the ends, where several sizes have one convolution's size.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: Extent2D, stride: Extent2D = 1, padding: Extent2D = 0,
        outputPadding: Extent2D = 0, groups: Int = 1, bias: Bool = true, dilation: Extent2D = 1,
        generator: Generator? = nil, device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            inputs, outputs,
            Options(
                kernel: kernel.list, stride: stride.list, padding: padding.list, outputPadding: outputPadding.list,
                dilation: dilation.list, groups: groups, bias: bias, generator: generator, device: device, dtype: dtype),
            name: "ConvTranspose2d(\(inputs), \(outputs), kernel: \(kernel))", at: CallSite(file, line))
    }
}

/// A transposed convolution of volumes, as
/// [torch.nn.ConvTranspose3d](https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose3d.html).
public final class ConvTranspose3d: TransposedConvolution, @unchecked Sendable {
    /// Weight and bias are uniform in `±1 / sqrt(outputs / groups * kernel)`, as in PyTorch.
    ///
    /// - Parameter outputPadding: elements more at the ends, where several sizes have one convolution's size.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: Extent3D, stride: Extent3D = 1, padding: Extent3D = 0,
        outputPadding: Extent3D = 0, groups: Int = 1, bias: Bool = true, dilation: Extent3D = 1,
        generator: Generator? = nil, device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            inputs, outputs,
            Options(
                kernel: kernel.list, stride: stride.list, padding: padding.list, outputPadding: outputPadding.list,
                dilation: dilation.list, groups: groups, bias: bias, generator: generator, device: device, dtype: dtype),
            name: "ConvTranspose3d(\(inputs), \(outputs), kernel: \(kernel))", at: CallSite(file, line))
    }
}

extension Tensor {
    /// The gradient of a 3-D convolution by its input: input `[n, in, d, h, w]`, weight `[in, out / groups, kd, kh, kw]`, bias
    /// `[out]`; sizes as of ``convTranspose2d(_:weight:bias:stride:padding:outputPadding:dilation:groups:file:line:)``. Source:
    /// [torch.nn.ConvTranspose3d](https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose3d.html).
    ///
    /// The planes that a depth of the input makes are channels of one 2-D one, and are added up where they belong.
    public static func convTranspose3d(
        _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: [Int] = [1, 1, 1], padding: [Int] = [0, 0, 0],
        outputPadding: [Int] = [0, 0, 0], dilation: [Int] = [1, 1, 1], groups: Int = 1,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let most = 1 << 30
        func wrong(_ problem: String, _ remedy: String) -> Tensor {
            x.invalid(
                "convTranspose3d", problem, remedy: remedy, [x, weight] + [bias].compactMap { $0 }, file, line)
        }
        guard x.rank == 5, weight.rank == 5, groups > 0,
            [stride, padding, outputPadding, dilation].allSatisfy({ $0.count == 3 }),
            (stride + dilation).allSatisfy({ (1...most).contains($0) }),
            (padding + outputPadding).allSatisfy({ (0...most).contains($0) }), weight.shape[2] > 0, x.shape[2] > 0,
            bias == nil || bias!.shape == [weight.shape[1] * groups]
        else {
            return wrong(
                "input \(x.dtype)\(x.shape), weight \(weight.shape), stride \(stride), padding \(padding), "
                    + "output padding \(outputPadding), dilation \(dilation), \(groups) groups",
                "use input [n, in, depth, height, width], weight [in, out / groups, depth, height, width], bias [out], "
                    + "and three numbers of each")
        }
        let (n, depth, kernel) = (x.shape[0], x.shape[2], weight.shape[2])
        let outputs = weight.shape[1] * groups
        let reach = dilation[0] * (kernel - 1) + 1
        let span = (depth - 1) * stride[0] + reach + outputPadding[0]
        let kept = span - 2 * padding[0]
        guard kept > 0 else {
            return wrong("a depth of \(kept) for input \(x.shape)", "use a smaller padding")
        }
        let flat = weight.viewed(
            as: [weight.shape[0], weight.shape[1] * kernel, weight.shape[3], weight.shape[4]])
        let images = x.permuted([0, 2, 1, 3, 4]).viewed(as: [n * depth, x.shape[1], x.shape[3], x.shape[4]])
        let planes = convTranspose2d(
            images, weight: flat, stride: [stride[1], stride[2]], padding: [padding[1], padding[2]],
            outputPadding: [outputPadding[1], outputPadding[2]], dilation: [dilation[1], dilation[2]], groups: groups,
            file: file, line: line)
        guard planes.rank == 4, planes.shape[1] == outputs * kernel else { return planes }
        let (height, width) = (planes.shape[2], planes.shape[3])
        let lines: Shape = [n, outputs, depth * kernel, height * width]
        let target: Shape = [n, outputs, kept, height, width]
        guard ([n, outputs, span, height, width] as Shape).isValid else {
            return wrong("a result of shape \(target)", shapeRemedy)
        }
        let rows = planes.viewed(as: [n, depth, outputs, kernel, height * width]).permuted([0, 2, 1, 3, 4])
            .viewed(as: lines)
        let starts = x.indices([depth, 1]) * stride[0]
        let places = (starts + x.indices([1, kernel]) * dilation[0]).viewed(as: [depth * kernel])
        let summed = rows.scattered(axis: 2, places.along(2, of: lines), count: span)
        let result = summed.narrowed(axis: 2, start: padding[0], count: kept).viewed(as: target)
        return bias.map { result + $0.viewed(as: [outputs, 1, 1, 1]) } ?? result
    }

    /// The gradient of a 2-D convolution by its input: input `[n, in, h, w]`, weight `[in, out / groups, kh, kw]`, bias
    /// `[out]`, result `[n, out, oh, ow]` with `oh = (h - 1) stride - 2 padding + dilation (kh - 1) + outputPadding + 1`,
    /// and so `ow`. Source:
    /// [torch.nn.ConvTranspose2d](https://pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html).
    public static func convTranspose2d(
        _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: SIMD2<Int> = [1, 1], padding: SIMD2<Int> = [0, 0],
        outputPadding: SIMD2<Int> = [0, 0], dilation: SIMD2<Int> = [1, 1], groups: Int = 1,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let name = "convTranspose2d"
        let operands = [x, weight] + [bias].compactMap { $0 }
        for other in operands where !x.shares(other) { return x.deviceMismatch(name, other, at: CallSite(file, line)) }
        let type = x.dtype.promoted(with: weight.dtype)
        guard x.rank == 4, weight.rank == 4, type.isFloat, groups > 0, x.shape[1] == weight.shape[0],
            x.shape[1] % groups == 0, bias == nil || bias!.shape == [weight.shape[1] * groups]
        else {
            return x.invalid(
                name,
                "input \(x.dtype)\(x.shape), weight \(weight.dtype)\(weight.shape), \(groups) groups"
                    + (bias.map { ", bias \($0.shape)" } ?? ""),
                remedy:
                    "use floats, input [n, in, height, width], weight [in, out / groups, height, width], bias [out]",
                operands, file, line)
        }
        let window = Window(
            kernel: [weight.shape[2], weight.shape[3]], stride: stride, padding: padding, dilation: dilation)
        let size: SIMD2<Int> = [x.shape[2], x.shape[3]]
        // Of the result without padding; of the convolution's part of the result, and of what lies behind that.
        var (span, output, behind) = (SIMD2<Int>.zero, SIMD2<Int>.zero, SIMD2<Int>.zero)
        let isPadded = (0..<1 << 30).contains(outputPadding[0]) && (0..<1 << 30).contains(outputPadding[1])
        if window.isPossible, isPadded {
            for axis in 0..<2 {
                behind[axis] = Swift.max(outputPadding[axis] - stride[axis] + 1, 0)
                let reach = dilation[axis] * (window.kernel[axis] - 1) + 1
                span[axis] = (size[axis] - 1) * stride[axis] + reach
                output[axis] = span[axis] - 2 * padding[axis] + outputPadding[axis] - behind[axis]
            }
        }
        let shape: Shape = [x.shape[0], weight.shape[1] * groups, output[0], output[1]]
        guard output[0] > 0, output[1] > 0, shape.isValid, window.outputSize(for: output) == size
        else {
            return x.invalid(
                name, "\(window.text), output padding \(outputPadding[0])x\(outputPadding[1]) for input \(x.shape)",
                remedy: "use a smaller padding, and less output padding than the stride", operands, file, line)
        }
        var result: Tensor
        if behind == .zero {
            result = convolution(
                .inputGradient, x.cast(to: type), weight.cast(to: type), window, groups: groups, result: shape)
        } else {
            // All of it without padding, then cut: more is wanted than the convolution's windows reach.
            let bare = Window(kernel: window.kernel, stride: stride, padding: [0, 0], dilation: dilation)
            result = convolution(
                .inputGradient, x.cast(to: type), weight.cast(to: type), bare, groups: groups,
                result: [shape[0], shape[1], span[0], span[1]])
            for axis in 0..<2 {
                let beyond = Swift.max(outputPadding[axis] - padding[axis], 0)
                result = result.padded(axis: 2 + axis, before: 0, after: beyond, value: .float(0))
                    .narrowed(axis: 2 + axis, start: padding[axis], count: output[axis] + behind[axis])
            }
        }
        return bias.map { result + $0.viewed(as: [shape[1], 1, 1]) } ?? result
    }
}
