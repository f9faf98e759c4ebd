import CPUKernels
import TensorRuntime

/// A stream that runs each launch inside `encode`, on the calling thread and the device's pool, or where another stream has
/// that just then, on the calling thread alone.
///
/// A CPU kernel needs the processor that would otherwise wait for it: a thread of its own would only add a hand-over.
public final class CPUStream: DeviceStream {
    private let device: CPUDevice

    init(device: CPUDevice) { self.device = device }

    public func encode(
        _ kernel: any DeviceKernel, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) throws(TensorError) {
        guard let launchable = kernel as? CPULaunchable else {
            throw TensorError(.invalidArgument, "cpu: cannot run a \(kernel.spec.family) kernel of another device")
        }
        run(launchable, bindings: bindings, scalars: scalars)
    }

    private func run(
        _ launchable: CPULaunchable, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>
    ) {
        let kernel = launchable.kernel
        let types = launchable.operandTypes
        let hasWorkspace = launchable.workspaceByteCount > 0
        precondition(
            bindings.count == types.count + (hasWorkspace ? 1 : 0),
            "cpu: \(kernel.spec.family) kernel with \(types.count) operands\(hasWorkspace ? " and a workspace" : "") was "
                + "given \(bindings.count) buffers")
        var noScalar: UInt64 = 0
        withUnsafeMutablePointer(to: &noScalar) { noScalar in
            withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: bindings.count + 1) { operands in
                withUnsafeTemporaryAllocation(of: Int64.self, capacity: bindings.count + 1) { offsets in
                    for position in types.indices {
                        let binding = bindings[position]
                        operands[position] = nil
                        offsets[position] = Int64(binding.offset)
                        guard let type = types[position] else { continue }
                        operands[position] = CPUStream.pointer(binding, unit: type.byteCount)
                    }
                    device.launch(
                        kernel, operands: operands.baseAddress!, indexOffsets: offsets.baseAddress!,
                        scalars: scalars.baseAddress ?? UnsafePointer(noScalar),
                        workspace: hasWorkspace ? CPUStream.pointer(bindings[types.count], unit: 1) : nil)
                }
            }
        }
    }

    private static func pointer(_ binding: BufferBinding, unit: Int) -> UnsafeMutableRawPointer {
        guard let buffer = binding.buffer else { preconditionFailure("cpu: a binding has no buffer") }
        return unsafeDowncast(buffer, to: CPUBuffer.self).pointer + binding.offset * unit
    }

    public func copyIn(_ source: UnsafeRawBufferPointer, to destination: any DeviceBuffer, offset: Int)
        throws(TensorError)
    {
        guard let base = source.baseAddress, source.count > 0 else { return }
        unsafeDowncast(destination, to: CPUBuffer.self).pointer.advanced(by: offset)
            .copyMemory(from: base, byteCount: source.count)
    }

    public func copyOut(from source: any DeviceBuffer, offset: Int, to destination: UnsafeMutableRawBufferPointer)
        throws(TensorError)
    {
        guard let base = destination.baseAddress, destination.count > 0 else { return }
        base.copyMemory(
            from: unsafeDowncast(source, to: CPUBuffer.self).pointer + offset, byteCount: destination.count)
    }

    public func synchronize() throws(TensorError) {}

    public func record() throws(TensorError) -> any DeviceEvent { CPUEvent() }

    public func recordTimed() throws(TensorError) -> any DeviceEvent { CPUEvent(nanoseconds: CPUSystem.nanoseconds) }

    public func wait(for event: any DeviceEvent) throws(TensorError) {}
}

/// Work is done when `encode` returns, so an event is complete when it is made.
final class CPUEvent: DeviceEvent {
    let nanoseconds: UInt64?

    init(nanoseconds: UInt64? = nil) { self.nanoseconds = nanoseconds }

    var isComplete: Bool { true }

    func synchronize() throws(TensorError) {}
}
