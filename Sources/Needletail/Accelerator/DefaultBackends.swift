import CPUBackend
import OpenCLBackend
import TensorRuntime
import VulkanBackend

/// Registers the backends that this package brings. The only file that names them.
enum DefaultBackends {
    /// Evaluated once, before the first device is looked for.
    static let registered: Void = {
        BackendRegistry.shared.register(CPUBackend())
        BackendRegistry.shared.register(OpenCLBackend())
        BackendRegistry.shared.register(VulkanBackend())
    }()
}
