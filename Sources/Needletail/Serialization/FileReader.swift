import Foundation
import TensorRuntime

/// A regular file open for reading. It owns the descriptor, and every read is bounded by the size found at opening.
package final class FileReader {
    package let path: String
    /// Bytes in the file when it was opened.
    package let size: Int
    private let descriptor: Int32

    /// Opens a regular file.
    ///
    /// Throws `.file` where there is none, where it is a directory or a device, or where it cannot be read.
    package init(path: String) throws(TensorError) {
        // Non-blocking, so that a pipe in the file's place is refused and not waited for.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let code = errno
            let remedy = code == ENOENT ? "check the path" : "check the path and its permissions"
            throw TensorError(.file, "\(path): \(systemMessage(code)); \(remedy)")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw TensorError(.file, "\(path): \(systemMessage(code)); check the path")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            let found = status.st_mode & S_IFMT == S_IFDIR ? "is a directory" : "is no regular file"
            throw TensorError(.file, "\(path): \(found); name a file")
        }
        self.path = path
        self.size = Int(status.st_size)
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// The `count` bytes at `offset`. Nothing is allocated for bytes that the file does not have.
    package func read(_ count: Int, at offset: Int) throws(TensorError) -> [UInt8] {
        guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
            throw TensorError(
                .data,
                "\(path): ends at byte \(size), before the \(count) bytes at \(offset); it is truncated: get it again")
        }
        var code: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = pread(descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
                if got > 0 {
                    filled += got
                } else if got < 0, errno == EINTR {
                    continue
                } else {
                    code = got < 0 ? errno : 0
                    break
                }
            }
        }
        guard bytes.count == count else {
            let found = code == 0 ? "became shorter while it was read" : systemMessage(code)
            throw TensorError(.file, "\(path): \(found); read it again")
        }
        return bytes
    }

    /// The whole file, which may be at most `limit` bytes.
    package func readAll(limit: Int) throws(TensorError) -> [UInt8] {
        guard size <= limit else {
            throw TensorError(.data, "\(path): \(size) bytes exceed the limit of \(limit); name a smaller file")
        }
        return try read(size, at: 0)
    }
}

/// The system's text for an error number, lower case as the rest of a message is.
package func systemMessage(_ code: Int32) -> String {
    let text = String(cString: strerror(code))
    return text.prefix(1).lowercased() + text.dropFirst()
}

/// Text that was found in a file, fit for a one-line message: quoted, control characters escaped, 80 characters.
package func quoted(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars.prefix(80) {
        result += scalar.value < 0x20 || scalar.value == 0x7F ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return text.unicodeScalars.count > 80 ? "'\(result)...'" : "'\(result)'"
}
