import Foundation
import TensorRuntime

/// A claim on a directory that one process at a time can have. It ends when this is released, or with the process.
///
/// The directory itself is locked, so that no file is left in it.
package final class DirectoryLock {
    private let descriptor: Int32

    /// Throws `.file` where the directory cannot be opened, or another process (or this one) has it. Where the file system
    /// has no locks, nobody is kept out.
    package init(_ directory: String) throws(TensorError) {
        let opened = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else {
            let code = errno
            throw TensorError(
                .file, "\(directory): cannot be opened: \(systemMessage(code)); name a readable directory")
        }
        if flock(opened, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            close(opened)
            throw TensorError(
                .file, "\(directory): another run writes there; wait for its end or name another directory")
        }
        descriptor = opened
    }

    deinit { close(descriptor) }
}
