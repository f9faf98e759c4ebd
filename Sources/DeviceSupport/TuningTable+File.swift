import Foundation
import Shaders
import TensorRuntime

extension TuningTable {
    /// The table in a file; nil where there is none.
    ///
    /// - Throws: `file` where there is one that cannot be read.
    public init?(contentsOf file: URL) throws(TensorError) {
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        do {
            self = try JSONDecoder().decode(TuningTable.self, from: Data(contentsOf: file))
        } catch {
            throw TensorError(
                .file, "\(file.path) is no tuning table that can be read; delete it, or run `needletail tune` anew")
        }
    }

    /// Replaces the file in one step.
    public func write(to file: URL) throws(TensorError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try encoder.encode(self).write(to: file, options: .atomic)
        } catch {
            throw TensorError(
                .file, "\(file.path): the tuning table cannot be written: \(error.localizedDescription)")
        }
    }
}
