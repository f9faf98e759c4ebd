/// The typed arguments of one family: all that the runtime asks of a kernel of it.
///
/// A family is a type that says this much, its rows in the catalogue, and a kernel on each device that has it.
public protocol KernelBody: Hashable, Sendable {
    /// The name under which devices say that they have the family, or lack it.
    static var family: KernelFamily { get }
    /// The buffers of a launch, in the order of their bindings; the workspace is not among them.
    var operands: [KernelOperand] { get }
    /// The number of operands.
    var operandCount: Int { get }
    /// The fused kernel itself, or the pointwise program that follows what the family computes; nil where there is none.
    var fused: FusedKernel? { get }
    /// The operands before those of the program's inputs.
    var sourceCount: Int { get }
    /// Whether the program's input 0 is what the family computes, which has no buffer.
    var feedsProgram: Bool { get }
    /// The type in which each scalar slot is read; scalars travel as 64 bits (``Scalar/bits(as:)``).
    var scalarTypes: [DType] { get }
    /// What a program or pipeline is keyed by: operations, dtypes, ranks and flags, but no extent, stride or scalar.
    var code: KernelCode { get }
    /// Family, types and shapes in one line.
    var summary: String { get }
    /// What has no meaning on the kernel's dtypes; nil where all has.
    var typeComplaint: String? { get }
}

extension KernelBody {
    public var operandCount: Int { operands.count }
    public var fused: FusedKernel? { nil }
    public var sourceCount: Int { 0 }
    public var feedsProgram: Bool { false }
    public var scalarTypes: [DType] { fused?.program.scalarTypes ?? [] }
    /// ``FusedProgram/typeComplaint`` of the program or epilogue.
    public var typeComplaint: String? { fused?.program.typeComplaint }

    /// The operand of the program's input; nil where that is the family's own result.
    public func operand(ofInput input: Int) -> Int? {
        feedsProgram ? (input == 0 ? nil : sourceCount + input - 1) : sourceCount + input
    }

    /// The operand of the program's output.
    public func operand(ofOutput output: Int) -> Int {
        sourceCount + (fused?.inputs.count ?? 0) - (feedsProgram ? 1 : 0) + output
    }
}

/// A kernel of which the pointwise program is the epilogue: its result is the program's input 0.
public protocol AnchoredKernelBody: KernelBody {
    /// The pointwise program over the family's result.
    var epilogue: FusedKernel { get }
    /// The operands of the family itself.
    var sources: [KernelOperand] { get }
}

extension AnchoredKernelBody {
    public var fused: FusedKernel? { epilogue }
    public var feedsProgram: Bool { true }
    public var operands: [KernelOperand] { sources + epilogue.operands.dropFirst() }
    public var operandCount: Int { sourceCount + epilogue.operandCount - 1 }
}

extension KernelBody {
    /// Why sums of products of `dtype` cannot be `result`; nil where they can.
    func complaint(about result: DType, of dtype: DType) -> String? {
        if result == dtype || result == dtype.accumulator { return nil }
        return "\(Self.family) of \(dtype) cannot give \(result); take \(dtype), or cast the operands"
    }
}

/// The elements of a buffer that a launch touches: at each place of some dimensions, one.
public struct KernelOperand: Hashable, Sendable {
    /// Nil for an operand that is only an index and has no buffer.
    public var dtype: DType?
    /// The dimensions over which the operand is read or written.
    public var extents: Shape
    /// In elements, one for each extent.
    public var strides: Strides
    /// Of a gathered operand: the places along the gathered axis, each of which is read, and their distance.
    public var gatherCount: Int
    /// The distance of neighbours along the gathered axis, in elements.
    public var gatherStride: Int
    /// Whether the launch writes it.
    public var isOutput: Bool

    /// - Parameters:
    ///   - dtype: nil for an index.
    ///   - strides: one for each extent.
    ///   - gatherCount: 0 where nothing is gathered.
    public init(
        _ dtype: DType?, _ extents: Shape, _ strides: Strides, gatherCount: Int = 0, gatherStride: Int = 0,
        isOutput: Bool = false
    ) {
        self.dtype = dtype
        self.extents = extents
        self.strides = strides
        self.gatherCount = gatherCount
        self.gatherStride = gatherStride
        self.isOutput = isOutput
    }

    /// A row-major operand.
    public init(_ dtype: DType, contiguous shape: Shape, isOutput: Bool = false) {
        self.init(dtype, shape, shape.contiguousStrides, isOutput: isOutput)
    }
}

/// The range of places that one operand of a kernel may touch.
public struct OperandExtent: Hashable, Sendable {
    /// Nil for an operand that is only an index and has no buffer.
    public var dtype: DType?
    /// The lowest place, relative to the operand's first element: 0, or less where a stride is negative.
    public var lowest: Int
    /// The number of places from the lowest to the highest.
    public var count: Int
    /// Whether the launch writes there.
    public var isOutput: Bool

    /// Nothing where an extent is 0: the operand is then not touched.
    public init(_ operand: KernelOperand) {
        var lowest = 0
        var highest = 0
        var isEmpty = false
        for axis in 0..<operand.extents.rank {
            isEmpty = isEmpty || operand.extents[axis] == 0
            let reach = (operand.extents[axis] - 1) * operand.strides[axis]
            if reach < 0 { lowest += reach } else { highest += reach }
        }
        if operand.gatherCount > 0 {
            let reach = (operand.gatherCount - 1) * operand.gatherStride
            if reach < 0 { lowest += reach } else { highest += reach }
        }
        dtype = operand.dtype
        self.lowest = isEmpty ? 0 : lowest
        count = isEmpty ? 0 : highest - lowest + 1
        isOutput = operand.isOutput
    }
}

extension Shape {
    /// `64x784`, as summaries write it.
    var summary: String { map(String.init).joined(separator: "x") }
}

extension SIMD2<Int> {
    var summary: String { "\(self[0])x\(self[1])" }
}
