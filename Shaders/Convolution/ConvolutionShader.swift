import KernelIR
import TensorRuntime

/// Convolution and its gradients: direct on CPU-type devices, as an implicit matrix product on GPUs.
enum ConvolutionShader: ShaderFamily {
    static func schedules(for body: ConvolutionKernel, target: ShaderTarget) -> [String] {
        ConvolutionSchedule.fitting(body, target: target)
    }

    static func plan(_ body: ConvolutionKernel, schedule name: String, target: ShaderTarget) throws(TensorError)
        -> ShaderPlan
    {
        if let reason = ConvolutionGeometry(body).unsupportedReason { throw TensorError(.unsupported, reason) }
        if body.resultShape.elementCount == 0 { return ShaderPlan([]) }
        switch ConvolutionSchedule.named(name) {
        case .direct(let rows, let vectors, let gradientRows)?:
            if body.kind == .weightGradient {
                let gradient = DirectWeightGradient(body, rows: gradientRows, name: name, target: target)
                return gradient.plan(target: target)
            }
            return DirectConvolution(body, rows: rows, vectors: vectors, name: name, target: target).plan(
                target: target)
        case .implicitProduct(let tile)?:
            return ImplicitProduct(body, tile: tile, target: target).plan(name: name, target: target)
        case nil:
            throw TensorError(.unsupported, "there is no convolution schedule \(name)")
        }
    }
}
