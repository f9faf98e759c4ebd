import CommandLineSupport
import Foundation
import Synchronization

/// Ctrl-C, and the request to end that `kill` and service managers send, as a question: whether it came. A second one ends
/// the process as usual.
package enum InterruptSignal {
    private static let signals = [SIGINT, SIGTERM]
    private static let received = Atomic<Int32>(0)

    /// Whether SIGINT or SIGTERM came since ``watch()``.
    package static var isRaised: Bool { received.load(ordering: .relaxed) != 0 }

    /// The exit code of a process that ended because of the signal, as shells give it: 130 or 143.
    package static var exitCode: Int32 {
        let signal = received.load(ordering: .relaxed)
        return 128 + (signal == 0 ? SIGINT : signal)
    }

    /// From now on, the first signal of either kind is only noted.
    package static func watch() {
        // Made before the handler needs it: making it takes a lock.
        received.store(0, ordering: .relaxed)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { InterruptSignal.received.store($0, ordering: .relaxed) }
        action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_RESTART
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals {
            sigaction(signal, &action, nil)
            sigaddset(&set, signal)
        }
        // A parent that blocks the signals in its threads passes that on.
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }
}
