import TensorRuntime

// MARK: - Values in and out

extension DeviceContext {
    /// An evaluated value with a copy of `bytes` (row-major, of `dtype`).
    ///
    /// On the first stream the copy waits for nothing that runs, and work of every stream that comes later waits for it. On
    /// another it is that stream's work: behind what runs there, and waited for by those who use the value.
    public func makeValue(
        shape: Shape, dtype: DType, bytes: UnsafeRawBufferPointer, tag: (any AnyObject & Sendable)? = nil
    ) throws(TensorError) -> Handle {
        precondition(bytes.count == shape.elementCount * dtype.byteCount)
        if bytes.count == 0 {
            return settled(Storage(block: try allocator.allocate(0)), shape: shape, dtype: dtype, tag: tag)
        }
        let stream = currentStream
        if stream !== main {
            let storage = try copyIn(bytes, on: stream)
            return settled(storage, shape: shape, dtype: dtype, tag: tag)
        }
        let storage: Storage
        if let block = try allocator.allocate(bytes.count, only: reuse(for: nil)) {
            storage = Storage(block: block)
            try copies.run { (copies) throws(TensorError) in
                try copies.copyIn(bytes, to: block.buffer, offset: block.offset)
            }
        } else {
            // All memory is in use or will be: behind what uses it.
            let block = try allocator.allocate(bytes.count, reuse(for: main))
            storage = Storage(block: block)
            try onStream(main, writing: block) { (stream) throws(TensorError) in
                try stream.copyIn(bytes, to: block.buffer, offset: block.offset)
                try stream.synchronize()
            }
        }
        return settled(storage, shape: shape, dtype: dtype, tag: tag)
    }

    /// A copy of the host's bytes that is a stream's own work.
    private func copyIn(_ bytes: UnsafeRawBufferPointer, on stream: StreamContext) throws(TensorError) -> Storage {
        let storage = Storage(block: try allocator.allocate(bytes.count, reuse(for: stream)))
        let block = storage.block
        try takeTurn(on: stream, writing: block) { (device, ticket) throws(TensorError) in
            storage.maker = Storage.Maker(stream: stream, submission: ticket)
            try device.copyIn(bytes, to: block.buffer, offset: block.offset)
            stream.progress.append(ticket, event: try device.record())
        }
        return storage
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
        lock.lock()
        let made = storage.maker
        lock.unlock()
        let maker = made.stream ?? main
        maker.progress.update()
        if made.submission <= maker.progress.completed {
            if storage.isPoisoned { throw lostValue }
            return try copies.run { (copies) throws(TensorError) in
                try copies.copyOut(from: storage.block.buffer, offset: offset, to: destination)
            }
        }
        try onStream(maker) { (stream) throws(TensorError) in
            if storage.isPoisoned { throw lostValue }
            try stream.copyOut(from: storage.block.buffer, offset: offset, to: destination)
        }
    }

    /// Of a value whose own cause is not recorded yet.
    var lostValue: TensorError {
        TensorError(.deviceFailure, "\(deviceID): the work that was to compute this value failed")
    }
}
