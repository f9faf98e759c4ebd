import Needletail
import TensorRuntime

/// Stops training after the step in which it has trained so long. The time of earlier runs counts, where this one is resumed.
public final class TimeLimit: TrainingCallback {
    private let seconds: Double
    /// Of earlier runs.
    private var before = 0.0
    private var start: ContinuousClock.Instant?

    /// - Parameter seconds: of all that happens between the first step's begin and the last one's end, validation included.
    public init(seconds: Double, file: StaticString = #fileID, line: UInt = #line) {
        checkCallback(seconds >= 0, "TimeLimit(seconds: \(seconds))", "no time", "give 0 or more", file, line)
        self.seconds = seconds
    }

    private var spent: Double { before + (start.map { (ContinuousClock.now - $0) / .seconds(1) } ?? 0) }

    public func fitBegin(_ trainer: Trainer) { start = .now }
    public func stepEnd(_ trainer: Trainer) { if spent >= seconds { trainer.stop() } }
    public func epochEnd(_ trainer: Trainer, _ epoch: History.Epoch) { if spent >= seconds { trainer.stop() } }

    public func fitEnd(_ trainer: Trainer) {
        before = spent
        start = nil
    }

    public func state() -> CallbackState { CallbackState(numbers: ["seconds": [spent]]) }
    public func restore(_ state: CallbackState, of trainer: Trainer) throws(TensorError) {
        before = try state.number("seconds", of: name)
    }
}

/// Reports an argument of a callback that cannot be.
func checkCallback(
    _ holds: Bool, _ call: String, _ problem: String, _ remedy: String, _ file: StaticString, _ line: UInt
) {
    if !holds { WrongCall.report(call, problem, remedy: remedy, at: CallSite(file, line)) }
}
