import Glibc

/// Something that several threads may wait for and that happens once: a plan is made, a trace has its values' places.
final class Landing: Sendable {
    private let condition = Condition(0)

    func open() { condition.raise(to: 1) }
    func wait() { condition.wait { $0 == 1 } }
}

/// A place in the order of a stream. Tickets of all streams of a device are numbered in one row.
struct Ticket: Sendable {
    let number: UInt64
    /// The stream's own ticket before it, or 0.
    let previous: UInt64
}

/// Lets work into a stream in the order of its tickets.
final class Turnstile: Sendable {
    private let condition = Condition(0)

    /// Waits until every ticket of the stream before this one was left: each that is taken must be.
    func enter(_ ticket: Ticket) { condition.wait { $0 == ticket.previous } }
    func leave(_ ticket: Ticket) { condition.raise(to: ticket.number) }

    /// Waits, without a turn of one's own, until a ticket was left.
    func awaitLeave(of number: UInt64) { condition.wait { $0 >= number } }
}

/// A number that only grows, and threads that wait for it.
private final class Condition: @unchecked Sendable {
    // Safety: `value` is touched only under `mutex`, and neither moves while the object lives.

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var value: UInt64
    private var waiters = 0

    init(_ value: UInt64) {
        self.value = value
        mutex.initialize(to: pthread_mutex_t())
        condition.initialize(to: pthread_cond_t())
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func raise(to newValue: UInt64) {
        pthread_mutex_lock(mutex)
        value = newValue
        if waiters > 0 { pthread_cond_broadcast(condition) }
        pthread_mutex_unlock(mutex)
    }

    @inline(__always)
    func wait(until isReached: (UInt64) -> Bool) {
        pthread_mutex_lock(mutex)
        while !isReached(value) {
            waiters += 1
            pthread_cond_wait(condition, mutex)
            waiters -= 1
        }
        pthread_mutex_unlock(mutex)
    }
}
