import Foundation
import Needletail
import TensorRuntime

/// Rows on their way into a file: each stands in `PATH.partial` as soon as it is made, which becomes `PATH` when all are.
package final class RowFile {
    package let path: String
    /// Where the rows are until then; what a killed run leaves.
    package var partialPath: String { path + ".partial" }
    private let descriptor: Int32

    /// Begins a file without rows, and finds out before any work whether it can be there.
    ///
    /// - Throws: `file` where it cannot be written, or where another process is writing it.
    package init(_ path: String) throws(TensorError) {
        self.path = path
        let url = URL(fileURLWithPath: path)
        try AtomicFile.prepare(directory: url.deletingLastPathComponent().path, file: url.lastPathComponent)
        descriptor = open(path + ".partial", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw RowFile.failure(path + ".partial", errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw TensorError(.file, "\(path).partial: another run is writing it; wait for it, or name another file")
        }
        if ftruncate(descriptor, 0) != 0 { throw RowFile.failure(path + ".partial", errno) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Adds a row.
    package func append(_ row: BenchmarkRow) throws {
        let bytes = Array((try row.json() + "\n").utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { write(descriptor, $0.baseAddress!, $0.count) }
            if count > 0 {
                written += count
            } else if count == 0 || errno != EINTR {
                throw RowFile.failure(partialPath, count == 0 ? EIO : errno)
            }
        }
    }

    /// Gives the file its name.
    package func finish() throws(TensorError) {
        if fsync(descriptor) != 0 || rename(partialPath, path) != 0 { throw RowFile.failure(path, errno) }
    }

    private static func failure(_ path: String, _ code: Int32) -> TensorError {
        TensorError(.file, "\(path): cannot be written: \(systemMessage(code)); name a file in a writable directory")
    }
}
