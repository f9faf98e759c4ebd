import KernelIR
import TensorRuntime

enum ConvolutionShader: ShaderFamily {
    static func schedules(for body: ConvolutionKernel, target: ShaderTarget) -> [String] {
        [target.deviceClass.rawValue]
    }

    static func plan(_ body: ConvolutionKernel, schedule: String, target: ShaderTarget) throws(TensorError)
        -> ShaderPlan
    {
        throw TensorError(.unsupported, "not yet")
    }
}
