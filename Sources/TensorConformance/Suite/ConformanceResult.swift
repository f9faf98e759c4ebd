import TensorRuntime

/// What became of one row on one device.
public struct ConformanceResult: Sendable, CustomStringConvertible {
    public enum Outcome: Hashable, Sendable {
        case passed
        case failed(String)
        /// The device says that it does not support the row, and why.
        case skipped(String)
    }

    public let name: String
    public let tags: Set<ConformanceCase.Tag>
    public let family: KernelFamily
    public let outcome: Outcome
    /// The largest error of its outputs, in the measure of their tolerances.
    public let error: Double
    /// A digest of the bytes written, equal where two runs wrote the same bits.
    public let digest: UInt64

    public var passed: Bool { outcome == .passed }
    public var failure: String? { if case .failed(let message) = outcome { message } else { nil } }
    public var skipReason: String? { if case .skipped(let reason) = outcome { reason } else { nil } }

    public var description: String {
        switch outcome {
        case .passed: "pass \(name) (error \(error))"
        case .failed(let message): "FAIL \(name): \(message)"
        case .skipped(let reason): "skip \(name): \(reason)"
        }
    }
}
