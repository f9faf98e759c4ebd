/// What can go wrong in the world: devices, drivers, memory, files, data, and, inside `checked`, a wrong call.
///
/// Each message says what was found and what to do.
public struct TensorError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Hashable, Sendable {
        /// A call that a program should not make: shapes, dtypes or devices that do not fit.
        case invalidArgument
        /// An operation, dtype or layout that the device does not have.
        case unsupported
        case outOfMemory
        case deviceUnavailable
        case deviceFailure
        /// A file that cannot be read or written.
        case file
        /// A file whose contents are not what they should be.
        case data
        /// A fault of the runtime itself, found by its own checks.
        case internalFault
    }

    public let kind: Kind
    public let message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }
}
