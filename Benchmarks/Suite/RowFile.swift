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
    /// - Parameter opened: called when the file is open and not yet locked: where another run can come between.
    /// - Throws: `file` where it cannot be written, or where another process is writing it.
    package init(_ path: String, opened: () -> Void = {}) throws(TensorError) {
        self.path = path
        let url = URL(fileURLWithPath: path)
        try AtomicFile.prepare(directory: url.deletingLastPathComponent().path, file: url.lastPathComponent)
        descriptor = try RowFile.locked(path + ".partial", opened: opened)
        if ftruncate(descriptor, 0) != 0 { throw RowFile.failure(path + ".partial", errno) }
    }

    /// Opens a file, or makes it, for this process alone.
    private static func locked(_ path: String, opened: () -> Void) throws(TensorError) -> Int32 {
        while true {
            let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o666)
            guard descriptor >= 0 else { throw failure(path, errno) }
            opened()
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                close(descriptor)
                throw TensorError(.file, "\(path): another run is writing it; wait for it, or name another file")
            }
            // What another run gave its name between the two is that run's result: another file is begun.
            var (mine, named) = (stat(), stat())
            if fstat(descriptor, &mine) == 0, stat(path, &named) == 0,
                (mine.st_dev, mine.st_ino) == (named.st_dev, named.st_ino)
            {
                return descriptor
            }
            close(descriptor)
        }
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
