import TensorRuntime

/// A point in a stream's order, behind all work that was given to it before: what an event of users is once it is recorded.
public final class StreamMark: Sendable {
    public let context: DeviceContext
    public let stream: StreamContext
    fileprivate let ticket: UInt64
    /// The device's own.
    public let event: any DeviceEvent

    fileprivate init(_ event: any DeviceEvent, on stream: StreamContext, of context: DeviceContext, _ ticket: UInt64) {
        self.context = context
        self.stream = stream
        self.ticket = ticket
        self.event = event
    }
}

extension DeviceContext {
    /// Evaluates what this task has pending on a stream and places a mark behind all work so far.
    ///
    /// - Parameter isTimed: whether the device notes when it gets there, where it can.
    public func mark(_ stream: StreamContext, isTimed: Bool = false) throws(TensorError) -> StreamMark {
        try refuseInCapture("an event is recorded")
        try flushAll(on: stream)
        var mark: StreamMark?
        try takeTurn(on: stream) { (device, ticket) throws(TensorError) in
            let event = try isTimed ? device.recordTimed() : device.record()
            stream.progress.append(ticket, event: event)
            mark = StreamMark(event, on: stream, of: self, ticket)
        }
        return mark!
    }

    /// Makes a stream's later work wait for a mark. What this task has pending on the stream comes before it and does not.
    ///
    /// For the mark of another device the host waits.
    public func wait(_ stream: StreamContext, for mark: StreamMark) throws(TensorError) {
        try refuseInCapture("a stream waits for an event")
        guard mark.context === self else { return try mark.event.synchronize() }
        if mark.stream === stream || mark.event.isComplete { return }
        try flushAll(on: stream)
        try takeTurn(on: stream, waitingFor: StreamWait(stream: mark.stream, ticket: mark.ticket)) {
            (device, ticket) throws(TensorError) in
            stream.progress.append(ticket, event: try device.record())
        }
    }

    /// Evaluates what this task has pending on a stream and says whether all its work is done. Waits for nothing that runs.
    public func isIdle(_ stream: StreamContext) throws(TensorError) -> Bool {
        try refuseInCapture("a stream is asked whether its work is done")
        try flushAll(on: stream)
        lock.lock()
        let last = stream.lastTicket
        lock.unlock()
        stream.progress.update()
        return stream.progress.completed >= last
    }

    /// Evaluates what this task has pending on a stream and waits until all its work is done.
    public func synchronize(_ stream: StreamContext) throws(TensorError) {
        try refuseInCapture("a stream is waited for")
        try flushAll(on: stream)
        try onStream(stream) { (stream) throws(TensorError) in try stream.synchronize() }
    }

    private func refuseInCapture(_ what: String) throws(TensorError) {
        guard let capture = Capture.current else { return }
        throw capture.refuse(
            "\(what), but nothing runs while a graph is captured; do it before the capture or after replay()")
    }
}
