import TensorRuntime

/// A plan with its memory: what one submission needs, reserved before the first command is encoded.
struct BoundPlan {
    let plan: Plan
    let arena: MemoryBlock?
    private(set) var outputs: [Storage] = []
    private(set) var bindings: [BufferBinding] = []
    private(set) var scalars: [UInt64] = []

    /// Reserves memory and resolves every operand and scalar.
    ///
    /// - Parameters:
    ///   - reuse: which memory it may have.
    ///   - given: an arena of at least the plan's bytes; nil asks for one.
    ///   - target: where the plan's only result goes; nil asks for a block.
    init(
        _ plan: Plan, snapshot: Snapshot, allocator: CachingAllocator, reuse: MemoryReuse,
        arena given: MemoryBlock? = nil,
        target: MemoryBlock? = nil
    ) throws(TensorError) {
        self.plan = plan
        if plan.arenaByteCount == 0 {
            arena = nil
        } else if let given {
            arena = given
        } else {
            arena = try allocator.allocate(plan.arenaByteCount, isTransient: true, reuse)
        }
        outputs.reserveCapacity(plan.outputs.count)
        for output in plan.outputs {
            if let target {
                outputs.append(Storage(block: target))
            } else if let donor = output.donor {
                outputs.append(Storage(block: snapshot.leafStorages[donor].block))
            } else {
                outputs.append(Storage(block: try allocator.allocate(output.byteCount, reuse)))
            }
        }
        bindings.reserveCapacity(plan.operands.count)
        for operand in plan.operands { bindings.append(bind(operand, snapshot)) }
        scalars.reserveCapacity(plan.scalars.count)
        for scalar in plan.scalars {
            switch scalar.source {
            case .traced(let number): scalars.append(snapshot.scalars[number].bits(as: scalar.dtype))
            case .constant(let value): scalars.append(value.bits(as: scalar.dtype))
            }
        }
    }

    @inline(__always)
    private func bind(_ operand: Plan.Operand, _ snapshot: borrowing Snapshot) -> BufferBinding {
        var offset = operand.offset
        for index in operand.firstTerm..<operand.firstTerm + operand.termCount {
            offset += snapshot.starts[plan.terms[index].start] * plan.terms[index].stride
        }
        switch operand.slot {
        case .none: return BufferBinding(buffer: nil, offset: offset)
        case .leaf(let node, let storage):
            let block = snapshot.leafStorages[storage].block
            return place(block, offset: offset + snapshot.nodes[node].pointee.offset, operand.dtype)
        case .arena(let byteOffset):
            return place(arena!, offset: offset + byteOffset / operand.dtype.byteCount, operand.dtype)
        case .output(let index): return place(outputs[index].block, offset: offset, operand.dtype)
        }
    }

    /// Element `offset` of a block. A block begins at a multiple of every element's size.
    private func place(_ block: MemoryBlock, offset: Int, _ dtype: DType) -> BufferBinding {
        BufferBinding(buffer: block.buffer, offset: block.offset / dtype.byteCount + offset)
    }

    /// Calls `body` with all memory that is written.
    func forEachWritten(_ body: (MemoryBlock) -> Void) {
        if let arena { body(arena) }
        for output in outputs { body(output.block) }
    }

    /// Says which submission writes the memory, on which stream. Under the context's lock.
    func markWrites(_ submission: UInt64, by stream: StreamContext) {
        arena?.markWrite(submission, stream: stream.bit)
        for output in outputs {
            output.block.markWrite(submission, stream: stream.bit)
            output.maker = Storage.Maker(stream: stream, submission: submission)
        }
    }

    func storage(of slot: PlanSlot, snapshot: Snapshot) -> Storage {
        switch slot {
        case .output(let index): outputs[index]
        case .leaf(_, let storage): snapshot.leafStorages[storage]
        case .arena, .none: preconditionFailure("a live value has a block of its own")
        }
    }

    func leafOffset(_ slot: PlanSlot, snapshot: Snapshot) -> Int {
        if case .leaf(let node, _) = slot { snapshot.nodes[node].pointee.offset } else { 0 }
    }

    /// Marks what the submission should have made as never made. By whose turn it is.
    func poison() { for output in outputs { output.poison() } }

    /// Leaves the cause with what the submission should have made. Under the context's lock.
    func fail(_ failure: Failure) { for output in outputs { output.failure = failure } }

    /// Encodes every launch. By whose turn it is.
    func encode(to stream: any DeviceStream, checksNaN: Bool) throws(TensorError) {
        try bindings.withUnsafeBufferPointer { (bindings) throws(TensorError) in
            try scalars.withUnsafeBufferPointer { (scalars) throws(TensorError) in
                var firstBinding = 0
                var firstScalar = 0
                for (index, count) in plan.counts.enumerated() {
                    let own = UnsafeBufferPointer(rebasing: bindings[firstBinding..<firstBinding + count.operands])
                    try stream.encode(
                        plan.kernels[index], bindings: own,
                        scalars: UnsafeBufferPointer(rebasing: scalars[firstScalar..<firstScalar + count.scalars]))
                    if checksNaN { try plan.steps[index].checkNaN(bindings: own, stream) }
                    firstBinding += count.operands
                    firstScalar += count.scalars
                }
            }
        }
    }
}

extension PlanStep {
    /// Reads back what a launch stored and fails, naming the operation, if a NaN is there.
    func checkNaN(
        bindings: UnsafeBufferPointer<BufferBinding>, _ stream: any DeviceStream
    ) throws(TensorError) {
        for (index, count) in results where self.bindings[index].dtype.isFloat {
            let access = bindings[index]
            guard let buffer = access.buffer else { continue }
            let dtype = self.bindings[index].dtype
            let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count * dtype.byteCount, alignment: 16)
            defer { bytes.deallocate() }
            try stream.copyOut(from: buffer, offset: access.offset * dtype.byteCount, to: bytes)
            if PlanStep.hasNaN(UnsafeRawBufferPointer(bytes), dtype) {
                throw TensorError(
                    .deviceFailure,
                    "\(label): made a NaN; look at the operands of this operation (NEEDLETAIL_CHECK_NAN is on)")
            }
        }
    }

    /// Whether one of the elements is a NaN: past infinity, the sign left out.
    private static func hasNaN(_ bytes: UnsafeRawBufferPointer, _ dtype: DType) -> Bool {
        switch dtype {
        case .float16: bytes.bindMemory(to: UInt16.self).contains { $0 & 0x7FFF > 0x7C00 }
        case .bfloat16: bytes.bindMemory(to: UInt16.self).contains { $0 & 0x7FFF > 0x7F80 }
        case .float32: bytes.bindMemory(to: Float.self).contains(where: \.isNaN)
        case .float64: bytes.bindMemory(to: Double.self).contains(where: \.isNaN)
        case .bool, .uint8, .int32, .int64: false
        }
    }
}
