import TensorRuntime

/// The elements that a specification touches of each operand, relative to the operand's first one.
enum OperandBounds {
    static func of(_ spec: KernelSpec) -> [Range<Int>] {
        switch spec.body {
        case let body as FusedKernel: fused(body)
        case let body as MatmulKernel:
            [
                range(Shape(Array(body.batch) + [body.m, body.k]), body.aStrides),
                range(Shape(Array(body.batch) + [body.k, body.n]), body.bStrides),
            ] + fused(body.epilogue).dropFirst()
        case let body as ConvolutionKernel: convolution(body) + fused(body.epilogue).dropFirst()
        case let body as PoolingKernel: pooling(body) + fused(body.epilogue).dropFirst()
        case let body as ScatterAddKernel: scatter(body)
        case let body as ScanKernel: scan(body)
        case let body as SortKernel: sort(body)
        default: []
        }
    }

    /// A dimension of stride 0 takes no room, even where it is empty: a row's operand stays when rows hold nothing.
    private static func range(_ shape: Shape, _ strides: Strides) -> Range<Int> {
        Layout(shape: Shape(shape.indices.map { strides[$0] == 0 ? 1 : shape[$0] }), strides: strides).extent
    }

    /// Inputs, then outputs, whose strides are 0 along the dimensions that their values lack.
    private static func fused(_ kernel: FusedKernel) -> [Range<Int>] {
        (kernel.inputs + kernel.outputs).map { access in
            let range = range(kernel.extents, access.strides)
            if access.gatherCount == 0 { return range }
            let reach = (access.gatherCount - 1) * access.gatherStride
            return range.lowerBound + min(reach, 0)..<range.upperBound + max(reach, 0)
        }
    }

    private static func convolution(_ kernel: ConvolutionKernel) -> [Range<Int>] {
        let shapes =
            switch kernel.kind {
            case .forward: [kernel.inputShape, kernel.weightShape]
            case .inputGradient: [kernel.outputShape, kernel.weightShape]
            case .weightGradient: [kernel.inputShape, kernel.outputShape]
            }
        return shapes.map { 0..<$0.elementCount }
    }

    private static func pooling(_ kernel: PoolingKernel) -> [Range<Int>] {
        let input = 0..<kernel.planes * kernel.inputSize[0] * kernel.inputSize[1]
        let output = 0..<kernel.planes * kernel.outputSize[0] * kernel.outputSize[1]
        return switch kernel.kind {
        case .maximum, .maximumIndices, .average: [input]
        case .maximumGradient: [input, output]
        case .maximumGather: [input, input]
        case .averageGradient: [output]
        }
    }

    private static func scan(_ kernel: ScanKernel) -> [Range<Int>] {
        [range(kernel.shape, kernel.strides)] + kernel.results.map { _ in 0..<kernel.shape.elementCount }
    }

    private static func sort(_ kernel: SortKernel) -> [Range<Int>] {
        [range(kernel.shape, kernel.strides)] + kernel.results.map { _ in 0..<kernel.resultShape.elementCount }
    }

    private static func scatter(_ kernel: ScatterAddKernel) -> [Range<Int>] {
        var output = kernel.sourceShape
        output[kernel.axis] = kernel.count
        return [
            range(kernel.sourceShape, kernel.sourceStrides), range(kernel.sourceShape, kernel.indexStrides),
            0..<output.elementCount,
        ]
    }
}
