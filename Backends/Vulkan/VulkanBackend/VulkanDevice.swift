import CVulkan
import DeviceSupport
import Shaders
import Synchronization
import TensorRuntime

/// A physical device, opened: its programs, its memory and its queue.
public final class VulkanDevice: TunableDevice, KernelTiming, ProgramEmitting, @unchecked Sendable {
    // Safety: the handle never changes and may be used from any thread; the rest is locked or immutable.

    public let description: DeviceDescription
    let info: VulkanDeviceInfo
    private let owner: VulkanHandle
    var handle: OpaquePointer { owner.pointer }
    var queue: VulkanQueue { owner.queue }
    let memoryType: VulkanMemoryType
    /// Whether the host copies in the device's memory itself. Forced to the schedules of GPUs, a device is copied to as most of
    /// them are too, so that tests without one run that way.
    let copiesInPlace: Bool
    /// Whether each kernel waits for the one before.
    let isSerial: Bool
    /// See ``VulkanBackend/Options/listener``.
    let bindsExactly: Bool
    /// Nanoseconds of a timestamp's tick, where dispatches are timed.
    let tick: Double?
    /// The names of the quirks in force.
    public let quirks: [String]
    private let shaders: TunedShaders
    let programs: VulkanPrograms
    let parameters: VulkanParameters
    private let loss = DeviceLoss()
    private let reserved = Mutex(0)
    private let times = Mutex<[KernelTime]>([])

    init(
        _ info: VulkanDeviceInfo, library: VulkanLibrary, configuration: RuntimeConfiguration,
        options: VulkanBackend.Options
    ) throws(TensorError) {
        ForkWatch.begin()
        self.info = info
        description = info.description
        quirks = try VulkanQuirks.table.inForce(for: info, configuration: configuration).map(\.name)
        var opened: OpaquePointer?
        var facts = info.facts
        let status = nt_vk_open_device(library.pointer, info.physical, &facts, &opened)
        guard status == VK_SUCCESS, let opened else {
            throw TensorError(
                .deviceUnavailable,
                "\(info.description.id): \(info.description.name) cannot be opened: \(VulkanStatus.name(status))")
        }
        owner = VulkanHandle(opened, library: library)
        guard let memoryType = VulkanMemoryType(info.facts, bits: nt_vk_buffer_types(opened)) else {
            throw TensorError(
                .deviceUnavailable,
                "\(info.description.id): \(info.description.name) has no memory that both the host and kernels use")
        }
        self.memoryType = memoryType
        copiesInPlace =
            memoryType.isHosts && configuration.scheduleClass != .gpu && !quirks.contains(VulkanQuirks.stagedCopies)
        isSerial = quirks.contains(VulkanQuirks.serial)
        bindsExactly = options.listener != nil && options.rangeLimit == nil
        tick = configuration.profiles ? info.tick : nil
        let target = info.target(
            configuration.scheduleClass, cutsFinely: quirks.contains(VulkanQuirks.shortLoops))
        shaders = TunedShaders(
            target: target, backend: "vulkan", identity: info.identity, configuration: configuration)
        programs = VulkanPrograms(
            VulkanProgramDriver(info: info, device: owner), device: info.description, target: target,
            configuration: configuration)
        parameters = VulkanParameters(owner, memoryType: memoryType.parameters)
    }

    /// What the kernel library knows of this device.
    public var target: ShaderTarget { shaders.target }

    /// How programs came to be since the device was opened.
    public var programCounts: ProgramCounts { programs.counts }
    public var emission: ProgramEmission { programs.emission }

    // MARK: The contract

    public func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer {
        try checkAlive()
        return try VulkanBuffer(byteCount: byteCount, device: self)
    }

    public func unsupportedReason(_ spec: KernelSpec) -> String? {
        description.reasonAgainst(spec) ?? shaders.unsupportedReason(spec) ?? reasonAgainstFunctions(of: spec)
    }

    /// Vulkan has functions of float64 for roots and rounding alone: which the library takes is known once kernels are emitted.
    private func reasonAgainstFunctions(of spec: KernelSpec) -> String? {
        guard spec.code.program?.steps.contains(where: { $0.dtype == .float64 }) == true else { return nil }
        do throws(TensorError) {
            try shaders.make(spec) { (plan) throws(TensorError) in
                for launch in plan.launches where launch.hasWork { try programs.check(launch) }
            }
            return nil
        } catch {
            return error.kind == .unsupported ? error.message : nil
        }
    }

    public func prepareKernels(_ specs: [KernelSpec]) {
        let launches = shaders.prepare(specs).flatMap { $0.pieces(maximumGrid: info.maximumGrid) }
        programs.announce(launches)
        programs.build(launches)
    }

    public func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        if let reason = description.reasonAgainst(spec) { throw TensorError(.unsupported, reason) }
        return try shaders.make(spec) { (plan) throws(TensorError) in try makeKernel(spec, plan) }
    }

    /// The kernel of a plan that need not come from the library, for tests.
    package func makeKernel(_ spec: KernelSpec, _ plan: ShaderPlan) throws(TensorError) -> any DeviceKernel {
        try checkAlive()
        let launches = plan.launches.filter(\.hasWork)
        var dispatches: [VulkanDispatch] = []
        for launch in launches {
            for (number, piece) in launch.pieces(maximumGrid: info.maximumGrid).enumerated() {
                let (program, handle) = try programs.make(piece)
                dispatches.append(
                    try VulkanDispatch(
                        piece, of: plan, spec: spec, program: program, handle: handle, isFurtherPiece: number > 0,
                        info: info))
            }
        }
        return VulkanKernel(
            spec: spec, workspaceByteCount: plan.workspaceByteCount, launches: launches, dispatches: dispatches)
    }

    public func makeStream() throws(TensorError) -> any DeviceStream {
        try checkAlive()
        return VulkanStream(device: self)
    }

    // MARK: Memory

    /// Bytes that buffers have.
    var reservedByteCount: Int { reserved.withLock { $0 } }

    /// Takes a part of the device's memory; false where there is not so much. Drivers promise more than there is.
    func reserve(_ byteCount: Int) -> Bool {
        reserved.withLock { reserved in
            guard byteCount <= description.memory - reserved else { return false }
            reserved += byteCount
            return true
        }
    }

    func release(_ byteCount: Int) { reserved.withLock { $0 -= byteCount } }

    // MARK: Tuning

    public func schedules(for spec: KernelSpec) -> [String] { shaders.schedules(for: spec) }

    public func makeKernel(_ spec: KernelSpec, schedule: String) throws(TensorError) -> any DeviceKernel {
        try makeKernel(spec, shaders.plan(spec, schedule: schedule))
    }

    public func adopt(_ choices: [(spec: KernelSpec, schedule: String)]) throws(TensorError) -> String {
        try shaders.adopt(choices, on: description.id)
    }

    // MARK: Times

    /// Keeps the times of a recording that is done.
    func recordTimes(of recording: VulkanRecording, tick: Double) throws(TensorError) {
        var ticks = [UInt64](repeating: 0, count: 2 * recording.dispatches.count)
        try check(
            nt_vk_times(handle, recording.recording, UInt32(recording.dispatches.count), &ticks), "reading times")
        times.withLock { times in
            for (number, dispatch) in recording.dispatches.enumerated() {
                let nanoseconds = Double(ticks[2 * number + 1] &- ticks[2 * number]) * tick
                _ = KernelTime.keep(KernelTime(kernel: dispatch.name, nanoseconds: Int(nanoseconds)), in: &times)
            }
        }
    }

    public func takeKernelTimes() -> [KernelTime] {
        times.withLock { times in
            defer { times = [] }
            return times
        }
    }

    // MARK: Failure

    /// Fails with the first cause where the device was lost.
    func checkAlive() throws(TensorError) {
        try ForkWatch.check(description.id, "Vulkan")
        try loss.check()
    }

    /// Fails where a call did; a lost device makes everything later fail with it.
    func check(_ status: VkResult, _ command: @autoclosure () -> String) throws(TensorError) {
        if status == VK_SUCCESS { return }
        throw failure(status, command())
    }

    func failure(_ status: VkResult, _ command: String) -> TensorError {
        let what = "\(description.id): \(command): \(VulkanStatus.name(status))"
        if status == VK_ERROR_DEVICE_LOST { return loss.lose(what) }
        return TensorError(VulkanStatus.isOutOfMemory(status) ? .outOfMemory : .deviceFailure, what)
    }
}
