import TensorRuntime

/// A stream of a device in use: an order of work, and how far it is.
///
/// Safety: `lastTicket` is touched only under the lock of the ``DeviceContext``; `seen`, `copiesSeen` and the device's stream
/// only by whose turn it is.
public final class StreamContext: @unchecked Sendable {
    /// Its number in its context. The first is the one that work goes to unless somebody says otherwise.
    public let number: Int
    let stream: any DeviceStream
    let turnstile = Turnstile()
    /// What is known to be done, and what may still run.
    let progress = StreamProgress()
    /// The last ticket taken, or 0.
    @exclusivity(unchecked) var lastTicket: UInt64 = 0
    /// By number of stream, up to which submission this stream's work waits for that one's.
    private var seen: [UInt64]
    /// The last of the host's copies, beside all streams, that this stream's work waits for.
    private var copiesSeen: UInt64 = 0

    init(_ stream: any DeviceStream, number: Int) {
        self.stream = stream
        self.number = number
        seen = number == 0 ? [] : [UInt64](repeating: 0, count: StreamUses.streamLimit)
    }

    /// Its bit in ``TensorRuntime/StreamUses``.
    @inline(__always)
    var bit: UInt32 { 1 << UInt32(number) }

    /// Makes what is encoded next wait for another stream's work up to a ticket, which was taken before the one whose turn it is:
    /// so nobody waits in a circle.
    func wait(for other: StreamContext, _ ticket: UInt64) throws(TensorError) {
        if seen.isEmpty { seen = [UInt64](repeating: 0, count: StreamUses.streamLimit) }
        if seen[other.number] >= ticket { return }
        other.turnstile.awaitLeave(of: ticket)
        guard let (submission, event) = other.progress.event(behind: ticket) else {
            seen[other.number] = ticket
            return
        }
        try stream.wait(for: event)
        seen[other.number] = submission
    }

    /// Makes what is encoded next wait for the host's copies so far.
    func wait(for copies: HostCopies) throws(TensorError) {
        guard let (number, event) = copies.unseen(since: copiesSeen) else { return }
        if let event { try stream.wait(for: event) }
        copiesSeen = number
    }
}

/// Work of another stream that work has to wait for.
struct StreamWait {
    let stream: StreamContext
    let ticket: UInt64
}

/// Copies between the host and the device that do not wait for what runs, on a stream of their own.
///
/// Safety: everything is touched only under `lock`.
final class HostCopies: @unchecked Sendable {
    private let stream: any DeviceStream
    private let lock = RawLock()
    private var count: UInt64 = 0
    /// Of the last copy into memory, where that may not be done.
    private var last: (any DeviceEvent)?

    init(_ stream: any DeviceStream) { self.stream = stream }

    /// Runs copies; what is launched later waits for them.
    func run(_ body: (any DeviceStream) throws(TensorError) -> Void) throws(TensorError) {
        lock.lock()
        defer { lock.unlock() }
        try body(stream)
        let event = try stream.record()
        if !event.isComplete {
            last = event
            count += 1
        }
    }

    /// The number of the last copy, where that is beyond `seen`, and what to wait for; no event where it is done.
    fileprivate func unseen(since seen: UInt64) -> (number: UInt64, event: (any DeviceEvent)?)? {
        lock.lock()
        defer { lock.unlock() }
        guard count > seen, let last else { return nil }
        if last.isComplete {
            self.last = nil
            return nil
        }
        return (count, last)
    }
}
