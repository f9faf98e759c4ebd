import DeviceSupport
import TensorRuntime

extension VulkanBackend {
    static let loader = BackendOption(
        "loader", of: "vulkan", accepts: "a library or none", variables: ["NEEDLETAIL_VULKAN"])
    static let drivers = BackendOption(
        "drivers", of: "vulkan", accepts: "files separated by colons",
        variables: ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"])
    static let scheduleClass = RuntimeConfiguration.ScheduleClass.option(of: "vulkan")

    public var acceptedOptions: [BackendOption] { [Self.loader, Self.drivers, Self.scheduleClass] }
}

extension RuntimeConfiguration {
    /// `NEEDLETAIL_VULKAN`: the Vulkan loader to open in place of the system's, or `none` for no Vulkan.
    public var vulkanLoader: String? {
        get { options[VulkanBackend.loader] }
        set { options[VulkanBackend.loader] = newValue }
    }

    /// The drivers that this loader is told to take (it reads `VK_DRIVER_FILES` and `VK_ICD_FILENAMES` itself): files
    /// separated by colons. Used only to say why a driver is missing.
    public var vulkanDrivers: String? {
        get { options[VulkanBackend.drivers] }
        set { options[VulkanBackend.drivers] = newValue }
    }

    /// `NEEDLETAIL_SCHEDULE_CLASS`: the kind of schedule of the Vulkan backend's kernels. A software device computes convolutions
    /// by kernels of their own where one is named, and decomposes them where it is automatic.
    public var vulkanScheduleClass: ScheduleClass {
        get { options.scheduleClass(VulkanBackend.scheduleClass) }
        set { options[VulkanBackend.scheduleClass] = newValue.rawValue }
    }
}
