import TensorRuntime

/// What became of one row on one device.
public struct ConformanceResult: Sendable, CustomStringConvertible {
    /// How a row ended.
    public enum Outcome: Hashable, Sendable {
        /// Both runs gave what was expected.
        case passed
        /// What was wrong first: a number, a byte outside of an output, an error.
        case failed(String)
        /// The device says that it does not support the row, and why.
        case skipped(String)
    }

    /// That of the row.
    public let name: String
    /// Those of the row.
    public let tags: Set<ConformanceCase.Tag>
    /// That of the row's kernel.
    public let family: KernelFamily
    /// Passed, failed with what differed, or skipped with the device's reason.
    public let outcome: Outcome
    /// The largest error of its outputs, in the measure of their tolerances.
    public let error: Double
    /// A digest of the bytes written, equal where two runs wrote the same bits.
    public let digest: UInt64

    /// Whether the device ran the row and gave what was expected; a skipped row has not passed.
    public var passed: Bool { outcome == .passed }
    /// What differed; nil where nothing did, or where the row did not run.
    public var failure: String? { if case .failed(let message) = outcome { message } else { nil } }
    /// Why the device does not support the row; nil where it ran.
    public var skipReason: String? { if case .skipped(let reason) = outcome { reason } else { nil } }

    public var description: String {
        switch outcome {
        case .passed: "pass \(name) (error \(error))"
        case .failed(let message): "FAIL \(name): \(message)"
        case .skipped(let reason): "skip \(name): \(reason)"
        }
    }
}
