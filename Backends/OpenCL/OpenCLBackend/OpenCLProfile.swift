import COpenCL
import TensorRuntime

/// The dispatches of a device that keeps times, with the events that know them.
final class OpenCLProfile: Sendable {
    private struct Entry: @unchecked Sendable {
        // Safety: an event may be asked and released from any thread.
        let kernel: String
        let event: cl_event
    }

    private let library: OpenCLLibrary
    private let entries = Lock<[Entry]>([])

    init(library: OpenCLLibrary) { self.library = library }

    deinit { for entry in entries.withLock({ $0 }) { _ = nt_clReleaseEvent(library.pointer, entry.event) } }

    func add(_ kernel: String, _ event: cl_event) {
        let entry = Entry(kernel: kernel, event: event)
        let dropped = entries.withLock { KernelTime.keep(entry, in: &$0) }
        for entry in dropped { _ = nt_clReleaseEvent(library.pointer, entry.event) }
    }

    func take() -> [KernelTime] {
        let taken = entries.withLock { entries in
            let taken = entries
            entries = []
            return taken
        }
        return taken.compactMap { entry in
            defer { _ = nt_clReleaseEvent(library.pointer, entry.event) }
            var event: cl_event? = entry.event
            guard nt_clWaitForEvents(library.pointer, 1, &event) == CL_SUCCESS,
                let start = time(entry.event, CL_PROFILING_COMMAND_START),
                let end = time(entry.event, CL_PROFILING_COMMAND_END)
            else { return nil }
            return KernelTime(kernel: entry.kernel, nanoseconds: Int(end &- start))
        }
    }

    private func time(_ event: cl_event, _ name: Int32) -> cl_ulong? {
        var result: cl_ulong = 0
        let status = nt_clGetEventProfilingInfo(
            library.pointer, event, cl_profiling_info(name), MemoryLayout<cl_ulong>.size, &result, nil)
        return status == CL_SUCCESS ? result : nil
    }
}
