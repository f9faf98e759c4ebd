/// A device that writes its kernels in its driver's language.
public protocol ProgramEmitting: Device {
    /// What that took since the device was opened.
    var emission: ProgramEmission { get }
}

/// What it took to write programs in a driver's language, whether the driver then built them or had them on disk.
public struct ProgramEmission: Hashable, Sendable {
    /// Different programs.
    public var programs = 0
    /// Nanoseconds in which their kernels were made, and brought into a form that the device runs.
    public var kernelNanoseconds = 0
    /// Nanoseconds in which these were written in the driver's language.
    public var nanoseconds = 0

    /// Nothing written yet.
    public init() {}
}
