import TensorRuntime

// MARK: - Captured evaluations

extension DeviceContext {
    /// Plans and binds a trace for replays, and runs nothing. Called under the lock, which it releases.
    func record(_ trace: Trace, in capture: Capture, keepsFailure: Bool) throws(TensorError) {
        func giveUp(_ error: TensorError, _ snapshot: SnapshotBox?) -> TensorError {
            takeBack(trace, failure: keepsFailure ? Failure(error) : nil)
            if let snapshot { keep(snapshot) }
            lock.unlock()
            capture.refuse(error)
            return error
        }
        guard capture.context === self else {
            takeOff(trace)
            throw giveUp(
                capture.refuse(
                    "\(trace.nodes.last?.pointee.operation.name ?? "a value") is computed on \(deviceID) while "
                        + "\(capture.context.deviceID) is captured; capture a graph for each device"), nil)
        }
        let snapshot = takeSnapshot(of: trace, in: capture)
        let owners = snapshot.value.scalarOwners
        takeOff(trace)
        let bound: BoundPlan
        do throws(TensorError) {
            let plan = try findPlan(snapshot)
            let arena = plan.arenaByteCount > 0 ? try capture.pool.arena(plan.arenaByteCount, of: self) : nil
            bound = try BoundPlan(
                plan, snapshot: snapshot.value, allocator: allocator, reuse: reuse(for: trace.stream), arena: arena,
                target: capture.copyTarget?.storage.block)
        } catch {
            lock.lock()
            throw giveUp(error, snapshot)
        }
        lock.lock()
        lastPlan = bound.plan
        land(trace, bound, snapshot)
        // Whoever else reads it before a replay finds nothing there.
        for storage in bound.outputs { storage.poison() }
        capture.append(CapturedPlan(bound, snapshot: snapshot.value, owners: owners, capture: capture))
        close(trace)
        keep(snapshot)
        lock.unlock()
    }

    /// The scalars of the nodes traced since `first`, in the trace of `handle`.
    func scalars(since first: UInt64, with handle: Handle) -> [(id: UInt64, scalars: [Scalar])] {
        lock.lock()
        defer { lock.unlock() }
        guard let trace = handle.node.pointee.trace?.takeUnretainedValue() else { return [] }
        return trace.nodes.compactMap { node in
            guard node.pointee.id >= first, node.scalarCount > 0 else { return nil }
            return (
                node.pointee.id, Array([node.pointee.scalar0, node.pointee.scalar1].prefix(node.scalarCount))
            )
        }
    }

    /// The number that the next value gets.
    package var nextValueID: UInt64 {
        lock.lock()
        defer { lock.unlock() }
        return nextID
    }

    /// The scalars of all values traced since `first` with a pending value.
    package func tracedScalars(since first: UInt64, with handle: Handle) -> [Scalar] {
        scalars(since: first, with: handle).flatMap(\.scalars)
    }

    /// The task that began the trace of a pending value; nil of one that is evaluated.
    func task(of handle: Handle) -> Int? {
        lock.lock()
        defer { lock.unlock() }
        return handle.node.pointee.trace?.takeUnretainedValue().task
    }

    /// An evaluated copy of a value, in a block of its own.
    func copied(_ handle: Handle) throws(TensorError) -> Handle {
        let copy = trace(.pointwise(.identity), shape: handle.shape, dtype: handle.dtype, handle)
        try evaluate([copy])
        return copy
    }

    /// Leaves a cause with storages that will never be computed.
    func fail(_ storages: [Storage], with error: TensorError) {
        let failure = Failure(error)
        lock.lock()
        for storage in storages { storage.failure = failure }
        lock.unlock()
    }

    /// How many tensors hold a storage, graphs not counted.
    func tensorCount(of storage: Storage) -> Int {
        lock.lock()
        defer { lock.unlock() }
        return storage.ownerCount - storage.keeperCount
    }
}

// MARK: - The end of a capture

extension Capture {
    /// Captures what is pending, brings what carriers keep to its places, and ends the capture.
    ///
    /// - Throws: why there can be no graph; then all is as before the capture.
    package func finish() throws(TensorError) -> Recording {
        do throws(TensorError) {
            try context.flushAll()
            for entry in entries where entry.isChanged {
                try context.evaluate(entry.carrier.allCarried.compactMap { $0 })
            }
            for source in sources { if let complaint = source.captureComplaint() { refuse(complaint) } }
            if let problem { throw problem }
            for index in entries.indices where entries[index].isChanged { try settle(index) }
            if let problem { throw problem }
            let recording = try Recording(self)
            stop()
            restoreHost()
            return recording
        } catch {
            abandon(error)
            throw error
        }
    }

    /// Captures what is pending and takes all back: what was captured is only compared with another capture.
    package func rehearse() throws(TensorError) -> [CapturedPlan] {
        try context.flushAll()
        if let problem { throw problem }
        let found = plans
        abandon(
            TensorError(
                .invalidArgument,
                "Accelerator.Graph.capture: a value of the step's first tracing is read; debug mode traces it twice"))
        return found
    }

    /// Sees to it that a replay leaves a carrier's values where the next one looks for them.
    private func settle(_ index: Int) throws(TensorError) {
        let entry = entries[index]
        let carrier = entry.carrier
        var handles = carrier.allCarried
        guard handles.count == entry.homes.count else {
            throw refuse("\(carrier.carrierName) became others in the step; run one step before the capture")
        }
        for (number, home) in entry.homes.enumerated() {
            guard let handle = handles[number] else {
                if home == nil || entry.isReset { continue }
                throw refuse(
                    "\(carrier.carrierName) are there when the step begins and gone when it ends; begin the step without "
                        + "them")
            }
            guard let home else {
                if carrier.isScratch && entry.isReset { continue }
                throw refuse(
                    "\(carrier.carrierName) are not there when the step begins, so that the next one would be another; "
                        + "reset them at its beginning, as zeroGrad() does, or run one step before the capture")
            }
            guard let place = context.place(of: handle) else { throw context.lostValue }
            if carrier.isScratch && (entry.isReset || !isRead(home.storage.block)) { continue }
            entries[index].isCarried = true
            if place.isSame(as: home) { continue }
            guard context.tensorCount(of: home.storage) == 0 else {
                throw refuse(
                    "a tensor outside of the graph holds the memory of \(carrier.carrierName), which a replay would "
                        + "change; let go of it, or run one step before the capture")
            }
            handles[number] = try moved(handle, to: home)
        }
        carrier.setCarried(handles)
        didChange(carrier)
    }

    /// Whether a plan reads a block that was there before the capture.
    private func isRead(_ block: MemoryBlock) -> Bool {
        plans.contains { plan in
            plan.leaves.contains { $0.block === block && made[ObjectIdentifier($0)] == nil }
        }
    }

    /// Captures a copy to the place where the next replay looks for the value.
    private func moved(_ handle: Handle, to home: ValuePlace) throws(TensorError) -> Handle {
        copyTarget = home
        defer { copyTarget = nil }
        return try context.copied(handle)
    }
}
