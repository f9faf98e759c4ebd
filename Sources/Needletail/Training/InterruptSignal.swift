import Foundation
import Synchronization

/// Ctrl-C as a question: whether it was pressed. A second one ends the process as usual.
package enum InterruptSignal {
    private static let flag = Atomic<Bool>(false)

    /// Whether SIGINT came since ``watch()``.
    package static var isRaised: Bool { flag.load(ordering: .relaxed) }

    /// From now on, the first SIGINT is only noted.
    package static func watch() {
        // Made before the handler needs it: making it takes a lock.
        flag.store(false, ordering: .relaxed)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { _ in InterruptSignal.flag.store(true, ordering: .relaxed) }
        action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_RESTART
        sigaction(SIGINT, &action, nil)
        // A parent that blocks the signal in its threads passes that on.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }
}
