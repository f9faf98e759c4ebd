import TensorRuntime

// MARK: - Values in and out

extension DeviceContext {
    /// An evaluated value with a copy of `bytes` (row-major, of `dtype`).
    public func makeValue(
        shape: Shape, dtype: DType, bytes: UnsafeRawBufferPointer, tag: (any AnyObject & Sendable)? = nil
    ) throws(TensorError) -> Handle {
        precondition(bytes.count == shape.elementCount * dtype.byteCount)
        let storage = Storage(block: try allocator.allocate(bytes.count))
        if bytes.count > 0 {
            streamLock.lock()
            defer { streamLock.unlock() }
            try stream.copyIn(bytes, to: storage.block.buffer, offset: storage.block.offset)
        }
        return settled(storage, shape: shape, dtype: dtype, tag: tag)
    }

    /// Evaluates the value and copies its elements, row-major, to `destination`.
    public func read(_ handle: Handle, into destination: UnsafeMutableRawBufferPointer) throws(TensorError) {
        try evaluate([handle])
        var source = handle
        if !source.node.layout.isContiguous {
            source = trace(.pointwise(.identity), shape: handle.shape, dtype: handle.dtype, handle)
            try evaluate([source])
        }
        guard destination.count > 0, let storage = source.node.pointee.storage else { return }
        streamLock.lock()
        defer { streamLock.unlock() }
        if storage.isPoisoned { throw lostValue }
        let offset = storage.block.offset + source.node.pointee.offset * source.dtype.byteCount
        try stream.copyOut(from: storage.block.buffer, offset: offset, to: destination)
    }

    /// Of a value whose own cause is not recorded yet.
    var lostValue: TensorError {
        TensorError(.deviceFailure, "\(deviceID): the work that was to compute this value failed")
    }
}
