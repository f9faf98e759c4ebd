import Foundation
import NeedletailTraining
import Testing

/// Signals of the whole process, so one test after the other.
@Suite(.serialized) struct InterruptSignalTests {
    @Test(arguments: [SIGINT, SIGTERM]) func theFirstSignalIsOnlyNoted(_ signal: Int32) {
        InterruptSignal.watch()
        defer { InterruptSignal.unwatch() }
        #expect(!InterruptSignal.isRaised)
        // To this thread, which has handled it when the call returns.
        raise(signal)
        #expect(InterruptSignal.isRaised && InterruptSignal.exitCode == 128 + signal)
        InterruptSignal.watch()
        #expect(!InterruptSignal.isRaised)
    }

    /// As a shell starts background jobs with SIGINT ignored.
    @Test func whatWasInheritedIsRestored() {
        func handler(_ signal: Int32) -> Int {
            var action = sigaction()
            sigaction(signal, nil, &action)
            return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
        }
        let ending = handler(SIGTERM)
        var before = sigaction()
        var ignoring = sigaction()
        ignoring.__sigaction_handler.sa_handler = SIG_IGN
        sigaction(SIGINT, &ignoring, &before)
        defer { sigaction(SIGINT, &before, nil) }
        InterruptSignal.watch()
        raise(SIGINT)
        #expect(InterruptSignal.isRaised)
        // Watched anew, it still knows what was there at first.
        InterruptSignal.watch()
        InterruptSignal.unwatch()
        // It would end the process.
        raise(SIGINT)
        #expect(!InterruptSignal.isRaised)
        // Of nothing that is watched, nothing is changed.
        InterruptSignal.unwatch()
        raise(SIGINT)
        #expect(handler(SIGTERM) == ending)
    }
}
