import COpenCL
import TensorRuntime

/// A ring of pinned host memory, through which a queue's copies go that the host cannot make in the device's memory.
///
/// A copy to the device ends when its last piece lies here: the source is free, and the transfer waits for its turn in the
/// queue. Bytes are taken again when the transfers that used them are done. Large copies go in pieces, so that the host
/// copies one while another is on its way.
final class OpenCLStaging {
    static let byteCount = 8 << 20
    /// The largest piece: with two being read and one being placed, the ring has room, whatever it skips at its end.
    static let pieceLimit = byteCount / 4
    private static let alignment = 64

    private struct Transfer {
        /// Position behind its bytes.
        let end: Int
        let event: OpenCLEvent
    }

    private let device: OpenCLDevice
    private let queue: cl_command_queue
    private let memory: cl_mem
    private let base: UnsafeMutableRawPointer
    private var transfers: [Transfer] = []
    /// Positions only grow; a byte's place is its position modulo the ring's size. What lies between the two is in use.
    private var freed = 0
    private var taken = 0

    init(device: OpenCLDevice, queue: cl_command_queue) throws(TensorError) {
        let count = OpenCLStaging.byteCount
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

    /// All transfers are done.
    func reset() {
        transfers.removeAll(keepingCapacity: true)
        freed = taken
    }

    // MARK: Copies

    /// Queues a copy of `source`, which is free afterwards.
    func write(_ source: UnsafeRawBufferPointer, to destination: cl_mem, offset: Int) throws(TensorError) {
        var placed = 0
        while placed < source.count {
            let count = min(OpenCLStaging.pieceLimit, source.count - placed)
            let place = try take(count)
            UnsafeMutableRawBufferPointer(start: place, count: count)
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[placed..<placed + count]))
            var event: cl_event?
            let status = nt_clEnqueueWriteBuffer(
                device.library.pointer, queue, destination, cl_bool(CL_FALSE), offset + placed, count, place, 0, nil,
                &event)
            _ = try queued(event, status, source.count)
            placed += count
            if placed < source.count { try flush() }
        }
    }

    /// Copies to `destination` and waits for it.
    func read(from source: cl_mem, offset: Int, to destination: UnsafeMutableRawBufferPointer) throws(TensorError) {
        var arriving: [(event: OpenCLEvent, place: UnsafeMutableRawPointer, target: UnsafeMutableRawBufferPointer)] = []
        /// Waits for the oldest piece and hands it over.
        func receive() throws(TensorError) {
            let (event, place, target) = arriving.removeFirst()
            try event.synchronize()
            target.copyMemory(from: UnsafeRawBufferPointer(start: place, count: target.count))
        }
        var asked = 0
        while asked < destination.count {
            if arriving.count == 2 { try receive() }
            let count = min(OpenCLStaging.pieceLimit, destination.count - asked)
            let target = UnsafeMutableRawBufferPointer(rebasing: destination[asked..<asked + count])
            let place = try take(count)
            var event: cl_event?
            let status = nt_clEnqueueReadBuffer(
                device.library.pointer, queue, source, cl_bool(CL_FALSE), offset + asked, count, place, 0, nil, &event)
            arriving.append((try queued(event, status, destination.count), place, target))
            asked += count
            try flush()
        }
        while !arriving.isEmpty { try receive() }
    }

    /// Keeps the bytes taken last until their transfer is done.
    private func queued(_ event: cl_event?, _ status: cl_int, _ byteCount: Int) throws(TensorError) -> OpenCLEvent {
        guard let event else { throw device.failure(status, "a copy of \(byteCount) bytes") }
        let transfer = Transfer(end: taken, event: OpenCLEvent(event, device: device))
        transfers.append(transfer)
        return transfer.event
    }

    /// The next `count` bytes of the ring, once the transfers that used them are done.
    private func take(_ count: Int) throws(TensorError) -> UnsafeMutableRawPointer {
        let size = OpenCLStaging.byteCount
        let used = (count + OpenCLStaging.alignment - 1) / OpenCLStaging.alignment * OpenCLStaging.alignment
        let room = size - taken % size
        let start = used <= room ? taken : taken + room
        // Those that are done go at once, so that small copies do not pile up.
        while let oldest = transfers.first, oldest.event.isComplete {
            freed = oldest.end
            transfers.removeFirst()
        }
        while start + used - freed > size, !transfers.isEmpty {
            let oldest = transfers.removeFirst()
            freed = oldest.end
            try oldest.event.synchronize()
        }
        if transfers.isEmpty { freed = start }
        taken = start + used
        return base + start % size
    }

    private func flush() throws(TensorError) {
        try device.check(nt_clFlush(device.library.pointer, queue), "flushing")
    }
}
