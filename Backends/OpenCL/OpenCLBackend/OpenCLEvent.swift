import COpenCL
import TensorRuntime

/// A point in a queue's work.
final class OpenCLEvent: DeviceEvent, @unchecked Sendable {
    // Safety: an event may be asked, waited for and released from any thread.

    let event: cl_event
    private let device: OpenCLDevice
    /// Whether it is of a queue that keeps times.
    private let isTimed: Bool

    init(_ event: cl_event, device: OpenCLDevice, isTimed: Bool = false) {
        self.event = event
        self.isTimed = isTimed
        self.device = device
    }

    deinit { _ = nt_clReleaseEvent(device.library.pointer, event) }

    /// Complete too where the work failed: it will do no more.
    var isComplete: Bool { status.map { $0 <= CL_COMPLETE } ?? true }

    func synchronize() throws(TensorError) {
        var event: cl_event? = event
        let waited = nt_clWaitForEvents(device.library.pointer, 1, &event)
        try checkStatus()
        try device.check(waited, waits: true, "waiting for work")
    }

    var nanoseconds: UInt64? {
        guard isTimed, isComplete else { return nil }
        var result: cl_ulong = 0
        let asked = nt_clGetEventProfilingInfo(
            device.library.pointer, event, cl_profiling_info(CL_PROFILING_COMMAND_END), MemoryLayout<cl_ulong>.size,
            &result, nil)
        return asked == CL_SUCCESS ? result : nil
    }

    /// Fails where the work did.
    func checkStatus() throws(TensorError) {
        guard let status, status < 0 else { return }
        throw device.loss(status, "work failed on the device")
    }

    private var status: cl_int? {
        var result: cl_int = 0
        let asked = nt_clGetEventInfo(
            device.library.pointer, event, cl_event_info(CL_EVENT_COMMAND_EXECUTION_STATUS), MemoryLayout<cl_int>.size,
            &result, nil)
        return asked == CL_SUCCESS ? result : nil
    }
}
