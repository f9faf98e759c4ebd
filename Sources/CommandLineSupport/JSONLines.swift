import Needletail
import TensorRuntime

/// JSON objects on standard output, one a line, for programs that read along.
package enum JSONLines {
    /// Writes one value and a line's end, at once and in one piece. Keys stand in the order given.
    ///
    /// Throws `.file` where standard output cannot be written.
    package static func write(_ value: JSONValue) throws(TensorError) {
        try StandardOutput.write(line: value.description)
    }
}

extension JSONValue {
    /// A number; `null` where it is nil or none that JSON has.
    package static func optional(_ value: Double?) -> JSONValue { value.map(JSONValue.number) ?? .null }
}
