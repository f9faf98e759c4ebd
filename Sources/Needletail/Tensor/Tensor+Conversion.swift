import TensorGraph
import TensorRuntime

// MARK: - Conversion

extension Tensor {
    /// The tensor in another dtype; itself where that is its own. To bool, everything but 0 is true; to an integer,
    /// fractions are cut off. Gradients are cast back.
    public func to(_ dtype: DType) -> Tensor { cast(to: dtype) }

    /// As ``to(_:)``, with the argument's name, beside `to(device:)`.
    public func to(dtype: DType) -> Tensor { cast(to: dtype) }

    /// The tensor on another device; itself where it is there. Evaluates it. Gradients are copied back.
    ///
    /// - Throws: `deviceUnavailable`, `deviceFailure`, `outOfMemory`.
    public func to(device: DeviceID) throws(TensorError) -> Tensor {
        let target = try DeviceContexts.context(for: device)
        if target === context { return self }
        let elements = try bytes()
        let moved: Result<Handle, TensorError> = elements.withUnsafeBytes { raw in
            do throws(TensorError) {
                return .success(try target.makeValue(shape: shape, dtype: dtype, bytes: raw))
            } catch {
                return .failure(error)
            }
        }
        let result = Tensor(try moved.get())
        guard requiresGrad, ExecutionContext.current.recordsGradients else { return result }
        let source = context
        return Tensor.composite(self) {
            result
        } pullback: {
            { p in
                do throws(TensorError) {
                    return InputGradients(try p.gradient.to(device: source.deviceID))
                } catch {
                    return InputGradients(
                        Tensor(source.failed(error, shape: p.gradient.shape, dtype: p.gradient.dtype)))
                }
            }
        }
    }
}

// MARK: - Values

extension Tensor {
    /// Evaluates the tensor, with all that is pending around it.
    ///
    /// - Throws: `deviceFailure`, `outOfMemory`, or the error that poisoned the tensor.
    public func evaluate() throws(TensorError) { try context.evaluate([handle]) }

    /// The elements, row-major, cast to `T` where the dtype is another.
    ///
    /// - Throws: as ``evaluate()``, and `outOfMemory` where the host has no memory for them.
    public func scalars<T: TensorScalar>(as type: T.Type = T.self) throws(TensorError) -> [T] {
        try withRecording(false) { cast(to: T.dtype) }.elements("scalars")
    }

    /// The elements as bytes of the dtype, row-major.
    ///
    /// - Throws: as ``scalars(as:)``.
    public func bytes() throws(TensorError) -> [UInt8] { try elements("bytes") }

    /// The elements as they lie in memory.
    private func elements<Element>(_ operation: String) throws(TensorError) -> [Element] {
        // What cannot be computed asks the host for nothing.
        try evaluate()
        let size = elementCount * dtype.byteCount
        return try withHostMemory(
            size / MemoryLayout<Element>.stride, of: Element.self, for: operation
        ) { buffer throws(TensorError) in
            try context.read(handle, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    /// The one element of the tensor.
    ///
    /// - Throws: as ``evaluate()``, and `invalidArgument` where there are more elements, or none.
    public func item<T: TensorScalar>(as type: T.Type) throws(TensorError) -> T {
        guard elementCount == 1 else {
            if let failure = handle.failure { throw failure }
            throw TensorError(.invalidArgument, "item: shape \(shape) has \(elementCount) elements; reduce it to one")
        }
        return try scalars(as: type)[0]
    }

    /// The one element of the tensor, as a Double.
    public func item() throws(TensorError) -> Double {
        switch dtype {
        case .float64: try item(as: Double.self)
        case .float32, .float16, .bfloat16: Double(try item(as: Float.self))
        case .int64, .int32, .uint8, .bool: Double(try item(as: Int64.self))
        }
    }
}
