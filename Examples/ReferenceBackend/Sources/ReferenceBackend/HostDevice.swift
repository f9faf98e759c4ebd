import TensorRuntime

/// Memory, kernels and streams of the host. What is computed is in the other files.
final class HostDevice: Device {
    let description: DeviceDescription

    init(_ description: DeviceDescription) { self.description = description }

    /// Where there are not so many bytes, the core's allocator frees what it keeps for later, and asks again.
    func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer {
        guard byteCount <= description.maximumAllocation else {
            throw TensorError(
                .outOfMemory, "reference: \(byteCount) bytes; one buffer has at most \(description.maximumAllocation)")
        }
        return HostBuffer(byteCount: byteCount)
    }

    /// Refuses what the description lacks, and what no device can run: code that runs could not say so any more.
    func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        if let reason = unsupportedReason(spec) { throw TensorError(.unsupported, reason) }
        return HostKernel(spec)
    }

    func makeStream() throws(TensorError) -> any DeviceStream { HostStream() }
}

/// A block of memory, freed when nobody holds it.
final class HostBuffer: DeviceBuffer {
    let byteCount: Int
    // Safety: made once and freed in deinit; the core orders who reads and writes the contents.
    nonisolated(unsafe) let memory: UnsafeMutableRawPointer

    init(byteCount: Int) {
        self.byteCount = byteCount
        memory = .allocate(byteCount: byteCount, alignment: 64)
    }

    deinit { memory.deallocate() }
}

/// A stream whose work is done when `encode` returns: `submit` can have its default, there is nothing to wait for, and an
/// event is complete as soon as it is recorded.
final class HostStream: DeviceStream {
    func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        guard let kernel = kernel as? HostKernel else {
            throw TensorError(.invalidArgument, "reference: '\(kernel.spec)' is a kernel of another device")
        }
        kernel.run(Array(bindings), Array(scalars))
    }

    func copyIn(_ source: UnsafeRawBufferPointer, to destination: any DeviceBuffer, offset: Int) throws(TensorError) {
        try bytes(of: destination, offset, source.count).copyMemory(from: source)
    }

    func copyOut(from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer)
        throws(TensorError)
    {
        destination.copyMemory(from: UnsafeRawBufferPointer(try bytes(of: source, offset, destination.count)))
    }

    private func bytes(of buffer: any DeviceBuffer, _ offset: Int, _ count: Int) throws(TensorError)
        -> UnsafeMutableRawBufferPointer
    {
        guard let host = buffer as? HostBuffer, offset >= 0, offset + count <= host.byteCount else {
            throw TensorError(.invalidArgument, "reference: no \(count) bytes at \(offset) of \(buffer.byteCount)")
        }
        return UnsafeMutableRawBufferPointer(start: host.memory + offset, count: count)
    }

    func synchronize() throws(TensorError) {}
    func record() throws(TensorError) -> any DeviceEvent { DoneEvent() }
    func wait(for event: any DeviceEvent) throws(TensorError) {}
}

final class DoneEvent: DeviceEvent {
    var isComplete: Bool { true }
    func synchronize() throws(TensorError) {}
}
