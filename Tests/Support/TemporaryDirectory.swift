import Foundation

/// A directory for one test, removed with its contents when released.
package final class TemporaryDirectory: Sendable {
    package let path: String

    package init() {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("needletail-\(UUID().uuidString)").path
        try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The names in it, hidden ones too, sorted.
    package var contents: [String] { TemporaryDirectory.names(path) }

    package static func names(_ directory: String) -> [String] {
        (try! FileManager.default.contentsOfDirectory(atPath: directory)).sorted()
    }

    /// The paths of the files of a folder in it, sorted; none where there is no such folder.
    package func files(in folder: String) -> [String] {
        let place = path(folder)
        return FileManager.default.fileExists(atPath: place)
            ? TemporaryDirectory.names(place).map { "\(place)/\($0)" } : []
    }

    package func path(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file and gives its path.
    @discardableResult
    package func write(_ bytes: some Sequence<UInt8>, to name: String) -> String {
        precondition(FileManager.default.createFile(atPath: path(name), contents: Data(bytes)))
        return path(name)
    }

    /// Writes a file and gives its path.
    @discardableResult
    package func write(_ text: String, to name: String) -> String { write(text.utf8, to: name) }
}
