import KernelIR
import TensorRuntime

enum ScatterAddShader: ShaderFamily {
    static func schedules(for body: ScatterAddKernel, target: ShaderTarget) -> [String] {
        [target.deviceClass.rawValue]
    }

    static func plan(_ body: ScatterAddKernel, schedule: String, target: ShaderTarget) throws(TensorError) -> ShaderPlan
    {
        throw TensorError(.unsupported, "not yet")
    }
}
