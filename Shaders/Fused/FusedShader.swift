import KernelIR
import TensorRuntime

enum FusedShader: ShaderFamily {
    static func schedules(for body: FusedKernel, target: ShaderTarget) -> [String] { [target.deviceClass.rawValue] }

    static func plan(_ body: FusedKernel, schedule: String, target: ShaderTarget) throws(TensorError) -> ShaderPlan {
        throw TensorError(.unsupported, "not yet")
    }
}
