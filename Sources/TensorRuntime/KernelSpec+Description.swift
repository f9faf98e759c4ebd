extension KernelSpec: CustomStringConvertible {
    /// Family, types and shapes in one line, without the program: `matmul float32 64x784x128 NT`.
    public var description: String {
        switch body {
        case let body as MatmulKernel:
            let batch = body.batch.rank == 0 ? "" : "batch \(text(body.batch)) "
            return "matmul \(body.dtype) \(batch)\(body.m)x\(body.k)x\(body.n) "
                + (body.transposesA ? "T" : "N") + (body.transposesB ? "T" : "N")
        case let body as ConvolutionKernel:
            return "convolution \(body.kind) \(body.dtype) \(text(body.inputShape)) by \(text(body.weightShape)) "
                + text(body.window) + (body.groups == 1 ? "" : " groups \(body.groups)")
        case let body as PoolingKernel:
            return "pooling \(body.kind) \(body.dtype) \(body.planes)x\(text(body.inputSize)) "
                + "kernel \(text(body.window.kernel)) \(text(body.window))"
        case let body as ScatterAddKernel:
            return "scatterAdd \(body.dtype) \(text(body.sourceShape)) axis \(body.axis) to \(body.count)"
        case let body as FusedKernel: return "fused over \(body.extents), \(body.outerRank) outer"
        default: return "\(family)"
        }
    }

    /// The description, and the program or epilogue line by line.
    package var listing: String {
        let program: FusedProgram? =
            switch body {
            case let body as FusedKernel: body.program
            case let body as MatmulKernel: body.epilogue.program
            case let body as ConvolutionKernel: body.epilogue.program
            case let body as PoolingKernel: body.epilogue.program
            default: nil
            }
        return description + (program.map { "\n\($0)" } ?? "")
    }

    private func text(_ shape: Shape) -> String { shape.map(String.init).joined(separator: "x") }
    private func text(_ pair: SIMD2<Int>) -> String { "\(pair[0])x\(pair[1])" }

    private func text(_ window: Window) -> String {
        "stride \(text(window.stride)) padding \(text(window.padding)) dilation \(text(window.dilation))"
    }
}
