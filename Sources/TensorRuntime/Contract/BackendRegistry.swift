/// A family of devices that can be probed and opened: `cpu`, `opencl`, `vulkan`, or one from another package.
public protocol Backend: AnyObject, Sendable {
    /// Lower case; the first part of its devices' names, `vulkan:0`.
    var name: String { get }
    /// Which of two backends speaks for a device that both see; the higher one.
    var priority: Int { get }

    /// The settings that the backend has, which users name (``RuntimeConfiguration/options``). Values that it does not accept
    /// and names that it does not have are refused before a device is opened. (optional: none by default)
    var acceptedOptions: [BackendOption] { get }

    /// Lists devices without opening any. Never throws: what is missing or broken is said in the report.
    func probe() -> ProbeReport

    /// Opens device `index` of the last probe.
    func open(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> any Device
}

extension Backend {
    public var acceptedOptions: [BackendOption] { [] }
}

/// What a backend found, and why it left out the rest.
public struct ProbeReport: Sendable {
    /// In the order of their indices: the first opens as index 0.
    public var devices: [DeviceDescription]
    /// Loaders, drivers and devices that were left out, each with its reason.
    public var notes: [String]

    /// Nothing found, unless told otherwise.
    public init(devices: [DeviceDescription] = [], notes: [String] = []) {
        self.devices = devices
        self.notes = notes
    }
}

/// The backends that this process knows, and the devices opened from them.
///
/// Opening a device twice gives the same instance. Registering needs no change to this package.
public final class BackendRegistry: Sendable {
    /// The one that tensors ask. A program registers its own backends there; those of this package join at the first look.
    public static let shared = BackendRegistry()

    private struct State {
        var backends: [any Backend] = []
        var reports: [String: ProbeReport] = [:]
        var devices: [DeviceID: any Device] = [:]
    }

    private let state = Lock(State())

    /// Without backends: for tests, and for programs that keep devices apart.
    public init() {}

    /// Adds a backend, or replaces the one of the same name; devices opened before stay open. At any time: its devices can
    /// be named from then on, and are among the accelerators where they are one.
    public func register(_ backend: some Backend) { register(backend, replaces: true) }

    /// Adds a backend, unless there is one of its name: a program's own is not replaced by the library's.
    package func registerDefault(_ backend: some Backend) { register(backend, replaces: false) }

    private func register(_ backend: some Backend, replaces: Bool) {
        state.withLock { state in
            if !replaces && state.backends.contains(where: { $0.name == backend.name }) { return }
            state.backends.removeAll { $0.name == backend.name }
            state.backends.append(backend)
            state.backends.sort { ($0.priority, $1.name) > ($1.priority, $0.name) }
            state.reports[backend.name] = nil
        }
    }

    /// The registered backends, highest priority first.
    public var backends: [any Backend] { state.withLock { $0.backends } }

    /// The backend's probe, run once.
    public func report(of backend: any Backend) -> ProbeReport {
        if let known = state.withLock({ $0.reports[backend.name] }) { return known }
        let report = backend.probe()
        return state.withLock { state in
            if let known = state.reports[backend.name] { return known }
            // Another of its name may have been registered since.
            if state.backends.contains(where: { $0 === backend }) { state.reports[backend.name] = report }
            return report
        }
    }

    /// Opens a device, or gives the instance opened before.
    ///
    /// - Throws: `deviceUnavailable`, or `invalidArgument` where a variable of the environment cannot be read.
    public func open(_ id: DeviceID) throws(TensorError) -> any Device {
        if let device = state.withLock({ $0.devices[id] }) { return device }
        guard let backend = backends.first(where: { $0.name == id.backend }) else {
            let known = backends.map(\.name).joined(separator: ", ")
            throw TensorError(
                .deviceUnavailable,
                "device \(id): no backend named '\(id.backend)'; "
                    + (known.isEmpty
                        ? "none is registered: register(_:) one, or import Needletail and call DeviceSelection.probe(), which "
                            + "registers its own" : "there are: \(known)"))
        }
        let report = report(of: backend)
        guard report.devices.contains(where: { $0.id == id }) else {
            let found = report.devices.map(\.id.description).joined(separator: ", ")
            let why = report.notes.joined(separator: "; ")
            throw TensorError(
                .deviceUnavailable,
                "device \(id) is not there; \(id.backend) has \(found.isEmpty ? "no device" : found)"
                    + (why.isEmpty ? "" : " (\(why))") + "; run `needletail devices` for the whole list")
        }
        let configuration = RuntimeConfiguration.current
        try configuration.check(backends)
        let opened = try backend.open(index: id.index, configuration: configuration)
        return state.withLock { state in
            if let device = state.devices[id] { return device }
            state.devices[id] = opened
            return opened
        }
    }

    /// Makes `device` the instance that ``open(_:)`` gives for its ID: a test's own device, or one with its own modes.
    public func adopt(_ device: any Device) {
        state.withLock { $0.devices[device.description.id] = device }
    }
}
