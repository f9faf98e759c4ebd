import TensorRuntime

/// One launch of a plan, taken apart: what it reads, what it writes, and where.
final class PlanLaunch {
    enum Source {
        case matmul(MatmulKernel)
        case convolution(ConvolutionKernel)
        case pooling(PoolingKernel)
        case scatterAdd(ScatterAddKernel)
        case scan(ScanKernel)
        case sort(SortKernel)
    }

    let label: String
    /// What stands before the pointwise program, or in its place; nil in a fused kernel.
    let source: Source?
    /// The fused kernel, or the epilogue; nil in a scatter-add, a scan or a sort.
    let program: FusedKernel?
    /// Where each binding begins; nil where it has no buffer.
    let begins: [MemoryPlace?]
    /// Each binding's offset in elements.
    let offsets: [Int]
    let dtypes: [DType]
    let scalars: [(source: PlanStep.ScalarSource, dtype: DType)]
    let workspaceByteCount: Int
    private let body: any KernelBody

    /// - Returns: nil for a family that is not known here.
    init?(_ step: PlanStep, starts: [Int], memory: PlanMemory, leafByte: (Int) -> Int) {
        label = step.label
        scalars = step.scalars
        workspaceByteCount = step.kernel.workspaceByteCount
        dtypes = step.bindings.map(\.dtype)
        offsets = step.bindings.map { $0.offset.value(starts) }
        var begins: [MemoryPlace?] = []
        for (binding, offset) in zip(step.bindings, offsets) {
            var begin = memory.begin(of: binding.slot, leafByte: leafByte)
            begin?.byte += offset * binding.dtype.byteCount
            begins.append(begin)
        }
        self.begins = begins
        body = step.kernel.spec.body
        program = body.fused
        switch body {
        case is FusedKernel: source = nil
        case let body as MatmulKernel: source = .matmul(body)
        case let body as ConvolutionKernel: source = .convolution(body)
        case let body as PoolingKernel: source = .pooling(body)
        case let body as ScatterAddKernel: source = .scatterAdd(body)
        case let body as ScanKernel: source = .scan(body)
        case let body as SortKernel: source = .sort(body)
        default: return nil
        }
    }

    /// The binding of the program's input; nil for the kernel's own result.
    func binding(ofInput input: Int) -> Int? { body.operand(ofInput: input) }

    /// Extents of the dimensions along which values of a level vary.
    func extents(of level: FusedProgram.Level) -> Shape { program?.extents(of: level) ?? Shape() }

    /// What each output writes.
    var writes: [MemoryAccess] {
        zip(begins, body.operands).compactMap { begin, operand in
            operand.isOutput ? MemoryAccess(begin, operand) : nil
        }
    }

    /// What is read, and whether a place of the iteration space reads one element only, on which only it depends.
    var reads: [(access: MemoryAccess, isPlaceByPlace: Bool)] {
        let isPointwise = program.map { !$0.program.hasReduction } ?? false
        return zip(begins, body.operands).enumerated().compactMap { position, operand in
            guard !operand.1.isOutput, let access = MemoryAccess(operand.0, operand.1) else { return nil }
            return (access, isPointwise && position >= body.sourceCount && operand.1.gatherCount == 0)
        }
    }

    /// The workspace, as bytes.
    var workspace: MemoryAccess? {
        guard workspaceByteCount > 0, let begin = begins[begins.count - 1] else { return nil }
        return MemoryAccess(begin, .uint8, extents: [workspaceByteCount], steps: [1])
    }
}

extension MemoryAccess {
    /// Nil for an operand without a buffer.
    fileprivate init?(_ begin: MemoryPlace?, _ operand: KernelOperand) {
        guard let begin, let dtype = operand.dtype else { return nil }
        var (extents, steps) = (Array(operand.extents), Array(operand.strides))
        if operand.gatherCount > 0 {
            extents.append(operand.gatherCount)
            steps.append(operand.gatherStride)
        }
        self.init(begin, dtype, extents: extents, steps: steps)
    }
}
