import CPUKernels
import TensorRuntime

/// The processor as a device: always there, one device.
public final class CPUBackend: Backend {
    public let name = "cpu"
    public let priority = 0
    public var acceptedOptions: [BackendOption] { [Self.threads, Self.instructionSet, Self.blas] }

    public init() {}

    public func probe() -> ProbeReport {
        ProbeReport(devices: [CPUDevice.describe(instructionSet: nt_detect_isa(), threads: CPUSystem.availableThreads)])
    }

    public func open(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> any Device {
        guard index == 0 else {
            throw TensorError(.deviceUnavailable, "device cpu:\(index) is not there; the CPU is one device, `cpu`")
        }
        return try CPUDevice(configuration: configuration)
    }
}
