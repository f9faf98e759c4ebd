import CVulkan
import DeviceSupport
import TensorRuntime

/// An opened Vulkan loader with an instance: its entry points, and what they were asked.
final class VulkanLibrary: @unchecked Sendable {
    // Safety: the pointer never changes, and what it points to counts atomically; instances are safe for threads.

    let pointer: OpaquePointer
    private let listener: Listener?

    private final class Listener {
        let hear: @Sendable (String) -> Void
        init(_ hear: @escaping @Sendable (String) -> Void) { self.hear = hear }
    }

    /// Opens the loader at `path` and makes an instance. Every library opened counts for itself.
    ///
    /// - Parameter listener: told what the validation layer has to say of every call; nil means no validation.
    init(path: String, listener: (@Sendable (String) -> Void)?) throws(DriverComplaint) {
        let opened = try DriverText.loader(of: "Vulkan", remedy: "install libvulkan1 or set NEEDLETAIL_VULKAN") {
            nt_vk_open(path, $0, $1)
        }
        let listener = listener.map(Listener.init)
        var status: VkResult
        if let listener {
            status = nt_vk_start(
                opened, { Unmanaged<Listener>.fromOpaque($1!).takeUnretainedValue().hear(String(cString: $0!)) },
                Unmanaged.passUnretained(listener).toOpaque())
        } else {
            status = nt_vk_start(opened, nil, nil)
        }
        guard status == VK_SUCCESS else {
            nt_vk_close(opened)
            throw DriverComplaint(
                status == VK_ERROR_INCOMPATIBLE_DRIVER
                    ? "a loader and no driver: install one, such as mesa-vulkan-drivers"
                    : "the loader makes no instance: \(VulkanStatus.name(status))")
        }
        pointer = opened
        self.listener = listener
    }

    deinit { nt_vk_close(pointer) }
}

/// What Vulkan's numbers mean.
enum VulkanStatus {
    /// The name of a status as the specification writes it.
    static func name(_ status: VkResult) -> String { names[status.rawValue] ?? "Vulkan error \(status.rawValue)" }

    private static let names: [Int32: String] = [
        -1: "VK_ERROR_OUT_OF_HOST_MEMORY", -2: "VK_ERROR_OUT_OF_DEVICE_MEMORY", -3: "VK_ERROR_INITIALIZATION_FAILED",
        -4: "VK_ERROR_DEVICE_LOST", -5: "VK_ERROR_MEMORY_MAP_FAILED", -6: "VK_ERROR_LAYER_NOT_PRESENT",
        -7: "VK_ERROR_EXTENSION_NOT_PRESENT", -8: "VK_ERROR_FEATURE_NOT_PRESENT", -9: "VK_ERROR_INCOMPATIBLE_DRIVER",
        -10: "VK_ERROR_TOO_MANY_OBJECTS", -12: "VK_ERROR_FRAGMENTED_POOL", -13: "VK_ERROR_UNKNOWN",
        -1_000_069_000: "VK_ERROR_OUT_OF_POOL_MEMORY", -1_000_072_003: "VK_ERROR_INVALID_EXTERNAL_HANDLE",
    ]

    /// Whether a request failed because there is no memory for it.
    static func isOutOfMemory(_ status: VkResult) -> Bool {
        [
            VK_ERROR_OUT_OF_HOST_MEMORY, VK_ERROR_OUT_OF_DEVICE_MEMORY, VK_ERROR_TOO_MANY_OBJECTS,
            VK_ERROR_OUT_OF_POOL_MEMORY,
        ].contains(status)
    }
}
