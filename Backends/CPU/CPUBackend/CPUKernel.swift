import CPUKernels
import TensorRuntime

/// A kernel of the CPU device: runs on the calling thread and the device's pool, and returns when it is done.
protocol CPUKernel: AnyObject, Sendable {
    var spec: KernelSpec { get }

    /// The element type of each binding, by which its offset is applied; nil for bindings without a buffer.
    var operandTypes: [DType?] { get }

    var memory: CPUMemory { get }
    /// What runs, as text for people.
    var listing: String { get }

    func run(_ launch: CPULaunch)
}

extension CPUKernel {
    var listing: String { spec.listing }
}

/// What one launch is given.
struct CPULaunch {
    /// Base pointers in binding order, offsets applied; nil for bindings without a buffer.
    let operands: UnsafePointer<UnsafeMutableRawPointer?>
    /// The bindings' offsets in elements: what `index` steps add.
    let indexOffsets: UnsafePointer<Int64>
    let scalars: UnsafePointer<UInt64>
    /// The kernel's workspace, where it has one.
    let workspace: UnsafeMutableRawPointer?
    let pool: OpaquePointer
    /// One `nt_scratch` for each thread of the pool, by worker number.
    let scratch: UnsafePointer<OpaquePointer?>
}

/// What the device hands out: one final class, so that a launch recognises its kernel by one pointer comparison, where a
/// cast to a protocol costs a look-up.
final class CPULaunchable: DeviceKernel {
    let kernel: any CPUKernel
    let operandTypes: [DType?]
    let workspaceByteCount: Int
    var spec: KernelSpec { kernel.spec }
    var listing: String { kernel.listing }

    init(_ kernel: any CPUKernel) {
        self.kernel = kernel
        operandTypes = kernel.operandTypes
        workspaceByteCount = kernel.memory.workspaceByteCount
    }
}
