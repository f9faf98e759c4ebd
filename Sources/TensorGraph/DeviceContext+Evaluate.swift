import TensorRuntime

// MARK: - Evaluation

extension DeviceContext {
    /// Computes the values, and with them every live value of their traces.
    ///
    /// - Throws: `outOfMemory` or `unsupported` before any work, leaving all values as they were; a device's failure
    ///   poisons the results and is thrown here and at every later read of them.
    public func evaluate(_ handles: [Handle]) throws(TensorError) {
        for handle in handles {
            lock.lock()
            if let failure = handle.node.failure {
                lock.unlock()
                throw failure.error
            }
            guard let trace = handle.node.pointee.trace else {
                lock.unlock()
                continue
            }
            try run(trace.takeUnretainedValue())
            if let failure = handle.failure { throw failure }
        }
    }

    /// Evaluates every pending trace that the current task began.
    public func flushAll() throws(TensorError) {
        while let trace = lockForPendingTrace() { try run(trace) }
    }

    /// The first pending trace that the current task began, with the lock taken; nil, and no lock, where there is none.
    private func lockForPendingTrace() -> Trace? {
        let task = withUnsafeCurrentTask { $0?.hashValue ?? 0 }
        lock.lock()
        let trace = pending.first { $0.task == task }
        if trace == nil { lock.unlock() }
        return trace
    }

    /// Evaluates what is pending and waits until the device is done.
    public func synchronize() throws(TensorError) {
        try flushAll()
        streamLock.lock()
        defer { streamLock.unlock() }
        try stream.synchronize()
    }

    /// Evaluates a value's trace where nothing can be thrown: a failure stays with the values.
    func flush(_ handle: Handle) {
        lock.lock()
        guard let trace = handle.node.pointee.trace else {
            lock.unlock()
            return
        }
        flush(trace.takeUnretainedValue())
    }

    /// Evaluates what else the task has pending, where nothing can be thrown: a failure stays with the values.
    func flushOlder() {
        while let trace = lockForPendingTrace() { flush(trace) }
    }

    /// Called under the lock, which it releases.
    private func flush(_ trace: Trace) {
        do {
            try run(trace)
        } catch {
            lock.lock()
            defer { lock.unlock() }
            // Else it ran, and its results have the cause.
            guard trace.isPending else { return }
            let failure = Failure(error)
            for node in trace.nodes { node.pointee.fail(failure) }
            close(trace)
        }
    }

    /// Plans, binds and runs a trace. Called under the lock, which it releases.
    private func run(_ trace: Trace) throws(TensorError) {
        let clock = ContinuousClock()
        let began = clock.now
        epoch += 1
        snapshot.clear()
        snapshot.take(
            trace.nodes, epoch: epoch, alignment: device.description.alignment,
            flags: (configuration.fusion ? 1 : 0) | (configuration.checksNaN ? 2 : 0))
        var bound: BoundPlan
        do {
            let plan = try findPlan()
            bound = try BoundPlan(plan, snapshot: snapshot, allocator: allocator)
        } catch {
            snapshot.clear()
            lock.unlock()
            throw error
        }
        let plan = bound.plan
        lastPlan = plan
        for result in plan.results {
            let storage = bound.storage(of: result.slot, snapshot: snapshot)
            snapshot.nodes[result.node].pointee.settle(
                storage, strides: result.strides,
                offset: result.offset.value(snapshot.starts) + bound.leafOffset(result.slot, snapshot: snapshot))
        }
        counters.nodes += trace.nodes.count
        // Blocks that this work reads for the last time are freed behind it: a copy to the device needs this lock only.
        streamLock.lock()
        let lostOperand = snapshot.leafStorages.first { $0.isPoisoned }
        snapshot.clear()
        close(trace)
        counters.hostNanoseconds += (clock.now - began).nanoseconds
        if let lostOperand {
            // It looked computed when this was traced, or planned: the work that was to do it failed since.
            let failure = lostOperand.failure ?? Failure(lostValue)
            bound.poison()
            bound.fail(failure)
            streamLock.unlock()
            lock.unlock()
            throw failure.error
        }
        counters.launches += plan.dispatchCount
        counters.decomposedOperations += plan.decomposedOperations
        lock.unlock()
        do {
            try bound.encode(to: stream, checksNaN: configuration.checksNaN)
        } catch {
            // The locks are always taken in one order: readers see the storages' mark until these have the cause.
            bound.poison()
            streamLock.unlock()
            lock.lock()
            bound.fail(Failure(error))
            lock.unlock()
            throw error
        }
        streamLock.unlock()
        lock.lock()
        counters.evaluationNanoseconds += (clock.now - began).nanoseconds
        lock.unlock()
    }

    private func findPlan() throws(TensorError) -> Plan {
        let hash = PlanCache.hash(snapshot.words.values)
        if let plan = planCache.find(snapshot.words.values, hash: hash) {
            counters.planHits += 1
            return plan
        }
        let planner = Planner(
            device: device, isFusing: configuration.fusion && !configuration.checksNaN,
            verifies: configuration.verifiesPlans)
        let plan = try planner.plan(snapshot, kernelsMade: &counters.kernelsMade)
        for step in plan.steps { programs.insert(step.kernel.spec.code) }
        counters.plansBuilt += 1
        planCache.insert(plan, words: snapshot.words.values, hash: hash)
        return plan
    }

    /// The plan that ran last, as text.
    public var lastPlanDump: String {
        lock.lock()
        defer { lock.unlock() }
        return lastPlan?.dump ?? ""
    }

    /// The launches of the plan that ran last, in order: what each computes, and its kernel.
    public var lastPlanLaunches: [(label: String, kernel: any DeviceKernel)] {
        lock.lock()
        defer { lock.unlock() }
        return lastPlan?.steps.map { ($0.label, $0.kernel) } ?? []
    }

    /// The plan of the pending trace of `handle`, as text, without running it.
    public func planDump(of handle: Handle) throws(TensorError) -> String {
        lock.lock()
        defer { lock.unlock() }
        guard let trace = handle.node.pointee.trace?.takeUnretainedValue() else { return "evaluated" }
        epoch += 1
        snapshot.clear()
        snapshot.take(
            trace.nodes, epoch: epoch, alignment: device.description.alignment, flags: configuration.fusion ? 1 : 0)
        defer { snapshot.clear() }
        return try Planner(device: device, isFusing: configuration.fusion, verifies: configuration.verifiesPlans)
            .plan(snapshot, kernelsMade: &counters.kernelsMade).dump
    }
}
