import TensorRuntime

/// The streams that a task's operations go to, of some devices; of the others, to the first.
///
/// An operation belongs to the stream that is current where it is called, whoever evaluates it.
public final class StreamScope: Sendable {
    /// The innermost of the running task.
    @TaskLocal public static var current: StreamScope?

    private let context: DeviceContext
    private let stream: StreamContext
    private let outer: StreamScope?

    /// - Parameter stream: of `context`.
    public init(_ stream: StreamContext, of context: DeviceContext, within outer: StreamScope? = current) {
        self.stream = stream
        self.context = context
        self.outer = outer
    }

    fileprivate static func stream(of context: DeviceContext) -> StreamContext {
        var scope = current
        while let here = scope {
            if here.context === context { return here.stream }
            scope = here.outer
        }
        return context.main
    }
}

// MARK: - Which stream

extension DeviceContext {
    /// The stream to which this task's operations go.
    public var currentStream: StreamContext {
        hasStreams.load(ordering: .relaxed) ? StreamScope.stream(of: self) : main
    }

    /// A stream beside the first. There are 31; who asks for more gets the first of them again, and so on.
    public func makeStream() throws(TensorError) -> StreamContext {
        lock.lock()
        let place = 1 + streamsGiven % (StreamUses.streamLimit - 1)
        streamsGiven += 1
        let known = place < streams.count ? streams[place] : nil
        lock.unlock()
        if let known { return known }
        let stream = try device.makeStream()
        lock.lock()
        defer { lock.unlock() }
        if streams.count == StreamUses.streamLimit { return streams[place] }
        let made = StreamContext(stream, number: streams.count)
        streams.append(made)
        hasStreams.store(true, ordering: .relaxed)
        return made
    }

    /// Evaluates operands that are pending on other streams than the current one: their own computes them. A failure stays with
    /// them. Called under the lock, and returns under it.
    @inline(never)
    func settleForeign(_ input0: Handle?, _ input1: Handle?, _ input2: Handle?, _ more: [Handle]) {
        let stream = currentStream
        settleForeign(input0, for: stream)
        settleForeign(input1, for: stream)
        settleForeign(input2, for: stream)
        for input in more { settleForeign(input, for: stream) }
    }

    private func settleForeign(_ input: Handle?, for stream: StreamContext) {
        guard let input, let trace = input.node.pointee.trace,
            trace._withUnsafeGuaranteedRef({ $0.stream !== stream })
        else { return }
        lock.unlock()
        flush(input)
        lock.lock()
    }
}

// MARK: - Order

extension DeviceContext {
    /// The next place in a stream's order, whose holder must enter and leave its turnstile. Under the lock.
    func takeTicket(on stream: StreamContext) -> Ticket {
        let ticket = Ticket(number: nextTicket, previous: stream.lastTicket)
        stream.lastTicket = nextTicket
        nextTicket += 1
        return ticket
    }

    /// Runs `body`, which gives a stream work and waits for all of it, behind what was submitted before.
    ///
    /// - Parameter block: memory that `body` writes, which other streams' work may still use.
    func onStream(
        _ stream: StreamContext, writing block: MemoryBlock? = nil,
        _ body: (any DeviceStream) throws(TensorError) -> Void
    ) throws(TensorError) {
        try takeTurn(on: stream, writing: block) { (device, ticket) throws(TensorError) in
            try body(device)
            stream.progress.complete(ticket)
        }
    }

    /// Runs `body` in its turn on a stream, behind the host's copies so far. It says how far the stream is then.
    func takeTurn(
        on stream: StreamContext, writing block: MemoryBlock? = nil, waitingFor mark: StreamWait? = nil,
        _ body: (any DeviceStream, UInt64) throws(TensorError) -> Void
    ) throws(TensorError) {
        lock.lock()
        var waits: [StreamWait] = []
        if let mark { waits.append(mark) }
        if let block, hasStreams.load(ordering: .relaxed) { addWaits(for: block, on: stream, to: &waits) }
        let ticket = takeTicket(on: stream)
        block?.markWrite(ticket.number, stream: stream.bit)
        lock.unlock()
        stream.turnstile.enter(ticket)
        defer { stream.turnstile.leave(ticket) }
        do throws(TensorError) {
            for wait in waits { try stream.wait(for: wait.stream, wait.ticket) }
            try stream.wait(for: copies)
            try body(stream.stream, ticket.number)
        } catch {
            stream.progress.skip(ticket.number)
            throw error
        }
    }

    /// What the work of a submission has to wait for on other streams: those that make what it reads, and all that use what it
    /// writes. Under the lock, before its memory is marked.
    @inline(never)
    func waits(of bound: BoundPlan, reading leaves: [Storage], on stream: StreamContext) -> [StreamWait] {
        var waits: [StreamWait] = []
        for leaf in leaves { addWaits(for: leaf, on: stream, to: &waits) }
        bound.forEachWritten { addWaits(for: $0, on: stream, to: &waits) }
        return waits
    }

    /// Adds the other stream's work that makes a value which is to be read. Under the lock.
    func addWaits(for leaf: Storage, on stream: StreamContext, to waits: inout [StreamWait]) {
        guard let maker = leaf.maker.stream, maker !== stream else { return }
        waits.append(StreamWait(stream: maker, ticket: leaf.maker.submission))
    }

    /// Adds what of other streams uses a block that is to be written. Under the lock.
    func addWaits(for block: MemoryBlock, on stream: StreamContext, to waits: inout [StreamWait]) {
        let uses = block.uses
        var rest = uses.streams & ~stream.bit
        while rest != 0 {
            let other = streams[rest.trailingZeroBitCount]
            rest &= rest - 1
            // The last of them that used the block is this one or an earlier one.
            waits.append(StreamWait(stream: other, ticket: other.lastTicket))
        }
    }

    /// What memory a request for a stream may have; nil asks for memory that no work uses, for the host to copy into.
    func reuse(for stream: StreamContext?) -> MemoryReuse {
        guard hasStreams.load(ordering: .relaxed) else {
            if stream != nil { return .ordered }
            main.progress.update()
            return MemoryReuse(ordered: 0, done: main.progress.completed)
        }
        lock.lock()
        let newest = nextTicket - 1
        let streams = streams
        let last = streams.map(\.lastTicket)
        lock.unlock()
        let reached = zip(streams, last).map { $0.progress.reached(last: $1, newest: newest) }
        return MemoryReuse(ordered: stream?.bit ?? 0, done: reached[0], others: Array(reached.dropFirst()))
    }
}

// MARK: - Where values lie

/// Where a value begins in the device's memory.
package struct BlockPlace: Hashable, Sendable {
    let buffer: ObjectIdentifier
    let offset: Int
}

extension DeviceContext {
    /// Where an evaluated value lies; nil where it is pending.
    package func blockPlace(of handle: Handle) -> BlockPlace? {
        lock.lock()
        defer { lock.unlock() }
        guard let block = handle.node.pointee.storage?.block else { return nil }
        return BlockPlace(
            buffer: ObjectIdentifier(block.buffer),
            offset: block.offset + handle.node.pointee.offset * handle.node.pointee.dtype.byteCount)
    }
}
