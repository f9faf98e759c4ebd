import COpenCL
import DeviceSupport
import TensorRuntime

/// Pinned host memory of a queue, through which its copies go that the host cannot make in the device's memory.
final class OpenCLStagingMemory: StagingPort {
    let base: UnsafeMutableRawPointer
    private let device: OpenCLDevice
    private let queue: cl_command_queue
    private let memory: cl_mem

    init(device: OpenCLDevice, queue: cl_command_queue) throws(TensorError) {
        let count = StagingRing<OpenCLStagingMemory>.byteCount
        let library = device.library.pointer
        var status: cl_int = 0
        let made = nt_clCreateBuffer(
            library, device.context, cl_mem_flags(CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR), count, nil, &status)
        guard let made else { throw device.failure(status, "making a staging buffer of \(count) bytes") }
        // Mapped for as long as it lives: drivers copy to and from such memory without the host.
        let mapped = nt_clEnqueueMapBuffer(
            library, queue, made, cl_bool(CL_TRUE), cl_map_flags(CL_MAP_READ | CL_MAP_WRITE), 0, count, 0, nil, nil,
            &status)
        guard let mapped else {
            _ = nt_clReleaseMemObject(library, made)
            throw device.failure(status, waits: true, "mapping a staging buffer of \(count) bytes")
        }
        self.device = device
        self.queue = queue
        memory = made
        base = mapped
    }

    deinit {
        _ = nt_clEnqueueUnmapMemObject(device.library.pointer, queue, memory, base, 0, nil, nil)
        _ = nt_clReleaseMemObject(device.library.pointer, memory)
    }

    func copyIn(
        _ place: UnsafeMutableRawPointer, count: Int, to destination: cl_mem, offset: Int
    ) throws(TensorError) -> OpenCLEvent {
        var event: cl_event?
        let status = nt_clEnqueueWriteBuffer(
            device.library.pointer, queue, destination, cl_bool(CL_FALSE), offset, count, place, 0, nil, &event)
        return try queued(event, status, count)
    }

    func copyOut(
        from source: cl_mem, offset: Int, to place: UnsafeMutableRawPointer, count: Int
    ) throws(TensorError) -> OpenCLEvent {
        var event: cl_event?
        let status = nt_clEnqueueReadBuffer(
            device.library.pointer, queue, source, cl_bool(CL_FALSE), offset, count, place, 0, nil, &event)
        return try queued(event, status, count)
    }

    private func queued(_ event: cl_event?, _ status: cl_int, _ byteCount: Int) throws(TensorError) -> OpenCLEvent {
        guard let event else { throw device.failure(status, "a copy of \(byteCount) bytes") }
        return OpenCLEvent(event, device: device)
    }

    func flush() throws(TensorError) {
        try device.check(nt_clFlush(device.library.pointer, queue), "flushing")
    }
}
