import TensorRuntime

/// Lines from a callback.
package final class Lines: Sendable {
    private let stored = Lock<[String]>([])

    package init() {}

    package var all: [String] { stored.withLock { $0 } }

    package func add(_ line: String) { stored.withLock { $0.append(line) } }
}
