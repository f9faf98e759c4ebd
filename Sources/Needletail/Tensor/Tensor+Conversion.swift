import TensorGraph
import TensorRuntime

// MARK: - Conversion

extension Tensor {
    /// The tensor in another dtype; itself where that is its own. To bool, everything but 0 is true; to an integer,
    /// fractions are cut off. Gradients are cast back.
    public func to(_ dtype: DType) -> Tensor { cast(to: dtype) }

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
    /// - Throws: as ``evaluate()``.
    public func scalars<T: TensorScalar>(as type: T.Type = T.self) throws(TensorError) -> [T] {
        let source = withRecording(false) { cast(to: T.dtype) }
        var failure: TensorError?
        let result = [T](unsafeUninitializedCapacity: elementCount) { buffer, count in
            do throws(TensorError) {
                try context.read(
                    source.handle,
                    into: UnsafeMutableRawBufferPointer(buffer).prefixed(to: elementCount * MemoryLayout<T>.stride))
                count = elementCount
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return result
    }

    /// The elements as bytes of the dtype, row-major.
    ///
    /// - Throws: as ``evaluate()``.
    public func bytes() throws(TensorError) -> [UInt8] {
        let size = elementCount * dtype.byteCount
        var failure: TensorError?
        let result = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            do throws(TensorError) {
                try context.read(handle, into: UnsafeMutableRawBufferPointer(buffer).prefixed(to: size))
                count = size
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return result
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

extension UnsafeMutableRawBufferPointer {
    /// The first `count` bytes. (An array's storage may be larger than was asked for.)
    fileprivate func prefixed(to count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: baseAddress, count: Swift.min(count, self.count))
    }
}
