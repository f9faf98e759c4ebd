/// 2-D convolution (cross-correlation, as in deep learning) in NCHW, and its two gradients; 1-D has height 1.
///
/// Buffers: the two operands, the epilogue's inputs but its first, the epilogue's outputs. All operands are contiguous.
/// The epilogue is a pointwise program over the result's shape, not collapsed, whose input 0 is the result.
public struct ConvolutionKernel: AnchoredKernelBody {
    public static var family: KernelFamily { .convolution }

    /// Which of the three: they have the same sizes and window, and each two of its tensors as operands.
    public enum Kind: UInt8, Hashable, Sendable, CaseIterable {
        /// (input, weight) to output.
        case forward
        /// (output gradient, weight) to input gradient.
        case inputGradient
        /// (input, output gradient) to weight gradient.
        case weightGradient
    }

    /// Says what the operands are, and the result.
    public var kind: Kind
    /// Of both operands; sums are made in its accumulator.
    public var dtype: DType
    /// Images.
    public var batch: Int
    /// Channels of the convolution's input, of all groups.
    public var inputChannels: Int
    /// Channels of the convolution's output, of all groups.
    public var outputChannels: Int
    /// Height and width of the convolution's input and output.
    public var inputSize: SIMD2<Int>
    /// Height and width of the convolution's output: what the window gives over ``inputSize``.
    public var outputSize: SIMD2<Int>
    /// Kernel, stride, padding and dilation of the convolution, of its gradients as well.
    public var window: Window
    /// Divides both numbers of channels; 1 joins each output with all inputs.
    public var groups: Int
    /// Over the result's shape; its input 0 is the result.
    public var epilogue: FusedKernel

    /// Sizes are taken as they are given: whoever traces the operation has checked them.
    public init(
        kind: Kind, dtype: DType, batch: Int, inputChannels: Int, outputChannels: Int, inputSize: SIMD2<Int>,
        outputSize: SIMD2<Int>, window: Window, groups: Int, epilogue: FusedKernel
    ) {
        self.kind = kind
        self.dtype = dtype
        self.batch = batch
        self.inputChannels = inputChannels
        self.outputChannels = outputChannels
        self.inputSize = inputSize
        self.outputSize = outputSize
        self.window = window
        self.groups = groups
        self.epilogue = epilogue
    }

    /// `[batch, inputChannels, height, width]`
    public var inputShape: Shape { [batch, inputChannels, inputSize[0], inputSize[1]] }
    /// `[outputChannels, inputChannels / groups, kernel height, kernel width]`
    public var weightShape: Shape { [outputChannels, inputChannels / groups, window.kernel[0], window.kernel[1]] }
    /// `[batch, outputChannels, height, width]`
    public var outputShape: Shape { [batch, outputChannels, outputSize[0], outputSize[1]] }
    /// The shape of what this kind computes.
    public var resultShape: Shape {
        switch kind {
        case .forward: outputShape
        case .inputGradient: inputShape
        case .weightGradient: weightShape
        }
    }

    /// The type in which products are added up: float32 for float16 and bfloat16.
    public var accumulator: DType { dtype.accumulator }
    /// The type of the result, which is the epilogue's input 0: the operands', to which sums are rounded once, or the
    /// accumulator's, which takes them as they are.
    public var result: DType { epilogue.program.inputs.first ?? dtype }
    public var typeComplaint: String? {
        complaint(about: result, of: dtype) ?? epilogue.program.typeComplaint
    }

    /// The shapes of the two operands.
    public var sourceShapes: [Shape] {
        switch kind {
        case .forward: [inputShape, weightShape]
        case .inputGradient: [outputShape, weightShape]
        case .weightGradient: [inputShape, outputShape]
        }
    }
    public var sourceCount: Int { 2 }
    public var sources: [KernelOperand] { sourceShapes.map { KernelOperand(dtype, contiguous: $0) } }
    public var code: KernelCode {
        KernelCode(
            .convolution, [Int(dtype.rawValue), Int(kind.rawValue), groups == 1 ? 0 : 1], program: epilogue.program)
    }

    public var summary: String {
        "convolution \(kind) \(dtype) \(inputShape.summary) by \(weightShape.summary) \(window.summary)"
            + (groups == 1 ? "" : " groups \(groups)")
    }
}
