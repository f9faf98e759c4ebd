import COpenCL
import Synchronization
import TensorRuntime

/// Device memory. Commands hold it by themselves: releasing it while work is queued is no harm.
final class OpenCLBuffer: DeviceBuffer, @unchecked Sendable {
    // Safety: nothing changes after `init`, and the driver counts references atomically.

    let byteCount: Int
    let memory: cl_mem
    /// Tells buffers apart also where a later one gets an earlier one's handle.
    let serial: UInt64
    private let device: OpenCLDevice

    private static let serials = Atomic<UInt64>(0)

    init(byteCount: Int, device: OpenCLDevice) throws(TensorError) {
        let flags = CL_MEM_READ_WRITE | (device.copiesInPlace ? CL_MEM_ALLOC_HOST_PTR : 0)
        var status: cl_int = 0
        let made = nt_clCreateBuffer(
            device.library.pointer, device.context, cl_mem_flags(flags), max(byteCount, 64), nil, &status)
        guard let made else {
            // A size above the largest allocation is called invalid.
            let isTooMuch = OpenCLStatus.isOutOfMemory(status) || status == CL_INVALID_BUFFER_SIZE
            throw TensorError(
                isTooMuch ? .outOfMemory : .deviceFailure,
                "\(device.description.id): no buffer of \(byteCount) bytes: \(OpenCLStatus.name(status)); the largest is "
                    + "\(device.description.maximumAllocation)")
        }
        self.byteCount = byteCount
        self.device = device
        memory = made
        serial = OpenCLBuffer.serials.add(1, ordering: .relaxed).newValue
    }

    deinit { _ = nt_clReleaseMemObject(device.library.pointer, memory) }
}
