/// The elements of one operand that a kernel may touch.
public struct OperandExtent: Hashable, Sendable {
    /// Nil for an operand that is only an index and has no buffer.
    public var dtype: DType?
    /// The lowest place, relative to the operand's first element: 0, or less where a stride is negative.
    public var lowest: Int
    /// The number of places from the lowest to the highest.
    public var count: Int
    public var isOutput: Bool
}

extension KernelSpec {
    /// What each operand of a launch must hold at least, in the order of the bindings; empty for an unknown family.
    public var operandExtents: [OperandExtent] {
        switch body {
        case let body as FusedKernel: return body.operandExtents
        case let body as MatmulKernel:
            let rank = body.batch.rank + 2
            var a = body.batch
            var b = body.batch
            for extent in [body.m, body.k] { a.append(extent) }
            for extent in [body.k, body.n] { b.append(extent) }
            return [
                OperandExtent(body.dtype, a, body.aStrides, rank: rank),
                OperandExtent(body.dtype, b, body.bStrides, rank: rank),
            ] + body.epilogue.operandExtents.dropFirst()
        case let body as ConvolutionKernel:
            let sources =
                switch body.kind {
                case .forward: [body.inputShape, body.weightShape]
                case .inputGradient: [body.outputShape, body.weightShape]
                case .weightGradient: [body.inputShape, body.outputShape]
                }
            return sources.map { OperandExtent(body.dtype, $0) } + body.epilogue.operandExtents.dropFirst()
        case let body as PoolingKernel:
            func plane(_ size: SIMD2<Int>) -> Shape { [body.planes, size[0], size[1]] }
            let sources: [SIMD2<Int>] =
                switch body.kind {
                case .maximum, .maximumIndices, .average: [body.inputSize]
                case .maximumGradient: [body.inputSize, body.outputSize]
                case .maximumGather: [body.inputSize, body.inputSize]
                case .averageGradient: [body.outputSize]
                }
            return sources.map { OperandExtent(body.dtype, plane($0)) } + body.epilogue.operandExtents.dropFirst()
        case let body as ScatterAddKernel:
            var result = body.sourceShape
            result[body.axis] = body.count
            return [
                OperandExtent(body.dtype, body.sourceShape, body.sourceStrides, rank: body.sourceShape.rank),
                OperandExtent(.int64, body.sourceShape, body.indexStrides, rank: body.sourceShape.rank),
                OperandExtent(body.dtype, result, isOutput: true),
            ]
        default: return []
        }
    }
}

extension FusedKernel {
    fileprivate var operandExtents: [OperandExtent] {
        var indices = [Bool](repeating: false, count: inputs.count)
        for step in program.steps {
            if case .index(let input) = step.operation { indices[input] = true }
        }
        var result = inputs.enumerated().map { position, access in
            var extent = OperandExtent(program.inputs[position], extents, access.strides, rank: extents.rank)
            if access.gatherCount > 0 { extent.count += (access.gatherCount - 1) * Swift.abs(access.gatherStride) }
            if indices[position] { extent.dtype = nil }
            return extent
        }
        for (position, access) in outputs.enumerated() {
            let step = program.steps[program.outputs[position].value]
            let rank =
                switch step.level {
                case .element: extents.rank
                case .row: outerRank
                case .total: 0
                }
            result.append(OperandExtent(step.dtype, extents, access.strides, rank: rank, isOutput: true))
        }
        return result
    }
}

extension OperandExtent {
    fileprivate init(_ dtype: DType, _ shape: Shape, isOutput: Bool = false) {
        self.init(dtype, shape, shape.contiguousStrides, rank: shape.rank, isOutput: isOutput)
    }

    fileprivate init(_ dtype: DType, _ shape: Shape, _ strides: Strides, rank: Int, isOutput: Bool = false) {
        var lowest = 0
        var highest = 0
        var isEmpty = false
        for axis in 0..<rank {
            isEmpty = isEmpty || shape[axis] == 0
            let reach = (shape[axis] - 1) * strides[axis]
            if reach < 0 { lowest += reach } else { highest += reach }
        }
        self.init(
            dtype: dtype, lowest: isEmpty ? 0 : lowest, count: isEmpty ? 0 : highest - lowest + 1, isOutput: isOutput)
    }
}
