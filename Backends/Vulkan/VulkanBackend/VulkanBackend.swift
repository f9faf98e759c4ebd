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

    private typealias Probe = DriverProbe<VulkanLibrary, VulkanDeviceInfo>

    /// Nil: the process's configuration when the backend is first asked.
    private let configuration: RuntimeConfiguration?
    private let options: Options
    private let probed = Once<Probe>()

    public convenience init(configuration: RuntimeConfiguration? = nil) {
        self.init(configuration: configuration, options: Options())
    }

    package init(configuration: RuntimeConfiguration?, options: Options) {
        self.configuration = configuration
        self.options = options
    }

    public func probe() -> ProbeReport { found.report }

    public func open(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> any Device {
        try openDevice(index: index, configuration: configuration)
    }

    package func openDevice(index: Int, configuration: RuntimeConfiguration) throws(TensorError) -> VulkanDevice {
        let (library, info) = try found.device(index, of: name)
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
    package var calls: VulkanCalls? { found.loader.map(VulkanCalls.init) }

    // MARK: Probing

    private var found: Probe { probed.get { look(configuration ?? .current) } }

    private func look(_ configuration: RuntimeConfiguration) -> Probe {
        let path = configuration.vulkanLoader ?? "libvulkan.so.1"
        if path == "none" { return Probe(nothing: ["switched off: NEEDLETAIL_VULKAN is none"]) }
        let complaints = VulkanManifests.complaints(files: configuration.vulkanDrivers)
        let library: VulkanLibrary
        do {
            library = try VulkanLibrary(path: path, listener: options.listener)
        } catch {
            return Probe(nothing: [error.reason] + complaints)
        }
        var count: UInt32 = 64
        var physical = [VkPhysicalDevice?](repeating: nil, count: Int(count))
        let status = nt_vk_list(library.pointer, &count, &physical)
        guard status == VK_SUCCESS, count > 0 else {
            let why = status == VK_SUCCESS ? "" : ": \(VulkanStatus.name(status))"
            return Probe(nothing: ["no driver has a device here\(why)"] + complaints)
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
        return Probe(
            library, found, notes: notes + complaints,
            cache: ProgramCache(directory: configuration.cacheDirectory, backend: name))
    }
}

/// What a loader was asked, for tests.
package struct VulkanCalls: Sendable {
    /// An entry point.
    package struct Call: Equatable, Sendable {
        fileprivate let number: nt_vk_call

        package static let createDevice = Call(number: NT_VK_CreateDevice)
        package static let allocateMemory = Call(number: NT_VK_AllocateMemory)
        package static let createBuffer = Call(number: NT_VK_CreateBuffer)
        package static let createPipeline = Call(number: NT_VK_CreateComputePipelines)
        package static let createPipelineCache = Call(number: NT_VK_CreatePipelineCache)
        package static let beginCommands = Call(number: NT_VK_BeginCommandBuffer)
        package static let dropCommands = Call(number: NT_VK_DestroyCommandPool)
        package static let submit = Call(number: NT_VK_QueueSubmit)
        package static let wait = Call(number: NT_VK_WaitForFences)
        package static let dispatch = Call(number: NT_VK_CmdDispatch)
        package static let copy = Call(number: NT_VK_CmdCopyBuffer)
        package static let barrier = Call(number: NT_VK_CmdPipelineBarrier)
    }

    fileprivate let library: VulkanLibrary

    /// How often the entry point was called since the backend was first asked.
    package subscript(call: Call) -> Int { Int(nt_vk_calls(library.pointer, call.number)) }

    /// Makes one call fail with a Vulkan status, after some that do not.
    package func fail(_ call: Call, with status: Int32, after successes: Int = 0) {
        nt_vk_fail(library.pointer, call.number, UInt64(successes), VkResult(status))
    }
}
