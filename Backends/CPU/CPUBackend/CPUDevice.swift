import CPUKernels
import Synchronization
import TensorRuntime

/// The processor: C kernels of one instruction set on one pool of threads.
public final class CPUDevice: KernelTiming, @unchecked Sendable {
    // Safety: the pool and the scratch are used only under `lock`, and the scratch is grown under `reserved`; what is beside them
    // in `spare` is used by who took it from there; the rest is immutable.

    public let description: DeviceDescription
    public let threads: Int
    let instructionSet: nt_isa
    let configuration: RuntimeConfiguration
    private let pool: OpaquePointer
    private let scratch: UnsafeMutableBufferPointer<OpaquePointer?>
    private let lock = Lock(())
    /// For launches that find the pool busy.
    private let spare = Lock<[CPULoneWorker]>([])
    /// The kernel that was asked about last.
    private let asked = Lock<(spec: KernelSpec, kernel: any CPUKernel)?>(nil)
    private let kernelCount = Atomic(0)
    /// How many kernels were built, for tests.
    package var kernelsBuilt: Int { kernelCount.load(ordering: .relaxed) }
    /// What each worker's scratch has, or will have at the next launch.
    private let reserved = Lock(nt_memory())
    private let hasGrown = Atomic(false)
    /// What was launched since the times were last taken, where they are kept.
    private let times = Lock<[KernelTime]>([])

    /// What says for which products a BLAS library is used, where that is not the process's.
    private let ownSelection: BLASSelection?

    /// - Throws: `internalFault` where the C kernels' numbers are not Swift's; `deviceUnavailable` where the configuration asks for an instruction set that the processor lacks, or for
    ///   threads that cannot be started; `invalidArgument` where it names a BLAS library that is none, or no number of threads.
    public convenience init(configuration: RuntimeConfiguration = .current) throws(TensorError) {
        try self.init(configuration: configuration, blasSelection: nil)
    }

    /// - Parameter blasSelection: takes the place of the process's, for tests.
    package init(configuration: RuntimeConfiguration, blasSelection: BLASSelection?) throws(TensorError) {
        try CPUNumbering.check()
        let found = nt_detect_isa()
        let wanted = CPUDevice.instructionSet(configuration.instructionSet, found: found)
        guard wanted.rawValue <= found.rawValue else {
            throw TensorError(
                .deviceUnavailable,
                "cpu: instruction set \(configuration.instructionSet.rawValue) was asked for, but this processor has "
                    + "only \(CPUDevice.name(of: found)); set NEEDLETAIL_ISA to auto or \(CPUDevice.name(of: found))")
        }
        // The system's library is opened by the first product.
        if configuration.blas != nil { _ = try BLAS.open(configuration.blas) }
        let most = CPUBackend.maximumThreads
        let threads = configuration.threads ?? min(CPUSystem.availableThreads, most)
        guard (1...most).contains(threads) else {
            throw TensorError(.invalidArgument, "cpu: \(threads) threads; set NEEDLETAIL_THREADS to 1 to \(most)")
        }
        guard let pool = nt_pool_create(Int32(threads)) else {
            throw TensorError(.deviceUnavailable, "cpu: cannot start \(threads) threads; set NEEDLETAIL_THREADS lower")
        }
        self.configuration = configuration
        ownSelection = blasSelection
        self.threads = threads
        self.pool = pool
        instructionSet = wanted
        scratch = .allocate(capacity: threads)
        for worker in 0..<threads { scratch.initializeElement(at: worker, to: nt_scratch_create()) }
        guard scratch.allSatisfy({ $0 != nil }) else {
            for worker in scratch { nt_scratch_destroy(worker) }
            scratch.deallocate()
            nt_pool_destroy(pool)
            throw TensorError(.outOfMemory, "cpu: the system has no memory left for \(threads) threads")
        }
        description = CPUDevice.describe(instructionSet: wanted, threads: threads)
    }

    deinit {
        nt_pool_destroy(pool)
        for worker in scratch { nt_scratch_destroy(worker) }
        scratch.deallocate()
    }

    public var memoryInfo: DeviceMemory? {
        DeviceMemory(free: min(CPUSystem.freeMemory, description.memory), total: description.memory)
    }

    /// The BLAS library and what says for which products it is used; nil where there is none.
    var blas: (library: BLAS, selection: BLASSelection)? {
        get throws(TensorError) {
            guard let library = try BLAS.open(configuration.blas) else { return nil }
            return (library, ownSelection ?? .shared(library, instructionSet, directory: configuration.cacheDirectory))
        }
    }

    static func describe(instructionSet: nt_isa, threads: Int) -> DeviceDescription {
        DeviceDescription(
            id: .cpu, name: CPUSystem.processorName, kind: .cpu,
            driver: "\(name(of: instructionSet)), \(threads) threads", memory: CPUSystem.memory,
            dtypes: Set(DType.allCases),
            families: [.fused, .matmul, .scatterAdd, .convolution, .pooling, .scan, .sort],
            alignment: 1, maximumOperands: 32)
    }

    /// Whether this processor has an instruction set.
    package static func supports(_ set: CPUBackend.InstructionSet) -> Bool {
        let found = nt_detect_isa()
        return instructionSet(set, found: found).rawValue <= found.rawValue
    }

    private static func instructionSet(_ asked: CPUBackend.InstructionSet, found: nt_isa) -> nt_isa {
        switch asked {
        case .automatic: found
        case .baseline: NT_ISA_BASELINE
        case .avx2: NT_ISA_AVX2
        case .avx512: NT_ISA_AVX512
        }
    }

    private static func name(of set: nt_isa) -> String {
        switch set {
        case NT_ISA_AVX2: "avx2"
        case NT_ISA_AVX512: "avx512"
        default: "baseline"
        }
    }

    public func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer {
        try CPUBuffer(byteCount: byteCount)
    }

    public func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        let known = asked.withLock { asked -> (any CPUKernel)? in
            defer { asked = nil }
            return asked?.spec == spec ? asked?.kernel : nil
        }
        let kernel: any CPUKernel
        if let known { kernel = known } else { kernel = try build(spec) }
        try reserve(kernel.memory.scratch)
        return CPULaunchable(kernel)
    }

    private func build(_ spec: KernelSpec) throws(TensorError) -> any CPUKernel {
        kernelCount.add(1, ordering: .relaxed)
        if let complaint = spec.typeComplaint { throw TensorError(.unsupported, "cpu: \(complaint)") }
        switch spec.body {
        case let body as FusedKernel: return try CPUFusedKernel(body, device: self)
        case let body as MatmulKernel: return try CPUMatmulKernel(body, device: self)
        case let body as ConvolutionKernel: return try CPUConvolutionKernel(body, device: self)
        case let body as PoolingKernel: return try CPUPoolingKernel(body, device: self)
        case let body as ScatterAddKernel: return try CPUScatterAddKernel(body, device: self)
        case let body as ScanKernel: return try CPUScanKernel(body, device: self)
        case let body as SortKernel: return CPUSortKernel(body, device: self)
        default: throw TensorError(.unsupported, "cpu has no \(spec.family) kernels")
        }
    }

    /// Makes the scratch of every worker as large as a kernel needs, so that no launch asks the system for memory. Waits
    /// for no kernel that runs.
    private func reserve(_ needs: nt_memory) throws(TensorError) {
        try reserved.withLock { (reserved) throws(TensorError) in
            if reserved.covers(needs) { return }
            let wanted = reserved.union(needs)
            let hasMemory = scratch.indices.allSatisfy { worker in
                nt_scratch_reserve(scratch[worker], Int32(NT_SCRATCH_REGISTERS), wanted.registers)
                    && nt_scratch_reserve(scratch[worker], Int32(NT_SCRATCH_WORKER), wanted.worker)
                    && (worker > 0 || nt_scratch_reserve(scratch[worker], Int32(NT_SCRATCH_CALL), wanted.call))
            }
            hasGrown.store(true, ordering: .releasing)
            guard hasMemory else {
                throw TensorError(
                    .outOfMemory,
                    "cpu: the system has no \(threads * Int(wanted.registers + wanted.worker) + Int(wanted.call)) bytes "
                        + "left for the scratch of \(threads) threads; use fewer threads or smaller batches")
            }
            reserved = wanted
        }
    }

    private func adoptScratch() {
        reserved.withLock { _ in
            for worker in scratch { nt_scratch_adopt(worker) }
            hasGrown.store(false, ordering: .relaxed)
        }
    }

    /// Asking makes the kernel, so that the answer cannot differ from what happens; it is kept for who makes it next.
    public func unsupportedReason(_ spec: KernelSpec) -> String? {
        do throws(TensorError) {
            let kernel = try build(spec)
            asked.withLock { $0 = (spec, kernel) }
            return nil
        } catch {
            return error.kind == .unsupported ? error.message : nil
        }
    }

    public func makeStream() throws(TensorError) -> any DeviceStream { CPUStream(device: self) }

    /// Runs one kernel now, on the pool, or where that is busy with another stream's kernel, on the calling thread alone. How many
    /// threads there are changes no bits.
    func launch(
        _ kernel: some CPUKernel, operands: UnsafePointer<UnsafeMutableRawPointer?>,
        indexOffsets: UnsafePointer<Int64>, scalars: UnsafePointer<UInt64>, workspace: UnsafeMutableRawPointer?
    ) {
        func run(_ pool: OpaquePointer, _ scratch: UnsafePointer<OpaquePointer?>) {
            let began = configuration.profiles ? ContinuousClock.now : nil
            kernel.run(
                CPULaunch(
                    operands: operands, indexOffsets: indexOffsets, scalars: scalars, workspace: workspace,
                    pool: pool, scratch: scratch))
            if let began { keepTime(of: kernel.spec, since: began) }
        }
        func runOnPool() {
            if hasGrown.load(ordering: .acquiring) { adoptScratch() }
            run(pool, UnsafePointer(scratch.baseAddress!))
        }
        if lock.withLockIfAvailable({ _ in runOnPool() }) != nil { return }
        guard let worker = takeLoneWorker() else { return lock.withLock { _ in runOnPool() } }
        run(worker.pool, UnsafePointer(worker.scratch))
        spare.withLock { $0.append(worker) }
    }

    /// A worker with the scratch that any kernel needs; nil where the system has no memory for one.
    private func takeLoneWorker() -> CPULoneWorker? {
        let needs = reserved.withLock { $0 }
        guard let worker = spare.withLock({ $0.popLast() }) ?? CPULoneWorker() else { return nil }
        return worker.reserve(needs) ? worker : nil
    }

    /// Keeps the pool from all launches while `body` runs, for tests.
    package func whilePoolIsBusy<Result>(_ body: () throws -> Result) rethrows -> Result {
        try lock.withLock { _ in try body() }
    }

    private func keepTime(of spec: KernelSpec, since began: ContinuousClock.Instant) {
        let time = KernelTime(
            kernel: "\(spec.family)", nanoseconds: (ContinuousClock.now - began).nanoseconds)
        times.withLock { _ = KernelTime.keep(time, in: &$0) }
    }

    public func takeKernelTimes() -> [KernelTime] {
        times.withLock { times in
            defer { times = [] }
            return times
        }
    }
}
