/// `output[..., index[p], ...] += source[p]` over all places `p` of the source, on zeros, in ascending order of `p` for
/// each output element: deterministic on every device.
///
/// Buffers: source, index (int64), output (contiguous: the source's shape with `axis` of extent `count`). An index
/// outside 0..<count adds nothing.
public struct ScatterAddKernel: KernelBody {
    public static var family: KernelFamily { .scatterAdd }

    /// Of source and output.
    public var dtype: DType
    /// The places that are added, of the index too.
    public var sourceShape: Shape
    /// In elements; 0 where the source is repeated.
    public var sourceStrides: Strides
    /// Over the source's shape; 0 where the index does not vary.
    public var indexStrides: Strides
    /// The one whose place the index gives, 0 or more.
    public var axis: Int
    /// The output's extent along the axis.
    public var count: Int

    /// The arguments are the properties of the same name.
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

    /// The source's shape with `axis` of extent `count`.
    public var resultShape: Shape {
        var result = sourceShape
        result[axis] = count
        return result
    }
    public var operands: [KernelOperand] {
        [
            KernelOperand(dtype, sourceShape, sourceStrides), KernelOperand(.int64, sourceShape, indexStrides),
            KernelOperand(dtype, contiguous: resultShape, isOutput: true),
        ]
    }
    public var operandCount: Int { 3 }
    public var sourceCount: Int { 2 }
    public var code: KernelCode { KernelCode(.scatterAdd, [Int(dtype.rawValue), sourceShape.rank, axis]) }

    public var summary: String { "scatterAdd \(dtype) \(sourceShape.summary) axis \(axis) to \(count)" }
}
