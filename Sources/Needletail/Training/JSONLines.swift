import Foundation
import TensorRuntime

/// JSON objects on standard output, one a line, for programs that read along.
package enum JSONLines {
    /// Writes one value and a line's end, at once and in one piece. Keys stand in the order given.
    ///
    /// Throws `.file` where standard output cannot be written.
    package static func write(_ value: JSONValue) throws(TensorError) {
        let bytes = Array((value.description + "\n").utf8)
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

extension JSONValue {
    /// A number; `null` where it is nil or none that JSON has.
    package static func optional(_ value: Double?) -> JSONValue { value.map(JSONValue.number) ?? .null }
}
