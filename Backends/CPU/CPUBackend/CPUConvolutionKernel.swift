import CPUKernels
import TensorRuntime

/// Convolution and its gradients; the method is chosen in C by the shape (`convolution.c`).
final class CPUConvolutionKernel: CPUKernel {
    let spec: KernelSpec
    let operandTypes: [DType?]
    private let plan: nt_convolution
    let memory: CPUMemory
    private let widening: CPUWidening?
    private let epilogue: CPUEpilogue

    init(_ body: ConvolutionKernel, device: CPUDevice) throws(TensorError) {
        guard body.dtype.isFloat else {
            throw TensorError(.unsupported, "cpu: convolution of \(body.dtype) is not supported; cast to float32")
        }
        spec = KernelSpec(body)
        epilogue = try CPUEpilogue(
            body.epilogue, dtype: body.result, computedIn: body.accumulator, shape: body.resultShape, device: device)
        widening = CPUWidening(body.dtype, counts: body.sourceShapes.map(\.elementCount), device: device)
        operandTypes = [body.dtype, body.dtype] + epilogue.bindingTypes
        let window = body.window
        var plan = nt_convolution()
        plan.isa = Int32(device.instructionSet.rawValue)
        plan.element = Int32((body.dtype == .float64 ? nt_element_f64 : nt_element_f32).rawValue)
        plan.kind = Int32(body.kind.rawValue)
        plan.groups = Int32(body.groups)
        plan.batch = Int64(body.batch)
        (plan.in_channels, plan.out_channels) = (Int64(body.inputChannels), Int64(body.outputChannels))
        (plan.ih, plan.iw) = (Int64(body.inputSize[0]), Int64(body.inputSize[1]))
        (plan.oh, plan.ow) = (Int64(body.outputSize[0]), Int64(body.outputSize[1]))
        (plan.kh, plan.kw) = (Int64(window.kernel[0]), Int64(window.kernel[1]))
        (plan.sh, plan.sw) = (Int64(window.stride[0]), Int64(window.stride[1]))
        (plan.ph, plan.pw) = (Int64(window.padding[0]), Int64(window.padding[1]))
        (plan.dh, plan.dw) = (Int64(window.dilation[0]), Int64(window.dilation[1]))
        let worksInParts = body.kind == .weightGradient && body.accumulator == .float32
        memory = epilogue.memory(
            of: nt_convolution_memory(&plan, 0), inParts: worksInParts ? nt_convolution_memory(&plan, 1) : nil,
            widening: widening, device: device)
        self.plan = plan
    }

    func run(_ launch: CPULaunch) {
        epilogue.run(launch, memory, firstBinding: 2) { result, workers, epilogue in
            withUnsafePointer(to: plan) { plan in
                let first = widening?.widened(0, launch, memory, workers) ?? launch.operands[0]
                let second = widening?.widened(1, launch, memory, workers) ?? launch.operands[1]
                nt_convolution_run(plan, workers, first, second, result, epilogue)
            }
        }
    }
}
