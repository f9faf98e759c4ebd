import CVulkan
import DeviceSupport
import Shaders
import Synchronization
import TensorRuntime

/// A physical device, opened: its programs, its memory and its queue.
public final class VulkanDevice: ShaderDevice, TunableDevice, KernelTiming, ProgramEmitting, @unchecked Sendable {
    // Safety: the handle never changes and may be used from any thread; the rest is locked or immutable.

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
    /// How often the loops of a work-item turn at most, where the driver bounds it.
    private let turnLimit: Int?
    /// See ``VulkanBackend/Options/listener``.
    let bindsExactly: Bool
    /// See ``VulkanBackend/Options/clock``.
    private let clock: (@Sendable ([String]) -> Int)?
    /// Nanoseconds of a timestamp's tick, where dispatches are timed.
    let tick: Double?
    let programs: VulkanPrograms
    let parameters: VulkanParameters
    /// How often a recording was looked for, for tests.
    package let recordingLookUps = Atomic(0)
    private let reserved = Lock(0)
    private let times = Lock<[KernelTime]>([])

    init(
        _ info: VulkanDeviceInfo, library: VulkanLibrary, configuration: RuntimeConfiguration,
        options: VulkanBackend.Options
    ) throws(TensorError) {
        ForkWatch.begin()
        self.info = info
        var description = info.description
        // Where a processor computes workgroups, the tiles of a convolution are filled element by element, with quotients: ten
        // times as slow as the columns and the product that a convolution is decomposed into.
        if description.kind == .software && configuration.vulkanScheduleClass == .automatic {
            description.families.remove(.convolution)
        }
        let quirks = try VulkanQuirks.table.inForce(for: info, configuration: configuration).map(\.name)
        var opened: OpaquePointer?
        var facts = info.facts
        func unavailable(_ why: String) -> TensorError {
            TensorError(.deviceUnavailable, "\(info.description.id): \(info.description.name) \(why)")
        }
        let status = nt_vk_open_device(library.pointer, info.physical, &facts, &opened)
        guard status == VK_SUCCESS, let opened else {
            throw unavailable("cannot be opened: \(VulkanStatus.name(status))")
        }
        owner = VulkanHandle(opened, library: library)
        guard let memoryType = VulkanMemoryType(info.facts, bits: nt_vk_buffer_types(opened)) else {
            throw unavailable("has no memory that both the host and kernels use")
        }
        self.memoryType = memoryType
        copiesInPlace =
            memoryType.isHosts && configuration.vulkanScheduleClass != .gpu
            && !quirks.contains(VulkanQuirks.stagedCopies)
        isSerial = quirks.contains(VulkanQuirks.serial)
        bindsExactly = options.listener != nil && options.rangeLimit == nil
        tick = configuration.profiles ? info.tick : nil
        clock = options.clock
        var target = info.target(configuration.vulkanScheduleClass)
        target.dividesExactly = !quirks.contains(VulkanQuirks.divides)
        turnLimit = quirks.contains(VulkanQuirks.shortLoops) ? VulkanQuirks.turnLimit : nil
        programs = VulkanPrograms(
            VulkanProgramDriver(info: info, device: owner), device: info.description, target: target,
            configuration: configuration)
        parameters = VulkanParameters(owner, memoryType: memoryType.parameters)
        let shaders = TunedShaders(
            target: target, backend: "vulkan", identity: info.identity, configuration: configuration)
        super.init(description, quirks: quirks, shaders: shaders, interface: "Vulkan")
    }

    /// Device and driver with their versions, as what is kept on disk names them.
    package var identity: String { info.identity }

    /// How programs came to be since the device was opened.
    public var programCounts: ProgramCounts { programs.counts }
    public var emission: ProgramEmission { programs.emission }

    // MARK: The contract

    public var memoryInfo: DeviceMemory? { info.memoryInfo(owner.library) }

    public func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer {
        try checkAlive()
        return try VulkanBuffer(byteCount: byteCount, device: self)
    }

    public override func unsupportedReason(_ spec: KernelSpec) -> String? {
        super.unsupportedReason(spec) ?? reasonAgainstLaunches(of: spec)
    }

    /// What is known once kernels are written. Vulkan has functions of float64 for roots and rounding alone, and which of them
    /// the library takes, the emitter finds; and loops may turn more often than the driver lets them.
    private func reasonAgainstLaunches(of spec: KernelSpec) -> String? {
        let hasFloat64 =
            spec.code.program?.steps.contains { $0.dtype == .float64 } == true
            || spec.body.operands.contains { $0.dtype == .float64 }
        guard hasFloat64 || turnLimit != nil else { return nil }
        do throws(TensorError) {
            try shaders.make(spec) { (plan) throws(TensorError) in
                let launches = try self.launches(of: plan, spec)
                if hasFloat64 { for launch in launches { try programs.check(launch) } }
            }
            return nil
        } catch {
            return error.kind == .unsupported ? error.message : nil
        }
    }

    public func prepareKernels(_ specs: [KernelSpec]) {
        let launches = shaders.prepare(specs) { (plan, spec) throws(TensorError) in
            try self.launches(of: plan, spec).flatMap { $0.pieces(maximumGrid: info.maximumGrid) }
        }
        programs.announce(launches)
        programs.build(launches)
    }

    public override func makeKernel(_ spec: KernelSpec, _ plan: ShaderPlan) throws(TensorError) -> any DeviceKernel {
        try checkAlive()
        let launches = try self.launches(of: plan, spec)
        var dispatches: [VulkanDispatch] = []
        for launch in launches {
            for (number, piece) in launch.pieces(maximumGrid: info.maximumGrid).enumerated() {
                let (program, handle) = try programs.make(piece)
                dispatches.append(
                    try VulkanDispatch(
                        piece, of: plan, spec: spec, program: program, handle: handle, isFurtherPiece: number > 0,
                        target: info.spirv))
            }
        }
        return VulkanKernel(spec, plan, launches: launches, dispatches: dispatches)
    }

    /// A plan's launches, with buffers that are larger than a binding reached by their addresses.
    ///
    /// - Throws: `unsupported` where the device has no addresses, or the driver would end a work-item's loops.
    private func launches(of plan: ShaderPlan, _ spec: KernelSpec) throws(TensorError) -> [ShaderLaunch] {
        // An operand begins anywhere, and is read by whole words.
        let limit = info.maximumRange - info.offsetAlignment - 8
        let launches = plan.launches.filter(\.hasWork)
        if let turnLimit { for launch in launches { try launch.check(turnLimit: turnLimit, on: description) } }
        let reaching = launches.map { $0.reaching(beyond: limit, in: plan, of: spec) }
        if info.facts.addresses == 0, zip(launches, reaching).contains(where: { $0.key != $1.key }) {
            throw TensorError(
                .unsupported,
                "\(description.id): \(spec) touches more than \(limit) bytes of one buffer, as many as "
                    + "\(description.name) binds, and it tells no addresses (VK_KHR_buffer_device_address)")
        }
        return reaching
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

    // MARK: Times

    /// How many timestamps a recording of some dispatches takes: at its ends, or around each.
    func timestampCount(_ dispatches: Int) -> UInt32 {
        tick != nil ? UInt32(2 * dispatches) : info.tick != nil ? 2 : 0
    }

    /// Nanoseconds that a recording took that is done; nil where the device has no clock.
    func duration(of recording: VulkanRecording) throws(TensorError) -> Int? {
        if let clock { return clock(recording.dispatches.map(\.name)) }
        guard let tick = info.tick else { return nil }
        var ticks = [UInt64](repeating: 0, count: Int(recording.recording.time_count))
        try check(nt_vk_times(handle, recording.recording, &ticks), "reading times")
        // An hour, whatever a driver says.
        return Int(min(Double(elapsed(from: ticks[0], to: ticks.last!)) * tick, 3.6e12))
    }

    /// Ticks between two timestamps, which begin anew at 0 where they end.
    private func elapsed(from start: UInt64, to end: UInt64) -> UInt64 {
        let difference = end &- start
        return info.facts.timestamp_bits < 64 ? difference & (1 << UInt64(info.facts.timestamp_bits) - 1) : difference
    }

    /// Keeps the times of a recording that is done.
    func recordTimes(of recording: VulkanRecording, tick: Double) throws(TensorError) {
        var ticks = [UInt64](repeating: 0, count: 2 * recording.dispatches.count)
        try check(nt_vk_times(handle, recording.recording, &ticks), "reading times")
        times.withLock { times in
            for (number, dispatch) in recording.dispatches.enumerated() {
                let nanoseconds = Double(elapsed(from: ticks[2 * number], to: ticks[2 * number + 1])) * tick
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

    /// Fails where a call did; a lost device makes everything later fail with it.
    func check(_ status: VkResult, _ command: @autoclosure () -> String) throws(TensorError) {
        if status == VK_SUCCESS { return }
        throw failure(status, command())
    }

    func failure(_ status: VkResult, _ command: String) -> TensorError {
        let name = VulkanStatus.name(status)
        if status == VK_ERROR_DEVICE_LOST { return lose(command, name) }
        return failure(command, name, isOutOfMemory: VulkanStatus.isOutOfMemory(status))
    }
}
