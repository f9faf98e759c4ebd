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
}
