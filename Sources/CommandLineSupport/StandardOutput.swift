import Foundation
import Needletail
import TensorRuntime

/// Standard output without a buffer, so that what cannot be written is known where it happens.
package enum StandardOutput {
    /// Writes a line at once and in one piece.
    ///
    /// Throws `.file` where standard output cannot be written.
    package static func write(line: String) throws(TensorError) {
        let bytes = Array((line + "\n").utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress!, $0.count) }
            if count > 0 {
                written += count
            } else if count == 0 || errno != EINTR {
                let reason = systemMessage(count == 0 ? EIO : errno)
                throw TensorError(.file, "standard output: cannot be written: \(reason); name another file or pipe")
            }
        }
    }
}
