import DeviceSupport
import Foundation

/// The files by which a Vulkan loader finds its drivers.
enum VulkanManifests {
    private static let systemDirectories = [
        "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/share/vulkan/icd.d",
    ]

    /// A line for each file that names a driver which cannot be loaded.
    ///
    /// - Parameter files: what `VK_DRIVER_FILES` says, files or directories separated by colons; nil means the system's.
    static func complaints(files: String?) -> [String] {
        let places = files?.split(separator: ":").map(String.init) ?? systemDirectories
        return DriverFiles.complaints(
            at: places, ending: ".json",
            entries: ["vk_icdGetInstanceProcAddr", "vk_icdNegotiateLoaderICDInterfaceVersion", "vkGetInstanceProcAddr"]
        ) { contents, file in
            let table = (try? JSONSerialization.jsonObject(with: contents)) as? [String: Any]
            guard let library = (table?["ICD"] as? [String: Any])?["library_path"] as? String else { return nil }
            // A path with a slash that is not absolute begins at the file.
            if library.hasPrefix("/") || !library.contains("/") { return library }
            return URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent(library).path
        }
    }
}
