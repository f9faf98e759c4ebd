import COpenCL
import Foundation
import Shaders
import Synchronization
import TensorRuntime

/// A device of an OpenCL platform, opened: a context, its programs and its memory.
public final class OpenCLDevice: TunableDevice, KernelTiming, @unchecked Sendable {
    // Safety: the context never changes and drivers are safe for threads; the rest is locked or immutable.

    /// How programs came to be.
    public struct ProgramCounts: Hashable, Sendable {
        /// Built from source.
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

    public let description: DeviceDescription
    let info: OpenCLDeviceInfo
    let library: OpenCLLibrary
    let context: cl_context
    let profiles: Bool
    /// Whether the host copies in the device's memory itself, mapped. Forced to the schedules of GPUs, a device is copied to
    /// as most of them are too, so that tests without one run that way.
    let copiesInPlace: Bool
    private let shaderLibrary: Mutex<ShaderLibrary>
    /// Where measured schedules are kept; nil where nothing is.
    private let tuningFile: URL?
    private let programs: OpenCLPrograms
    private let isDead = Atomic<Bool>(false)
    private let cause = Mutex<TensorError?>(nil)
    private let profile: OpenCLProfile

    init(
        _ info: OpenCLDeviceInfo, library: OpenCLLibrary, configuration: RuntimeConfiguration
    ) throws(TensorError) {
        _ = OpenCLDevice.watchesForks
        self.info = info
        self.library = library
        description = info.description
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
        copiesInPlace = info.isUnified && configuration.scheduleClass != .gpu
        profile = OpenCLProfile(library: library)
        tuningFile = configuration.cacheDirectory.map {
            let identity = info.identity + "\n" + info.target(configuration.scheduleClass).deviceClass.rawValue
            return URL(fileURLWithPath: "\($0)/tuning/opencl-\(ProgramCache.name(identity)).json")
        }
        var tuning: TuningTable?
        do throws(TensorError) {
            if let tuningFile { tuning = try TuningTable(contentsOf: tuningFile) }
        } catch {
            // Without the table all is right, only slower.
            configuration.notice?(error.message)
        }
        shaderLibrary = Mutex(ShaderLibrary(target: info.target(configuration.scheduleClass), tuning: tuning))
        programs = OpenCLPrograms(info, context: made, library: library, configuration: configuration)
    }

    deinit { _ = nt_clReleaseContext(library.pointer, context) }

    /// What the kernel library knows of this device.
    public var target: ShaderTarget { shaders.target }

    private var shaders: ShaderLibrary { shaderLibrary.withLock { $0 } }

    /// How programs came to be since the device was opened.
    public var programCounts: ProgramCounts { programs.counts }

    // MARK: The contract

    public func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer {
        try checkAlive()
        return try OpenCLBuffer(byteCount: byteCount, device: self)
    }

    public func unsupportedReason(_ spec: KernelSpec) -> String? {
        do throws(TensorError) {
            _ = try shaders.plan(spec)
            return nil
        } catch {
            return error.kind == .unsupported ? error.message : nil
        }
    }

    public func prepareKernels(_ specs: [KernelSpec]) {
        // What cannot be planned is refused when it is made.
        let shaders = shaders
        programs.announce(specs.flatMap { (try? shaders.plan($0).launches.filter(\.hasWork)) ?? [] })
    }

    public func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        let shaders = shaders
        // The tuned one or the library's choice, then the others: the driver may leave a kernel fewer work-items than the
        // device has, and another schedule may want fewer.
        let schedules = [nil] + shaders.schedules(for: spec).map(Optional.some)
        return try OpenCLDevice.firstSupported(schedules) { (schedule) throws(TensorError) in
            try makeKernel(spec, shaders.plan(spec, schedule: schedule))
        }
    }

    /// What `make` makes of the first schedule that it does not find unsupported.
    ///
    /// - Throws: the first schedule's error where all are unsupported; any other error at once.
    package static func firstSupported<Kernel>(
        _ schedules: [String?], _ make: (String?) throws(TensorError) -> Kernel
    ) throws(TensorError) -> Kernel {
        var refusal: TensorError?
        for schedule in schedules {
            do throws(TensorError) {
                return try make(schedule)
            } catch {
                guard error.kind == .unsupported else { throw error }
                refusal = refusal ?? error
            }
        }
        throw refusal ?? TensorError(.unsupported, "there is no schedule")
    }

    /// The kernel of a plan that need not come from the library, for tests.
    package func makeKernel(_ spec: KernelSpec, _ plan: ShaderPlan) throws(TensorError) -> any DeviceKernel {
        try checkAlive()
        let launches = plan.launches.filter(\.hasWork)
        programs.announce(launches)
        var dispatches: [OpenCLDispatch] = []
        for launch in launches {
            let (program, handle) = try programs.make(launch)
            dispatches.append(
                try OpenCLDispatch(
                    launch, program: program, handle: handle, spec: spec, info: info, library: library))
        }
        return OpenCLKernel(spec: spec, plan: plan, launches: launches, dispatches: dispatches)
    }

    public func makeStream() throws(TensorError) -> any DeviceStream {
        try checkAlive()
        return try OpenCLStream(device: self)
    }

    // MARK: Tuning

    public func schedules(for spec: KernelSpec) -> [String] { shaders.schedules(for: spec) }

    public func makeKernel(_ spec: KernelSpec, schedule: String) throws(TensorError) -> any DeviceKernel {
        try makeKernel(spec, shaders.plan(spec, schedule: schedule))
    }

    public func adopt(_ choices: [(spec: KernelSpec, schedule: String)]) throws(TensorError) -> String {
        guard let tuningFile else {
            throw TensorError(.file, "\(description.id): nothing is kept on disk; set NEEDLETAIL_CACHE to a directory")
        }
        return try shaderLibrary.withLock { (shaders) throws(TensorError) in
            var table = shaders.tuning ?? TuningTable(device: info.identity)
            for choice in choices { table.schedules[choice.spec.tuningKey] = choice.schedule }
            shaders = ShaderLibrary(target: shaders.target, tuning: table)
            try table.write(to: tuningFile)
            return tuningFile.path
        }
    }

    // MARK: Programs on disk, times

    /// Keeps programs whose launches are done.
    func store(_ launched: [(program: OpenCLProgram, variants: UInt8)]) { programs.store(launched) }

    func recordTime(of kernel: String, _ event: cl_event) { profile.add(kernel, event) }

    public func takeKernelTimes() -> [KernelTime] { profile.take() }

    // MARK: Failure

    /// Whether this process is a child of `fork()` whose parent had opened a device: it has none of the drivers' threads,
    /// and would wait for them for ever.
    private static let isForked = Atomic<Bool>(false)
    private static let watchesForks: Void = {
        pthread_atfork(nil, nil, { OpenCLDevice.isForked.store(true, ordering: .relaxed) })
    }()

    /// Fails with the first cause where the device was lost.
    func checkAlive() throws(TensorError) {
        if OpenCLDevice.isForked.load(ordering: .relaxed) {
            throw TensorError(
                .deviceFailure,
                "\(description.id): this process was made by fork() from one that uses OpenCL, whose drivers do not survive "
                    + "that; start it as a program of its own, or open OpenCL's devices after fork()")
        }
        if isDead.load(ordering: .relaxed), let cause = cause.withLock({ $0 }) { throw cause }
    }

    /// Fails where a command did; a fatal status makes everything later on this device fail with it.
    func check(
        _ status: cl_int, waits: Bool = false, _ command: @autoclosure () -> String
    ) throws(TensorError) {
        if status == CL_SUCCESS { return }
        throw failure(status, waits: waits, command())
    }

    func failure(_ status: cl_int, waits: Bool = false, _ command: String) -> TensorError {
        let what = "\(description.id): \(command): \(OpenCLStatus.name(status))"
        if OpenCLStatus.isFatal(status, waits: waits) { return lose(what) }
        return TensorError(OpenCLStatus.isOutOfMemory(status) ? .outOfMemory : .deviceFailure, what)
    }

    /// Marks the device dead because work that was queued failed, whatever its status.
    func loss(_ status: cl_int, _ command: String) -> TensorError {
        lose("\(description.id): \(command): \(OpenCLStatus.name(status))")
    }

    /// The first cause of the device's loss, which may be this one.
    private func lose(_ what: String) -> TensorError {
        let error = TensorError(.deviceFailure, "\(what); the device is lost to this process")
        return cause.withLock { cause in
            if let first = cause { return first }
            cause = error
            isDead.store(true, ordering: .relaxed)
            return error
        }
    }
}

extension ShaderLaunch {
    /// An empty grid is not launched.
    fileprivate var hasWork: Bool { workgroups.min() > 0 }
}
