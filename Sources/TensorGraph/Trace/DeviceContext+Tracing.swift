import TensorRuntime

// MARK: - Tracing

extension DeviceContext {
    /// Adds an operation to the trace of its inputs and gives a claim on its value. No device work is done.
    ///
    /// The caller has checked shapes and types; operands that are scalars are nil among the inputs.
    ///
    /// - Parameter starts: of a slice, the first index along each axis.
    public func trace(
        _ operation: NodeOperation, shape: Shape, dtype: DType, _ input0: Handle? = nil, _ input1: Handle? = nil,
        _ input2: Handle? = nil, more: [Handle] = [], scalar0: Scalar = .int(0), scalar1: Scalar = .int(0),
        starts: Shape = Shape(), tag: (any AnyObject & Sendable)? = nil
    ) -> Handle {
        precondition(
            belongsHere(input0) && belongsHere(input1) && belongsHere(input2) && more.allSatisfy(belongsHere),
            "an operand is another device's")
        lock.lock()
        if hasStreams.load(ordering: .relaxed) { settleForeign(input0, input1, input2, more) }
        if operation.isView, let source = input0?.node, let view = evaluatedView(operation, shape, source, starts) {
            lock.unlock()
            return Handle(counted: view, of: self, tag: tag)
        }
        if operation.readsMemory {
            // These operands will be in memory in any case: nothing is stored for the bound alone.
            let byteCount = shape.elementCount * dtype.byteCount
            makeRoom(for: byteCount, beside: input0)
            makeRoom(for: byteCount, beside: input1)
            makeRoom(for: byteCount, beside: input2)
        }
        let node = place(
            Node(
                operation, shape: shape, dtype: dtype, id: nextID, input0: input0?.node, input1: input1?.node,
                input2: input2?.node, more: more, scalar0: scalar0, scalar1: scalar1, starts: starts))
        let isFull = join(node)
        lock.unlock()
        let handle = Handle(counted: node, of: self, tag: tag)
        if isFull || configuration.eager && Capture.current == nil {
            flush(handle)
            if isFull { flushOlder() }
        }
        return handle
    }

    /// Adds an operation with several results to the trace of its operand: a node for each result, all in one trace.
    public func trace(
        _ results: [(operation: NodeOperation, shape: Shape, dtype: DType)], of input: Handle
    ) -> [Handle] {
        precondition(belongsHere(input), "an operand is another device's")
        var nodes: [NodeReference] = []
        var isFull = false
        lock.lock()
        if hasStreams.load(ordering: .relaxed) { settleForeign(input, nil, nil, []) }
        for result in results {
            let node = place(
                Node(result.operation, shape: result.shape, dtype: result.dtype, id: nextID, input0: input.node))
            // On an evaluated operand nothing else would say that they belong together.
            isFull = join(node, beside: nodes.first) || isFull
            nodes.append(node)
        }
        lock.unlock()
        let handles = nodes.map { Handle(counted: $0, of: self, tag: nil) }
        if isFull || configuration.eager && Capture.current == nil {
            flush(handles[0])
            if isFull { flushOlder() }
        }
        return handles
    }

    @inline(__always)
    private func belongsHere(_ handle: Handle?) -> Bool { handle == nil || handle!.context === self }

    /// A value that failed: everything computed from it fails with the same cause.
    public func failed(_ error: TensorError, shape: Shape, dtype: DType) -> Handle {
        lock.lock()
        let node = place(Node(.leaf, shape: shape, dtype: dtype, id: nextID))
        node.pointee.fail(Failure(error))
        lock.unlock()
        return Handle(counted: node, of: self, tag: nil)
    }

    /// A value whose elements stand row-major at the beginning of `storage`.
    func settled(_ storage: Storage, shape: Shape, dtype: DType, tag: (any AnyObject & Sendable)?) -> Handle {
        settled(storage, shape: shape, strides: shape.contiguousStrides, offset: 0, dtype: dtype, tag: tag)
    }

    /// A value whose elements stand in `storage`.
    func settled(
        _ storage: Storage, shape: Shape, strides: Strides, offset: Int, dtype: DType, tag: (any AnyObject & Sendable)?
    ) -> Handle {
        lock.lock()
        let node = place(Node(.leaf, shape: shape, dtype: dtype, id: nextID))
        node.pointee.settle(storage, strides: strides, offset: offset)
        lock.unlock()
        return Handle(counted: node, of: self, tag: tag)
    }

    /// Puts a new node into its inputs' trace, joining traces that meet in it. Under the lock.
    ///
    /// - Parameter other: a pending node whose trace it shares.
    /// - Returns: whether the trace has reached its bound.
    @inline(__always)
    private func join(_ node: NodeReference, beside other: NodeReference? = nil) -> Bool {
        var home = other?.pointee.trace
        var hasFlights = false
        node.forEachInput { input in
            input.pointee.consumers += 1
            guard let other = input.pointee.trace else {
                if let failure = input.failure { node.pointee.fail(failure) }
                return
            }
            if other._withUnsafeGuaranteedRef({ $0.state == .inFlight }) {
                hasFlights = true
            } else if let known = home, known.toOpaque() != other.toOpaque() {
                home = merge(known, other)
            } else {
                home = other
            }
        }
        if node.failure != nil {
            cut(node)
            return false
        }
        let trace = home ?? begin()
        node.pointee.trace = trace
        if hasFlights { awaitFlights(of: node, in: trace) }
        let isStored = node.pointee.operation.isAlwaysStored
        let byteCount = isStored ? node.pointee.shape.elementCount * node.pointee.dtype.byteCount : 0
        return trace._withUnsafeGuaranteedRef { trace in
            trace.nodes.append(node)
            trace.liveHandles += 1
            trace.byteCount += byteCount
            return trace.nodes.count >= configuration.traceLimit
        }
    }

    /// Evaluates an operand of a value that will be stored, where that and what is to be stored in the operand's trace would be
    /// beyond the bound. Called under the lock, and returns under it.
    @inline(__always)
    private func makeRoom(for byteCount: Int, beside input: Handle?) {
        guard let input, let trace = input.node.pointee.trace,
            trace._withUnsafeGuaranteedRef({
                $0.byteCount + byteCount > traceByteLimit && $0.byteCount > 0 && $0.state == .pending
            })
        else { return }
        lock.unlock()
        flush(input)
        lock.lock()
    }

    /// Operands that are being evaluated are in traces of their own, for which this one waits.
    @inline(never)
    private func awaitFlights(of node: NodeReference, in trace: Unmanaged<Trace>) {
        node.forEachInput { input in
            guard let other = input.pointee.trace, other.toOpaque() != trace.toOpaque() else { return }
            trace.takeUnretainedValue().await(other.takeUnretainedValue())
        }
    }

    /// A new pending trace; the list holds it.
    private func begin() -> Unmanaged<Trace> {
        let trace = Trace(task: Trace.currentTask, stream: currentStream, nodes: spareList)
        spareList = []
        trace.slot = pending.count
        pending.append(trace)
        return .passUnretained(trace)
    }

    func merge(_ a: Unmanaged<Trace>, _ b: Unmanaged<Trace>) -> Unmanaged<Trace> {
        let (x, y) = (a.takeUnretainedValue(), b.takeUnretainedValue())
        let (large, small) = x.nodes.count >= y.nodes.count ? (x, y) : (y, x)
        large.absorb(small)
        forget(small)
        return .passUnretained(large)
    }

    /// Ends a trace, whose nodes are others' or gone. Under the lock; the caller holds the trace.
    private func forget(_ trace: Trace) {
        unlist(trace)
        trace.nodes.removeAll(keepingCapacity: true)
        swap(&trace.nodes, &spareList)
        trace.land(as: .ended)
    }

    /// Takes a trace off the list of its state.
    private func unlist(_ trace: Trace) {
        func remove(from list: inout [Trace]) {
            let last = list.removeLast()
            if last !== trace {
                list[trace.slot] = last
                last.slot = trace.slot
            }
        }
        if trace.state == .pending { remove(from: &pending) } else { remove(from: &inFlight) }
    }

    /// Begins a trace's flight. Under the lock.
    func takeOff(_ trace: Trace) {
        unlist(trace)
        trace.state = .inFlight
        trace.slot = inFlight.count
        inFlight.append(trace)
    }

    /// Ends a flight that came to nothing: the trace is pending again, with all that was traced on it meanwhile.
    ///
    /// - Parameter failure: what its values now are, instead.
    func takeBack(_ trace: Trace, failure: Failure?) {
        unlist(trace)
        trace.land(as: .pending)
        trace.slot = pending.count
        pending.append(trace)
        var whole = Unmanaged.passUnretained(trace)
        for other in pending where other !== trace && other.awaits(trace) {
            whole = merge(whole, .passUnretained(other))
        }
        let joined = whole.takeUnretainedValue()
        if let failure {
            for node in joined.nodes { node.pointee.fail(failure) }
            close(joined)
        } else if joined.liveHandles == 0 {
            close(joined)
        }
    }

    /// The part of `flat`, a vector, that begins at element `start`, in another shape.
    public func part(
        of flat: Handle, from start: Int, shape: Shape, tag: (any AnyObject & Sendable)? = nil
    ) -> Handle {
        precondition(belongsHere(flat), "a part of another device's value")
        lock.lock()
        let source = flat.node
        if source.pointee.trace == nil, let storage = source.pointee.storage, source.failure == nil,
            source.pointee.strides == [1]
        {
            let node = place(Node(.leaf, shape: shape, dtype: source.pointee.dtype, id: nextID))
            node.pointee.settle(storage, strides: shape.contiguousStrides, offset: source.pointee.offset + start)
            lock.unlock()
            return Handle(counted: node, of: self, tag: tag)
        }
        lock.unlock()
        let line: Shape = [shape.elementCount]
        if shape == line {
            return trace(.slice(steps: [1]), shape: line, dtype: flat.dtype, flat, starts: [start], tag: tag)
        }
        let part = trace(.slice(steps: [1]), shape: line, dtype: flat.dtype, flat, starts: [start])
        return trace(.reshape, shape: shape, dtype: flat.dtype, part, tag: tag)
    }

    /// A view of an evaluated value is one too, unless no strides say it. Under the lock.
    private func evaluatedView(
        _ operation: NodeOperation, _ shape: Shape, _ source: NodeReference, _ starts: Shape
    ) -> NodeReference? {
        guard source.pointee.trace == nil, let storage = source.pointee.storage, source.failure == nil,
            let layout = source.layout.applying(operation, shape: shape, starts: starts)
        else { return nil }
        let node = place(Node(.leaf, shape: shape, dtype: source.pointee.dtype, id: nextID))
        node.pointee.settle(storage, strides: layout.strides, offset: layout.offset)
        return node
    }
}

// MARK: - The life of a node

extension DeviceContext {
    /// Gives a node, made with the next number, its place. Under the lock.
    @inline(__always)
    private func place(_ node: consuming Node) -> NodeReference {
        nextID += 1
        let place = freeNodes.take()
        place.initialize(to: node)
        return place
    }

    /// Takes back a node that nothing claims or reads. Under the lock.
    ///
    /// - Returns: the storage that it held.
    @inline(__always)
    private func retire(_ node: NodeReference) -> Storage? {
        var storage: Storage?
        if node.pointee.holdsObjects {
            storage = node.pointee.storage
            storage?.ownerCount -= 1
            node.deinitialize(count: 1)
        }
        freeNodes.put(node)
        return storage
    }

    /// Takes a node off its operands, evaluated ones with it if they were there for it alone. Under the lock.
    @inline(__always)
    private func cut(_ node: NodeReference) {
        node.forEachInput { input in
            input.pointee.consumers -= 1
            if input.pointee.consumers == 0, input.pointee.handles == 0, input.pointee.trace == nil {
                _ = retire(input)
            }
        }
        node.pointee.clearInputs()
    }

    /// Takes back a node that has a value, if nothing claims or reads it. Under the lock.
    func retireIfUnused(_ node: NodeReference) {
        if node.pointee.trace == nil, node.pointee.handles == 0, node.pointee.consumers == 0 { _ = retire(node) }
    }

    func retain(_ node: NodeReference) {
        lock.lock()
        node.pointee.handles += 1
        if let trace = node.pointee.trace { trace._withUnsafeGuaranteedRef { $0.liveHandles += 1 } }
        lock.unlock()
    }

    /// Drops a claim; a trace without any is dropped whole.
    func release(_ node: NodeReference) {
        var storage: Storage?
        lock.lock()
        node.pointee.handles -= 1
        if let trace = node.pointee.trace {
            let liveHandles = trace._withUnsafeGuaranteedRef { trace in
                trace.liveHandles -= 1
                return trace.state == .inFlight ? 1 : trace.liveHandles
            }
            if liveHandles == 0 { close(trace.takeUnretainedValue()) }
        } else if node.pointee.handles == 0, node.pointee.consumers == 0 {
            storage = retire(node)
        }
        lock.unlock()
        withExtendedLifetime(storage) {}
    }

    /// Ends a trace: its nodes have no operands any more, and those without a handle are gone. Under the lock.
    func close(_ trace: Trace) {
        if !trace.guards.isEmpty { dropGuards(of: trace) }
        for node in trace.nodes {
            cut(node)
            node.pointee.trace = nil
            if node.pointee.handles == 0, node.pointee.consumers == 0 { _ = retire(node) }
        }
        forget(trace)
    }
}
