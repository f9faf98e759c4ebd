import TensorRuntime

/// The programs that a stream launched since its last submission and that no file holds yet, with the variants that were.
public struct LaunchedPrograms<Driver: ProgramDriver>: Sendable {
    private var launched: [ObjectIdentifier: (program: DeviceProgram<Driver.Handle>, variants: UInt8)] = [:]

    public init() {}

    var programs: some Sequence<(program: DeviceProgram<Driver.Handle>, variants: UInt8)> { launched.values }

    public mutating func add(_ program: DeviceProgram<Driver.Handle>, variant: UInt8) {
        launched[ObjectIdentifier(program), default: (program, 0)].variants |= variant
    }

    /// They were submitted: they are kept on disk once `event` is complete.
    public mutating func wereSubmitted(to programs: DevicePrograms<Driver>, behind event: any DeviceEvent) {
        if launched.isEmpty { return }
        programs.note(self, by: event)
        launched = [:]
    }

    /// Their launches are done: they are kept on disk now, and those of other streams' submissions that are done too.
    public mutating func store(in programs: DevicePrograms<Driver>) {
        if !launched.isEmpty { programs.store(launched.values) }
        launched = [:]
        programs.storeFinished()
    }
}
