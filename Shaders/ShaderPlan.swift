import KernelIR
import TensorRuntime

/// What a kernel specification becomes on a device: one launch, or several with partial results between them.
public struct ShaderPlan: Sendable {
    public var launches: [ShaderLaunch]
    /// Device memory for the partial results; its contents before the first launch are undefined.
    public var workspaceByteCount: Int

    public init(_ launches: [ShaderLaunch], workspaceByteCount: Int = 0) {
        self.launches = launches
        self.workspaceByteCount = workspaceByteCount
    }
}

/// One dispatch: a program, its grid, and where its parameters come from.
///
/// Buffers and arguments are named as in the kernel. The kernel depends on `key` alone, so a device builds it once.
public struct ShaderLaunch: Sendable {
    public enum Buffer: Hashable, Sendable {
        /// The operand's buffer, from the operand's first element on.
        case operand(Int)
        case workspace(byteOffset: Int)
    }

    public enum Argument: Hashable, Sendable {
        /// Fixed when the kernel is made: an extent, a stride.
        case integer(Int)
        /// The element offset of an operand that is only an index.
        case offset(operand: Int)
        /// A run-time scalar of the specification.
        case scalar(slot: Int)
    }

    public var key: ShaderKey
    public var workgroups: SIMD3<Int>
    public var buffers: [String: Buffer]
    public var arguments: [String: Argument]
    public var build: @Sendable () -> Kernel

    public init(
        key: ShaderKey, workgroups: SIMD3<Int>, buffers: [String: Buffer] = [:], arguments: [String: Argument] = [:],
        build: @escaping @Sendable () -> Kernel
    ) {
        self.key = key
        self.workgroups = workgroups
        self.buffers = buffers
        self.arguments = arguments
        self.build = build
    }

    /// The turns that all loops of a work-item of `kernel`, which the launch builds, take together, at most; nil where
    /// nobody knows.
    public func turnBound(of kernel: Kernel) -> Int? {
        let known = arguments.compactMapValues { if case .integer(let value) = $0 { value } else { nil } }
        return kernel.turnBound(arguments: known, workgroups: workgroups)
    }
}

/// What a kernel is keyed by: the specification's code, the schedule, and the classes of arguments it was written for.
public struct ShaderKey: Hashable, Sendable {
    public var code: KernelCode
    /// The schedule's name, and which of the plan's launches it is.
    public var schedule: String
    public var variant: [Int]

    public init(code: KernelCode, schedule: String, variant: [Int] = []) {
        self.code = code
        self.schedule = schedule
        self.variant = variant
    }
}
