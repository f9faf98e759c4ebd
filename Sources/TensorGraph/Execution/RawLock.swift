import TensorRuntime

/// A mutex that can be passed on: locked in one function and unlocked in another, where `Lock.withLock` cannot reach.
final class RawLock: Sendable {
    private let mutex = Lock(())

    @inline(__always) func lock() { mutex._unsafeLock() }
    @inline(__always) func unlock() { mutex._unsafeUnlock() }
}
