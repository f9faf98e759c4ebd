import TensorRuntime

/// What ``Conv1d``, ``Conv2d`` and ``Conv3d`` have in common.
///
/// Input `[N, inputs, ...]` or without `N`, output `[N, outputs, ...]` with
/// `(size + paddings - dilation (kernel - 1) - 1) / stride + 1` along each axis.
///
/// Safety: all stored properties are constants of sendable types.
public class Convolution: UnaryLayer, @unchecked Sendable {
    /// `[outputs, inputs / groups, kernel...]`
    public final let weight: Parameter
    /// `[outputs]`
    public final let bias: Parameter?

    private let name: String
    private let inputs: Int
    private let outputs: Int
    private let groups: Int
    private let geometry: ConvolutionGeometry
    private let isPossible: Bool

    /// What the initialisers of all have in common.
    fileprivate struct Options {
        var kernel: [Int]
        var stride: [Int]
        var padding: ConvolutionPadding
        var dilation: [Int]
        var groups: Int
        var bias: Bool
        var mode: PaddingMode
        var generator: Generator?
        var device: DeviceID?
        var dtype: DType
    }

    fileprivate init(_ inputs: Int, _ outputs: Int, _ options: Options, name: String, at site: CallSite) {
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        let groups = options.groups
        self.groups = groups
        let divides = groups > 0 && inputs % groups == 0 && outputs % groups == 0
        if !divides {
            WrongCall.report(
                name, "\(groups) groups do not divide both channel counts", remedy: "change groups", at: site)
        }
        let geometry = ConvolutionGeometry(
            kernel: options.kernel, stride: options.stride, padding: options.padding, dilation: options.dilation,
            mode: options.mode, for: name, at: site)
        self.geometry = geometry
        isPossible = divides && geometry.isPossible
        let parameters = ConvolutionParameters(
            [outputs, divides ? inputs / groups : inputs], kernel: options.kernel, bias: options.bias ? outputs : nil,
            generator: options.generator, device: options.device, dtype: options.dtype, for: name, at: site)
        weight = parameters.weight
        bias = parameters.bias
    }

    public final var configuration: String {
        "\(inputs), \(outputs)" + geometry.text(groups: groups, hasBias: bias != nil)
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
        let (padded, padding) = geometry.prepared(input, for: name)
        let (stride, dilation) = (geometry.stride, geometry.dilation)
        switch axes {
        case 1:
            return Tensor.conv1d(
                padded, weight: weight.value, bias: bias?.value, stride: stride[0], padding: padding[0],
                dilation: dilation[0], groups: groups)
        case 2:
            return Tensor.conv2d(
                padded, weight: weight.value, bias: bias?.value, stride: [stride[0], stride[1]],
                padding: [padding[0], padding[1]], dilation: [dilation[0], dilation[1]], groups: groups)
        default:
            return Tensor.conv3d(
                padded, weight: weight.value, bias: bias?.value, stride: stride, padding: padding, dilation: dilation,
                groups: groups)
        }
    }
}

/// A convolution of sequences `[N, inputs, L]` or `[inputs, L]`, as
/// [torch.nn.Conv1d](https://pytorch.org/docs/stable/generated/torch.nn.Conv1d.html).
public final class Conv1d: Convolution, @unchecked Sendable {
    /// Weight and bias are uniform in `±1 / sqrt(inputs / groups * kernel)`, as in PyTorch.
    ///
    /// - Parameters:
    ///   - padding: a number, `.same` or `.valid`.
    ///   - groups: divides both channel counts.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: ConvolutionPadding = 0, dilation: Int = 1,
        groups: Int = 1, bias: Bool = true, paddingMode: PaddingMode = .zeros, generator: Generator? = nil,
        device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID, line: UInt = #line
    ) {
        super.init(
            inputs, outputs,
            Options(
                kernel: [kernel], stride: [stride], padding: padding, dilation: [dilation], groups: groups, bias: bias,
                mode: paddingMode, generator: generator, device: device, dtype: dtype),
            name: "Conv1d(\(inputs), \(outputs), kernel: \(kernel))", at: CallSite(file, line))
    }
}

/// A convolution of images `[N, inputs, H, W]` or `[inputs, H, W]`, as
/// [torch.nn.Conv2d](https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html).
public final class Conv2d: Convolution, @unchecked Sendable {
    /// Weight and bias are uniform in `±1 / sqrt(inputs / groups * kernel)`, as in PyTorch.
    ///
    /// - Parameters:
    ///   - padding: a number for both axes, `[height, width]`, `.same` or `.valid`.
    ///   - groups: divides both channel counts.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: Extent2D, stride: Extent2D = 1, padding: ConvolutionPadding = 0,
        dilation: Extent2D = 1, groups: Int = 1, bias: Bool = true, paddingMode: PaddingMode = .zeros,
        generator: Generator? = nil, device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            inputs, outputs,
            Options(
                kernel: kernel.list, stride: stride.list, padding: padding,
                dilation: dilation.list, groups: groups, bias: bias, mode: paddingMode,
                generator: generator, device: device, dtype: dtype),
            name: "Conv2d(\(inputs), \(outputs), kernel: \(kernel))", at: CallSite(file, line))
    }
}

/// A convolution of volumes `[N, inputs, D, H, W]` or `[inputs, D, H, W]`, as
/// [torch.nn.Conv3d](https://pytorch.org/docs/stable/generated/torch.nn.Conv3d.html).
public final class Conv3d: Convolution, @unchecked Sendable {
    /// Weight and bias are uniform in `±1 / sqrt(inputs / groups * kernel)`, as in PyTorch.
    ///
    /// - Parameters:
    ///   - padding: a number for all axes, `[depth, height, width]`, `.same` or `.valid`.
    ///   - groups: divides both channel counts.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: Extent3D, stride: Extent3D = 1, padding: ConvolutionPadding = 0,
        dilation: Extent3D = 1, groups: Int = 1, bias: Bool = true, paddingMode: PaddingMode = .zeros,
        generator: Generator? = nil, device: DeviceID? = nil, dtype: DType = .float32, file: StaticString = #fileID,
        line: UInt = #line
    ) {
        super.init(
            inputs, outputs,
            Options(
                kernel: kernel.list, stride: stride.list, padding: padding, dilation: dilation.list, groups: groups,
                bias: bias, mode: paddingMode, generator: generator, device: device, dtype: dtype),
            name: "Conv3d(\(inputs), \(outputs), kernel: \(kernel))", at: CallSite(file, line))
    }
}

/// Depth, height and width: `3` for all, or `[1, 3, 5]`.
public struct Extent3D: Hashable, Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral,
    CustomStringConvertible
{
    /// Of axis 2 in `[N, C, D, H, W]`.
    public var depth: Int
    /// Of axis 3.
    public var height: Int
    /// Of axis 4, the one whose elements lie side by side.
    public var width: Int

    /// Numbers are not checked here: the layer that is given them says what it cannot use.
    public init(depth: Int, height: Int, width: Int) {
        self.depth = depth
        self.height = height
        self.width = width
    }

    /// The same in all three directions.
    public init(_ all: Int) { self.init(depth: all, height: all, width: all) }
    /// The same in all three directions: `kernel: 3`.
    public init(integerLiteral value: Int) { self.init(value) }

    /// Depth, height and width: `kernel: [1, 3, 5]`. Any other number of elements is a wrong call.
    public init(arrayLiteral elements: Int...) {
        guard elements.count == 3 else {
            WrongCall.report("Extent3D", "\(elements.count) numbers", remedy: "give depth, height and width", at: nil)
            self.init(0)
            return
        }
        self.init(depth: elements[0], height: elements[1], width: elements[2])
    }

    var list: [Int] { [depth, height, width] }

    /// `1x3x5`
    public var description: String { "\(depth)x\(height)x\(width)" }
}

extension Tensor {
    /// 3-D convolution: input `[n, in, d, h, w]`, weight `[out, in / groups, kd, kh, kw]`, bias `[out]`.
    /// Source: [torch.nn.Conv3d](https://pytorch.org/docs/stable/generated/torch.nn.Conv3d.html).
    ///
    /// The planes that a depth of the result reads become channels, so that it is one 2-D convolution.
    public static func conv3d(
        _ x: Tensor, weight: Tensor, bias: Tensor? = nil, stride: [Int] = [1, 1, 1], padding: [Int] = [0, 0, 0],
        dilation: [Int] = [1, 1, 1], groups: Int = 1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let numbers = stride + dilation
        guard x.rank == 5, weight.rank == 5, stride.count == 3, padding.count == 3, dilation.count == 3,
            numbers.allSatisfy({ (1...1 << 30).contains($0) }), (0...1 << 30).contains(padding[0]), x.dtype.isFloat
        else {
            return x.invalid(
                "conv3d", "input \(x.dtype)\(x.shape), weight \(weight.shape), stride \(stride), padding \(padding)",
                remedy:
                    "use floats [n, channels, depth, height, width], weight [out, in / groups, depth, height, width], "
                    + "and three numbers of each", [x, weight], file, line)
        }
        let kernel = weight.shape[2]
        let reach = dilation[0] * (kernel - 1) + 1
        let depth = x.shape[2] + 2 * padding[0] - reach
        guard depth >= 0, kernel > 0 else {
            return x.invalid(
                "conv3d", "kernel \(weight.shape) exceeds padded input \(x.shape)",
                remedy: "increase padding or use a smaller kernel", [x, weight], file, line)
        }
        let count = depth / stride[0] + 1
        let padded = x.padded(axis: 2, before: padding[0], after: padding[0], value: .float(0))
        let planes = (0..<kernel).map { tap in
            padded.narrowed(axis: 2, start: tap * dilation[0], count: count, step: stride[0])
        }
        let (n, channels) = (x.shape[0], x.shape[1])
        let (h, w) = (x.shape[3], x.shape[4])
        let stacked = kernel == 1 ? planes[0].viewed(as: [n, channels, 1, count, h, w]) : Tensor.stack(planes, axis: 2)
        let images = stacked.permuted([0, 3, 1, 2, 4, 5]).viewed(as: [n * count, channels * kernel, h, w])
        let flat = weight.viewed(
            as: [weight.shape[0], weight.shape[1] * kernel, weight.shape[3], weight.shape[4]])
        let result = conv2d(
            images, weight: flat, bias: bias, stride: [stride[1], stride[2]], padding: [padding[1], padding[2]],
            dilation: [dilation[1], dilation[2]], groups: groups, file: file, line: line)
        guard result.rank == 4, result.shape[0] == n * count else { return result }
        return result.viewed(as: [n, count, weight.shape[0], result.shape[2], result.shape[3]]).permuted([
            0, 2, 1, 3, 4,
        ])
    }
}
