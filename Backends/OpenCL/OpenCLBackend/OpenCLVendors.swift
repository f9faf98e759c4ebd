import Foundation
import TensorRuntime

/// The files by which an OpenCL loader finds its drivers. A loader leaves out a driver that cannot be loaded without a
/// word; reading the files again says which one and why.
enum OpenCLVendors {
    static let systemDirectory = "/etc/OpenCL/vendors"

    /// A line for each file that names a driver which cannot be loaded.
    static func complaints(location: String?) -> [String] {
        files(at: location ?? systemDirectory).compactMap { file in
            guard let data = FileManager.default.contents(atPath: file) else { return "\(file) cannot be read" }
            let library = String(decoding: data, as: UTF8.self).split(separator: "\n").first
                .map { $0.trimmingCharacters(in: .whitespaces) }
            guard let library, !library.isEmpty else { return "\(file) names no driver library" }
            return reasonNotLoadable(library).map { "\(file) names \(library), which cannot be loaded: \($0)" }
        }
    }

    /// The `.icd` files of a directory, in order, or the one file that a location is.
    private static func files(at location: String) -> [String] {
        if location.hasSuffix(".icd") { return [location] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: location)) ?? []
        return names.filter { $0.hasSuffix(".icd") }.sorted().map { "\(location)/\($0)" }
    }

    private static func reasonNotLoadable(_ library: String) -> String? {
        // One that the loader holds is not loaded again.
        let held = dlopen(library, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD)
        guard let opened = held ?? dlopen(library, RTLD_LAZY | RTLD_LOCAL) else { return String(cString: dlerror()) }
        dlclose(opened)
        return nil
    }
}
