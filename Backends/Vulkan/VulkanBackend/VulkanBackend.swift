import CVulkan
import DeviceSupport
import TensorRuntime

/// Every device that a Vulkan loader knows. The loader is opened at run time: where there is none, the backend has no
/// devices and says so.
public final class VulkanBackend: Backend {
    public let name = "vulkan"
    /// Below OpenCL's: a GPU that both show is tuned for there.
    public let priority = 90

    /// What only tests ask for.
    package struct Options: Sendable {
        /// Told what the validation layer says of calls and of their synchronisation. Buffers are then bound by no more than
        /// what a kernel touches, so that it sees which kernels depend on one another.
        package var listener: (@Sendable (String) -> Void)?
        /// Bytes that a device gives, in place of what it has.
        package var memoryLimit: Int?
        /// Bytes that a binding has, in place of what the device allows.
        package var rangeLimit: Int?
        /// Whether buffers may be reached by their addresses, where the device tells them.
        package var usesAddresses = true
        /// Nanoseconds that the kernels of a submission are said to take, in place of what the device's clock says.
        package var clock: (@Sendable (_ kernels: [String]) -> Int)?
        /// Whether a device computes something that is known before it is given out.
        package var testsDevices = true

        package init() {}
    }

    private struct Probed {
        let library: VulkanLibrary?
        let devices: [VulkanDeviceInfo]
        let report: ProbeReport
    }

    /// Nil: the process's configuration when the backend is first asked.
    private let configuration: RuntimeConfiguration?
    private let options: Options
    private let probed = Lock<Probed?>(nil)

    public convenience init(configuration: RuntimeConfiguration? = nil) {
        self.init(configuration: configuration, options: Options())
    }

    package init(configuration: RuntimeConfiguration?, options: Options) {
        self.configuration = configuration
        self.options = options
    }

    public func probe() -> ProbeReport { probeOnce().report }

    public func open(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> any Device {
        try openDevice(index: index, configuration: configuration)
    }

    package func openDevice(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> VulkanDevice {
        let probed = probeOnce()
        guard let library = probed.library, probed.devices.indices.contains(index) else {
            let why = probed.report.notes.joined(separator: "; ")
            throw TensorError(
                .deviceUnavailable, "device vulkan:\(index) is not there" + (why.isEmpty ? "" : ": \(why)"))
        }
        let info = probed.devices[index]
        let device = try VulkanDevice(info, library: library, configuration: configuration, options: options)
        if !options.testsDevices { return device }
        let scheduleClass = configuration.vulkanScheduleClass
        let test = DeviceSelfTest(
            identity: info.identity, scheduleClass: scheduleClass, configuration: configuration)
        try test.run(on: device)
        if configuration.quirks[VulkanQuirks.divides] != nil { return device }
        if try test.dividesExactly(on: device) { return device }
        var configuration = configuration
        configuration.quirks[VulkanQuirks.divides] = true
        let exact = try VulkanDevice(info, library: library, configuration: configuration, options: options)
        let second = DeviceSelfTest(
            identity: info.identity + "\nexpanded", scheduleClass: scheduleClass, configuration: configuration)
        if try second.dividesExactly(on: exact) { return exact }
        throw TensorError(
            .deviceUnavailable,
            "\(info.description.id): \(info.description.name) is not used, because its quotients cannot be put right; "
                + "try another driver, or take them as they are with NEEDLETAIL_QUIRKS=\(VulkanQuirks.divides)=off")
    }

    /// The loader that was opened, for tests that count its calls or make them fail.
    package var calls: VulkanCalls? { probeOnce().library.map(VulkanCalls.init) }

    private func probeOnce() -> Probed {
        probed.withLock { probed in
            if let probed { return probed }
            let made = probe(configuration ?? .current)
            probed = made
            return made
        }
    }

    // MARK: Probing

    private func probe(_ configuration: RuntimeConfiguration) -> Probed {
        let path = configuration.vulkanLoader ?? "libvulkan.so.1"
        if path == "none" { return nothing(["switched off: NEEDLETAIL_VULKAN is none"]) }
        let complaints = VulkanManifests.complaints(files: configuration.vulkanDrivers)
        let library: VulkanLibrary
        do {
            library = try VulkanLibrary(path: path, listener: options.listener)
        } catch {
            return nothing([error.reason] + complaints)
        }
        var count: UInt32 = 64
        var physical = [VkPhysicalDevice?](repeating: nil, count: Int(count))
        let status = nt_vk_list(library.pointer, &count, &physical)
        guard status == VK_SUCCESS, count > 0 else {
            let why = status == VK_SUCCESS ? "" : ": \(VulkanStatus.name(status))"
            return nothing(["no driver has a device here\(why)"] + complaints)
        }
        var found: [VulkanDeviceInfo] = []
        var notes: [String] = []
        for device in physical.prefix(Int(count)).compactMap({ $0 }) {
            do {
                found.append(try VulkanDeviceInfo(device, index: found.count, library: library, options: options))
            } catch {
                notes.append(error.reason)
            }
        }
        notes += complaints
        if !found.isEmpty, configuration.cacheDirectory != nil,
            let complaint = ProgramCache(directory: configuration.cacheDirectory, backend: name).complaint
        {
            notes.append(complaint)
        }
        return Probed(
            library: library, devices: found, report: ProbeReport(devices: found.map(\.description), notes: notes))
    }

    private func nothing(_ notes: [String]) -> Probed {
        Probed(library: nil, devices: [], report: ProbeReport(notes: notes))
    }
}

/// What a loader was asked, for tests.
package struct VulkanCalls: Sendable {
    package enum Call: Sendable {
        case createDevice, allocateMemory, createBuffer, createPipeline, beginCommands, submit, wait, dispatch, copy
        case barrier, createPipelineCache

        fileprivate var number: nt_vk_call {
            switch self {
            case .createDevice: NT_VK_CreateDevice
            case .allocateMemory: NT_VK_AllocateMemory
            case .createBuffer: NT_VK_CreateBuffer
            case .createPipeline: NT_VK_CreateComputePipelines
            case .createPipelineCache: NT_VK_CreatePipelineCache
            case .beginCommands: NT_VK_BeginCommandBuffer
            case .submit: NT_VK_QueueSubmit
            case .wait: NT_VK_WaitForFences
            case .dispatch: NT_VK_CmdDispatch
            case .copy: NT_VK_CmdCopyBuffer
            case .barrier: NT_VK_CmdPipelineBarrier
            }
        }
    }

    fileprivate let library: VulkanLibrary

    /// How often the entry point was called since the backend was first asked.
    package subscript(call: Call) -> Int { Int(nt_vk_calls(library.pointer, call.number)) }

    /// Makes one call fail with a Vulkan status, after some that do not.
    package func fail(_ call: Call, with status: Int32, after successes: Int = 0) {
        nt_vk_fail(library.pointer, call.number, UInt64(successes), VkResult(status))
    }
}
