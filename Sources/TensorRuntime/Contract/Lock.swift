import Synchronization

#if NEEDLETAIL_TSAN
    import Glibc

    /// A value behind a lock that the thread sanitizer sees taken and released: `Mutex` calls the kernel by itself, so the
    /// sanitizer would report all that it guards. This one is for `Scripts/sanitize.sh thread` alone.
    ///
    /// Safety: the value is touched only under the lock, and neither moves while the owner lives.
    package struct Lock<Value: ~Copyable>: ~Copyable, @unchecked Sendable {
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private let value = UnsafeMutablePointer<Value>.allocate(capacity: 1)

        package init(_ initialValue: consuming sending Value) {
            mutex.initialize(to: pthread_mutex_t())
            pthread_mutex_init(mutex, nil)
            value.initialize(to: initialValue)
        }

        deinit {
            pthread_mutex_destroy(mutex)
            value.deinitialize(count: 1)
            value.deallocate()
            mutex.deallocate()
        }

        package borrowing func withLock<Result: ~Copyable, E: Error>(
            _ body: (inout sending Value) throws(E) -> sending Result
        ) throws(E) -> sending Result {
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            return try body(&value.pointee)
        }

        package borrowing func withLockIfAvailable<Result: ~Copyable, E: Error>(
            _ body: (inout sending Value) throws(E) -> sending Result
        ) throws(E) -> sending Result? {
            guard pthread_mutex_trylock(mutex) == 0 else { return nil }
            defer { pthread_mutex_unlock(mutex) }
            return try body(&value.pointee)
        }

        package borrowing func _unsafeLock() { pthread_mutex_lock(mutex) }
        package borrowing func _unsafeUnlock() { pthread_mutex_unlock(mutex) }
    }
#else
    /// A value behind a lock: `Mutex`, under the one name that the whole house uses, so that a build for the thread sanitizer
    /// can put a lock in its place that the sanitizer understands (`NEEDLETAIL_TSAN`).
    package typealias Lock<Value: ~Copyable> = Mutex<Value>
#endif
