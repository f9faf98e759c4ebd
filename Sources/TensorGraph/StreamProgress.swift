import Synchronization
import TensorRuntime

/// How far a stream's work is: memory that a submission used is free for the host's copies once that is done.
///
/// Submissions are numbered from 1, by ticket.
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
