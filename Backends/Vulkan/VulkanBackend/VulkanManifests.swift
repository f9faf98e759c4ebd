import Foundation
import Glibc
import TensorRuntime

/// The files by which a Vulkan loader finds its drivers. A loader leaves out a driver that cannot be loaded without a word;
/// reading the files again says which one and why.
enum VulkanManifests {
    private static let systemDirectories = [
        "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/share/vulkan/icd.d",
    ]

    /// A line for each file that names a driver which cannot be loaded.
    ///
    /// - Parameter files: what `VK_DRIVER_FILES` says, files or directories separated by colons; nil means the system's.
    static func complaints(files: String?) -> [String] {
        let places = files?.split(separator: ":").map(String.init) ?? systemDirectories
        return places.flatMap { place in
            place.hasSuffix(".json") ? [place] : manifests(in: place)
        }.compactMap(complaint)
    }

    private static func manifests(in directory: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasSuffix(".json") }.sorted().map { "\(directory)/\($0)" }
    }

    private static func complaint(about file: String) -> String? {
        guard let data = FileManager.default.contents(atPath: file) else { return "\(file) cannot be read" }
        guard let table = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any],
            let library = (table["ICD"] as? [String: Any])?["library_path"] as? String, !library.isEmpty
        else { return "\(file) names no driver library" }
        // A path with a slash that is not absolute begins at the file.
        let path =
            library.hasPrefix("/") || !library.contains("/")
            ? library : URL(fileURLWithPath: file).deletingLastPathComponent().appendingPathComponent(library).path
        // One that the loader holds is not loaded again.
        let held = dlopen(path, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD)
        guard let opened = held ?? dlopen(path, RTLD_LAZY | RTLD_LOCAL) else {
            return "\(file) names \(library), which cannot be loaded: \(String(cString: dlerror()))"
        }
        dlclose(opened)
        return nil
    }
}
