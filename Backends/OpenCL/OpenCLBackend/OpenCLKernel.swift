import COpenCL
import KernelIR
import Shaders
import Synchronization
import TensorRuntime

/// A kernel for one spec: one dispatch, or several in a row.
final class OpenCLKernel: DeviceKernel {
    let spec: KernelSpec
    let workspaceByteCount: Int
    let dispatches: [OpenCLDispatch]
    private let launches: [ShaderLaunch]
    var dispatchCount: Int { dispatches.count }

    init(spec: KernelSpec, plan: ShaderPlan, launches: [ShaderLaunch], dispatches: [OpenCLDispatch]) {
        self.spec = spec
        workspaceByteCount = plan.workspaceByteCount
        self.launches = launches
        self.dispatches = dispatches
    }

    var listing: String {
        let texts = launches.map { launch in
            let grid = (0..<3).map { String(launch.workgroups[$0]) }.joined(separator: "x")
            return "schedule \(launch.key.schedule), \(grid) workgroups\n\(launch.build())"
        }
        return ([spec.listing] + texts).joined(separator: "\n")
    }
}

/// One dispatch: the driver's kernel object of its own, whose arguments are set only where they differ from those of the
/// last launch. Setting them is not safe for threads, so a launch holds the dispatch's lock.
final class OpenCLDispatch: @unchecked Sendable {
    // Safety: the kernel object is used under the lock of `last`; the rest is immutable.

    private struct BufferParameter {
        let index: cl_uint
        let source: ShaderLaunch.Buffer
        let elementByteCount: Int
    }

    private struct ScalarParameter {
        let index: cl_uint
        let source: ShaderLaunch.Argument
        /// The type in which a slot is read.
        let dtype: DType
        let scalar: ScalarType
    }

    /// The varying arguments of the last launch.
    private struct Last {
        var serials: [UInt64]
        var offsets: [Int]
        var scalars: [UInt64?]
    }

    let program: OpenCLProgram
    /// The program's variant that this grid runs.
    let variant: UInt8
    var name: String { program.signature.name }
    private let library: OpenCLLibrary
    private let kernel: cl_kernel
    private let global: [Int]
    private let local: [Int]
    private let buffers: [BufferParameter]
    private let scalars: [ScalarParameter]
    private let last: Mutex<Last>

    init(
        _ launch: ShaderLaunch, program: OpenCLProgram, handle: cl_program, spec: KernelSpec, info: OpenCLDeviceInfo,
        library: OpenCLLibrary
    ) throws(TensorError) {
        let signature = program.signature
        var status: cl_int = 0
        guard let made = nt_clCreateKernel(library.pointer, handle, signature.name, &status) else {
            throw TensorError(
                .deviceFailure, "opencl: no kernel object of \(signature.name): \(OpenCLStatus.name(status))")
        }
        kernel = made
        self.library = library
        self.program = program
        variant = OpenCLProgram.variant(workgroups: launch.workgroups)
        local = (0..<3).map { signature.workgroupSize[$0] }
        global = (0..<3).map { launch.workgroups[$0] * signature.workgroupSize[$0] }
        buffers = signature.buffers.enumerated().map { number, buffer in
            guard let source = launch.buffers[buffer.name] else {
                preconditionFailure("\(signature.name): nothing is bound to buffer \(buffer.name)")
            }
            return BufferParameter(
                index: cl_uint(2 * number), source: source, elementByteCount: buffer.element.byteCount)
        }
        let types = spec.body.scalarTypes
        let all = signature.arguments.enumerated().map { number, argument in
            guard let source = launch.arguments[argument.name] else {
                preconditionFailure("\(signature.name): nothing is given to argument \(argument.name)")
            }
            let dtype = if case .scalar(let slot) = source { types[slot] } else { DType.int64 }
            return ScalarParameter(
                index: cl_uint(2 * signature.buffers.count + number), source: source, dtype: dtype,
                scalar: argument.scalar)
        }
        scalars = all.filter { if case .integer = $0.source { false } else { true } }
        last = Mutex(
            Last(
                serials: Array(repeating: 0, count: buffers.count), offsets: Array(repeating: 0, count: buffers.count),
                scalars: Array(repeating: nil, count: scalars.count)))
        for parameter in all {
            guard case .integer(let value) = parameter.source else { continue }
            try check(set(parameter.index, parameter.scalar.argumentBits(value), parameter.scalar.byteCount))
        }
        try checkLimits(info)
    }

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
    /// - Parameter event: gets the launch's event where the caller wants one.
    /// - Returns: the status of the first call that failed.
    func enqueue(
        _ queue: cl_command_queue, bindings: UnsafeBufferPointer<BufferBinding>, scalars: UnsafeBufferPointer<UInt64>,
        event: UnsafeMutablePointer<cl_event?>?
    ) -> cl_int {
        last.withLock { last in
            for number in buffers.indices {
                let status = bind(number, bindings, &last)
                if status != CL_SUCCESS { return status }
            }
            for number in self.scalars.indices {
                let parameter = self.scalars[number]
                let bits = self.bits(parameter, bindings, scalars)
                if last.scalars[number] == bits { continue }
                let status = set(parameter.index, bits, parameter.scalar.byteCount)
                if status != CL_SUCCESS { return status }
                last.scalars[number] = bits
            }
            return nt_clEnqueueNDRangeKernel(library.pointer, queue, kernel, 3, nil, global, local, 0, nil, event)
        }
    }

    private func bind(_ number: Int, _ bindings: UnsafeBufferPointer<BufferBinding>, _ last: inout Last) -> cl_int {
        let parameter = buffers[number]
        let binding: BufferBinding
        let offset: Int
        switch parameter.source {
        case .operand(let operand):
            binding = bindings[operand]
            offset = binding.offset
        case .workspace(let byteOffset):
            binding = bindings[bindings.count - 1]
            offset = (binding.offset + byteOffset) / parameter.elementByteCount
        }
        guard let bound = binding.buffer else { preconditionFailure("opencl: \(name): a binding has no buffer") }
        let buffer = unsafeDowncast(bound, to: OpenCLBuffer.self)
        if last.serials[number] != buffer.serial {
            var memory: cl_mem? = buffer.memory
            let status = nt_clSetKernelArg(
                library.pointer, kernel, parameter.index, MemoryLayout<cl_mem>.size, &memory)
            if status != CL_SUCCESS { return status }
        } else if last.offsets[number] == offset {
            return CL_SUCCESS
        }
        last.serials[number] = buffer.serial
        last.offsets[number] = offset
        return set(parameter.index + 1, UInt64(bitPattern: Int64(offset)), 8)
    }

    private func bits(
        _ parameter: ScalarParameter, _ bindings: UnsafeBufferPointer<BufferBinding>,
        _ scalars: UnsafeBufferPointer<UInt64>
    ) -> UInt64 {
        switch parameter.source {
        case .integer(let value): parameter.scalar.argumentBits(value)
        case .offset(let operand): parameter.scalar.argumentBits(bindings[operand].offset)
        case .scalar(let slot): parameter.scalar.argumentBits(slot: scalars[slot], as: parameter.dtype)
        }
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
