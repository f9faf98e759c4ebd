import Foundation

/// Holds up threads that pass it while it is closed: all, or the first few.
final class Gate: @unchecked Sendable {
    // Safety: fields are touched only under `condition`.
    private let condition = NSCondition()
    private let holds: Int
    private var isClosed = false
    private var arrivals = 0

    init(holds: Int = .max) { self.holds = holds }

    func close() { change { isClosed = true } }
    func open() { change { isClosed = false } }

    var isHolding: Bool {
        condition.lock()
        defer { condition.unlock() }
        return isClosed && arrivals > 0
    }

    func pass() {
        condition.lock()
        defer { condition.unlock() }
        guard isClosed, arrivals < holds else { return }
        arrivals += 1
        condition.broadcast()
        while isClosed { condition.wait() }
    }

    func awaitArrival() {
        condition.lock()
        defer { condition.unlock() }
        while arrivals == 0 { condition.wait() }
    }

    private func change(_ body: () -> Void) {
        condition.lock()
        defer { condition.unlock() }
        body()
        condition.broadcast()
    }
}
