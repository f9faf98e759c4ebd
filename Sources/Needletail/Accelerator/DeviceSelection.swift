import TensorRuntime

/// Which devices there are, and which one is taken when nobody says.
public enum DeviceSelection {
    /// One backend's probe.
    public struct Probe: Sendable {
        /// The backend's name, as in `vulkan:0`.
        public let backend: String
        /// Of two backends that see one device, the one with the higher number speaks for it.
        public let priority: Int
        /// In the order of their indices: the first is `:0`.
        public let devices: [DeviceDescription]
        /// What was left out, and why.
        public let notes: [String]
        /// The settings that the backend has.
        public let options: [BackendOption]

        package init(
            backend: String, priority: Int, devices: [DeviceDescription], notes: [String] = [],
            options: [BackendOption] = []
        ) {
            self.backend = backend
            self.priority = priority
            self.devices = devices
            self.notes = notes
            self.options = options
        }
    }

    /// The device taken, and the reason.
    public struct Choice: Sendable {
        /// What a tensor lies on where nobody names a device.
        public let device: DeviceID
        /// Why this one, in words for people, as `needletail devices` prints them.
        public let reason: String
    }

    /// What every registered backend found that `NEEDLETAIL_BACKENDS` lets be looked for, the highest priority first. Probes
    /// run once a process and open no device.
    public static func probe() -> [Probe] { DeviceInventory.current.probe() }

    /// Opens a device and computes something small there; what goes wrong, if anything does. A probe cannot know it: a driver
    /// may list a device for which it cannot build programs.
    package static func complaint(about device: DeviceID) -> TensorError? {
        do {
            let sums = try withDevice(device) { try (Tensor([1, 2] as [Float]) + 1).scalars(as: Float.self) }
            return sums == [2, 3] ? nil : TensorError(.deviceFailure, "\(device): computed 1 + 1 and 2 + 1 as \(sums)")
        } catch {
            return error as? TensorError ?? TensorError(.deviceFailure, "\(device): \(error)")
        }
    }

    /// The accelerators, best first: discrete before integrated, then by memory, then by the backend's priority.
    ///
    /// A device that two backends see counts once, for the backend of higher priority. Software devices are none.
    public static func accelerators(among probes: [Probe] = probe()) -> [DeviceDescription] {
        accelerators(among: probes, except: [])
    }

    /// The accelerators without those that were refused: a twin of one, seen by another backend, takes its place.
    ///
    /// - Parameter measured: what was measured, where it applies to these devices. Then the fastest is the first, and of
    ///   twins the faster one counts.
    static func accelerators(
        among probes: [Probe], except refused: Set<DeviceID>, measured: MeasuredOrder? = nil
    ) -> [DeviceDescription] {
        var seen: Set<PhysicalID> = []
        var found: [DeviceDescription] = []
        let byPriority = probes.sorted { $0.priority > $1.priority }.flatMap(\.devices)
        for device in measured?.sorted(ranked(byPriority)) ?? byPriority {
            if !device.kind.isAccelerator || refused.contains(device.id) { continue }
            let isKnown = !seen.isDisjoint(with: device.physicalIDs)
            // What one driver adds to it, a third may say alone.
            seen.formUnion(device.physicalIDs)
            if !isKnown { found.append(device) }
        }
        return measured == nil ? ranked(found) : found
    }

    /// Discrete before integrated, then by memory; equals stay in order.
    static func ranked(_ devices: [DeviceDescription]) -> [DeviceDescription] {
        // The offset makes the sort stable, so that priority and index decide between equals.
        devices.enumerated()
            .sorted { a, b in
                let x = a.element
                let y = b.element
                if rank(x.kind) != rank(y.kind) { return rank(x.kind) < rank(y.kind) }
                if x.memory != y.memory { return x.memory > y.memory }
                return a.offset < b.offset
            }
            .map(\.element)
    }

    private static func rank(_ kind: DeviceDescription.Kind) -> Int {
        switch kind {
        case .discreteGPU: 0
        case .accelerator: 1
        case .integratedGPU: 2
        case .cpu, .software: 3
        }
    }

    /// The device that a probe's answers make the best: an accelerator, or the CPU. Whether it can be opened, they do not
    /// say; ``resolve(_:)`` finds out.
    public static func best(among probes: [Probe] = probe()) -> Choice {
        if let best = accelerators(among: probes).first {
            return Choice(device: best.id, reason: "\(best.name) is the best accelerator")
        }
        let hasSoftware = probes.contains { $0.devices.contains { $0.kind == .software } }
        return Choice(device: .cpu, reason: "there is no accelerator" + (hasSoftware ? ", only software" : ""))
    }

    /// The best device that can be opened: a driver may list one for which it makes no context. The devices before it are
    /// told to `notice`, each with its error.
    ///
    /// - Parameters:
    ///   - measured: what was measured, where it applies to these devices.
    ///   - open: opens a device, or throws.
    /// - Returns: the choice, and what could not be opened.
    /// - Throws: the CPU's error, where it cannot be opened either.
    package static func firstUsable(
        among probes: [Probe], measured: MeasuredOrder? = nil, notice: ((String) -> Void)?,
        open: (DeviceID) throws(TensorError) -> Void
    ) throws(TensorError) -> (choice: Choice, refused: [DeviceID]) {
        let cpu = probes.flatMap(\.devices).first { $0.id == .cpu }
        let cpuRate = cpu.flatMap { measured?.gigaflops(of: $0) } ?? -1
        var refused: [DeviceID] = []
        while let device = accelerators(among: probes, except: Set(refused), measured: measured).first {
            let rate = measured?.gigaflops(of: device)
            if let cpu, measured != nil, cpuRate > rate ?? -1 {
                try open(.cpu)
                return (Choice(device: .cpu, reason: fastest(cpu, cpuRate, without: refused)), refused)
            }
            do throws(TensorError) {
                try open(device.id)
                let reason =
                    rate.map { fastest(device, $0, without: refused) }
                    ?? "\(device.name) is the best accelerator" + except(refused)
                return (Choice(device: device.id, reason: reason), refused)
            } catch {
                refused.append(device.id)
                notice?("\(device.id) is left out, because it cannot be opened: \(error.message)")
            }
        }
        try open(.cpu)
        let choice =
            refused.isEmpty ? best(among: probes) : Choice(device: .cpu, reason: "no accelerator can be opened")
        return (choice, refused)
    }

    private static func fastest(
        _ device: DeviceDescription, _ gigaflops: Double, without refused: [DeviceID]
    ) -> String {
        let tenths = Int((10 * gigaflops).rounded())
        let among = refused.isEmpty ? "" : " of those" + except(refused)
        return "\(device.name) is the fastest that was measured\(among), with \(tenths / 10).\(tenths % 10) GFLOP/s"
    }

    private static func except(_ refused: [DeviceID]) -> String {
        refused.isEmpty
            ? "" : " that can be opened (\(refused.map(\.description).joined(separator: ", ")) cannot)"
    }

    /// The device that a backend's name alone means: its best, in the order of ``accelerators(among:)`` and software last.
    /// The first where it has none, which opening it says.
    package static func best(of backend: String, among probes: [Probe] = probe()) -> DeviceID {
        let devices = probes.first { $0.backend == backend }?.devices ?? []
        return ranked(devices).first?.id ?? DeviceID(backend: backend)
    }

    /// The device that `text` names: `auto`, `cpu`, `opencl:1`, or `opencl`, its best. It is opened: what is given can be used.
    ///
    /// - Throws: `deviceUnavailable` where the text is none of these, or the device is not there or cannot be opened;
    ///   `invalidArgument` where a variable of the environment cannot be read.
    public static func resolve(_ text: String) throws(TensorError) -> DeviceID {
        try DeviceInventory.current.resolve(text)
    }

    /// The device that new tensors are made on here: of the innermost ``withDevice(_:_:)``, or the default one.
    public static var current: DeviceID {
        get throws(TensorError) {
            if let device = ExecutionContext.current.device { return device.deviceID }
            return try DeviceInventory.current.choice().device
        }
    }
}

/// Makes `device` the one that new tensors in `body` are made on.
///
/// - Throws: `deviceUnavailable`, and what `body` throws.
public func withDevice<Result>(_ device: DeviceID, _ body: () throws -> Result) throws -> Result {
    var context = ExecutionContext.current
    context.device = try DeviceContexts.context(for: device)
    return try ExecutionContext.$current.withValue(context, operation: body)
}

/// Makes `device` the one that new tensors in `body` are made on.
public func withDevice<Result>(
    _ device: DeviceID, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
) async throws -> Result {
    var context = ExecutionContext.current
    context.device = try DeviceContexts.context(for: device)
    return try await ExecutionContext.$current.withValue(context, operation: body)
}
