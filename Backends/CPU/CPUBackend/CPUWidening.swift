import CPUKernels
import TensorRuntime

/// Contiguous operands of float16 or bfloat16 for kernels that read float32: each launch lays them out in its workspace.
struct CPUWidening {
    private let element: nt_element
    private let instructionSet: Int32
    private let counts: [Int]
    /// Where each begins, in bytes.
    private let offsets: [Int]
    /// Bytes of all.
    let byteCount: Int

    /// Nil for types that are read as they are.
    init?(_ dtype: DType, counts: [Int], device: CPUDevice) {
        guard dtype.isShortFloat, let element = nt_element(dtype) else { return nil }
        self.element = element
        self.counts = counts
        instructionSet = Int32(device.instructionSet.rawValue)
        var offsets: [Int] = []
        var end = 0
        for count in counts {
            offsets.append(end)
            end += (count * DType.float32.byteCount + 63) & ~63
        }
        self.offsets = offsets
        byteCount = end
    }

    /// The operand's elements in float32.
    func widened(
        _ operand: Int, _ launch: CPULaunch, _ memory: CPUMemory, _ workers: UnsafePointer<nt_workers>
    ) -> UnsafeMutableRawPointer? {
        guard counts[operand] > 0 else { return nil }
        let place = memory.operands(launch) + offsets[operand]
        nt_widen_run(
            instructionSet, Int32(element.rawValue), workers, launch.operands[operand],
            place.assumingMemoryBound(to: Float.self), Int64(counts[operand]))
        return place
    }
}
