import TensorRuntime

/// Host memory that a kernel's buffer stands for.
public struct InterpreterBuffer {
    /// The whole region. Buffers of one launch may share one.
    public var region: UnsafeMutableRawBufferPointer
    /// The element of the region that has index 0.
    public var offset: Int
    /// The indices that the kernel may touch; nil for all that lie in the region.
    public var bounds: Range<Int>?
    /// One flag for each byte of the region, set where it was written; nil where everything may be read.
    public var written: UnsafeMutablePointer<Bool>?

    public init(
        region: UnsafeMutableRawBufferPointer, offset: Int = 0, bounds: Range<Int>? = nil,
        written: UnsafeMutablePointer<Bool>? = nil
    ) {
        self.region = region
        self.offset = offset
        self.bounds = bounds
        self.written = written
    }
}

/// Runs a kernel on the host, statement by statement, and stops at the first thing that a device might do otherwise.
///
/// It finds accesses outside buffers and arrays, reads of what nothing wrote, two work-items at one element of which one
/// writes (with no barrier between, for shared arrays), barriers that not all come to, divisions by 0 and shifts too far.
/// All work-items of a workgroup go through the statements together, each statement for all of them that come to it.
public struct KernelInterpreter: Sendable {
    let program: InterpreterProgram

    /// - Parameters:
    ///   - subgroupSize: the work-items of a subgroup, in the order of their numbers.
    ///   - fusesMultiplyAdd: whether a `multiplyAdd` rounds once. Devices differ, so that kernels must be right either way.
    ///   - dividesExactly: whether quotients and square roots of floats are rounded rightly. If not, they are off by as much
    ///     as Vulkan allows, and nothing comes of subnormal numbers.
    /// - Throws: what is wrong with names, types, scopes and accesses. The rules of ``Kernel/validate()`` about flow are
    ///   left to the run, which checks what really happens.
    public init(
        _ kernel: Kernel, subgroupSize: Int = 8, fusesMultiplyAdd: Bool = true, dividesExactly: Bool = true
    ) throws(KernelError) {
        try kernel.validateStructure()
        program = InterpreterProgram.compile(
            kernel, subgroupSize: subgroupSize, fusesMultiplyAdd: fusesMultiplyAdd, dividesExactly: dividesExactly)
    }

    public var kernel: Kernel { program.kernel }

    /// Runs all workgroups, the first axis fastest.
    ///
    /// - Parameters:
    ///   - arguments: the bits of each argument, by position: an integer's two's complement, a float's pattern in its
    ///     own size, 0 or 1.
    ///   - buffers: one for each buffer of the kernel, by position.
    ///   - turnLimit: how often all loops of one work-item may turn together; nil for any number.
    public func launch(
        workgroups: SIMD3<Int>, arguments: [UInt64] = [], buffers: [InterpreterBuffer] = [], turnLimit: Int? = nil
    ) throws(KernelError) {
        let kernel = program.kernel
        guard arguments.count == kernel.arguments.count, buffers.count == kernel.buffers.count else {
            throw kernel.error(
                .launch,
                "\(arguments.count) arguments and \(buffers.count) buffers for \(kernel.arguments.count) and "
                    + "\(kernel.buffers.count)")
        }
        let groupCount = workgroups[0] * workgroups[1] * workgroups[2]
        guard workgroups.min() >= 0, groupCount * program.itemCount < Int(Int32.max) else {
            throw kernel.error(.launch, "\(workgroups) workgroups")
        }
        if groupCount == 0 { return }
        var machine = InterpreterMachine(
            program, workgroups: workgroups, arguments: arguments, buffers: buffers, turnLimit: turnLimit)
        try machine.run()
    }
}
