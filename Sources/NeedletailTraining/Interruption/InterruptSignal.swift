import Foundation
import Synchronization
import TensorRuntime

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
    /// What was done with the signals before ``watch()``, in their order; nil where nothing is watched.
    private static let inherited = Lock<[Disposition]?>(nil)

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
        let noting = Disposition(flags: SA_RESTART | Int32(bitPattern: UInt32(SA_RESETHAND))) {
            InterruptSignal.received.store($0, ordering: .relaxed)
        }
        let before = signals.map { noting.take(over: $0) }
        inherited.withLock { $0 = $0 ?? before }
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        // A parent that blocks the signals in its threads passes that on.
        pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    /// From now on, either signal does what it did before ``watch()``: it ends the process, unless that was started to ignore it
    /// (as a shell's background jobs ignore SIGINT) or handles it otherwise. Both stay unblocked in the thread that watched.
    public static func unwatch() {
        let before = inherited.withLock { stored in
            defer { stored = nil }
            return stored
        }
        for (signal, disposition) in zip(signals, before ?? []) { _ = disposition.take(over: signal) }
    }

    /// What a process does with a signal.
    private struct Disposition: @unchecked Sendable {
        // Safety: numbers and the address of a function, which nothing changes.
        private let action: sigaction

        init(flags: Int32, _ handler: __sighandler_t?) {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = handler
            action.sa_flags = flags
            self.action = action
        }

        private init(_ action: sigaction) { self.action = action }

        /// Makes it a signal's, and gives what was it before.
        func take(over signal: Int32) -> Disposition {
            var (new, old) = (action, sigaction())
            sigaction(signal, &new, &old)
            return Disposition(old)
        }
    }
}
