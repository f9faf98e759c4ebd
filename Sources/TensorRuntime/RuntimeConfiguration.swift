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
    /// The bytes of pending values at which a trace is evaluated unasked; nil means a quarter of the device's memory.
    public var traceByteLimit: Int?
    /// What is wrong with the environment, a line a variable. No device opens while there is any.
    public private(set) var problems: [String] = []

    public init() {}

    /// The defaults as the environment fills them. A variable that is empty counts as one that is not set.
    public init(environment: [String: String]) {
        func text(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        /// The variable's value, read by `parse`; one that it cannot read is a problem.
        func read<Value>(_ name: String, accepts: String, _ parse: (String) -> Value?) -> Value? {
            guard let found = text(name) else { return nil }
            if let value = parse(found) { return value }
            problems.append("\(name) is '\(found)', but must be \(accepts)")
            return nil
        }
        func flag(_ name: String) -> Bool? {
            read(name, accepts: "0, 1, true or false") { ["0": false, "false": false, "1": true, "true": true][$0] }
        }
        device = text("NEEDLETAIL_DEVICE") ?? device
        threads = read("NEEDLETAIL_THREADS", accepts: "a whole number of at least 1") { text in
            Int(text).flatMap { $0 >= 1 ? $0 : nil }
        }
        let sets = InstructionSet.allCases.map(\.rawValue).joined(separator: ", ")
        instructionSet = read("NEEDLETAIL_ISA", accepts: "one of \(sets)", InstructionSet.init) ?? instructionSet
        blas = text("NEEDLETAIL_BLAS")
        dataDirectory = text("NEEDLETAIL_DATA")
        eager = flag("NEEDLETAIL_EAGER") ?? eager
        fusion = flag("NEEDLETAIL_FUSION") ?? fusion
        checksNaN = flag("NEEDLETAIL_CHECK_NAN") ?? checksNaN
    }

    /// - Throws: `invalidArgument` with every problem, in one line.
    public func check() throws(TensorError) {
        if problems.isEmpty { return }
        throw TensorError(.invalidArgument, "environment: " + problems.joined(separator: "; "))
    }

    private static let stored = Mutex(RuntimeConfiguration(environment: ProcessInfo.processInfo.environment))

    /// The process's configuration. Set it before the first device is opened.
    public static var current: RuntimeConfiguration {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}
