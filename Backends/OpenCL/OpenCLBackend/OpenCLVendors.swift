import DeviceSupport
import Foundation

/// The files by which an OpenCL loader finds its drivers.
enum OpenCLVendors {
    static let systemDirectory = "/etc/OpenCL/vendors"

    /// A line for each file that names a driver which cannot be loaded.
    ///
    /// - Parameter location: an `.icd` file or a directory of them; nil means the system's.
    static func complaints(location: String?) -> [String] {
        DriverFiles.complaints(
            at: [location ?? systemDirectory], ending: ".icd", entries: ["clGetExtensionFunctionAddress"]
        ) { contents, _ in
            String(decoding: contents, as: UTF8.self).split(separator: "\n").first
                .map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }
}
