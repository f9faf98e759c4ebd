import Foundation
import Synchronization

/// Ctrl-C, and the request to end that `kill` and service managers send (SIGTERM), as a question: whether it came. A second one
/// of the same kind ends the process as usual.
///
///     InterruptSignal.watch()
///     for batch in batches {
///         if InterruptSignal.isRaised { break }
///         ...
///     }
///     try model.save(to: "model.safetensors")
///     if InterruptSignal.isRaised { exit(InterruptSignal.exitCode) }
public enum InterruptSignal {
    private static let signals = [SIGINT, SIGTERM]
    private static let received = Atomic<Int32>(0)

    /// Whether SIGINT or SIGTERM came since ``watch()``.
    public static var isRaised: Bool { received.load(ordering: .relaxed) != 0 }

    /// The exit code of a process that ended because of the signal, as shells give it: 130 or 143.
    public static var exitCode: Int32 {
        let signal = received.load(ordering: .relaxed)
        return 128 + (signal == 0 ? SIGINT : signal)
    }

    /// From now on, the first signal of either kind is only noted.
    public static func watch() {
        // Made before the handler needs it: making it takes a lock.
        received.store(0, ordering: .relaxed)
        handle(flags: SA_RESTART | Int32(bitPattern: UInt32(SA_RESETHAND))) {
            InterruptSignal.received.store($0, ordering: .relaxed)
        }
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        // A parent that blocks the signals in its threads passes that on.
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// From now on, either signal ends the process.
    public static func unwatch() { handle(flags: 0, SIG_DFL) }

    private static func handle(flags: Int32, _ handler: __sighandler_t?) {
        var action = sigaction()
        action.__sigaction_handler.sa_handler = handler
        action.sa_flags = flags
        for signal in signals { sigaction(signal, &action, nil) }
    }
}
