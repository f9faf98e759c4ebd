/// What can go wrong in the world: devices, drivers, memory, files, data, and, inside `checked`, a wrong call.
///
/// Each message says what was found and what to do.
public struct TensorError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What went wrong, for programs that decide by it.
    public enum Kind: String, Hashable, Sendable {
        /// A call that a program should not make: shapes, dtypes or devices that do not fit.
        case invalidArgument
        /// An operation, dtype or layout that the device does not have.
        case unsupported
        /// Memory was not to be had, after all that was cached was given back; a smaller batch may fit.
        case outOfMemory
        /// There is no such device, or its driver cannot be loaded.
        case deviceUnavailable
        /// The driver gave an error, or the device was lost.
        case deviceFailure
        /// A file that cannot be read or written.
        case file
        /// A file whose contents are not what they should be.
        case data
        /// A fault of the runtime itself, found by its own checks.
        case internalFault
    }

    /// What programs decide by; the message may change.
    public let kind: Kind
    /// For people: what was asked, what was found with its values, and what to do.
    public let message: String

    /// - Parameter message: in the form "what was asked: what was found; what to do".
    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }
}
