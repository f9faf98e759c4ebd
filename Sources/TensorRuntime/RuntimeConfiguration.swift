import Foundation
import Synchronization

/// Every mode of the runtime. Environment variables only fill the defaults, and are read here alone.
///
/// What belongs to a device instance (instruction set, threads, BLAS, schedule class) is read when the device is opened.
public struct RuntimeConfiguration: Sendable {
    /// The instruction set of the CPU backend's kernels.
    public enum InstructionSet: String, Sendable, CaseIterable {
        /// What the processor has.
        case automatic = "auto"
        case baseline, avx2, avx512
    }

    /// `NEEDLETAIL_DEVICE`: the default device, `auto` or a ``DeviceID``.
    public var device: String = "auto"
    /// `NEEDLETAIL_THREADS`: threads of the CPU backend; nil means the number the cgroup allows.
    public var threads: Int?
    /// `NEEDLETAIL_ISA`: `auto`, `baseline`, `avx2`, `avx512`.
    public var instructionSet: InstructionSet = .automatic
    /// `NEEDLETAIL_BLAS`: a library to open in place of the system's, or `none` for the built-in matmul.
    public var blas: String?
    /// `NEEDLETAIL_DATA`: where datasets are.
    public var dataDirectory: String?
    /// `NEEDLETAIL_EAGER=1`: evaluate after every operation.
    public var eager = false
    /// `NEEDLETAIL_FUSION=0`: one kernel per node.
    public var fusion = true
    /// `NEEDLETAIL_CHECK_NAN=1`: fail at the operation that made the first NaN.
    public var checksNaN = false
    /// The number of pending nodes at which a trace is evaluated unasked.
    public var traceLimit = 50_000

    public init() {}

    /// The defaults as the environment fills them.
    public init(environment: [String: String]) {
        device = environment["NEEDLETAIL_DEVICE"] ?? "auto"
        threads = environment["NEEDLETAIL_THREADS"].flatMap(Int.init).map { max($0, 1) }
        instructionSet = environment["NEEDLETAIL_ISA"].flatMap(InstructionSet.init) ?? .automatic
        blas = environment["NEEDLETAIL_BLAS"]
        dataDirectory = environment["NEEDLETAIL_DATA"]
        eager = environment["NEEDLETAIL_EAGER"] == "1"
        fusion = environment["NEEDLETAIL_FUSION"] != "0"
        checksNaN = environment["NEEDLETAIL_CHECK_NAN"] == "1"
    }

    private static let stored = Mutex(RuntimeConfiguration(environment: ProcessInfo.processInfo.environment))

    /// The process's configuration. Set it before the first device is opened.
    public static var current: RuntimeConfiguration {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}
