/// The name of a kernel family. A backend that meets a name it does not know answers that it is unsupported.
public struct KernelFamily: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    /// Pointwise chains, reductions, softmax, normalisations, losses, optimizer updates, gathers and copies.
    public static let fused = KernelFamily(rawValue: "fused")
    public static let matmul = KernelFamily(rawValue: "matmul")
    public static let scatterAdd = KernelFamily(rawValue: "scatterAdd")
    public static let convolution = KernelFamily(rawValue: "convolution")
    public static let pooling = KernelFamily(rawValue: "pooling")
    public static let scan = KernelFamily(rawValue: "scan")
    public static let sort = KernelFamily(rawValue: "sort")

    /// What a device must have.
    public static let required: [KernelFamily] = [.fused, .matmul, .scatterAdd]

    public var description: String { rawValue }
}

/// The typed arguments of one family.
public protocol KernelBody: Hashable, Sendable {
    static var family: KernelFamily { get }
    /// The number of buffers bound to a launch.
    var operandCount: Int { get }
    /// The type in which each scalar slot is read; scalars travel as 64 bits (``Scalar/bits(as:)``).
    var scalarTypes: [DType] { get }
    /// What a program or pipeline is keyed by: operations, dtypes, ranks and flags, but no extent, stride or scalar.
    var code: KernelCode { get }
}

/// The part of a kernel that is compiled. Equal codes share a program.
public struct KernelCode: Hashable, Sendable {
    public let family: KernelFamily
    /// Dtypes, ranks and flags of the family, in its order.
    public let numbers: [Int]
    /// The fused program, or the epilogue.
    public let program: FusedProgram?

    public init(_ family: KernelFamily, _ numbers: [Int], program: FusedProgram? = nil) {
        self.family = family
        self.numbers = numbers
        self.program = program
    }
}

/// Everything about a kernel: its family and that family's one struct of arguments.
public struct KernelSpec: Hashable, Sendable {
    public let family: KernelFamily
    public let body: any KernelBody

    public init(_ body: some KernelBody) {
        self.family = type(of: body).family
        self.body = body
    }

    public static func == (a: KernelSpec, b: KernelSpec) -> Bool {
        func equal<B: KernelBody>(_ x: B) -> Bool { (b.body as? B) == x }
        return a.family == b.family && equal(a.body)
    }

    public func hash(into hasher: inout Hasher) { body.hash(into: &hasher) }

    /// What the kernel's program is keyed by.
    public var code: KernelCode { body.code }
}

/// Batched matrix product `[batch..., m, k] x [batch..., k, n]`, followed by an epilogue.
///
/// Buffers: `a`, `b`, the epilogue's inputs but its first, the epilogue's outputs. The epilogue is a pointwise program
/// over `[batch..., m, n]` whose input 0 is the product; the product itself has no buffer. Scalars are the epilogue's.
public struct MatmulKernel: KernelBody {
    public static var family: KernelFamily { .matmul }

    public var dtype: DType
    public var batch: Shape
    public var m: Int
    public var n: Int
    public var k: Int
    /// Strides of `a` over `[batch..., m, k]` and of `b` over `[batch..., k, n]`; in each, one of the last two is 1
    /// (or its extent is 1).
    public var aStrides: Strides
    public var bStrides: Strides
    /// Over `[batch..., m, n]`, not collapsed.
    public var epilogue: FusedKernel

    public init(
        dtype: DType, batch: Shape, m: Int, n: Int, k: Int, aStrides: Strides, bStrides: Strides, epilogue: FusedKernel
    ) {
        self.dtype = dtype
        self.batch = batch
        self.m = m
        self.n = n
        self.k = k
        self.aStrides = aStrides
        self.bStrides = bStrides
        self.epilogue = epilogue
    }

    /// Whether `a` (or `b`) lies column-major, that is, is read transposed.
    public var transposesA: Bool { aStrides[batch.rank + 1] != 1 && k != 1 }
    public var transposesB: Bool { bStrides[batch.rank + 1] != 1 && n != 1 }

    public var operandCount: Int { 1 + epilogue.operandCount }
    public var scalarTypes: [DType] { epilogue.scalarTypes }
    public var code: KernelCode {
        KernelCode(
            .matmul, [Int(dtype.rawValue), batch.rank, transposesA ? 1 : 0, transposesB ? 1 : 0],
            program: epilogue.program)
    }
}

/// Stride, padding and dilation of a window that moves over height and width.
public struct Window: Hashable, Sendable {
    public var kernel: SIMD2<Int>
    public var stride: SIMD2<Int>
    public var padding: SIMD2<Int>
    public var dilation: SIMD2<Int>

    public init(
        kernel: SIMD2<Int>, stride: SIMD2<Int> = [1, 1], padding: SIMD2<Int> = [0, 0], dilation: SIMD2<Int> = [1, 1]
    ) {
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
    }

    /// Height and width of the result over an input of `size`; at most 0 where the kernel exceeds the padded input.
    /// Source: [torch.nn.Conv2d](https://pytorch.org/docs/stable/generated/torch.nn.Conv2d.html).
    public func outputSize(for size: SIMD2<Int>) -> SIMD2<Int> {
        var result = SIMD2<Int>()
        for axis in 0..<2 {
            let span = size[axis] + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1
            result[axis] = span < 0 ? 0 : span / stride[axis] + 1
        }
        return result
    }
}

/// 2-D convolution (cross-correlation, as in deep learning) in NCHW, and its two gradients; 1-D has height 1.
///
/// Buffers: the two operands, the epilogue's inputs but its first, the epilogue's outputs. All operands are contiguous.
/// The epilogue is a pointwise program over the result's shape, not collapsed, whose input 0 is the result.
public struct ConvolutionKernel: KernelBody {
    public static var family: KernelFamily { .convolution }

    public enum Kind: UInt8, Hashable, Sendable, CaseIterable {
        /// (input, weight) to output.
        case forward
        /// (output gradient, weight) to input gradient.
        case inputGradient
        /// (input, output gradient) to weight gradient.
        case weightGradient
    }

    public var kind: Kind
    public var dtype: DType
    public var batch: Int
    public var inputChannels: Int
    public var outputChannels: Int
    /// Height and width of the convolution's input and output.
    public var inputSize: SIMD2<Int>
    public var outputSize: SIMD2<Int>
    public var window: Window
    public var groups: Int
    public var epilogue: FusedKernel

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

    public var inputShape: Shape { [batch, inputChannels, inputSize[0], inputSize[1]] }
    public var weightShape: Shape { [outputChannels, inputChannels / groups, window.kernel[0], window.kernel[1]] }
    public var outputShape: Shape { [batch, outputChannels, outputSize[0], outputSize[1]] }
    /// The shape of what this kind computes.
    public var resultShape: Shape {
        switch kind {
        case .forward: outputShape
        case .inputGradient: inputShape
        case .weightGradient: weightShape
        }
    }

    public var operandCount: Int { 1 + epilogue.operandCount }
    public var scalarTypes: [DType] { epilogue.scalarTypes }
    public var code: KernelCode {
        KernelCode(
            .convolution, [Int(dtype.rawValue), Int(kind.rawValue), groups == 1 ? 0 : 1], program: epilogue.program)
    }
}

/// 2-D pooling over `[planes, height, width]` (planes = batch x channels), and its gradients.
///
/// Buffers: the operands in the order named by ``Kind``, the epilogue's inputs but its first, the epilogue's outputs.
/// All operands are contiguous. The epilogue is over `[planes, height, width]` of the result.
public struct PoolingKernel: KernelBody {
    public static var family: KernelFamily { .pooling }

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

    public var kind: Kind
    public var dtype: DType
    public var planes: Int
    public var inputSize: SIMD2<Int>
    public var outputSize: SIMD2<Int>
    public var window: Window
    /// Whether an average divides by the kernel's size also where it overlaps the padding.
    public var countsPadding: Bool
    public var epilogue: FusedKernel

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
    public var resultSize: SIMD2<Int> {
        kind == .maximumGradient || kind == .averageGradient ? inputSize : outputSize
    }

    public var operandCount: Int { sourceCount + epilogue.operandCount - 1 }
    public var scalarTypes: [DType] { epilogue.scalarTypes }
    public var code: KernelCode {
        KernelCode(
            .pooling, [Int(dtype.rawValue), Int(kind.rawValue), countsPadding ? 1 : 0], program: epilogue.program)
    }
}

/// `output[..., index[p], ...] += source[p]` over all places `p` of the source, on zeros, in ascending order of `p` for
/// each output element: deterministic on every device.
///
/// Buffers: source, index (int64), output (contiguous: the source's shape with `axis` of extent `count`). An index
/// outside 0..<count adds nothing.
public struct ScatterAddKernel: KernelBody {
    public static var family: KernelFamily { .scatterAdd }

    public var dtype: DType
    public var sourceShape: Shape
    public var sourceStrides: Strides
    /// Over the source's shape; 0 where the index does not vary.
    public var indexStrides: Strides
    public var axis: Int
    public var count: Int

    public init(
        dtype: DType, sourceShape: Shape, sourceStrides: Strides, indexStrides: Strides, axis: Int, count: Int
    ) {
        self.dtype = dtype
        self.sourceShape = sourceShape
        self.sourceStrides = sourceStrides
        self.indexStrides = indexStrides
        self.axis = axis
        self.count = count
    }

    public var operandCount: Int { 3 }
    public var scalarTypes: [DType] { [] }
    public var code: KernelCode { KernelCode(.scatterAdd, [Int(dtype.rawValue), sourceShape.rank, axis]) }
}
