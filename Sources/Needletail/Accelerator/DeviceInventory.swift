import Synchronization
import TensorGraph
import TensorRuntime

/// The devices of a process: its backends, what is open, and which device is taken when nobody says.
///
/// A process has one; a test makes others with backends of its own (``withInventory(_:_:)``).
package final class DeviceInventory: Sendable {
    package static let process: DeviceInventory = {
        DefaultBackends.registered
        return DeviceInventory(registry: .shared)
    }()

    /// The inventory in use here.
    package static var current: DeviceInventory { ExecutionContext.current.inventory ?? process }

    package let registry: BackendRegistry
    /// Nil: the process's.
    private let ownConfiguration: RuntimeConfiguration?
    private let contexts = Lock<[DeviceID: DeviceContext]>([:])
    private let automaticChoice = Lock<DeviceSelection.Choice?>(nil)
    private let defaultChoice = Lock<DeviceSelection.Choice?>(nil)
    /// Accelerators that could not be opened when the best one was looked for.
    private let refusals = Lock<Set<DeviceID>>([])
    private let isSoftwareTold = Atomic(false)
    /// What is kept of `needletail devices --measure`, read once.
    private let measurement = Lock<MeasuredOrder??>(nil)
    /// What ``Accelerator/set(_:)`` set.
    private let setDevice = Lock<DeviceID?>(nil)
    private let isDeviceSet = Atomic(false)
    /// The context of the default choice, so that a new tensor asks for no lock.
    private let chosenContext = AtomicLazyReference<DeviceContext>()

    package init(registry: BackendRegistry, configuration: RuntimeConfiguration? = nil) {
        self.registry = registry
        ownConfiguration = configuration
    }

    var configuration: RuntimeConfiguration { ownConfiguration ?? .current }

    // MARK: What there is

    /// What every backend found that `NEEDLETAIL_BACKENDS` lets be looked for, the highest priority first. With names in that
    /// variable that nobody knows, what all found: opening says what is wrong.
    func probe() -> [DeviceSelection.Probe] {
        registry.backends.filter { unknownBackends.isEmpty ? isWanted($0.name) : true }.map { backend in
            let report = registry.report(of: backend)
            return DeviceSelection.Probe(
                backend: backend.name, priority: backend.priority, devices: report.devices, notes: report.notes,
                options: backend.acceptedOptions)
        }
    }

    /// The CPU is always there: the host computes on it whatever else is wanted.
    private func isWanted(_ backend: String) -> Bool {
        backend == DeviceID.cpu.backend || configuration.backends?.contains(backend) != false
    }

    /// What `NEEDLETAIL_BACKENDS` names and nobody knows.
    package var unknownBackends: [String] {
        let known = registry.backends.map(\.name)
        return configuration.backends?.filter { !known.contains($0) } ?? []
    }

    /// - Throws: `invalidArgument` where a variable of the environment cannot be read, or names what is not there.
    func check() throws(TensorError) {
        try configuration.check(registry.backends)
        let unknown = unknownBackends
        if unknown.isEmpty { return }
        let names = unknown.map { "'\($0)'" }.joined(separator: ", ")
        throw TensorError(
            .invalidArgument,
            "environment: NEEDLETAIL_BACKENDS names \(names), which no backend is called; there are: "
                + registry.backends.map(\.name).joined(separator: ", "))
    }

    /// Every device that was found, in one line.
    private func listing() -> String {
        let all = probe().flatMap(\.devices).map { device in
            device.id == .cpu ? "cpu" : "\(device.id) (\(device.name), \(device.kind.rawValue))"
        }
        return all.isEmpty ? "there is no device" : "there are: " + all.joined(separator: ", ")
    }

    func description(of id: DeviceID) -> DeviceDescription? {
        if let open = openedContext(for: id) { return open.device.description }
        return probe().flatMap(\.devices).first { $0.id == id }
    }

    // MARK: What is open

    /// The context of a device, opened at the first call.
    ///
    /// - Throws: `deviceUnavailable`, or `invalidArgument` where a variable of the environment cannot be read.
    func context(for id: DeviceID) throws(TensorError) -> DeviceContext {
        if let known = openedContext(for: id) { return known }
        try check()
        guard isWanted(id.backend) else {
            throw TensorError(
                .deviceUnavailable,
                "device \(id): NEEDLETAIL_BACKENDS is '\(configuration.backends!.joined(separator: ","))', which leaves "
                    + "\(id.backend) out; \(listing())")
        }
        let made = try DeviceContext(device: try open(id), configuration: configuration)
        return contexts.withLock { contexts in
            if let known = contexts[id] { return known }
            contexts[id] = made
            return made
        }
    }

    private func open(_ id: DeviceID) throws(TensorError) -> any Device {
        do throws(TensorError) {
            return try registry.open(id)
        } catch {
            let probe = probe().first { $0.backend == id.backend }
            if probe?.devices.contains(where: { $0.id == id }) == true { throw error }
            let why = probe.map { $0.notes.isEmpty ? "" : " (\($0.notes.joined(separator: "; ")))" }
            throw TensorError(
                .deviceUnavailable,
                "device \(id) is not there" + (why ?? ": no backend is called \(id.backend)") + "; \(listing())")
        }
    }

    /// The context of a device that is in use, or nil where nothing has opened it.
    func openedContext(for id: DeviceID) -> DeviceContext? { contexts.withLock { $0[id] } }

    // MARK: What is taken

    /// The device of new tensors where no ``withDevice(_:_:)`` says another, opened at the first use.
    func defaultContext() throws(TensorError) -> DeviceContext {
        if !isDeviceSet.load(ordering: .acquiring), let known = chosenContext.load() { return known }
        let context = try context(for: choice().device)
        if !isDeviceSet.load(ordering: .acquiring) { _ = chosenContext.storeIfNil(context) }
        return context
    }

    /// The process's default device and why it is that one: what ``Accelerator/set(_:)`` set, or at the first use
    /// `RuntimeConfiguration.device`, `auto` unless told otherwise.
    func choice() throws(TensorError) -> DeviceSelection.Choice {
        if let set = setDevice.withLock({ $0 }) {
            return DeviceSelection.Choice(device: set, reason: "the program set it")
        }
        let result: Result<DeviceSelection.Choice, TensorError> = defaultChoice.withLock { known in
            if let known { return .success(known) }
            do throws(TensorError) {
                let made = try choose()
                known = made
                return .success(made)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private func choose() throws(TensorError) -> DeviceSelection.Choice {
        try check()
        let named = configuration.device
        if named == "auto" { return try automaticForUse() }
        do throws(TensorError) {
            return DeviceSelection.Choice(device: try resolve(named), reason: "NEEDLETAIL_DEVICE names it")
        } catch {
            throw TensorError(error.kind, "NEEDLETAIL_DEVICE is '\(named)': \(error.message)")
        }
    }

    /// What `auto` means in this process, opened.
    func automatic() throws(TensorError) -> DeviceSelection.Choice {
        let result: Result<DeviceSelection.Choice, TensorError> = automaticChoice.withLock { known in
            if let known { return .success(known) }
            do throws(TensorError) {
                try check()
                let notice = configuration.notice
                let (made, refused) = try DeviceSelection.firstUsable(
                    among: probe(), measured: measuredOrder(), notice: notice
                ) { (id) throws(TensorError) in _ = try context(for: id) }
                refusals.withLock { $0.formUnion(refused) }
                known = made
                return .success(made)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// What was measured of these very devices, if it was.
    private func measuredOrder() -> MeasuredOrder? {
        let kept: MeasuredOrder? = measurement.withLock { measurement in
            if let known = measurement { return known }
            var found: MeasuredOrder?
            do throws(TensorError) {
                found = try MeasuredOrder.kept(in: configuration)
            } catch {
                configuration.notice?(error.message)
            }
            measurement = .some(found)
            return found
        }
        guard let kept, kept.applies(to: probe().flatMap(\.devices)) else { return nil }
        return kept
    }

    /// What `auto` means, where somebody computes there: that software devices are left alone is told once.
    private func automaticForUse() throws(TensorError) -> DeviceSelection.Choice {
        let choice = try automatic()
        let devices = probe().flatMap(\.devices)
        let software = devices.filter { $0.kind == .software }.map(\.id.description)
        if choice.device == .cpu, !software.isEmpty, !devices.contains(where: { $0.kind.isAccelerator }),
            !isSoftwareTold.exchange(true, ordering: .relaxed)
        {
            configuration.notice?("no accelerator, only software (\(software.joined(separator: ", "))): taking cpu")
        }
        return choice
    }

    /// The device that `text` names, opened. A software device is told to the configuration's notice.
    func resolve(_ text: String) throws(TensorError) -> DeviceID {
        try check()
        if text == "auto" { return try automaticForUse().device }
        guard let id = named(text) else {
            throw TensorError(
                .deviceUnavailable, "device '\(text)' is none; use auto, or one of what is there; \(listing())")
        }
        try open(named: id)
        return id
    }

    /// The device that a name such as `vulkan` or `opencl:1` means, whether it is there or not.
    private func named(_ text: String) -> DeviceID? {
        guard let id = DeviceID(text) else { return nil }
        return text.contains(":") ? id : DeviceSelection.best(of: id.backend, among: probe())
    }

    /// Opens a device that somebody named: it cannot give way to another.
    private func open(named id: DeviceID) throws(TensorError) {
        let isNew = openedContext(for: id) == nil
        do throws(TensorError) {
            let device = try context(for: id).device.description
            if isNew, device.kind == .software {
                configuration.notice?("\(id) is software: \(device.name) computes on the processor")
            }
        } catch {
            if error.kind == .invalidArgument { throw error }
            throw TensorError(.deviceUnavailable, error.message)
        }
    }

    // MARK: Accelerators

    /// The accelerators, best first, without those that could not be opened; behind them a software device, if somebody named
    /// one.
    func accelerators() -> [DeviceDescription] {
        guard isUsable else { return [] }
        var found = DeviceSelection.accelerators(
            among: probe(), except: refusals.withLock { $0 }, measured: measuredOrder())
        guard let named = namedAccelerator, !found.contains(where: { $0.id == named.id }) else { return found }
        // One physical device is one accelerator: what was named takes the place of its twin.
        if let twin = found.firstIndex(where: { !$0.physicalIDs.isDisjoint(with: named.physicalIDs) }) {
            found[twin] = named
        } else {
            found.append(named)
        }
        return found
    }

    /// Whether devices can be opened at all, and the best accelerator was looked for.
    private var isUsable: Bool {
        do throws(TensorError) {
            _ = try automatic()
            return true
        } catch {
            // A query has no errors: who makes a tensor is told.
            return false
        }
    }

    /// What ``withDevice(_:_:)`` around here, the program or `NEEDLETAIL_DEVICE` names, where it is no processor and can be
    /// opened.
    private var namedAccelerator: DeviceDescription? {
        if let here = ExecutionContext.current.device?.device.description, here.kind != .cpu { return here }
        guard let id = setDevice.withLock({ $0 }) ?? named(configuration.device),
            let device = description(of: id), device.kind != .cpu
        else { return nil }
        do throws(TensorError) {
            try open(named: id)
            return device
        } catch {
            // As above.
            return nil
        }
    }

    /// The accelerator in use here; nil where there is none.
    func currentAccelerator() -> DeviceDescription? {
        let found = accelerators()
        return found.isEmpty ? nil : namedAccelerator ?? found[0]
    }

    /// Makes a device the accelerator in use, and the one of new tensors.
    func set(_ id: DeviceID) throws(TensorError) {
        if let device = description(of: id), device.kind == .cpu {
            guard let current = currentAccelerator() else { throw Accelerator.noneError }
            throw TensorError(.invalidArgument, "\(id) doesn't match the current accelerator \(current.id).")
        }
        try check()
        try open(named: id)
        setDevice.withLock { $0 = id }
        isDeviceSet.store(true, ordering: .releasing)
    }
}

/// Runs `body` with the devices of `inventory` in place of the process's.
package func withInventory<Result, Failure: Error>(
    _ inventory: DeviceInventory, _ body: () throws(Failure) -> Result
) throws(Failure) -> Result {
    var surroundings = ExecutionContext.current
    surroundings.inventory = inventory
    surroundings.device = nil
    return try bind(surroundings, body)
}
