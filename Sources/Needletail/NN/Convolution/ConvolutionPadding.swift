import TensorRuntime

/// How far a convolution's input is padded.
public enum ConvolutionPadding: Hashable, Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
    /// By numbers, one for all axes or one for each.
    case by([Int])
    /// So that the result has the input's size; strides must be 1. Of an odd width the larger part lies behind.
    case same
    /// Not at all.
    case valid

    /// One number for all axes, both ends of each: `padding: 1`.
    public init(integerLiteral value: Int) { self = .by([value]) }
    /// A number for each axis of the image, for both its ends: `padding: [1, 2]`.
    public init(arrayLiteral elements: Int...) { self = .by(elements) }
    /// Height and width, each at both ends.
    public init(_ extent: Extent2D) { self = .by([extent.height, extent.width]) }
}

/// The numbers of a convolution over some axes, resolved and checked.
struct ConvolutionGeometry: Sendable {
    let kernel: [Int]
    let stride: [Int]
    let dilation: [Int]
    /// Before and after each axis.
    let padding: [(before: Int, after: Int)]
    let mode: PaddingMode
    /// How PyTorch prints the padding; nil where there is none.
    let printedPadding: String?
    let isPossible: Bool
    /// What a convolution pads by itself; nil where the input is padded before it.
    private let ownPadding: [Int]?

    /// - Parameter name: the layer, for messages.
    init(
        kernel: [Int], stride: [Int], padding: ConvolutionPadding, dilation: [Int], mode: PaddingMode, for name: String,
        at site: CallSite
    ) {
        self.kernel = kernel
        self.stride = stride
        self.dilation = dilation
        self.mode = mode
        let axes = kernel.count
        var problem: String?
        switch padding {
        case .by(let numbers):
            let each = numbers.count == 1 ? Array(repeating: numbers[0], count: axes) : numbers
            if each.count != axes { problem = "\(numbers.count) paddings for \(axes) axes" }
            self.padding = each.count == axes ? each.map { ($0, $0) } : kernel.map { _ in (0, 0) }
            printedPadding = each.allSatisfy { $0 == 0 } ? nil : Printed.tuple(each)
        case .same:
            if stride.contains(where: { $0 != 1 }) { problem = "padding .same with stride \(Printed.extents(stride))" }
            self.padding = zip(kernel, dilation).map { kernel, dilation in
                let total = Swift.max(dilation.multipliedReportingOverflow(by: kernel &- 1).partialValue, 0)
                return (total / 2, total - total / 2)
            }
            printedPadding = "same"
        case .valid:
            self.padding = kernel.map { _ in (0, 0) }
            printedPadding = "valid"
        }
        let most = 1 << 30
        let numbers = kernel + stride + dilation
        let widths = self.padding.flatMap { [$0.before, $0.after] }
        let isSound = numbers.allSatisfy { $0 >= 1 && $0 <= most }
        let isPadded = widths.allSatisfy { $0 >= 0 && $0 <= most }
        if !isSound || !isPadded {
            let pads = self.padding.map(\.before)
            problem =
                "kernel \(Printed.extents(kernel)), stride \(Printed.extents(stride)), "
                + "padding \(Printed.extents(pads)), dilation \(Printed.extents(dilation))"
        }
        isPossible = problem == nil
        let isEven = self.padding.allSatisfy { $0.before == $0.after }
        ownPadding = mode == .zeros && isEven ? self.padding.map(\.before) : nil
        if let problem {
            WrongCall.report(
                name, problem,
                remedy:
                    "use kernels, strides and dilations of 1 or more, paddings of 0 or more, and strides of 1 with .same",
                at: site)
        }
    }

    /// The input padded as far as a convolution does not do it itself, and what it does itself.
    func prepared(_ input: Tensor, for name: String) -> (input: Tensor, padding: [Int]) {
        if let ownPadding { return (input, ownPadding) }
        return (input.padded(padding, mode: mode, for: name, at: nil), padding.map { _ in 0 })
    }

    /// PyTorch's text behind the channels.
    func text(groups: Int, hasBias: Bool, outputPadding: [Int] = []) -> String {
        var text = ", kernel_size=\(Printed.tuple(kernel)), stride=\(Printed.tuple(stride))"
        if let printedPadding { text += ", padding=\(printedPadding)" }
        if dilation.contains(where: { $0 != 1 }) { text += ", dilation=\(Printed.tuple(dilation))" }
        if outputPadding.contains(where: { $0 != 0 }) { text += ", output_padding=\(Printed.tuple(outputPadding))" }
        if groups != 1 { text += ", groups=\(groups)" }
        if !hasBias { text += ", bias=False" }
        if mode != .zeros { text += ", padding_mode=\(mode.rawValue)" }
        return text
    }
}

/// Weight and bias of a convolution.
struct ConvolutionParameters: Sendable {
    let weight: Parameter
    let bias: Parameter?

    /// Uniform in `±1 / sqrt(fan-in)`, as in PyTorch, where the fan-in is the weight's second extent times the kernel.
    init(
        _ lead: [Int], kernel: [Int], bias outputs: Int?, generator: Generator?, device: DeviceID?, dtype: DType,
        for name: String,
        at site: CallSite
    ) {
        let shape = Shape(lead + kernel)
        let fanIn = shape.isValid ? shape.dropFirst().reduce(1, *) : 0
        weight = Parameter(
            Initialization.kaimingUniform(
                shape, fanIn: fanIn, generator: generator, device: device, dtype: dtype, for: name, at: site))
        let bound = fanIn > 0 ? 1 / Double(fanIn).squareRoot() : 0
        bias = outputs.map {
            Parameter(
                Initialization.uniform(
                    shape.isValid ? [$0] : shape, bound: bound, generator: generator, device: device, dtype: dtype,
                    for: name,
                    at: site))
        }
    }
}
