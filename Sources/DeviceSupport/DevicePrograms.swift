import Dispatch
import KernelIR
import Shaders
import Synchronization
import TensorRuntime

/// One program: its text, and once it is built the driver's object.
public final class DeviceProgram<Handle: AnyObject & Sendable>: Sendable {
    fileprivate struct State {
        var handle: Handle?
        var stored: ProgramCache.Entry?
        var isAnnounced = false
    }

    /// The kernel as the library wrote it, without its body.
    public let source: Kernel
    /// The same as the device can run it, without its body too.
    public let form: LegalizedKernel
    /// What was built: the form's kernel.
    public var signature: Kernel { form.kernel }
    /// The kernel in the driver's language.
    public let text: [UInt8]
    /// All that the compiled program depends on.
    let key: [UInt8]
    fileprivate let state: Lock<State>
    /// Held while it is built or kept, so that neither is done twice.
    fileprivate let turn = Lock(())
    /// Variants that kernels launch and no file holds.
    private let unstored = Atomic<UInt8>(0)

    fileprivate init(
        _ source: Kernel, _ form: LegalizedKernel, text: [UInt8], key: [UInt8], stored: ProgramCache.Entry?
    ) {
        self.source = source.withoutBody
        self.form = form.withoutBody
        self.text = text
        self.key = key
        state = Lock(State(stored: stored))
    }

    fileprivate var isBuilt: Bool { state.withLock { $0.handle != nil } }

    /// Whether a launch of a variant should be added to the stream's ``LaunchedPrograms``.
    public func isUnstored(_ variants: UInt8) -> Bool { unstored.load(ordering: .relaxed) & variants != 0 }

    fileprivate func want(_ variants: UInt8) { unstored.bitwiseOr(variants, ordering: .relaxed) }
    fileprivate func settle(_ variants: UInt8) { unstored.bitwiseAnd(~variants, ordering: .relaxed) }
}

/// The programs of one device: announced before they are compiled, built once a process, and kept on disk.
///
/// Different programs may be built by several threads at once; who wants one that another thread is building waits for it.
public final class DevicePrograms<Driver: ProgramDriver>: Sendable {
    public typealias Program = DeviceProgram<Driver.Handle>

    private struct State {
        var programs: [ShaderKey: Program] = [:]
        var counts = ProgramCounts()
        var emission = ProgramEmission()
    }

    /// A submission whose programs no file holds yet.
    private struct Submission: Sendable {
        var launched: LaunchedPrograms<Driver>
        var event: any DeviceEvent
    }

    public let driver: Driver
    private let cache: ProgramCache
    private let device: DeviceDescription
    private let target: ShaderTarget
    private let notice: (@Sendable (String) -> Void)?
    private let state = Lock(State())
    private let submitted = Lock<[Submission]>([])
    /// Whether `submitted` has any: after the first steps of a program it never does.
    private let hasSubmitted = Atomic(false)

    public init(
        _ driver: Driver, device: DeviceDescription, target: ShaderTarget, configuration: RuntimeConfiguration
    ) {
        self.driver = driver
        self.device = device
        self.target = target
        cache = ProgramCache(directory: configuration.cacheDirectory, backend: device.id.backend)
        notice = configuration.notice
    }

    public var counts: ProgramCounts { state.withLock { $0.counts } }
    public var emission: ProgramEmission { state.withLock { $0.emission } }

    /// Says how many of the launches' programs must be compiled, if any.
    public func announce(_ launches: [ShaderLaunch]) {
        var programs: [Program] = []
        for launch in launches where launch.hasWork {
            do throws(TensorError) {
                programs.append(try program(for: launch))
            } catch {
                // What is wrong with a launch is said when it is made.
                continue
            }
        }
        announce(programs)
    }

    /// Fails where the launch's program cannot be said in the driver's language (`unsupported`).
    public func check(_ launch: ShaderLaunch) throws(TensorError) { _ = try program(for: launch) }

    /// The launch's program and its driver's object.
    public func make(_ launch: ShaderLaunch) throws(TensorError) -> (program: Program, handle: Driver.Handle) {
        let program = try program(for: launch)
        announce([program])
        let handle = try built(program)
        let variant = driver.variant(workgroups: launch.workgroups)
        if cache.complaint == nil, (program.state.withLock { $0.stored?.variants ?? 0 }) & variant == 0 {
            program.want(variant)
        }
        return (program, handle)
    }

    /// Builds the launches' programs that are not built, several at a time. What goes wrong is said when a launch is made.
    public func build(_ launches: [ShaderLaunch]) {
        let programs = launches.compactMap { launch in
            state.withLock { $0.programs[launch.key] }.flatMap { $0.isBuilt ? nil : $0 }
        }
        if programs.count < 2 { return }
        DispatchQueue.concurrentPerform(iterations: programs.count) { number in
            do throws(TensorError) { _ = try built(programs[number]) } catch {}
        }
    }

    private func announce(_ programs: [Program]) {
        let count = programs.count { program in
            program.state.withLock { state in
                guard state.handle == nil, state.stored == nil, !state.isAnnounced else { return false }
                state.isAnnounced = true
                return true
            }
        }
        guard count > 0, let notice else { return }
        let kept = cache.complaint == nil ? ", cached for next time" : ""
        notice("compiling \(count) \(count == 1 ? "kernel" : "kernels") for \(device.name)\(kept)")
    }

    private func program(for launch: ShaderLaunch) throws(TensorError) -> Program {
        if let known = state.withLock({ $0.programs[launch.key] }) { return known }
        let start = DispatchTime.now().uptimeNanoseconds
        let kernel = launch.build()
        let form = try target.legalize(kernel, on: device)
        let middle = DispatchTime.now().uptimeNanoseconds
        let text = try driver.emit(form.kernel)
        let end = DispatchTime.now().uptimeNanoseconds
        let key = Array("\(driver.identity)\n".utf8) + text
        let made = Program(kernel, form, text: text, key: key, stored: cache.load(key))
        return state.withLock { state in
            if let known = state.programs[launch.key] { return known }
            state.programs[launch.key] = made
            state.emission.programs += 1
            state.emission.kernelNanoseconds += Int(middle - start)
            state.emission.nanoseconds += Int(end - middle)
            return made
        }
    }

    // MARK: Building

    private func built(_ program: Program) throws(TensorError) -> Driver.Handle {
        if let handle = program.state.withLock({ $0.handle }) { return handle }
        return try program.turn.withLock { (_) throws(TensorError) in
            let (handle, stored) = program.state.withLock { ($0.handle, $0.stored) }
            if let handle { return handle }
            if let stored {
                if let loaded = driver.load(stored.binary, program.text, program.signature) {
                    // What is in the driver's hands is not needed a second time; which variants it has is.
                    let entry = ProgramCache.Entry(binary: [], variants: stored.variants)
                    settle(program, loaded, entry) { $0.loaded += 1 }
                    return loaded
                }
                program.state.withLock { $0.stored = nil }
                announce([program])
            }
            let compiled = try compile(program)
            settle(program, compiled, nil) { $0.compiled += 1 }
            return compiled
        }
    }

    private func settle(
        _ program: Program, _ handle: Driver.Handle, _ stored: ProgramCache.Entry?,
        _ count: (inout ProgramCounts) -> Void
    ) {
        program.state.withLock { state in
            state.handle = handle
            state.stored = stored
        }
        state.withLock { count(&$0.counts) }
    }

    private func compile(_ program: Program) throws(TensorError) -> Driver.Handle {
        do throws(ProgramFailure) {
            return try driver.compile(program.text, program.signature)
        } catch {
            let whole = Array("\(driver.identity)\n\(error.reason)\n\n\(error.log)\n\n".utf8) + program.text
            let place = cache.storeFailure(whole, key: program.key).map { "; source and log are in \($0)" } ?? ""
            let start = error.log.split(separator: "\n").prefix(4).joined(separator: "\n")
            throw TensorError(
                .deviceFailure,
                "\(device.id): \(device.name) cannot build kernel \(program.signature.name): \(error.reason)\(place)"
                    + (start.isEmpty ? "" : "\n\(start)"))
        }
    }

    // MARK: Keeping

    /// Takes note of programs that are to be kept once `event` is complete.
    func note(_ launched: LaunchedPrograms<Driver>, by event: any DeviceEvent) {
        submitted.withLock { submitted in
            submitted.append(Submission(launched: launched, event: event))
            hasSubmitted.store(true, ordering: .releasing)
        }
    }

    /// Keeps on disk what was launched by submissions that are complete, whichever stream they are of. Streams do this
    /// when they have waited: a result may be read through another stream than the one that computed it, and that may be
    /// the last that the process does.
    func storeFinished() {
        guard hasSubmitted.load(ordering: .acquiring) else { return }
        let finished = submitted.withLock { submitted in
            let finished = submitted.filter { $0.event.isComplete }
            submitted.removeAll { one in finished.contains { $0.event === one.event } }
            hasSubmitted.store(!submitted.isEmpty, ordering: .releasing)
            return finished
        }
        for submission in finished { store(submission.launched.programs) }
    }

    /// Writes what was launched and is complete to the disk. Drivers that compile at the first launch have machine code to
    /// give only after it.
    func store(_ launched: some Sequence<(program: Program, variants: UInt8)>) {
        for (program, variants) in launched {
            program.turn.withLock { _ in
                let (handle, stored) = program.state.withLock { ($0.handle, $0.stored) }
                guard program.isUnstored(variants), let handle, let binary = driver.binary(of: handle) else { return }
                let all = (stored?.variants ?? 0) | variants
                cache.store(program.key, ProgramCache.Entry(binary: binary, variants: all))
                program.state.withLock { $0.stored = ProgramCache.Entry(binary: [], variants: all) }
                program.settle(variants)
                let before = state.withLock { state in
                    state.counts.stored += 1
                    return state.counts.stored - 1
                }
                // Once a process, and again where one makes many programs.
                if before % 256 == 0 { cache.prune() }
            }
        }
    }
}

extension ShaderTarget {
    /// The kernel as the device can run it. Fails where it cannot (`unsupported`), or the kernel is wrong (`deviceFailure`).
    func legalize(_ kernel: Kernel, on device: DeviceDescription) throws(TensorError) -> LegalizedKernel {
        do {
            return try kernel.legalized(for: kernelTarget)
        } catch {
            throw TensorError(error.kind == .target ? .unsupported : .deviceFailure, "\(device.id): \(error)")
        }
    }
}
