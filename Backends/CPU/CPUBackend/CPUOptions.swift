import TensorRuntime

extension CPUBackend {
    /// The instruction set of the kernels.
    public enum InstructionSet: String, Sendable, CaseIterable {
        /// What the processor has.
        case automatic = "auto"
        case baseline, avx2, avx512
    }

    /// The most threads that there may be.
    public static let maximumThreads = 4096

    static let threads = BackendOption(
        "threads", of: "cpu", accepts: "a whole number of 1 to \(CPUBackend.maximumThreads)",
        variables: ["NEEDLETAIL_THREADS"]
    ) { text in Int(text).map { (1...CPUBackend.maximumThreads).contains($0) } ?? false }

    static let instructionSet = BackendOption(
        "instruction-set", of: "cpu",
        accepts: "one of " + InstructionSet.allCases.map(\.rawValue).joined(separator: ", "),
        variables: ["NEEDLETAIL_ISA"]
    ) { InstructionSet(rawValue: $0) != nil }

    static let blas = BackendOption(
        "blas", of: "cpu", accepts: "a library or none", variables: ["NEEDLETAIL_BLAS"])
}

extension RuntimeConfiguration {
    /// `NEEDLETAIL_THREADS`: threads of the CPU backend, 1 to ``CPUBackend/maximumThreads``; nil means the number that
    /// the cgroup allows.
    public var threads: Int? {
        get { options[CPUBackend.threads].flatMap { Int($0) } }
        set { options[CPUBackend.threads] = newValue.map(String.init) }
    }

    /// `NEEDLETAIL_ISA`: the instruction set of the CPU backend's kernels.
    public var instructionSet: CPUBackend.InstructionSet {
        get { options[CPUBackend.instructionSet].flatMap(CPUBackend.InstructionSet.init) ?? .automatic }
        set { options[CPUBackend.instructionSet] = newValue.rawValue }
    }

    /// `NEEDLETAIL_BLAS`: a library to open in place of the system's, or `none` for the built-in matmul. Whichever it is,
    /// it computes the products for which it measures faster than the own kernels.
    public var blas: String? {
        get { options[CPUBackend.blas] }
        set { options[CPUBackend.blas] = newValue }
    }
}
