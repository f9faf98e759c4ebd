import TensorRuntime

/// A flag that the device computes beside a value: where it is not 0, the value is none.
struct Guard {
    /// Where the flag is, an int32, and its first byte in the storage's block's buffer.
    let flag: Storage
    let byte: Int
    let failure: Failure
}

/// The guard of a value that is pending. The trace has a claim on the flag.
struct PendingGuard {
    let value: NodeReference
    let flag: NodeReference
    let failure: Failure
}

extension DeviceContext {
    /// The most guards that a value takes over from others; those of the nearest past.
    private static let guardLimit = 8

    /// Makes every read of a value, and of what is computed from it, throw `error` where `flag`, an int32 of rank 0, is not 0.
    ///
    /// The flag is computed with the value, and read by the host when that is. Waits for nothing that runs, but where another task
    /// is just evaluating one of the two.
    public func guardValue(_ handle: Handle, by flag: Handle, error: TensorError) {
        let failure = Failure(error)
        lock.lock()
        defer { lock.unlock() }
        makesGuards = true
        while true {
            if handle.node.failure != nil || flag.node.failure != nil { return }
            let value = handle.node.pointee.trace
            let other = flag.node.pointee.trace
            if let landing = [value, other].lazy.compactMap({ $0?.takeUnretainedValue() })
                .first(where: { $0.state == .inFlight })?.landingToAwait
            {
                lock.unlock()
                landing.wait()
                lock.lock()
                continue
            }
            guard let value else {
                guard other != nil else { break }
                lock.unlock()
                flush(flag)
                lock.lock()
                continue
            }
            if let other, other.takeUnretainedValue().stream !== value.takeUnretainedValue().stream {
                lock.unlock()
                flush(flag)
                lock.lock()
                continue
            }
            let trace = other.map { $0.toOpaque() == value.toOpaque() ? value : merge(value, $0) } ?? value
            flag.node.pointee.handles += 1
            trace.takeUnretainedValue().guards.append(
                PendingGuard(value: handle.node, flag: flag.node, failure: failure))
            return
        }
        // Both are computed, one operation at a time.
        if let made = Guard(flag.node, failure) { handle.node.pointee.storage?.take([made], limit: Self.guardLimit) }
    }

    /// Hands the guards of a trace's values, and of values that it reads, on to what is computed from them. Under the lock,
    /// when all have their places.
    func handOnGuards(of trace: Trace, leaves: [Storage]) {
        guard makesGuards, !trace.guards.isEmpty || leaves.contains(where: { !$0.guards.isEmpty }) else { return }
        var found: [NodeReference: [Guard]] = [:]
        for pending in trace.guards {
            if let made = Guard(pending.flag, pending.failure) { found[pending.value, default: []].append(made) }
        }
        for node in trace.nodes {
            var guards: [Guard] = []
            func add(_ others: [Guard]) {
                for other in others where !guards.contains(where: { $0.flag === other.flag }) { guards.append(other) }
            }
            node.forEachInput { add(found[$0] ?? $0.pointee.storage?.guards ?? []) }
            add(found[node] ?? [])
            if guards.isEmpty { continue }
            found[node] = Array(guards.suffix(Self.guardLimit))
            node.pointee.storage?.take(guards, limit: Self.guardLimit)
        }
    }

    /// Gives up the claims of a trace that ends. Under the lock.
    func dropGuards(of trace: Trace) {
        for pending in trace.guards {
            pending.flag.pointee.handles -= 1
            retireIfUnused(pending.flag)
        }
        trace.guards = []
    }

    /// Reads the flags that an evaluated value depends on.
    ///
    /// - Throws: the error of the first that is not 0, as every later read does.
    func checkGuards(of handle: Handle) throws(TensorError) {
        lock.lock()
        let storage = makesGuards ? handle.node.pointee.storage : nil
        let guards = storage?.guards ?? []
        lock.unlock()
        guard let storage, !guards.isEmpty else { return }
        for made in guards {
            var flag: Int32 = 0
            var result: Result<Void, TensorError> = .success(())
            withUnsafeMutableBytes(of: &flag) { bytes in
                do throws(TensorError) { try copy(made.flag, at: made.byte, to: bytes) } catch {
                    result = .failure(error)
                }
            }
            try result.get()
            if flag == 0 { continue }
            lock.lock()
            // The next replay may be right again.
            if storage.keeperCount == 0 { storage.failure = made.failure }
            lock.unlock()
            throw made.failure.error
        }
        lock.lock()
        if storage.keeperCount == 0 { storage.guards.removeAll { kept in guards.contains { $0.flag === kept.flag } } }
        lock.unlock()
    }
}

extension Guard {
    /// Of a flag that is computed; nil of one that will never be.
    fileprivate init?(_ flag: NodeReference, _ failure: Failure) {
        guard let storage = flag.pointee.storage else { return nil }
        let byte = storage.block.offset + flag.pointee.offset * flag.pointee.dtype.byteCount
        self.init(flag: storage, byte: byte, failure: failure)
    }
}

extension Storage {
    /// Under the lock.
    fileprivate func take(_ others: [Guard], limit: Int) {
        for other in others where !guards.contains(where: { $0.flag === other.flag }) { guards.append(other) }
        if guards.count > limit { guards.removeFirst(guards.count - limit) }
    }
}
