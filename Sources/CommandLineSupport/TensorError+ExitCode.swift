import Foundation
import TensorRuntime

extension TensorError {
    /// What a command that fails with this error exits with: 64 usage, 65 data, 69 device, 1 the rest.
    package var exitCode: Int32 {
        switch kind {
        case .invalidArgument: EX_USAGE
        case .data: EX_DATAERR
        case .deviceUnavailable: EX_UNAVAILABLE
        case .unsupported, .outOfMemory, .deviceFailure, .file, .internalFault: EXIT_FAILURE
        }
    }
}
