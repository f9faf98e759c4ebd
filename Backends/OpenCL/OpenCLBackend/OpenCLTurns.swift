import COpenCL
import TensorRuntime

/// Lets one queue at a time have launches in flight, on platforms where several bring the process down: the quirk
/// ``OpenCLQuirks/oneQueue``.
///
/// PoCL keeps a kernel's code once for each width of its grids, and releases it by the kernel's hash alone: where two queues
/// run one kernel, or a program's binary is asked for (which makes code of another width) while it runs, the wrong code may
/// be released, and an assertion of PoCL's ends the process (seen with 3.1).
final class OpenCLTurns: Sendable {
    /// PoCL's list of code is one for the process, so these turns are too.
    static let pocl = OpenCLTurns()

    private struct Holder: @unchecked Sendable {
        // Safety: a queue's handle may be used from any thread.
        let queue: cl_command_queue
        let library: OpenCLLibrary
    }

    private let holder = Lock<Holder?>(nil)

    /// Runs `launch` once no other queue has work in flight.
    func take(_ queue: cl_command_queue, _ library: OpenCLLibrary, _ launch: () -> cl_int) -> cl_int {
        holder.withLock { holder in
            if holder?.queue != queue {
                OpenCLTurns.drain(holder)
                holder = Holder(queue: queue, library: library)
            }
            return launch()
        }
    }

    /// Runs `body` while no queue has work in flight.
    func alone<Result>(_ body: () -> Result) -> Result {
        holder.withLock { holder in
            OpenCLTurns.drain(holder)
            return body()
        }
    }

    /// What went wrong there is told where that queue is waited for.
    private static func drain(_ holder: Holder?) {
        if let holder { _ = nt_cl_drain(holder.library.pointer, holder.queue) }
    }

    /// The queue goes away, its work done.
    func leave(_ queue: cl_command_queue) {
        holder.withLock { holder in
            if holder?.queue == queue { holder = nil }
        }
    }
}
