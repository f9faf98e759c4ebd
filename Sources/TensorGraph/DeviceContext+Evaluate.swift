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
            guard let trace = handle.node.trace else {
                lock.unlock()
                continue
            }
            try run(trace)
            if let failure = handle.failure { throw failure }
        }
    }

    /// Evaluates every pending trace that the current task began.
    public func flushAll() throws(TensorError) {
        let task = withUnsafeCurrentTask { $0?.hashValue ?? 0 }
        while true {
            lock.lock()
            guard let trace = pending.first(where: { $0.task == task }) else {
                lock.unlock()
                return
            }
            try run(trace)
        }
    }

    /// Evaluates what is pending and waits until the device is done.
    public func synchronize() throws(TensorError) {
        try flushAll()
        streamLock.lock()
        defer { streamLock.unlock() }
        try stream.synchronize()
    }

    /// Evaluates a node's trace where nothing can be thrown: a failure stays with the values.
    func flush(_ node: Node) {
        lock.lock()
        guard let trace = node.trace else {
            lock.unlock()
            return
        }
        do { try run(trace) } catch { poison(node, error) }
    }

    /// Evaluates what else the task has pending, where nothing can be thrown: a failure stays with the values.
    func flushOlder() {
        let task = withUnsafeCurrentTask { $0?.hashValue ?? 0 }
        while true {
            lock.lock()
            let trace = pending.first { $0.task == task }
            let node = trace?.nodes.first
            lock.unlock()
            guard let node else { return }
            flush(node)
        }
    }

    private func poison(_ node: Node, _ error: TensorError) {
        lock.lock()
        defer { lock.unlock() }
        guard let trace = node.trace else { return }
        let failure = Failure(error)
        let nodes = close(trace)
        for node in nodes { node.failure = failure }
        detach(nodes)
    }

    /// Takes a trace's nodes and forgets it. Under the lock.
    private func close(_ trace: Trace) -> [Node] {
        let nodes = trace.nodes
        trace.nodes = []
        forget(trace)
        return nodes
    }

    /// Plans, binds and runs a trace. Called under the lock, which it releases.
    private func run(_ trace: Trace) throws(TensorError) {
        let clock = ContinuousClock()
        let began = clock.now
        if trace.isMerged {
            trace.nodes.sort { $0.id < $1.id }
            trace.isMerged = false
        }
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
            let node = snapshot.nodes[result.node]
            let storage = bound.storage(of: result.slot, snapshot: snapshot)
            node.settle(
                storage, strides: result.strides,
                offset: result.offset.value(snapshot.starts) + bound.leafOffset(result.slot, snapshot: snapshot))
        }
        let nodes = close(trace)
        detach(nodes)
        counters.nodes += nodes.count
        counters.launches += plan.dispatchCount
        counters.decomposedOperations += plan.decomposedOperations
        let liveNodes = plan.results.map { snapshot.nodes[$0.node] }
        // Blocks that this work reads for the last time are freed behind it: a copy to the device needs this lock only.
        streamLock.lock()
        snapshot.clear()
        counters.hostNanoseconds += (clock.now - began).nanoseconds
        lock.unlock()
        withExtendedLifetime(nodes) {}
        do {
            try bound.encode(to: stream, checksNaN: configuration.checksNaN)
        } catch {
            // The locks are always taken in one order: readers see the storage's mark until the nodes have the cause.
            bound.poison()
            streamLock.unlock()
            fail(liveNodes, error)
            throw error
        }
        streamLock.unlock()
        lock.lock()
        counters.evaluationNanoseconds += (clock.now - began).nanoseconds
        lock.unlock()
    }

    private func fail(_ nodes: [Node], _ error: TensorError) {
        lock.lock()
        let failure = Failure(error)
        for node in nodes { node.failure = failure }
        lock.unlock()
    }

    private func findPlan() throws(TensorError) -> Plan {
        let hash = PlanCache.hash(snapshot.words)
        if let plan = planCache.find(snapshot.words, hash: hash) {
            counters.planHits += 1
            return plan
        }
        let planner = Planner(device: device, isFusing: configuration.fusion && !configuration.checksNaN)
        let plan = try planner.plan(snapshot, kernelsMade: &counters.kernelsMade)
        for step in plan.steps { programs.insert(step.kernel.spec.code) }
        counters.plansBuilt += 1
        planCache.insert(plan, words: snapshot.words, hash: hash)
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
        guard let trace = handle.node.trace else { return "evaluated" }
        if trace.isMerged {
            trace.nodes.sort { $0.id < $1.id }
            trace.isMerged = false
        }
        epoch += 1
        snapshot.clear()
        snapshot.take(
            trace.nodes, epoch: epoch, alignment: device.description.alignment, flags: configuration.fusion ? 1 : 0)
        defer { snapshot.clear() }
        return try Planner(device: device, isFusing: configuration.fusion)
            .plan(snapshot, kernelsMade: &counters.kernelsMade).dump
    }
}
