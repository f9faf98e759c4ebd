/// 2-D pooling over `[planes, height, width]` (planes = batch x channels), and its gradients.
///
/// Buffers: the operands in the order named by ``Kind``, the epilogue's inputs but its first, the epilogue's outputs.
/// All operands are contiguous. The epilogue is over `[planes, height, width]` of the result.
public struct PoolingKernel: AnchoredKernelBody {
    public static var family: KernelFamily { .pooling }

    /// Which pooling or gradient: what its operands are stands at each.
    public enum Kind: UInt8, Hashable, Sendable, CaseIterable {
        /// (input) to output. Padding never wins; NaN does.
        case maximum
        /// (input) to the int64 index, within the plane, of the first largest element of each window.
        case maximumIndices
        /// (input, output gradient) to input gradient: each gradient goes to its window's first largest element.
        case maximumGradient
        /// (input, tangent of the input's shape) to output: the tangent at each window's first largest element.
        case maximumGather
        /// (input) to output.
        case average
        /// (output gradient) to input gradient.
        case averageGradient
    }

    /// Says what the operands are, and the result.
    public var kind: Kind
    /// Of the elements; indices are int64.
    public var dtype: DType
    /// Batch times channels.
    public var planes: Int
    /// Height and width of what is pooled.
    public var inputSize: SIMD2<Int>
    /// Height and width of what pooling gives.
    public var outputSize: SIMD2<Int>
    /// Kernel, stride, padding and dilation, of the gradients as well.
    public var window: Window
    /// Whether an average divides by the kernel's size also where it overlaps the padding.
    public var countsPadding: Bool
    /// Over `[planes, height, width]` of the result, which is its input 0.
    public var epilogue: FusedKernel

    /// Sizes are taken as they are given: whoever traces the operation has checked them.
    public init(
        kind: Kind, dtype: DType, planes: Int, inputSize: SIMD2<Int>, outputSize: SIMD2<Int>, window: Window,
        countsPadding: Bool, epilogue: FusedKernel
    ) {
        self.kind = kind
        self.dtype = dtype
        self.planes = planes
        self.inputSize = inputSize
        self.outputSize = outputSize
        self.window = window
        self.countsPadding = countsPadding
        self.epilogue = epilogue
    }

    /// The number of buffers before the epilogue's.
    public var sourceCount: Int { kind == .maximumGradient || kind == .maximumGather ? 2 : 1 }
    /// Height and width of what this kernel computes: the input's for gradients, else the output's.
    public var resultSize: SIMD2<Int> {
        kind == .maximumGradient || kind == .averageGradient ? inputSize : outputSize
    }

    /// The type of the result, which is the epilogue's input 0. Averages and sums of float16 and bfloat16 are made in float32.
    public var result: DType { kind == .maximumIndices ? .int64 : dtype }

    /// Height and width of each operand's planes.
    public var sourceSizes: [SIMD2<Int>] {
        switch kind {
        case .maximum, .maximumIndices, .average: [inputSize]
        case .maximumGradient: [inputSize, outputSize]
        case .maximumGather: [inputSize, inputSize]
        case .averageGradient: [outputSize]
        }
    }
    public var sources: [KernelOperand] {
        sourceSizes.map { KernelOperand(dtype, contiguous: [planes, $0[0], $0[1]]) }
    }
    public var code: KernelCode {
        KernelCode(
            .pooling, [Int(dtype.rawValue), Int(kind.rawValue), countsPadding ? 1 : 0], program: epilogue.program)
    }

    public var summary: String {
        "pooling \(kind) \(dtype) \(planes)x\(inputSize.summary) kernel \(window.kernel.summary) \(window.summary)"
    }
}
