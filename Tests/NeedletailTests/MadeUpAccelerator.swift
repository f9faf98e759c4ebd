import Needletail
import TensorRuntime

/// A backend whose devices are the CPU under other names and kinds: accelerators on a machine without one.
final class MadeUpBackend: Backend {
    let name: String
    let priority = 100
    private let kinds: [DeviceDescription.Kind]
    private let broken: Set<Int>
    private let opened = Lock<[Int]>([])

    /// - Parameters:
    ///   - kinds: a device each.
    ///   - broken: the devices that are listed and cannot be opened.
    init(_ name: String, _ kinds: [DeviceDescription.Kind], broken: Set<Int> = []) {
        self.name = name
        self.kinds = kinds
        self.broken = broken
    }

    convenience init(_ kinds: [DeviceDescription.Kind], broken: Set<Int> = []) {
        self.init("made-up", kinds, broken: broken)
    }

    /// The devices that were opened, or tried, in order.
    var tries: [Int] { opened.withLock { $0 } }

    private func description(_ index: Int) throws(TensorError) -> DeviceDescription {
        var result = try processCPU().description
        result.id = DeviceID(backend: name, index: index)
        result.name = "the \(kinds[index].rawValue) \(index)"
        result.kind = kinds[index]
        result.memory = 1 << 30
        result.physicalIDs = Set([PhysicalID(uuid: Array("\(name)-\(index)".utf8))].compactMap { $0 })
        return result
    }

    func probe() -> ProbeReport {
        do {
            return ProbeReport(devices: try kinds.indices.map(description))
        } catch {
            return ProbeReport(notes: ["\(error)"])
        }
    }

    func open(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> any Device {
        opened.withLock { $0.append(index) }
        if broken.contains(index) { throw TensorError(.deviceFailure, "\(name):\(index): no context; get a driver") }
        return ForwardingDevice(try processCPU(), description: try description(index))
    }
}

/// The CPU as the process has it, in another registry.
private final class SharedCPUBackend: Backend {
    let name = "cpu"
    let priority = 0

    func probe() -> ProbeReport {
        BackendRegistry.shared.backends.first { $0.name == "cpu" }?.probe() ?? ProbeReport()
    }

    func open(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> any Device {
        try processCPU()
    }
}

/// The CPU of the process, whatever inventory is in use.
private func processCPU() throws(TensorError) -> any Device {
    try withInventory(.process) { () throws(TensorError) in try deviceContext(.cpu) }.device
}

/// Devices of a test, apart from the process's.
struct MadeUpInventory {
    let inventory: DeviceInventory
    private let told = Notices()

    private final class Notices: Sendable {
        let lines = Lock<[String]>([])
    }

    /// - Parameter device: as `NEEDLETAIL_DEVICE` would say.
    init(_ backends: [MadeUpBackend] = [], device: String = "auto", backends wanted: [String]? = nil) {
        _ = DeviceInventory.process
        let registry = BackendRegistry()
        registry.register(SharedCPUBackend())
        for backend in backends { registry.register(backend) }
        var configuration = RuntimeConfiguration()
        configuration.device = device
        configuration.backends = wanted
        configuration.notice = { [told] line in told.lines.withLock { $0.append(line) } }
        inventory = DeviceInventory(registry: registry, configuration: configuration)
    }

    /// What was told so far.
    var notices: [String] { told.lines.withLock { $0 } }

    func callAsFunction<Result>(_ body: () throws -> Result) throws -> Result {
        try withInventory(inventory) { () throws(any Error) in try body() }
    }
}
