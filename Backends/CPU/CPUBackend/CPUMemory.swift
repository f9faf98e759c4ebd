import CPUKernels
import TensorRuntime

/// The memory that a kernel's launches need beside the operands, and where each part of it lies.
///
/// What is small lies in the device's scratch: it stays in the cache from one kernel to the next, and the device reserves
/// it when the kernel is made. What is large is the kernel's workspace, which the core takes from counted memory and uses
/// for something else afterwards.
struct CPUMemory {
    /// The largest areas that lie in the scratch: a worker's holds the packed blocks of a matrix product.
    private static let largestCallArea = 4 << 20
    private static let largestWorkerArea = 2 << 20

    /// In the scratch.
    let scratch: nt_memory
    /// In the workspace, each a multiple of 64 bytes: the result of a product that has no output of its own to lie in, the
    /// launch's area, and the workers' areas one after the other.
    private let resultBytes: Int
    /// Between the two: operands that are laid out in another type.
    private let operandBytes: Int
    private let callBytes: Int
    private let workerBytes: Int
    let workspaceByteCount: Int

    init(_ needs: nt_memory, resultBytes: Int = 0, operandBytes: Int = 0, threads: Int) {
        let callIsLarge = needs.call > CPUMemory.largestCallArea
        let workerIsLarge = needs.worker > CPUMemory.largestWorkerArea
        scratch = nt_memory(
            registers: needs.registers, call: callIsLarge ? 0 : needs.call, worker: workerIsLarge ? 0 : needs.worker)
        func rounded(_ bytes: Int) -> Int { (bytes + 63) & ~63 }
        self.resultBytes = rounded(resultBytes)
        self.operandBytes = rounded(operandBytes)
        callBytes = callIsLarge ? rounded(Int(needs.call)) : 0
        workerBytes = workerIsLarge ? rounded(Int(needs.worker)) : 0
        workspaceByteCount = self.resultBytes + self.operandBytes + callBytes + threads * workerBytes
    }

    /// The memory of a result that has no output of its own; nil where there is none, and the kernel works in parts.
    func result(_ launch: CPULaunch) -> UnsafeMutableRawPointer? { resultBytes > 0 ? launch.workspace : nil }

    /// Where the operands are laid out.
    func operands(_ launch: CPULaunch) -> UnsafeMutableRawPointer { launch.workspace! + resultBytes }

    /// Who works on a launch.
    func workers(_ launch: CPULaunch) -> nt_workers {
        let offset = resultBytes + operandBytes
        let call = callBytes > 0 ? launch.workspace! + offset : nil
        let worker = workerBytes > 0 ? launch.workspace! + offset + callBytes : nil
        return nt_workers(
            pool: launch.pool, scratch: launch.scratch, call: call?.assumingMemoryBound(to: CChar.self),
            worker: worker?.assumingMemoryBound(to: CChar.self), worker_bytes: workerBytes)
    }
}

extension nt_memory {
    /// The larger of both in each part.
    func union(_ other: nt_memory) -> nt_memory {
        nt_memory(
            registers: max(registers, other.registers), call: max(call, other.call), worker: max(worker, other.worker))
    }

    func covers(_ other: nt_memory) -> Bool {
        registers >= other.registers && call >= other.call && worker >= other.worker
    }
}
