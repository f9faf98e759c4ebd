import Synchronization
import TensorRuntime

/// Whether a device is lost to this process, and why. The first cause stays: what fails later fails with it.
public final class DeviceLoss: Sendable {
    private let isLost = Atomic<Bool>(false)
    private let cause = Lock<TensorError?>(nil)

    public init() {}

    /// - Throws: the first cause where the device was lost.
    public func check() throws(TensorError) {
        if isLost.load(ordering: .relaxed), let cause = cause.withLock({ $0 }) { throw cause }
    }

    /// Marks the device as lost.
    ///
    /// - Parameter what: the device, what it did, and the driver's word for what went wrong.
    /// - Returns: the first cause, which may be this one.
    public func lose(_ what: String) -> TensorError {
        let error = TensorError(.deviceFailure, "\(what); the device is lost to this process")
        return cause.withLock { cause in
            if let first = cause { return first }
            cause = error
            isLost.store(true, ordering: .relaxed)
            return error
        }
    }
}
