/// Batched matrix product `[batch..., m, k] x [batch..., k, n]`, followed by an epilogue.
///
/// Buffers: `a`, `b`, the epilogue's inputs but its first, the epilogue's outputs. The epilogue is a pointwise program
/// over `[batch..., m, n]` whose input 0 is the product; the product itself has no buffer. Scalars are the epilogue's.
public struct MatmulKernel: AnchoredKernelBody {
    public static var family: KernelFamily { .matmul }

    /// Of `a` and `b`.
    public var dtype: DType
    /// The leading extents, each of which has a product of its own; empty for one product.
    public var batch: Shape
    /// Rows of `a` and of the product.
    public var m: Int
    /// Columns of `b` and of the product.
    public var n: Int
    /// Columns of `a` and rows of `b`: the extent that is summed over.
    public var k: Int
    /// Strides of `a` over `[batch..., m, k]` and of `b` over `[batch..., k, n]`; in each, one of the last two is 1
    /// (or its extent is 1).
    public var aStrides: Strides
    /// Strides of `b` over `[batch..., k, n]`; 0 along an axis of the batch repeats the matrix.
    public var bStrides: Strides
    /// Over `[batch..., m, n]`, not collapsed.
    public var epilogue: FusedKernel

    /// Strides must be such as ``aStrides`` says; the planner copies other operands first.
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
    /// Whether `b` lies column-major, that is, is read transposed.
    public var transposesB: Bool { bStrides[batch.rank + 1] != 1 && n != 1 }

    /// The type in which products are added up: float32 for float16 and bfloat16.
    public var accumulator: DType { dtype.accumulator }
    /// The type of the product, which is the epilogue's input 0: the operands', to which sums are rounded once, or the
    /// accumulator's, which takes them as they are.
    public var result: DType { epilogue.program.inputs.first ?? dtype }
    public var typeComplaint: String? {
        complaint(about: result, of: dtype) ?? epilogue.program.typeComplaint
    }

    public var sourceCount: Int { 2 }
    public var sources: [KernelOperand] {
        [
            KernelOperand(dtype, Shape(batch + [m, k]), aStrides),
            KernelOperand(dtype, Shape(batch + [k, n]), bStrides),
        ]
    }
    public var code: KernelCode {
        KernelCode(
            .matmul, [Int(dtype.rawValue), batch.rank, transposesA ? 1 : 0, transposesB ? 1 : 0],
            program: epilogue.program)
    }

    public var summary: String {
        "matmul \(dtype) \(batch.rank == 0 ? "" : "batch \(batch.summary) ")\(m)x\(k)x\(n) "
            + (transposesA ? "T" : "N") + (transposesB ? "T" : "N")
    }
}
