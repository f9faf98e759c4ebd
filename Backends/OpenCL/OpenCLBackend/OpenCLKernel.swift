import COpenCL
import DeviceSupport
import KernelIR
import Shaders
import TensorRuntime

typealias OpenCLKernel = ShaderKernel<OpenCLDispatch>

/// One dispatch: the driver's kernel object of its own, whose arguments are set only where they differ from those of the
/// last launch. Setting them is not safe for threads, so a launch holds the dispatch's lock.
final class OpenCLDispatch: ShaderDispatch, @unchecked Sendable {
    // Safety: the kernel object is used under the lock of `last`; the rest is immutable.

    /// The varying arguments of the last launch.
    private struct Last {
        /// See ``TensorRuntime/LaunchList/Launch/state``; 0 where the launch was in no list.
        var state: UInt64 = 0
        var serials: [UInt64]
        var offsets: [Int]
        var scalars: [UInt64?]
    }

    let program: OpenCLPrograms.Program
    /// The program's variant that this grid runs.
    let variant: UInt8
    var name: String { program.signature.name }
    /// OpenCL C says no more than the kernel.
    var listing: String? { nil }
    private let library: OpenCLLibrary
    private let kernel: cl_kernel
    private let global: [Int]
    private let local: [Int]
    private let binding: LaunchBinding
    private let last: Lock<Last>

    init(
        _ binding: LaunchBinding, workgroups: SIMD3<Int>, program: OpenCLPrograms.Program, handle: OpenCLProgramHandle,
        variant: UInt8, info: OpenCLDeviceInfo, library: OpenCLLibrary
    ) throws(TensorError) {
        let size = program.signature.workgroupSize
        var status: cl_int = 0
        guard let made = nt_clCreateKernel(library.pointer, handle.program, binding.name, &status) else {
            throw TensorError(
                .deviceFailure, "opencl: no kernel object of \(binding.name): \(OpenCLStatus.name(status))")
        }
        kernel = made
        self.library = library
        self.program = program
        self.variant = variant
        self.binding = binding
        local = (0..<3).map { size[$0] }
        global = (0..<3).map { workgroups[$0] * size[$0] }
        last = Lock(
            Last(
                serials: Array(repeating: 0, count: binding.bufferCount),
                offsets: Array(repeating: 0, count: binding.bufferCount),
                scalars: Array(repeating: nil, count: binding.varying.count)))
        for constant in binding.constants {
            try check(set(parameter(of: constant.argument), constant.bits, constant.scalar.byteCount))
        }
        try checkLimits(info)
    }

    /// The number of an argument among the kernel's parameters, in which each buffer stands with its offset.
    private func parameter(of argument: Int) -> cl_uint { cl_uint(2 * binding.bufferCount + argument) }

    /// Fails where the compiled kernel wants more than the driver has for it: registers limit the work-items of a workgroup.
    private func checkLimits(_ info: OpenCLDeviceInfo) throws(TensorError) {
        func ask<Number: FixedWidthInteger>(_ name: Int32, as: Number.Type) -> Int? {
            var value: Number = 0
            let status = nt_clGetKernelWorkGroupInfo(
                library.pointer, kernel, info.device, cl_kernel_work_group_info(name), MemoryLayout<Number>.size,
                &value,
                nil)
            return status == CL_SUCCESS ? Int(clamping: value) : nil
        }
        let items = local.reduce(1, *)
        let most = ask(CL_KERNEL_WORK_GROUP_SIZE, as: Int.self) ?? items
        let shared = ask(CL_KERNEL_LOCAL_MEM_SIZE, as: cl_ulong.self) ?? 0
        guard items <= most, shared <= info.sharedByteCount else {
            throw TensorError(
                .unsupported,
                "\(info.description.id): kernel \(name) has workgroups of \(items) and \(shared) shared bytes, and "
                    + "\(info.description.name) runs it with \(most) and \(info.sharedByteCount) at most")
        }
    }

    deinit { _ = nt_clReleaseKernel(library.pointer, kernel) }

    /// Sets what changed and appends the launch to a queue.
    ///
    /// - Parameters:
    ///   - state: what stands for the operands and scalars, where a list says it: where it was the last one too, nothing changed.
    ///   - event: gets the launch's event where the caller wants one.
    /// - Returns: the status of the first call that failed.
    func enqueue(
        _ queue: cl_command_queue, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>,
        state: UInt64, event: UnsafeMutablePointer<cl_event?>?
    ) -> cl_int {
        last.withLock { last in
            if state == 0 || state != last.state {
                last.state = 0
                let status = setArguments(bindings, scalars, &last)
                if status != CL_SUCCESS { return status }
                last.state = state
            }
            return nt_clEnqueueNDRangeKernel(library.pointer, queue, kernel, 3, nil, global, local, 0, nil, event)
        }
    }

    private func setArguments(
        _ bindings: UnsafeBufferPointer<BufferBinding>, _ scalars: UnsafeBufferPointer<UInt64>, _ last: inout Last
    ) -> cl_int {
        for number in 0..<binding.bufferCount {
            let status = bind(number, bindings, &last)
            if status != CL_SUCCESS { return status }
        }
        for (number, argument) in binding.varying.enumerated() {
            let bits = binding.bits(argument, bindings, scalars)
            if last.scalars[number] == bits { continue }
            last.scalars[number] = nil
            let status = set(parameter(of: argument.argument), bits, argument.scalar.byteCount)
            if status != CL_SUCCESS { return status }
            last.scalars[number] = bits
        }
        return CL_SUCCESS
    }

    private func bind(_ number: Int, _ bindings: UnsafeBufferPointer<BufferBinding>, _ last: inout Last) -> cl_int {
        let (bound, offset) = binding.buffer(number, bindings)
        let buffer = unsafeDowncast(bound, to: OpenCLBuffer.self)
        let index = cl_uint(2 * number)
        if last.serials[number] != buffer.serial {
            var memory: cl_mem? = buffer.memory
            let status = nt_clSetKernelArg(library.pointer, kernel, index, MemoryLayout<cl_mem>.size, &memory)
            guard status == CL_SUCCESS else {
                last.serials[number] = 0
                return status
            }
        } else if last.offsets[number] == offset {
            return CL_SUCCESS
        }
        // What was refused is not there the next time.
        last.serials[number] = 0
        let status = set(index + 1, UInt64(bitPattern: Int64(offset)), 8)
        guard status == CL_SUCCESS else { return status }
        last.serials[number] = buffer.serial
        last.offsets[number] = offset
        return status
    }

    private func set(_ index: cl_uint, _ bits: UInt64, _ byteCount: Int) -> cl_int {
        var bits = bits.littleEndian
        return nt_clSetKernelArg(library.pointer, kernel, index, byteCount, &bits)
    }

    private func check(_ status: cl_int) throws(TensorError) {
        if status == CL_SUCCESS { return }
        throw TensorError(.deviceFailure, "opencl: \(name): an argument is refused: \(OpenCLStatus.name(status))")
    }
}
