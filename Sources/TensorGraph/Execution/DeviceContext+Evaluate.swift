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
            while true {
                if let failure = handle.node.failure {
                    lock.unlock()
                    throw failure.error
                }
                guard let trace = handle.node.pointee.trace?.takeUnretainedValue() else {
                    lock.unlock()
                    break
                }
                if waitForObstacle(of: trace) { continue }
                try run(trace)
                if let failure = handle.failure { throw failure }
                break
            }
        }
    }

    /// Evaluates every pending trace that the current task began.
    ///
    /// - Parameter stream: only those that belong to it; nil means all.
    public func flushAll(on stream: StreamContext? = nil) throws(TensorError) {
        let task = Trace.currentTask
        lock.lock()
        while let trace = firstTrace(of: task, on: stream) {
            if waitForObstacle(of: trace) { continue }
            try run(trace)
            lock.lock()
        }
        lock.unlock()
    }

    /// A trace that a task began and that has no places yet. Under the lock.
    private func firstTrace(of task: Int, on stream: StreamContext? = nil) -> Trace? {
        func isMeant(_ trace: Trace) -> Bool { trace.task == task && (stream == nil || trace.stream === stream) }
        return pending.first(where: isMeant) ?? inFlight.first(where: isMeant)
    }

    /// Waits, without the lock, where a trace cannot be evaluated now; then the caller looks again. Called under the lock,
    /// and returns under it.
    private func waitForObstacle(of trace: Trace) -> Bool {
        guard let landing = trace.obstacle?.landingToAwait else { return false }
        lock.unlock()
        landing.wait()
        lock.lock()
        return true
    }

    /// Evaluates what is pending and waits until the device is done, on all streams.
    public func synchronize() throws(TensorError) {
        if let capture = Capture.current {
            throw capture.refuse(
                "the device is waited for, but nothing runs while a graph is captured; wait after replay()")
        }
        try flushAll()
        lock.lock()
        let streams = streams
        lock.unlock()
        for stream in streams {
            try onStream(stream) { (stream) throws(TensorError) in try stream.synchronize() }
        }
    }

    /// Evaluates a value's trace where nothing can be thrown: a failure stays with the values.
    func flush(_ handle: Handle) {
        lock.lock()
        while let trace = handle.node.pointee.trace?.takeUnretainedValue() {
            if waitForObstacle(of: trace) { continue }
            flush(trace)
            lock.lock()
        }
        lock.unlock()
    }

    /// Evaluates what else the task has pending, where nothing can be thrown: a failure stays with the values.
    func flushOlder() {
        let task = Trace.currentTask
        lock.lock()
        while let trace = firstTrace(of: task) {
            if waitForObstacle(of: trace) { continue }
            flush(trace)
            lock.lock()
        }
        lock.unlock()
    }

    /// Called under the lock, which it releases.
    private func flush(_ trace: Trace) {
        // What fails stays with the values, and is thrown where they are read.
        do { try run(trace, keepsFailure: true) } catch {}
    }

    // MARK: Flights

    /// Plans, binds and runs a trace that nothing stands in the way of. Called under the lock, which it releases.
    ///
    /// - Parameter keepsFailure: whether values that cannot be computed keep the cause; else they stay pending.
    private func run(_ trace: Trace, keepsFailure: Bool = false) throws(TensorError) {
        if let capture = Capture.current { return try record(trace, in: capture, keepsFailure: keepsFailure) }
        let clock = ContinuousClock()
        let began = clock.now
        let snapshot = takeSnapshot(of: trace)
        let stream = trace.stream
        takeOff(trace)
        let bound: BoundPlan
        do throws(TensorError) {
            let plan = try findPlan(snapshot)
            bound = try BoundPlan(plan, snapshot: snapshot.value, allocator: allocator, reuse: reuse(for: stream))
        } catch {
            lock.lock()
            takeBack(trace, failure: keepsFailure ? Failure(error) : nil)
            keep(snapshot)
            lock.unlock()
            throw error
        }
        let plan = bound.plan

        lock.lock()
        lastPlan = plan
        let waits =
            hasStreams.load(ordering: .relaxed)
            ? waits(of: bound, reading: snapshot.value.leafStorages, on: stream) : []
        let ticket = takeTicket(on: stream)
        for storage in snapshot.value.leafStorages { storage.block.markUse(ticket.number, stream: stream.bit) }
        bound.markWrites(ticket.number, by: stream)
        land(trace, bound, snapshot)
        counters.nodes += trace.nodes.count
        close(trace)
        counters.hostNanoseconds += (clock.now - began).nanoseconds
        lock.unlock()

        stream.turnstile.enter(ticket)
        let failure = submit(bound, operands: snapshot.value.leafStorages, ticket.number, on: stream, behind: waits)
        stream.turnstile.leave(ticket)

        lock.lock()
        keep(snapshot)
        if let failure { bound.fail(failure) }
        counters.evaluationNanoseconds += (clock.now - began).nanoseconds
        lock.unlock()
        if let failure { throw failure.error }
    }

    /// Gives a trace's live values their places. Under the lock.
    func land(_ trace: Trace, _ bound: BoundPlan, _ snapshot: SnapshotBox) {
        for result in bound.plan.results {
            let storage = bound.storage(of: result.slot, snapshot: snapshot.value)
            snapshot.value.nodes[result.node].pointee.settle(
                storage, strides: result.strides,
                offset: result.offset.value(snapshot.value.starts)
                    + bound.leafOffset(result.slot, snapshot: snapshot.value))
        }
        handOnGuards(of: trace, leaves: snapshot.value.leafStorages)
    }

    /// Encodes and submits a plan whose turn it is.
    ///
    /// - Returns: why it was not; then its results are marked, for readers who come before they have the cause.
    private func submit(
        _ bound: BoundPlan, operands: [Storage], _ ticket: UInt64, on stream: StreamContext, behind waits: [StreamWait]
    ) -> Failure? {
        do throws(TensorError) {
            for wait in waits { try stream.wait(for: wait.stream, wait.ticket) }
        } catch {
            bound.poison()
            stream.progress.skip(ticket)
            return Failure(error)
        }
        if let lost = operands.first(where: { $0.isPoisoned }) {
            // It looked computed when this was traced, or planned: the work that was to do it failed since.
            bound.poison()
            stream.progress.skip(ticket)
            lock.lock()
            defer { lock.unlock() }
            return lost.failure ?? Failure(lostValue)
        }
        lock.lock()
        counters.launches += bound.plan.dispatchCount
        counters.decomposedOperations += bound.plan.decomposedOperations
        lock.unlock()
        do throws(TensorError) {
            try stream.wait(for: copies)
            try bound.encode(to: stream.stream, checksNaN: configuration.checksNaN)
            try stream.stream.submit()
            stream.progress.append(ticket, event: try stream.stream.record())
            return nil
        } catch {
            bound.poison()
            stream.progress.skip(ticket)
            return Failure(error)
        }
    }

    func takeSnapshot(of trace: Trace, in capture: Capture? = nil) -> SnapshotBox {
        epoch += 1
        let snapshot = snapshots.popLast() ?? SnapshotBox()
        snapshot.value.take(
            trace.nodes, epoch: epoch, alignment: device.description.alignment,
            flags: (configuration.fusion ? 1 : 0) | (configuration.checksNaN ? 2 : 0), capture: capture)
        return snapshot
    }

    /// Empties a snapshot and keeps its room. Under the lock.
    func keep(_ snapshot: SnapshotBox) {
        snapshot.value.clear()
        if snapshots.count < 4 { snapshots.append(snapshot) }
    }

    // MARK: Plans

    private var planner: Planner {
        Planner(
            device: device, isFusing: configuration.fusion && !configuration.checksNaN,
            verifies: configuration.verifiesPlans)
    }

    /// The plan of a snapshot, which is made once, whoever needs it. Called under the lock, which it releases.
    func findPlan(_ snapshot: SnapshotBox) throws(TensorError) -> Plan {
        let hash = PlanCache.hash(snapshot.value.words.values)
        // Before the lock is left for the first time: other snapshots renumber the nodes.
        var isRecorded = false
        while true {
            switch planCache.look(for: snapshot.value.words.values, hash: hash) {
            case .found(let plan):
                counters.planHits += 1
                lock.unlock()
                return plan
            case .making(let landing):
                if !isRecorded { snapshot.value.record() }
                isRecorded = true
                lock.unlock()
                landing.wait()
                lock.lock()
            case .missing:
                if !isRecorded { snapshot.value.record() }
                lock.unlock()
                return try makePlan(snapshot.value, hash)
            }
        }
    }

    private func makePlan(_ snapshot: Snapshot, _ hash: UInt64) throws(TensorError) -> Plan {
        var kernelsMade = 0
        do throws(TensorError) {
            let plan = try planner.plan(snapshot, kernelsMade: &kernelsMade)
            lock.lock()
            for step in plan.steps { programs.insert(step.kernel.spec.code) }
            counters.plansBuilt += 1
            counters.kernelsMade += kernelsMade
            planCache.insert(plan, words: snapshot.words.values, hash: hash)
            lock.unlock()
            return plan
        } catch {
            lock.lock()
            counters.kernelsMade += kernelsMade
            planCache.giveUp(words: snapshot.words.values, hash: hash)
            lock.unlock()
            throw error
        }
    }

    /// The plan that ran last, as text.
    public var lastPlanDump: String {
        lock.lock()
        let plan = lastPlan
        lock.unlock()
        return plan?.dump ?? ""
    }

    /// The launches of the plan that ran last, in order: what each computes, and its kernel.
    public var lastPlanLaunches: [(label: String, kernel: any DeviceKernel)] {
        lock.lock()
        let plan = lastPlan
        lock.unlock()
        return plan?.steps.map { ($0.label, $0.kernel) } ?? []
    }

    /// The plan of the pending trace of `handle`, as text, without running it.
    public func planDump(of handle: Handle) throws(TensorError) -> String {
        lock.lock()
        while let trace = handle.node.pointee.trace?.takeUnretainedValue() {
            if waitForObstacle(of: trace) { continue }
            let snapshot = takeSnapshot(of: trace)
            snapshot.value.record()
            lock.unlock()
            var kernelsMade = 0
            return try planner.plan(snapshot.value, kernelsMade: &kernelsMade).dump
        }
        lock.unlock()
        return "evaluated"
    }
}
