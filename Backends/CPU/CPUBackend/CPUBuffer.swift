import Glibc
import TensorRuntime

/// Host memory, 64-byte aligned; large blocks lie in huge pages where the system has them.
public final class CPUBuffer: DeviceBuffer, @unchecked Sendable {
    // Safety: the pointer and size never change, and who may touch the memory when is the streams' order's business.

    public let pointer: UnsafeMutableRawPointer
    public let byteCount: Int

    private static let hugePage = 2 << 20

    init(byteCount: Int) throws(TensorError) {
        self.byteCount = byteCount
        let isLarge = byteCount >= 2 * CPUBuffer.hugePage
        var memory: UnsafeMutableRawPointer?
        let alignment = isLarge ? CPUBuffer.hugePage : 64
        guard byteCount <= Int.max / 2, posix_memalign(&memory, alignment, max(byteCount, 64)) == 0, let memory else {
            throw TensorError(.outOfMemory, "cpu: the system has no \(byteCount) bytes left; use smaller batches")
        }
        // Faults of 4 KiB pages cost more than a pass over the memory does.
        if isLarge { madvise(memory, byteCount & ~(CPUBuffer.hugePage - 1), Int32(MADV_HUGEPAGE)) }
        pointer = memory
    }

    deinit { free(pointer) }
}
