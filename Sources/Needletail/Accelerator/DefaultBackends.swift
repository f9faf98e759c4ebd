import CPUBackend
import OpenCLBackend
import TensorRuntime
import VulkanBackend

/// Registers the backends that this package brings. The only file that names them.
enum DefaultBackends {
    /// Evaluated once, before the first device is looked for; a program may have registered its own before.
    static let registered: Void = {
        BackendRegistry.shared.registerDefault(CPUBackend())
        BackendRegistry.shared.registerDefault(OpenCLBackend())
        BackendRegistry.shared.registerDefault(VulkanBackend())
    }()
}
