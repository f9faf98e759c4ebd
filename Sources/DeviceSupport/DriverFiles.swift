import Foundation
import Glibc

/// The files by which a loader finds its drivers. A loader leaves out a driver that cannot be loaded without a word; reading the
/// files again says which one and why.
package enum DriverFiles {
    /// A line for each file that names a driver which cannot be loaded, or none.
    ///
    /// - Parameters:
    ///   - places: files with that ending, and directories of them, which need not be there.
    ///   - entries: functions of which a driver has one at least.
    ///   - library: the path or name of the library that a file names, of the file's contents and its path.
    package static func complaints(
        at places: [String], ending: String, entries: [String], library: (_ contents: Data, _ file: String) -> String?
    ) -> [String] {
        places.flatMap { $0.hasSuffix(ending) ? [$0] : files(in: $0, ending: ending) }.compactMap { file in
            guard let contents = FileManager.default.contents(atPath: file) else { return "\(file) cannot be read" }
            guard let library = library(contents, file), !library.isEmpty else {
                return "\(file) names no driver library"
            }
            return complaint(about: library, entries).map { "\(file) names \(library), which \($0)" }
        }
    }

    private static func files(in directory: String, ending: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasSuffix(ending) }.sorted().map { "\(directory)/\($0)" }
    }

    private static func complaint(about library: String, _ entries: [String]) -> String? {
        // One that the loader holds is not loaded again.
        let held = dlopen(library, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD)
        guard let opened = held ?? dlopen(library, RTLD_LAZY | RTLD_LOCAL) else {
            return "cannot be loaded: \(String(cString: dlerror()))"
        }
        defer { dlclose(opened) }
        return entries.contains { dlsym(opened, $0) != nil } ? nil : "is no driver: it has no \(entries[0])"
    }
}
