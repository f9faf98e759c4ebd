import TensorRuntime

/// A device with memory and nothing else, which counts what is asked of it.
final class FakeDevice: Device {
    final class Buffer: DeviceBuffer {
        let byteCount: Int
        private let device: FakeDevice

        init(byteCount: Int, device: FakeDevice) {
            self.byteCount = byteCount
            self.device = device
        }

        deinit { device.used.withLock { $0 -= byteCount } }
    }

    let description: DeviceDescription
    private let capacity: Int
    fileprivate let used = Lock(0)
    private let requested = Lock<[Int]>([])

    init(capacity: Int = 1 << 30, maximumAllocation: Int? = nil, id: DeviceID = DeviceID(backend: "fake")) {
        self.capacity = capacity
        description = DeviceDescription(
            id: id, name: "fake", kind: .discreteGPU, driver: "none", memory: capacity,
            maximumAllocation: maximumAllocation, dtypes: [.float32], families: [.fused])
    }

    /// Bytes of the buffers that are held.
    var bytesInUse: Int { used.withLock { $0 } }

    /// The sizes asked for, refused ones too.
    var requests: [Int] { requested.withLock { $0 } }

    func allocate(byteCount: Int) throws(TensorError) -> any DeviceBuffer {
        requested.withLock { $0.append(byteCount) }
        let fits = used.withLock { used in
            guard used + byteCount <= capacity else { return false }
            used += byteCount
            return true
        }
        guard fits else { throw TensorError(.outOfMemory, "full") }
        return Buffer(byteCount: byteCount, device: self)
    }

    func makeKernel(_ spec: KernelSpec) throws(TensorError) -> any DeviceKernel {
        throw TensorError(.unsupported, "fake")
    }

    func makeStream() throws(TensorError) -> any DeviceStream { throw TensorError(.unsupported, "fake") }
}

/// A backend of fake devices.
final class FakeBackend: Backend {
    let name: String
    let priority: Int
    private let count: Int
    private let notes: [String]
    let acceptedOptions: [BackendOption]
    private let probed = Lock(0)
    private let opened = Lock<[RuntimeConfiguration]>([])

    init(
        _ name: String, priority: Int = 0, devices: Int = 1, notes: [String] = [], options: [BackendOption] = []
    ) {
        self.name = name
        self.priority = priority
        self.count = devices
        self.notes = notes
        acceptedOptions = options
    }

    var probes: Int { probed.withLock { $0 } }

    /// With which configurations devices were opened.
    var configurations: [RuntimeConfiguration] { opened.withLock { $0 } }

    func probe() -> ProbeReport {
        probed.withLock { $0 += 1 }
        let devices = (0..<count).map { FakeDevice(id: DeviceID(backend: name, index: $0)).description }
        return ProbeReport(devices: devices, notes: notes)
    }

    func open(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> any Device {
        opened.withLock { $0.append(configuration) }
        return FakeDevice(id: DeviceID(backend: name, index: index))
    }
}
