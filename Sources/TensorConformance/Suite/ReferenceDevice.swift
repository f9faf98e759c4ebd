import TensorRuntime

/// A device that runs every kernel by the ``ReferenceInterpreter``: the smallest whole backend, to read when writing
/// one, and the catalogue's own test.
public final class ReferenceDevice: Device {
    public let description: DeviceDescription

    /// - Parameter dtypes: those that the device says it has: fewer than all show what a program does without them.
    public init(dtypes: Set<DType> = Set(DType.allCases)) {
        description = DeviceDescription(
            id: DeviceID(backend: "reference"), name: "reference interpreter", kind: .cpu, driver: "TensorConformance",
            memory: 1 << 32, dtypes: dtypes, families: Set(ConformanceCatalogue.families), alignment: 1)
    }

    public func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer {
        guard byteCount <= description.maximumAllocation else {
            throw TensorError(
                .outOfMemory,
                "\(description.id): no buffer of \(byteCount) bytes; the largest is \(description.maximumAllocation)")
        }
        return HostBuffer(byteCount: byteCount)
    }

    public func unsupportedReason(_ spec: KernelSpec) -> String? {
        description.reasonAgainst(spec) ?? spec.typeComplaint
    }

    public func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        if let reason = unsupportedReason(spec) { throw TensorError(.unsupported, reason) }
        return ReferenceKernel(spec: spec)
    }

    public func makeStream() throws(TensorError) -> any DeviceStream { ReferenceStream() }
}

/// Memory of the host, 64-byte aligned.
final class HostBuffer: DeviceBuffer {
    let byteCount: Int
    // Safety: allocated once and freed in deinit; the contract gives one stream at a time the contents.
    nonisolated(unsafe) let bytes: UnsafeMutableRawBufferPointer

    init(byteCount: Int) {
        self.byteCount = byteCount
        bytes = .allocate(byteCount: byteCount, alignment: 64)
    }

    deinit { bytes.deallocate() }
}

private final class ReferenceKernel: DeviceKernel {
    let spec: KernelSpec

    init(spec: KernelSpec) { self.spec = spec }
}

/// Runs each kernel when it is encoded.
private final class ReferenceStream: DeviceStream {
    func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        guard kernel is ReferenceKernel else {
            throw TensorError(.invalidArgument, "reference: a \(kernel.spec.family) kernel of another device")
        }
        let outputs = Set(OutputGeometry.outputs(of: kernel.spec).map(\.operand))
        let extents = kernel.spec.operandExtents
        let operands = bindings.enumerated().map { position, binding in
            guard !outputs.contains(position), let dtype = extents[position].dtype,
                let buffer = binding.buffer as? HostBuffer
            else {
                return HostOperand(array: HostArray(dtype: .int64), offset: binding.offset)
            }
            // What the kernel may touch, of a buffer that holds many values.
            let (extent, width) = (extents[position], dtype.byteCount)
            let first = (binding.offset + extent.lowest) * width
            let bytes = UnsafeRawBufferPointer(rebasing: buffer.bytes[first..<first + extent.count * width])
            return HostOperand(array: HostArray(bytes: bytes, dtype: dtype), offset: -extent.lowest)
        }
        for writes in try ReferenceInterpreter.run(kernel.spec, operands: operands, scalars: Array(scalars)) {
            guard let buffer = bindings[writes.operand].buffer as? HostBuffer else { continue }
            for (index, place) in writes.places.enumerated() {
                writes.values.store(index, to: buffer.bytes, place: place)
            }
        }
    }

    func copyIn(_ source: UnsafeRawBufferPointer, to destination: any DeviceBuffer, offset: Int) throws(TensorError) {
        guard let buffer = destination as? HostBuffer, offset + source.count <= buffer.byteCount else {
            throw TensorError(.invalidArgument, "reference: copy of \(source.count) bytes to \(offset) does not fit")
        }
        UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[offset...]).copyMemory(from: source)
    }

    func copyOut(
        from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer
    ) throws(TensorError) {
        guard let buffer = source as? HostBuffer, offset + destination.count <= buffer.byteCount else {
            throw TensorError(
                .invalidArgument, "reference: copy of \(destination.count) bytes from \(offset) does not fit")
        }
        destination.copyMemory(
            from: UnsafeRawBufferPointer(rebasing: buffer.bytes[offset..<offset + destination.count]))
    }

    func synchronize() throws(TensorError) {}
    func record() throws(TensorError) -> any DeviceEvent { CompletedEvent() }
    func wait(for event: any DeviceEvent) throws(TensorError) {}
}

/// An event of a stream whose work is done when it is encoded.
private final class CompletedEvent: DeviceEvent {
    var isComplete: Bool { true }
    func synchronize() throws(TensorError) {}
}
