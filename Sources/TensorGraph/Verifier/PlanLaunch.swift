import TensorRuntime

/// One launch of a plan, taken apart: what it reads, what it writes, and where.
final class PlanLaunch {
    enum Source {
        case matmul(MatmulKernel)
        case convolution(ConvolutionKernel)
        case pooling(PoolingKernel)
        case scatterAdd(ScatterAddKernel)
    }

    let label: String
    /// What stands before the pointwise program, or in its place; nil in a fused kernel.
    let source: Source?
    /// The fused kernel, or the epilogue; nil in a scatter-add.
    let program: FusedKernel?
    /// Where each binding begins; nil where it has no buffer.
    let begins: [MemoryPlace?]
    /// Each binding's offset in elements.
    let offsets: [Int]
    let dtypes: [DType]
    let scalars: [(source: PlanStep.ScalarSource, dtype: DType)]
    let workspaceByteCount: Int
    /// Bindings before those of the program's inputs, and how many of these inputs have none.
    private let sourceCount: Int
    private let hiddenCount: Int

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
        switch step.kernel.spec.body {
        case let body as FusedKernel:
            (source, program, sourceCount, hiddenCount) = (nil, body, 0, 0)
        case let body as MatmulKernel:
            (source, program, sourceCount, hiddenCount) = (.matmul(body), body.epilogue, 2, 1)
        case let body as ConvolutionKernel:
            (source, program, sourceCount, hiddenCount) = (.convolution(body), body.epilogue, 2, 1)
        case let body as PoolingKernel:
            (source, program, sourceCount, hiddenCount) = (.pooling(body), body.epilogue, body.sourceCount, 1)
        case let body as ScatterAddKernel:
            (source, program, sourceCount, hiddenCount) = (.scatterAdd(body), nil, 2, 0)
        default: return nil
        }
    }

    /// The binding of the program's input; nil for the kernel's own result.
    func binding(ofInput input: Int) -> Int? { input < hiddenCount ? nil : sourceCount + input - hiddenCount }

    func binding(ofOutput output: Int) -> Int {
        sourceCount + (program.map { $0.inputs.count - hiddenCount } ?? 0) + output
    }

    /// Extents of the dimensions along which values of a level vary.
    func extents(of level: FusedProgram.Level) -> Shape {
        guard let program else { return Shape() }
        switch level {
        case .element: return program.extents
        case .row: return Shape(program.extents.prefix(program.outerRank))
        case .total: return Shape()
        }
    }

    /// What each output writes.
    var writes: [MemoryAccess] {
        if case .scatterAdd(let body)? = source {
            return begins[2].map { [contiguous($0, body.dtype, body.resultShape)] } ?? []
        }
        guard let program else { return [] }
        return program.program.outputs.enumerated().compactMap { number, output in
            let step = program.program.steps[output.value]
            let extents = Array(extents(of: step.level))
            return begins[binding(ofOutput: number)].map {
                MemoryAccess(
                    $0, step.dtype, extents: extents,
                    steps: Array(program.outputs[number].strides.prefix(extents.count)))
            }
        }
    }

    /// What is read, and whether a place of the iteration space reads one element only, on which only it depends.
    var reads: [(access: MemoryAccess, isPlaceByPlace: Bool)] {
        var result: [(access: MemoryAccess, isPlaceByPlace: Bool)] = []
        for access in sourceReads { result.append((access, false)) }
        guard let program else { return result }
        for (input, access) in program.inputs.enumerated() {
            guard let binding = binding(ofInput: input), let begin = begins[binding] else { continue }
            var extents = Array(program.extents)
            var steps = Array(access.strides)
            if access.gatherCount > 0 {
                extents.append(access.gatherCount)
                steps.append(access.gatherStride)
            }
            result.append(
                (
                    MemoryAccess(begin, dtypes[binding], extents: extents, steps: steps),
                    access.gatherCount == 0 && !program.program.hasReduction
                ))
        }
        return result
    }

    private var sourceReads: [MemoryAccess] {
        guard let source, let first = begins[0] else { return [] }
        switch source {
        case .matmul(let body):
            guard let second = begins[1] else { return [] }
            return [
                MemoryAccess(first, body.dtype, extents: body.batch + [body.m, body.k], steps: Array(body.aStrides)),
                MemoryAccess(second, body.dtype, extents: body.batch + [body.k, body.n], steps: Array(body.bStrides)),
            ]
        case .convolution(let body):
            guard let second = begins[1] else { return [] }
            return zip([first, second], body.operandShapes).map { contiguous($0, body.dtype, $1) }
        case .pooling(let body):
            return zip(begins, body.operandSizes).compactMap { begin, size in
                begin.map { contiguous($0, body.dtype, [body.planes, size[0], size[1]]) }
            }
        case .scatterAdd(let body):
            guard let second = begins[1] else { return [] }
            let extents = Array(body.sourceShape)
            return [
                MemoryAccess(first, body.dtype, extents: extents, steps: Array(body.sourceStrides)),
                MemoryAccess(second, .int64, extents: extents, steps: Array(body.indexStrides)),
            ]
        }
    }

    private func contiguous(_ begin: MemoryPlace, _ dtype: DType, _ shape: Shape) -> MemoryAccess {
        MemoryAccess(begin, dtype, extents: Array(shape), steps: Array(shape.contiguousStrides))
    }

    /// The workspace, as bytes.
    var workspace: MemoryAccess? {
        guard workspaceByteCount > 0, let begin = begins[begins.count - 1] else { return nil }
        return MemoryAccess(begin, .uint8, extents: [workspaceByteCount], steps: [1])
    }
}

extension ConvolutionKernel {
    fileprivate var operandShapes: [Shape] {
        switch kind {
        case .forward: [inputShape, weightShape]
        case .inputGradient: [outputShape, weightShape]
        case .weightGradient: [inputShape, outputShape]
        }
    }
}

extension PoolingKernel {
    /// Height and width of each operand's planes.
    var operandSizes: [SIMD2<Int>] {
        switch kind {
        case .maximum, .maximumIndices, .average: [inputSize]
        case .maximumGradient: [inputSize, outputSize]
        case .maximumGather: [inputSize, inputSize]
        case .averageGradient: [outputSize]
        }
    }
}

extension ScatterAddKernel {
    var resultShape: Shape {
        var result = sourceShape
        result[axis] = count
        return result
    }
}
