import TensorRuntime

/// A captured step, ready to be replayed: its plans, bound to memory that is theirs.
///
/// Safety: everything is touched under `lock`, which a replay holds until its work is encoded.
package final class Recording: @unchecked Sendable {
    /// A carrier, and where replays find and leave what it keeps.
    private struct Tie {
        let carrier: any Carrier
        var values: [UInt64?]
        let places: [ValuePlace?]
        /// Whether replays read or write the places, so that they must not become others.
        let isBinding: Bool
    }

    package let context: DeviceContext
    let plans: [CapturedPlan]
    /// The launches of all plans, as the next replay runs them.
    let list = LaunchList()
    let sources: [any CaptureSource]
    let inputs: [GraphInput]
    @exclusivity(unchecked) private var ties: [Tie]
    /// The memory that replays write, each block once.
    private let written: [MemoryBlock]
    /// Of results, and of what was there before.
    private let made: [Storage]
    private let given: [Storage]
    /// Results are no values before the first replay, and after one that failed.
    @exclusivity(unchecked) private var hasResults = false
    @exclusivity(unchecked) private var isReset = false
    private var isKeeping = false
    /// How many storages were poisoned when none of the recording's was found to be; nil before it was looked.
    @exclusivity(unchecked) private var poisoningsSeen: Int?
    /// What carriers keep and replays read or write.
    let kept: [ValuePlace]
    private let launchCount: Int
    let lock = RawLock()

    /// Begins to keep the storages of a capture that has ended well.
    init(_ capture: Capture) throws(TensorError) {
        context = capture.context
        plans = capture.plans
        sources = capture.sources
        inputs = capture.inputs
        for plan in plans { plan.append(to: list) }
        launchCount = plans.reduce(0) { $0 + $1.plan.dispatchCount }
        ties = capture.entries.map { entry in
            Tie(
                carrier: entry.carrier, values: entry.carrier.allCarried.map { $0?.valueID },
                places: entry.carrier.allCarried.map { $0.flatMap(capture.context.place) },
                isBinding: !entry.isChanged || entry.isCarried)
        }
        kept = ties.filter(\.isBinding).flatMap { $0.places.compactMap { $0 } }
        made = plans.flatMap(\.outputs)
        let known = Set(made.map(ObjectIdentifier.init))
        var seen: Set<ObjectIdentifier> = []
        given = plans.flatMap(\.leaves).filter {
            !known.contains(ObjectIdentifier($0)) && seen.insert(ObjectIdentifier($0)).inserted
        }
        written = (made.map(\.block) + plans.compactMap(\.bound.arena)).filter {
            seen.insert(ObjectIdentifier($0)).inserted
        }
        if context.configuration.verifiesPlans {
            if let problem = CaptureVerifier(sequence).problem {
                throw TensorError(
                    .internalFault,
                    "capture verifier: \(problem); this is a fault of Needletail: please report it with the program")
            }
        }
        keep()
        for input in inputs {
            input.recording = self
            findUses(of: input)
            bind(input)
        }
    }

    deinit { reset() }

    /// Makes the storages the graph's, so that no evaluation overwrites them, and results wait for a replay.
    private func keep() {
        isKeeping = true
        let homes = Set(kept.map { ObjectIdentifier($0.storage.block) })
        let failure = Failure(
            TensorError(
                .invalidArgument,
                "Accelerator.Graph: this tensor is a result of a captured step that was not run yet; call replay() first"
            ))
        context.lock.lock()
        for storage in made + given {
            storage.ownerCount += 1
            storage.keeperCount += 1
        }
        for storage in made {
            if homes.contains(ObjectIdentifier(storage.block)) { storage.revive() } else { storage.failure = failure }
        }
        context.lock.unlock()
    }

    /// Gives the memory back. Tensors that hold results keep theirs.
    package func reset() {
        lock.lock()
        defer { lock.unlock() }
        isReset = true
        guard isKeeping else { return }
        isKeeping = false
        context.lock.lock()
        for storage in made + given {
            storage.ownerCount -= 1
            storage.keeperCount -= 1
        }
        context.lock.unlock()
    }

    // MARK: Inputs

    private func findUses(of input: GraphInput) {
        let home = input.home.storage
        input.uses = []
        for plan in plans {
            for (index, operand) in plan.plan.operands.enumerated() {
                guard case .leaf(_, let storage) = operand.slot, plan.leaves[storage] === home else { continue }
                let byte = plan.bound.bindings[index].offset * operand.dtype.byteCount - home.block.offset
                input.uses.append((plan.firstBinding + index, operand.dtype.byteCount, byte))
            }
        }
    }

    /// Binds the operands that read an input to where its value is.
    func bind(_ input: GraphInput) {
        let place = input.place
        let first = place.storage.block.offset + place.layout.offset * place.dtype.byteCount
        for use in input.uses {
            let offset = (first + use.byte) / use.elementByteCount
            list.bind(use.binding, to: BufferBinding(buffer: place.storage.block.buffer, offset: offset))
        }
    }

    // MARK: Replays

    /// Runs the step: reads the sources, writes what varies, and submits.
    ///
    /// - Throws: `invalidArgument` where the recording no longer fits, before anything moves on; what the device throws.
    package func replay() throws(TensorError) {
        if let capture = Capture.current {
            throw capture.refuse("a graph is replayed while another is captured; replay it after that")
        }
        // What was traced before sees the results of the replay before.
        try context.flushAll()
        lock.lock()
        defer { lock.unlock() }
        try checkFit()
        let clock = ContinuousClock()
        let began = clock.now
        for source in sources { source.advance() }
        for plan in plans { plan.write(sources, to: list) }
        try context.replay(self, began: began, clock)
    }

    private func checkFit() throws(TensorError) {
        func misfit(_ reason: String) -> TensorError {
            TensorError(.invalidArgument, "Accelerator.Graph.replay: \(reason)")
        }
        if isReset { throw misfit("the graph was reset; capture the step again") }
        for index in ties.indices where ties[index].isBinding {
            guard fits(index) else {
                throw misfit(
                    "\(ties[index].carrier.carrierName) were replaced since the capture; capture the step again, or "
                        + "replace them before it")
            }
        }
        for source in sources { if let complaint = source.complaint() { throw misfit(complaint) } }
        for input in inputs where input.place.storage.isPoisoned { throw lost(input.place.storage) }
        let poisonings = Storage.poisonings
        if poisonings == poisoningsSeen { return }
        for storage in given where storage.isPoisoned { throw lost(storage) }
        if hasResults { for storage in made where storage.isPoisoned { throw lost(storage) } }
        poisoningsSeen = poisonings
    }

    private func lost(_ storage: Storage) -> TensorError {
        context.lock.lock()
        defer { context.lock.unlock() }
        return storage.failure?.error ?? context.lostValue
    }

    /// Whether a carrier still keeps its values where replays look for them; others at the same places are welcome.
    private func fits(_ index: Int) -> Bool {
        let carrier = ties[index].carrier
        let count = carrier.carriedCount
        if count != ties[index].values.count { return false }
        for number in 0..<count {
            let handle = carrier.carried(number)
            if handle?.valueID == ties[index].values[number] { continue }
            guard let handle, let home = ties[index].places[number], handle.context === context,
                let place = context.place(of: handle), place.isSame(as: home)
            else { return false }
            ties[index].values[number] = handle.valueID
        }
        return true
    }

    /// What a replay has to wait for on other streams: those that make what it reads, and all that use what it writes. Under
    /// the context's lock, before its memory is marked.
    fileprivate func waits(on stream: StreamContext) -> [StreamWait] {
        var waits: [StreamWait] = []
        for storage in given { context.addWaits(for: storage, on: stream, to: &waits) }
        for input in inputs { context.addWaits(for: input.place.storage, on: stream, to: &waits) }
        for block in written { context.addWaits(for: block, on: stream, to: &waits) }
        return waits
    }

    /// Says which submission uses the memory. Under the context's lock.
    fileprivate func markUse(_ ticket: UInt64, on stream: StreamContext) {
        for storage in given { storage.block.markUse(ticket, stream: stream.bit) }
        for input in inputs { input.place.storage.block.markUse(ticket, stream: stream.bit) }
        // Last: some of what is written was there before.
        for block in written { block.markWrite(ticket, stream: stream.bit) }
        for storage in made { storage.maker = Storage.Maker(stream: stream, submission: ticket) }
        if hasResults { return }
        hasResults = true
        for storage in made {
            storage.failure = nil
            storage.revive()
        }
    }

    fileprivate var dispatchCount: Int { launchCount }

    /// By whose turn it is.
    fileprivate func encode(to stream: any DeviceStream, checksNaN: Bool) throws(TensorError) {
        if checksNaN {
            for (step, launch) in zip(plans.flatMap(\.plan.steps), list.launches) {
                try list.withOperands(of: launch) { (bindings, scalars) throws(TensorError) in
                    try stream.encode(launch.kernel, bindings: bindings, scalars: scalars)
                    try step.checkNaN(bindings: bindings, stream)
                }
            }
        } else {
            try stream.encode(list)
        }
        try stream.submit()
    }

    /// Under the context's lock.
    fileprivate func fail(_ failure: Failure) {
        for storage in made {
            storage.poison()
            storage.failure = failure
        }
    }
}

extension DeviceContext {
    /// Submits a recording, whose scalars have been written, to the current stream. Called under the recording's lock.
    fileprivate func replay(
        _ recording: Recording, began: ContinuousClock.Instant, _ clock: ContinuousClock
    ) throws(TensorError) {
        let stream = currentStream
        lock.lock()
        let waits = hasStreams.load(ordering: .relaxed) ? recording.waits(on: stream) : []
        let ticket = takeTicket(on: stream)
        recording.markUse(ticket.number, on: stream)
        counters.replays += 1
        counters.launches += recording.dispatchCount
        counters.hostNanoseconds += (clock.now - began).nanoseconds
        lock.unlock()

        stream.turnstile.enter(ticket)
        var failure: Failure?
        do throws(TensorError) {
            for wait in waits { try stream.wait(for: wait.stream, wait.ticket) }
            try stream.wait(for: copies)
            try recording.encode(to: stream.stream, checksNaN: configuration.checksNaN)
            stream.progress.append(ticket.number, event: try stream.stream.record())
        } catch {
            stream.progress.skip(ticket.number)
            failure = Failure(error)
        }
        stream.turnstile.leave(ticket)

        lock.lock()
        if let failure { recording.fail(failure) }
        counters.evaluationNanoseconds += (clock.now - began).nanoseconds
        lock.unlock()
        if let failure { throw failure.error }
    }
}
