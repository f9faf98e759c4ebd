import COpenCL
import DeviceSupport
import Shaders
import TensorRuntime

/// A device of an OpenCL platform, opened: a context, its programs and its memory.
public final class OpenCLDevice: ShaderDevice, TunableDevice, KernelTiming, ProgramEmitting, @unchecked Sendable {
    // Safety: the context never changes and drivers are safe for threads; the rest is locked or immutable.

    let info: OpenCLDeviceInfo
    let library: OpenCLLibrary
    let context: cl_context
    let profiles: Bool
    /// Whether the host copies in the device's memory itself, mapped. Forced to the schedules of GPUs, a device is copied to
    /// as most of them are too, so that tests without one run that way.
    let copiesInPlace: Bool
    /// Whether only one queue may have launches in flight: see ``OpenCLTurns``.
    let takesTurns: Bool
    let programs: OpenCLPrograms
    private let profile: OpenCLProfile

    init(
        _ info: OpenCLDeviceInfo, library: OpenCLLibrary, configuration: RuntimeConfiguration
    ) throws(TensorError) {
        ForkWatch.begin()
        self.info = info
        self.library = library
        let quirks = try OpenCLQuirks.table.inForce(for: info, configuration: configuration).map(\.name)
        takesTurns = quirks.contains(OpenCLQuirks.oneQueue)
        var device: cl_device_id? = info.device
        var properties = [cl_context_properties(CL_CONTEXT_PLATFORM), Int(bitPattern: info.platform), 0]
        var status: cl_int = 0
        let made = nt_clCreateContext(library.pointer, &properties, 1, &device, nil, nil, &status)
        guard let made else {
            throw TensorError(
                .deviceUnavailable,
                "\(info.description.id): \(info.description.name) cannot be opened: \(OpenCLStatus.name(status))"
            )
        }
        context = made
        profiles = configuration.profiles
        copiesInPlace = info.isUnified && configuration.openCLScheduleClass != .gpu
        profile = OpenCLProfile(library: library)
        let target = info.target(configuration.openCLScheduleClass)
        programs = OpenCLPrograms(
            OpenCLProgramDriver(info: info, library: library, context: made, takesTurns: takesTurns),
            device: info.description, target: target, configuration: configuration)
        let shaders = TunedShaders(
            target: target, backend: "opencl", identity: info.identity, configuration: configuration)
        super.init(info.description, quirks: quirks, shaders: shaders, interface: "OpenCL")
    }

    deinit { _ = nt_clReleaseContext(library.pointer, context) }

    /// How programs came to be since the device was opened.
    public var programCounts: ProgramCounts { programs.counts }
    public var emission: ProgramEmission { programs.emission }

    // MARK: The contract

    /// Of AMD's devices, which alone can be asked.
    public var memoryInfo: DeviceMemory? {
        guard info.tellsFreeMemory, let answer = library.bytes(of: info.device, NT_CL_DEVICE_GLOBAL_FREE_MEMORY_AMD),
            answer.count >= MemoryLayout<UInt>.size
        else { return nil }
        // All that is free, in KiB; the largest piece follows.
        let free = answer.withUnsafeBytes { Int(clamping: $0.loadUnaligned(as: UInt.self)) }
        return DeviceMemory(free: min(free, description.memory >> 10) << 10, total: description.memory)
    }

    public func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer {
        try checkAlive()
        return try OpenCLBuffer(byteCount: byteCount, device: self)
    }

    public func prepareKernels(_ specs: [KernelSpec]) { programs.announce(shaders.prepare(specs)) }

    public override func makeKernel(_ spec: KernelSpec, _ plan: ShaderPlan) throws(TensorError) -> any DeviceKernel {
        try checkAlive()
        let launches = plan.launches.filter(\.hasWork)
        programs.announce(launches)
        var dispatches: [OpenCLDispatch] = []
        for launch in launches {
            let (program, handle) = try programs.make(launch)
            let binding = try LaunchBinding(launch, of: program.source, as: program.form, spec: spec)
            let variant = programs.driver.variant(workgroups: launch.workgroups)
            dispatches.append(
                try OpenCLDispatch(
                    binding, workgroups: launch.workgroups, program: program, handle: handle, variant: variant,
                    info: info, library: library))
        }
        return OpenCLKernel(spec, plan, launches: launches, dispatches: dispatches)
    }

    public func makeStream() throws(TensorError) -> any DeviceStream {
        try checkAlive()
        return try OpenCLStream(device: self)
    }

    // MARK: Times

    func recordTime(of kernel: String, _ event: cl_event) { profile.add(kernel, event) }

    public func takeKernelTimes() -> [KernelTime] { profile.take() }

    // MARK: Failure

    /// Fails where a command did; a fatal status makes everything later on this device fail with it.
    func check(
        _ status: cl_int, waits: Bool = false, _ command: @autoclosure () -> String
    ) throws(TensorError) {
        if status == CL_SUCCESS { return }
        throw failure(status, waits: waits, command())
    }

    func failure(_ status: cl_int, waits: Bool = false, _ command: String) -> TensorError {
        let name = OpenCLStatus.name(status)
        if OpenCLStatus.isFatal(status, waits: waits) { return lose(command, name) }
        return failure(command, name, isOutOfMemory: OpenCLStatus.isOutOfMemory(status))
    }

    /// Marks the device dead because work that was queued failed, whatever its status.
    func loss(_ status: cl_int, _ command: String) -> TensorError {
        lose(command, OpenCLStatus.name(status))
    }
}
