import KernelIR
import TensorRuntime

/// What a driver does with the programs of one device.
public protocol ProgramDriver: Sendable {
    /// A program in the driver's hands, released with its last reference.
    associatedtype Handle: AnyObject, Sendable

    /// What a compiled program depends on beside its text: device, driver, options, and their versions.
    var identity: String { get }

    /// The kernel in the driver's language: text, or words.
    func emit(_ kernel: Kernel) throws(TensorError) -> [UInt8]

    /// A program in the driver's hands.
    ///
    /// - Parameter signature: the kernel without its body.
    func compile(_ text: [UInt8], _ signature: Kernel) throws(ProgramFailure) -> Handle

    /// The same from what ``binary(of:)`` gave in an earlier process; nil where the driver does not take it.
    func load(_ binary: [UInt8], _ text: [UInt8], _ signature: Kernel) -> Handle?

    /// What the driver keeps of a program for later processes; nil where it gives nothing.
    func binary(of handle: Handle) -> [UInt8]?

    /// Which of the codes that a driver makes of one program a grid runs, as one bit: it holds those that were launched
    /// before it was kept. (optional: there is one)
    func variant(workgroups: SIMD3<Int>) -> UInt8
}

extension ProgramDriver {
    public func variant(workgroups: SIMD3<Int>) -> UInt8 { 1 }
}

/// Why a driver could not build a program.
public struct ProgramFailure: Error {
    /// The driver's word for it.
    public var reason: String
    /// What its compiler said, as long as it is.
    public var log: String

    public init(reason: String, log: String = "") {
        self.reason = reason
        self.log = log
    }
}

/// How programs came to be.
public struct ProgramCounts: Hashable, Sendable {
    /// Built from their text.
    public var compiled = 0
    /// Taken from the disk.
    public var loaded = 0
    /// Written to the disk.
    public var stored = 0

    public init(compiled: Int = 0, loaded: Int = 0, stored: Int = 0) {
        self.compiled = compiled
        self.loaded = loaded
        self.stored = stored
    }
}
