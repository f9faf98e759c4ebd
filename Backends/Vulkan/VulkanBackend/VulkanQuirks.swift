import DeviceSupport

/// The ways around what Vulkan drivers do wrong.
enum VulkanQuirks {
    static let divides = "vulkan.divides"
    static let serial = "vulkan.serial"
    static let shortLoops = "vulkan.short-loops"
    static let stagedCopies = "vulkan.staged-copies"

    /// See ``shortLoops``.
    static let turnLimit = 65_535

    static let table = QuirkTable<VulkanDeviceInfo>(
        backend: "vulkan",
        rows: [
            Quirk(
                name: shortLoops,
                summary:
                    "Kernels are refused whose work-items may turn their loops more than 65,535 times together, and other "
                    + "schedules are taken: llvmpipe leaves all loops then, without a word.",
                since: "Mesa 22.3"
            ) { $0.driverName == "llvmpipe" },
            Quirk(
                name: divides,
                summary:
                    "Quotients and square roots are rounded by integers: the driver's are off by a unit, and NaN where the "
                    + "divisor is subnormal. In force where the self-test finds that.",
                since: "NVIDIA 580.159"
            ) { _ in false },
            Quirk(
                name: serial,
                summary: "Each kernel waits for the one before it, whatever it touches: tells a missing barrier from a "
                    + "wrong kernel.",
                since: "no driver; for people who look for a fault"
            ) { _ in false },
            Quirk(
                name: stagedCopies,
                summary:
                    "The host copies through a ring of its own memory, also where it could work in the device's: some "
                    + "drivers call memory cached that is slow to read.",
                since: "no driver; for people who look for a fault"
            ) { _ in false },
        ])
}
