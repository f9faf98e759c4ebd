import KernelIR
import TensorRuntime

enum PoolingShader: ShaderFamily {
    static func schedules(for body: PoolingKernel, target: ShaderTarget) -> [String] { [target.deviceClass.rawValue] }

    static func plan(_ body: PoolingKernel, schedule: String, target: ShaderTarget) throws(TensorError) -> ShaderPlan {
        throw TensorError(.unsupported, "not yet")
    }
}
