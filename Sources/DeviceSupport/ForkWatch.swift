import Glibc
import Synchronization
import TensorRuntime

/// Whether this process is a child of `fork()` whose parent had opened a device: it has none of the drivers' threads, and
/// would wait for them for ever.
public enum ForkWatch {
    private static let isForked = Atomic<Bool>(false)
    private static let watches: Void = {
        pthread_atfork(nil, nil, { ForkWatch.isForked.store(true, ordering: .relaxed) })
    }()

    /// Watches from now on: a device is opened.
    public static func begin() { _ = watches }

    /// - Parameter interface: what the drivers are of, for the message.
    public static func check(_ device: DeviceID, _ interface: String) throws(TensorError) {
        guard isForked.load(ordering: .relaxed) else { return }
        throw TensorError(
            .deviceFailure,
            "\(device): this process was made by fork() from one that uses \(interface), whose drivers do not survive "
                + "that; start it as a program of its own, or open \(interface)'s devices after fork()")
    }
}
