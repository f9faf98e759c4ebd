import Synchronization
import TensorRuntime

/// How far a stream's work is: memory that a submission used is free for the host's copies once that is done.
///
/// Submissions are numbered by their tickets, which all streams of a device take from one row.
final class StreamProgress: @unchecked Sendable {
    // Safety: `running` is touched only under `lock`.

    private let done = Atomic<UInt64>(0)
    private let lock = RawLock()
    private var running: [(submission: UInt64, event: any DeviceEvent)] = []

    /// The last submission that is done, as far as is known; all before it are.
    var completed: UInt64 { done.load(ordering: .acquiring) }

    /// Puts a submission behind those that run.
    func append(_ submission: UInt64, event: any DeviceEvent) {
        lock.lock()
        defer { lock.unlock() }
        if running.isEmpty, event.isComplete {
            done.store(submission, ordering: .releasing)
            return
        }
        running.append((submission, event))
        poll()
    }

    /// Everything up to `submission` is done: somebody has waited for it.
    func complete(_ submission: UInt64) {
        lock.lock()
        defer { lock.unlock() }
        running.removeAll { $0.submission <= submission }
        if submission > completed { done.store(submission, ordering: .releasing) }
    }

    /// A submission came to nothing: it is done when those before it are. What was encoded of it may run, but nobody will read
    /// it, and its buffers live as long as it does.
    func skip(_ submission: UInt64) {
        lock.lock()
        defer { lock.unlock() }
        if let last = running.last {
            running.append((submission, last.event))
        } else {
            done.store(submission, ordering: .releasing)
        }
    }

    /// What to wait for, for all work up to `submission`, which was given to the device or came to nothing; nil where it is done.
    func event(behind submission: UInt64) -> (submission: UInt64, event: any DeviceEvent)? {
        if completed >= submission { return nil }
        lock.lock()
        defer { lock.unlock() }
        return running.first { $0.submission >= submission }
    }

    /// Up to which submission of any stream this one's own are all done.
    ///
    /// - Parameters:
    ///   - last: its last submission, at a time at which `newest` was the last of any stream.
    func reached(last: UInt64, newest: UInt64) -> UInt64 {
        lock.lock()
        defer { lock.unlock() }
        poll()
        if completed >= last { return newest }
        return running.first.map { $0.submission - 1 } ?? completed
    }

    /// Asks the device what is done since.
    func update() {
        lock.lock()
        defer { lock.unlock() }
        poll()
    }

    private func poll() {
        var count = 0
        while count < running.count, running[count].event.isComplete { count += 1 }
        guard count > 0 else { return }
        done.store(running[count - 1].submission, ordering: .releasing)
        running.removeFirst(count)
    }
}
