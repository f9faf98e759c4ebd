import Dispatch
import Foundation
import Needletail
import TensorRuntime

/// Batches made ahead of a loop, by threads of their own, in order, no more than a bound of them at a time.
///
/// They are threads and not tasks: a loop that is a task itself waits for them while it holds one of the few threads that
/// tasks have.
final class BatchQueue: Sendable {
    private struct State {
        /// The next batch that a worker takes on.
        var next: Int
        /// The next that the loop has not asked for.
        var asked: Int
        var ready: [Int: Result<[HostArray], TensorError>] = [:]
        /// The batch that the loop waits for.
        var awaited: Int?
        var isCancelled = false
    }

    private let state: Lock<State>
    private let end: Int
    private let maker: BatchMaker
    private let workers: Int
    /// Counts batches that may be made ahead.
    private let places = DispatchSemaphore(value: 0)
    /// Signalled when the awaited batch is there.
    private let arrived = DispatchSemaphore(value: 0)

    init(maker: BatchMaker, positions: Range<Int>, work: HostWork) {
        self.maker = maker
        end = positions.upperBound
        workers = min(work.workers, positions.count)
        state = Lock(State(next: positions.lowerBound, asked: positions.lowerBound))
        // Made with 0: one that dies below its first value ends the process.
        for _ in 0..<(workers * work.prefetch) { places.signal() }
        for _ in 0..<workers {
            Thread.detachNewThread { [self] in makeBatches() }
        }
    }

    var preparedCount: Int { state.withLock { $0.ready.count } }

    /// Lets the workers go, after the batch that each is making.
    func cancel() {
        state.withLock {
            $0.isCancelled = true
            $0.ready = [:]
        }
        for _ in 0..<workers { places.signal() }
    }

    private func makeBatches() {
        while true {
            places.wait()
            let taken = state.withLock { state -> Int? in
                guard !state.isCancelled, state.next < end else { return nil }
                defer { state.next += 1 }
                return state.next
            }
            guard let position = taken else { return }
            let made = maker.batch(position)
            let isAwaited = state.withLock { state in
                guard !state.isCancelled else { return false }
                state.ready[position] = made
                guard state.awaited == position else { return false }
                state.awaited = nil
                return true
            }
            if isAwaited { arrived.signal() }
        }
    }

    /// A batch, if it is there.
    func takeReady(_ position: Int) -> Result<[HostArray], TensorError>? {
        let made = state.withLock { state in
            let made = state.ready.removeValue(forKey: position)
            if made != nil { state.asked = max(state.asked, position + 1) }
            return made
        }
        if made != nil { places.signal() }
        return made
    }

    /// Waits for a batch; nil where the loop, or a copy of it, has had it already.
    func take(_ position: Int) -> Result<[HostArray], TensorError>? {
        let mustWait = state.withLock { state -> Bool? in
            if state.ready[position] != nil { return false }
            guard position >= state.asked, state.awaited == nil else { return nil }
            state.awaited = position
            state.asked = position + 1
            return true
        }
        guard let mustWait else { return nil }
        if mustWait { arrived.wait() }
        return takeReady(position)
    }
}
