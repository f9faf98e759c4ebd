import CPUKernels
import TensorRuntime

/// Pooling and its gradients (`pooling.c`).
final class CPUPoolingKernel: CPUKernel {
    let spec: KernelSpec
    let operandTypes: [DType?]
    private let plan: nt_pooling
    private let sourceCount: Int
    let memory: CPUMemory
    private let widening: CPUWidening?
    private let epilogue: CPUEpilogue

    init(_ body: PoolingKernel, device: CPUDevice) throws(TensorError) {
        guard body.dtype.isFloat else {
            throw TensorError(.unsupported, "cpu: pooling of \(body.dtype) is not supported; cast to float32")
        }
        spec = KernelSpec(body)
        sourceCount = body.sourceCount
        epilogue = try CPUEpilogue(
            body.epilogue, dtype: body.result, computedIn: body.result.accumulator,
            shape: [body.planes, body.resultSize[0], body.resultSize[1]], device: device)
        widening = CPUWidening(
            body.dtype, counts: body.sourceSizes.map { body.planes * $0[0] * $0[1] }, device: device)
        operandTypes = [DType?](repeating: body.dtype, count: sourceCount) + epilogue.bindingTypes
        let window = body.window
        var plan = nt_pooling()
        plan.isa = Int32(device.instructionSet.rawValue)
        plan.element = Int32((body.dtype == .float64 ? nt_element_f64 : nt_element_f32).rawValue)
        plan.kind = Int32(body.kind.rawValue)
        plan.counts_padding = body.countsPadding ? 1 : 0
        plan.planes = Int64(body.planes)
        (plan.ih, plan.iw) = (Int64(body.inputSize[0]), Int64(body.inputSize[1]))
        (plan.oh, plan.ow) = (Int64(body.outputSize[0]), Int64(body.outputSize[1]))
        (plan.kh, plan.kw) = (Int64(window.kernel[0]), Int64(window.kernel[1]))
        (plan.sh, plan.sw) = (Int64(window.stride[0]), Int64(window.stride[1]))
        (plan.ph, plan.pw) = (Int64(window.padding[0]), Int64(window.padding[1]))
        (plan.dh, plan.dw) = (Int64(window.dilation[0]), Int64(window.dilation[1]))
        memory = epilogue.memory(of: nt_pooling_memory(&plan), widening: widening, device: device)
        self.plan = plan
    }

    func run(_ launch: CPULaunch) {
        epilogue.run(launch, memory, firstBinding: sourceCount) { result, workers, epilogue in
            withUnsafePointer(to: plan) { plan in
                let first = widening?.widened(0, launch, memory, workers) ?? launch.operands[0]
                var second: UnsafeMutableRawPointer?
                if sourceCount > 1 { second = widening?.widened(1, launch, memory, workers) ?? launch.operands[1] }
                nt_pooling_run(plan, workers, first, second, result, epilogue)
            }
        }
    }
}
