import CPUKernels
import TensorRuntime

/// The pointwise program behind a matmul, convolution or pooling kernel, and where the kernel's result goes.
///
/// The result has no buffer of its own. It is computed straight into the first contiguous output of its type, where the
/// program reads it block by block before it overwrites it; without such an output, or where that output's memory is
/// also another input's (a donated buffer), part by part into memory of the workers, or whole into the kernel's
/// workspace.
struct CPUEpilogue {
    /// Nil where the program only stores its input: then there is nothing to run.
    private let program: CPUFusedProgram?
    /// The types of the bindings: the program's operands but its input 0.
    let bindingTypes: [DType?]
    private let inputCount: Int
    /// The program's operand that holds the result.
    private let home: Int?
    private let byteCount: Int
    /// Whether an input may lie in the memory of that output, so that the result needs memory of its own.
    private let mayShareHome: Bool
    /// Byte ranges of the inputs relative to their pointers.
    private let inputRanges: [Range<Int>]

    /// - Parameters:
    ///   - result: the result's type.
    ///   - dtype: the type in which the kernel computes it: the program then begins by rounding it.
    ///   - shape: the result's.
    init(
        _ kernel: FusedKernel, dtype result: DType, computedIn dtype: DType, shape: Shape, device: CPUDevice
    ) throws(TensorError) {
        var kernel = kernel
        guard !kernel.inputs.isEmpty, kernel.program.inputs.first == result else {
            throw TensorError(.unsupported, "cpu: input 0 of an epilogue is not the kernel's \(result) result")
        }
        if dtype != result { kernel.program = kernel.program.roundingFirstInput(from: dtype) }
        kernel.inputs[0] = FusedKernel.Access(strides: shape.contiguousStrides)
        let compiled = try CPUFusedProgram(kernel, instructionSet: device.instructionSet, purpose: .boxes)
        bindingTypes = Array(compiled.operandTypes.dropFirst())
        inputCount = kernel.inputs.count
        let inputs = kernel.inputs.count
        let home = kernel.outputs.indices.first { output in
            compiled.operandTypes[inputs + output] == dtype
                && Layout(shape: shape, strides: kernel.outputs[output].strides).isContiguous
        }.map { inputs + $0 }
        self.home = home
        mayShareHome = (1..<inputs).contains { input in
            home != nil && compiled.operandTypes[input]?.byteCount == dtype.byteCount
                && Layout(shape: shape, strides: kernel.inputs[input].strides).isContiguous
        }
        byteCount = shape.elementCount * dtype.byteCount
        inputRanges = zip(kernel.inputs, kernel.program.inputs).map { access, type in
            CPUEpilogue.byteRange(access, extents: kernel.extents, dtype: type)
        }
        let isCopy = kernel.program == .copy(from: dtype, to: dtype) && home != nil
        program = isCopy ? nil : compiled
    }

    private static func byteRange(_ access: FusedKernel.Access, extents: Shape, dtype: DType) -> Range<Int> {
        let touched = Layout(shape: extents, strides: access.strides).extent
        var low = touched.lowerBound
        var high = touched.upperBound
        let reach = max(access.gatherCount - 1, 0) * access.gatherStride
        if reach < 0 { low += reach } else { high += reach }
        return low * dtype.byteCount..<max(low, high) * dtype.byteCount
    }

    /// The memory of a kernel that itself needs `needs`, or `inParts` where it makes its result in parts that are there
    /// for the epilogue alone; nil where it cannot.
    func memory(
        of needs: nt_memory, inParts: nt_memory? = nil, widening: CPUWidening? = nil, device: CPUDevice
    ) -> CPUMemory {
        let operandBytes = widening?.byteCount ?? 0
        let registers = nt_memory(registers: program?.memory.registers ?? 0, call: 0, worker: 0)
        guard home == nil || mayShareHome else {
            return CPUMemory(needs.union(registers), operandBytes: operandBytes, threads: device.threads)
        }
        let whole = CPUMemory(
            needs.union(registers), resultBytes: max(byteCount, 1), operandBytes: operandBytes, threads: device.threads)
        guard let inParts else { return whole }
        let parts = CPUMemory(inParts.union(registers), operandBytes: operandBytes, threads: device.threads)
        return parts.workspaceByteCount < whole.workspaceByteCount ? parts : whole
    }

    /// Calls `body` with the memory for the result (nil: it is made in parts) and the epilogue (nil where there is nothing to run). The bindings
    /// of the program start at `firstBinding` of the launch.
    func run(
        _ launch: CPULaunch, _ memory: CPUMemory, firstBinding: Int,
        _ body: (UnsafeMutableRawPointer?, UnsafePointer<nt_workers>, UnsafePointer<nt_epilogue>?) -> Void
    ) {
        var workers = memory.workers(launch)
        let count = bindingTypes.count + 1
        withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: count) { operands in
            withUnsafeTemporaryAllocation(of: Int64.self, capacity: count) { offsets in
                offsets[0] = 0
                for position in 1..<count {
                    operands[position] = launch.operands[firstBinding + position - 1]
                    offsets[position] = launch.indexOffsets[firstBinding + position - 1]
                }
                let result = home.flatMap { operands[$0] } ?? operands[inputCount]!
                operands[0] = isSafe(result, operands: operands) ? result : ownMemory(launch, memory)
                guard let program else {
                    body(operands[0], &workers, nil)
                    return
                }
                var epilogue = nt_epilogue(
                    program: program.pointer, operands: UnsafePointer(operands.baseAddress!),
                    operand_count: Int32(count), index_offsets: UnsafePointer(offsets.baseAddress!),
                    scalars: launch.scalars)
                body(operands[0], &workers, &epilogue)
            }
        }
    }

    /// Memory for a result that cannot lie in an output.
    private func ownMemory(_ launch: CPULaunch, _ memory: CPUMemory) -> UnsafeMutableRawPointer? {
        precondition(
            home == nil || mayShareHome,
            "cpu: an input lies across the memory of an output of another layout or element size; only an input of the "
                + "output's strides and element size may share its memory")
        return memory.result(launch)
    }

    /// Whether no other input shares memory with the result's.
    private func isSafe(
        _ result: UnsafeMutableRawPointer, operands: UnsafeMutableBufferPointer<UnsafeMutableRawPointer?>
    ) -> Bool {
        guard home != nil else { return false }
        let start = Int(bitPattern: result)
        let end = start + byteCount
        for input in 1..<max(inputCount, 1) {
            guard let pointer = operands[input] else { continue }
            let base = Int(bitPattern: pointer)
            if base + inputRanges[input].lowerBound < end && start < base + inputRanges[input].upperBound {
                return false
            }
        }
        return true
    }
}
