import TensorRuntime

/// A backend in plain Swift, to be read: it computes on the host, one number at a time, in Double or in Int64.
///
///     BackendRegistry.shared.register(ReferenceBackend())
///
/// Its one device is `reference:0`.
public final class ReferenceBackend: Backend {
    public let name = "reference"
    /// Of two backends that see one device, the one of higher priority has it.
    public let priority = 0
    private let kind: DeviceDescription.Kind

    /// - Parameter kind: what the device says that it is. Software is used when it is named and never chosen; an accelerator
    ///   would be chosen before the CPU.
    public init(kind: DeviceDescription.Kind = .software) { self.kind = kind }

    static let memory = BackendOption("memory", of: "reference", accepts: "a number of MiB above 0") {
        Int($0).map { (1...1 << 30).contains($0) } ?? false
    }

    public var acceptedOptions: [BackendOption] { [Self.memory] }

    /// Lists devices and opens none: this runs in every program that asks which devices there are.
    public func probe() -> ProbeReport { ProbeReport(devices: [description(.current)]) }

    public func open(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> any Device {
        HostDevice(description(configuration))
    }

    private func description(_ configuration: RuntimeConfiguration) -> DeviceDescription {
        let mebibytes = configuration.options[Self.memory].flatMap { Int($0) } ?? 4096
        return DeviceDescription(
            id: DeviceID(backend: name), name: "plain Swift", kind: kind, driver: "ReferenceBackend",
            memory: mebibytes << 20, dtypes: Set(DType.allCases),
            families: [.fused, .matmul, .convolution, .pooling, .scatterAdd, .sort], alignment: 1)
    }
}
