import TensorRuntime

// MARK: - Values in and out

extension DeviceContext {
    /// An evaluated value with a copy of `bytes` (row-major, of `dtype`). Waits for nothing that runs.
    public func makeValue(
        shape: Shape, dtype: DType, bytes: UnsafeRawBufferPointer, tag: (any AnyObject & Sendable)? = nil
    ) throws(TensorError) -> Handle {
        precondition(bytes.count == shape.elementCount * dtype.byteCount)
        if bytes.count == 0 {
            return settled(Storage(block: try allocator.allocate(0)), shape: shape, dtype: dtype, tag: tag)
        }
        progress.update()
        let storage: Storage
        if let block = try allocator.allocate(bytes.count, unusedSince: progress.completed) {
            storage = Storage(block: block)
            try transfer { (transfers) throws(TensorError) in
                try transfers.copyIn(bytes, to: block.buffer, offset: block.offset)
            }
        } else {
            // All memory is in use or will be: behind what uses it.
            let block = try allocator.allocate(bytes.count)
            storage = Storage(block: block)
            try onStream { (stream) throws(TensorError) in
                try stream.copyIn(bytes, to: block.buffer, offset: block.offset)
                try stream.synchronize()
            }
        }
        return settled(storage, shape: shape, dtype: dtype, tag: tag)
    }

    /// Runs copies beside the stream's work; what is launched later waits for them.
    private func transfer(_ body: (any DeviceStream) throws(TensorError) -> Void) throws(TensorError) {
        transferLock.lock()
        defer { transferLock.unlock() }
        try body(transfers)
        let event = try transfers.record()
        if !event.isComplete { pendingTransfer = event }
    }

    /// Evaluates the value and copies its elements, row-major, to `destination`.
    ///
    /// A value that is known to be computed is read without waiting for what runs. One that depends on an index that was out of
    /// range is not read: that is thrown (``guardValue(_:by:error:)``).
    public func read(_ handle: Handle, into destination: UnsafeMutableRawBufferPointer) throws(TensorError) {
        if let capture = Capture.current { try capture.checkRead(of: handle) }
        try evaluate([handle])
        try checkGuards(of: handle)
        var source = handle
        if !source.node.layout.isContiguous {
            source = trace(.pointwise(.identity), shape: handle.shape, dtype: handle.dtype, handle)
            try evaluate([source])
        }
        guard destination.count > 0, let storage = source.node.pointee.storage else { return }
        try copy(
            storage, at: storage.block.offset + source.node.pointee.offset * source.dtype.byteCount, to: destination)
    }

    /// Copies bytes of a storage's buffer to the host.
    func copy(_ storage: Storage, at offset: Int, to destination: UnsafeMutableRawBufferPointer) throws(TensorError) {
        progress.update()
        if storage.block.lastUse <= progress.completed {
            if storage.isPoisoned { throw lostValue }
            return try transfer { (transfers) throws(TensorError) in
                try transfers.copyOut(from: storage.block.buffer, offset: offset, to: destination)
            }
        }
        try onStream { (stream) throws(TensorError) in
            if storage.isPoisoned { throw lostValue }
            try stream.copyOut(from: storage.block.buffer, offset: offset, to: destination)
        }
    }

    /// Of a value whose own cause is not recorded yet.
    var lostValue: TensorError {
        TensorError(.deviceFailure, "\(deviceID): the work that was to compute this value failed")
    }
}
