import KernelIR
import TensorRuntime

enum MatmulShader: ShaderFamily {
    static func schedules(for body: MatmulKernel, target: ShaderTarget) -> [String] { [target.deviceClass.rawValue] }

    static func plan(_ body: MatmulKernel, schedule: String, target: ShaderTarget) throws(TensorError) -> ShaderPlan {
        throw TensorError(.unsupported, "not yet")
    }
}
