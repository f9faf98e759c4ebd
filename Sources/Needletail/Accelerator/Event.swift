import TensorGraph
import TensorRuntime

extension Accelerator {
    /// A point in a stream's work, for which the host and other streams can wait, after
    /// [torch.Event](https://pytorch.org/docs/stable/generated/torch.Event.html).
    public final class Event: Sendable {
        /// Whether the device notes when it gets there.
        public let isTimed: Bool
        private let mark = Lock<StreamMark?>(nil)

        /// - Parameter enableTiming: whether ``elapsedTime(to:)`` is wanted.
        public init(enableTiming: Bool = false) { isTimed = enableTiming }

        /// Where it was recorded last.
        var recorded: StreamMark? { mark.withLock { $0 } }
        func take(_ new: StreamMark) { mark.withLock { $0 = new } }

        /// Places the event behind all work that this task called on a stream; nil is the current one.
        ///
        /// - Throws: what the evaluation of that work throws.
        public func record(on stream: Stream? = nil) throws(TensorError) {
            if let stream { try stream.record(self) } else { try Stream.current().record(self) }
        }

        /// Makes what is called later on a stream wait for the event; nil is the current one.
        public func wait(on stream: Stream? = nil) throws(TensorError) {
            if let stream { try stream.wait(for: self) } else { try Stream.current().wait(for: self) }
        }

        /// Whether the work before it is done; true where it was never recorded.
        public func query() -> Bool { recorded?.event.isComplete ?? true }

        /// Waits until the work before it is done; for nothing where it was never recorded.
        ///
        /// - Throws: `deviceFailure`.
        public func synchronize() throws(TensorError) { try recorded?.event.synchronize() }

        /// Milliseconds from this event to another, both of one device and complete.
        ///
        /// - Throws: `invalidArgument` where one has no timing, was not recorded or is not complete, or where they are of two
        ///   devices; `unsupported` where the device keeps no times.
        public func elapsedTime(to end: Event) throws(TensorError) -> Double {
            guard isTimed, end.isTimed else {
                throw TensorError(
                    .invalidArgument, "elapsedTime: both events must be created with argument 'enableTiming: true'")
            }
            guard let first = recorded, let last = end.recorded else {
                throw TensorError(
                    .invalidArgument, "elapsedTime: both events must be recorded before calculating elapsed time")
            }
            guard first.context === last.context else {
                throw TensorError(
                    .invalidArgument,
                    "elapsedTime: one event was recorded on \(first.context.deviceID) and one on "
                        + "\(last.context.deviceID); record both on one device")
            }
            guard first.event.isComplete, last.event.isComplete else {
                throw TensorError(
                    .invalidArgument,
                    "elapsedTime: both events must be completed before calculating elapsed time; synchronize() them")
            }
            guard let from = first.event.nanoseconds, let to = last.event.nanoseconds else {
                throw TensorError(
                    .unsupported,
                    "elapsedTime: \(first.context.deviceID) keeps no times of events; time on the host, from one "
                        + "synchronize() to another")
            }
            return (Double(to) - Double(from)) / 1e6
        }
    }
}
