import Shaders
import TensorRuntime

extension RuntimeConfiguration {
    /// The kind of schedule of kernels written in KernelIR.
    public enum ScheduleClass: String, Sendable, CaseIterable {
        /// What suits the device.
        case automatic = "auto"
        case gpu, cpu

        /// The option of a backend whose kernels these are.
        package static func option(of backend: String) -> BackendOption {
            BackendOption(
                "schedule-class", of: backend, accepts: "one of " + allCases.map(\.rawValue).joined(separator: ", "),
                variables: ["NEEDLETAIL_SCHEDULE_CLASS"]
            ) { ScheduleClass(rawValue: $0) != nil }
        }

        /// The class of a device's schedules. GPUs' kernels have 64 work-items at least.
        package func deviceClass(workgroupSize: Int, isProcessor: Bool = false) -> ShaderTarget.DeviceClass {
            switch self {
            case .automatic: isProcessor || workgroupSize < 64 ? .cpu : .gpu
            case .gpu: .gpu
            case .cpu: .cpu
            }
        }
    }
}

extension BackendOptions {
    /// The kind of schedule that an option says.
    package func scheduleClass(_ option: BackendOption) -> RuntimeConfiguration.ScheduleClass {
        self[option].flatMap(RuntimeConfiguration.ScheduleClass.init) ?? .automatic
    }
}
