import DeviceSupport

/// The ways around what OpenCL drivers do wrong.
enum OpenCLQuirks {
    /// See ``OpenCLTurns``.
    static let oneQueue = "opencl.one-queue"

    static let table = QuirkTable<OpenCLDeviceInfo>(
        backend: "opencl",
        rows: [
            Quirk(
                name: oneQueue,
                summary: "One queue at a time has launches in flight, and none while a program's binary is read: PoCL "
                    + "releases a kernel's code by the kernel's hash alone, and an assertion may end the process.",
                since: "PoCL 3.1"
            ) { $0.platformName == "Portable Computing Language" }
        ])
}
