import Foundation

/// A directory for one test, removed with its contents when released.
final class TemporaryDirectory {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("needletail-\(UUID().uuidString)").path
        try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The names in it, hidden ones too, sorted.
    var contents: [String] { TemporaryDirectory.names(path) }

    static func names(_ directory: String) -> [String] {
        (try! FileManager.default.contentsOfDirectory(atPath: directory)).sorted()
    }

    func path(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file and gives its path.
    @discardableResult
    func write(_ bytes: [UInt8], to name: String) -> String {
        precondition(FileManager.default.createFile(atPath: path(name), contents: Data(bytes)))
        return path(name)
    }
}
