import CVulkan
import DeviceSupport
import Foundation
import KernelIR
import SPIRV
import Shaders
import TensorRuntime

/// A physical device, and what it says of itself; nothing of it is opened.
struct VulkanDeviceInfo: ListedDevice, @unchecked Sendable {
    // Safety: physical devices are valid as long as their instance, from any thread.

    let physical: VkPhysicalDevice
    let facts: nt_vk_facts
    let description: DeviceDescription
    /// What compiled programs and measurements hold for: device and driver with their versions.
    let identity: String
    /// By which quirks tell drivers apart.
    let driverName: String
    /// The most bytes that a binding has.
    let maximumRange: Int

    init(
        _ physical: VkPhysicalDevice, index: Int, library: VulkanLibrary, options: VulkanBackend.Options
    ) throws(DriverComplaint) {
        var facts = nt_vk_facts()
        nt_vk_describe(library.pointer, physical, &facts)
        let api = facts.api_version
        let name = VulkanDeviceInfo.text(facts.name)
        let version = [api >> 22 & 0x7F, api >> 12 & 0x3FF, api & 0xFFF].map(String.init).joined(separator: ".")
        guard api & 0x1FFF_F000 >= 1 << 22 | 1 << 12 else {
            throw DriverComplaint("\(name) has Vulkan \(version), and Vulkan 1.1 is needed")
        }
        // All ones: none was found.
        guard facts.queue_family != .max else { throw DriverComplaint("\(name) has no queue that computes") }
        // Three operands and the parameters: an addition.
        guard facts.storage_buffers >= 4 else {
            throw DriverComplaint("\(name) binds \(facts.storage_buffers) buffers to a kernel, and 4 are needed")
        }
        if !options.usesAddresses { facts.addresses = 0 }
        self.physical = physical
        self.facts = facts
        let driver = VulkanDeviceInfo.text(facts.driver_name)
        let info = VulkanDeviceInfo.text(facts.driver_info)
        let uuid = withUnsafeBytes(of: facts.uuid) { $0.map { String(format: "%02x", $0) }.joined() }
        driverName = driver
        identity =
            [name, driver, info, uuid, version].joined(separator: "\n")
            + "\n\(facts.vendor_id) \(facts.device_id) \(facts.driver_id) \(facts.driver_version)"
        maximumRange = min(Int(facts.maximum_range), options.rangeLimit ?? .max) & ~255
        let room = VulkanDeviceInfo.room(facts)
        let memory = options.memoryLimit ?? VulkanDeviceInfo.largestHeap(facts).map { room[$0] } ?? 0
        description = DeviceDescription(
            id: DeviceID(backend: "vulkan", index: index), name: name,
            kind: VulkanDeviceInfo.kind(facts, name: name, driver: driver),
            driver: [driver, info].filter { !$0.isEmpty }.joined(separator: " ") + ", Vulkan \(version)",
            memory: memory, maximumAllocation: min(Int(clamping: facts.maximum_allocation), memory),
            dtypes: Set(DType.allCases).subtracting(facts.float64 != 0 ? [] : [.float64]),
            families: [.fused, .matmul, .scatterAdd, .convolution, .pooling, .scan, .sort],
            physicalIDs: VulkanDeviceInfo.physicalIDs(facts), alignment: 1,
            // Beside the operands, partial results and the parameters.
            maximumOperands: min(max(Int(facts.storage_buffers) - 4, 3), 16), platform: driver.isEmpty ? nil : driver)
    }

    private static func text<Characters>(_ characters: Characters) -> String {
        withUnsafeBytes(of: characters) { DriverText.words($0) }
    }

    /// The device's UUID, and its place on the bus where the driver says it.
    private static func physicalIDs(_ facts: nt_vk_facts) -> Set<PhysicalID> {
        var ids = Set([PhysicalID(uuid: withUnsafeBytes(of: facts.uuid) { Array($0) })].compactMap { $0 })
        if facts.has_pci != 0 {
            let (domain, bus, device, function) = facts.pci
            ids.insert(
                PhysicalID(domain: Int(domain), bus: Int(bus), device: Int(device), function: Int(function)))
        }
        return ids
    }

    /// Which of the device's own heaps has most room.
    private static func largestHeap(_ facts: nt_vk_facts) -> Int? {
        var facts = facts
        let types: [UInt32] = list(&facts.memory_flags, facts.memory_type_count)
        let heaps: [UInt32] = list(&facts.memory_heap, facts.memory_type_count)
        let own = zip(types, heaps).filter { $0.0 & VulkanMemoryType.deviceLocal != 0 }.map { Int($0.1) }
        let room = room(facts)
        return own.max { room[$0] < room[$1] }
    }

    private static func room(_ facts: nt_vk_facts) -> [Int] {
        var facts = facts
        let sizes: [UInt64] = list(&facts.heap_size, UInt32(VK_MAX_MEMORY_HEAPS))
        let budgets: [UInt64] = list(&facts.heap_budget, UInt32(VK_MAX_MEMORY_HEAPS))
        return zip(sizes, budgets).map { Int(clamping: $0.1 > 0 ? min($0.0, $0.1) : $0.0) }
    }

    /// The first elements of an array in C.
    static func list<Elements, Element: FixedWidthInteger>(_ elements: inout Elements, _ count: UInt32) -> [Element] {
        withUnsafeBytes(of: &elements) { Array($0.bindMemory(to: Element.self).prefix(Int(count))) }
    }

    private static func kind(_ facts: nt_vk_facts, name: String, driver: String) -> DeviceDescription.Kind {
        // A processor is none, whatever it calls itself.
        let processors = [VK_DRIVER_ID_MESA_LLVMPIPE, VK_DRIVER_ID_GOOGLE_SWIFTSHADER].map(\.rawValue)
        if processors.contains(facts.driver_id) || SoftwareDevice.isNamed(by: [name, driver]) { return .software }
        return switch facts.type {
        case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: .discreteGPU
        case VK_PHYSICAL_DEVICE_TYPE_CPU: .software
        case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU, VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: .integratedGPU
        default: .accelerator
        }
    }

    /// What is free of the device's largest heap, where the driver tells this process's budget and how much it has of it.
    func memoryInfo(_ library: VulkanLibrary) -> DeviceMemory? {
        var facts = nt_vk_facts()
        nt_vk_describe(library.pointer, physical, &facts)
        guard let heap = VulkanDeviceInfo.largestHeap(facts) else { return nil }
        let budgets: [UInt64] = VulkanDeviceInfo.list(&facts.heap_budget, UInt32(VK_MAX_MEMORY_HEAPS))
        let usages: [UInt64] = VulkanDeviceInfo.list(&facts.heap_usage, UInt32(VK_MAX_MEMORY_HEAPS))
        guard budgets[heap] > 0 else { return nil }
        let free = Int(clamping: budgets[heap]) - Int(clamping: usages[heap])
        return DeviceMemory(free: max(min(free, description.memory), 0), total: description.memory)
    }

    // MARK: Targets

    /// What the emitter may use.
    var spirv: SPIRVTarget {
        func has(_ bit: VkSubgroupFeatureFlagBits) -> Bool { facts.subgroup_operations & bit.rawValue != 0 }
        var target = SPIRVTarget()
        let features: [(KernelFeatures, Bool)] = [
            (.int64, facts.int64 != 0), (.float16, facts.float16 != 0), (.float64, facts.float64 != 0),
            (.storage8, facts.storage8 != 0), (.storage16, facts.storage16 != 0),
            (.subgroups, has(VK_SUBGROUP_FEATURE_BASIC_BIT)),
        ]
        for (feature, isThere) in features where isThere { target.features.insert(feature) }
        target.subgroupArithmetic = has(VK_SUBGROUP_FEATURE_ARITHMETIC_BIT)
        target.subgroupShuffle = has(VK_SUBGROUP_FEATURE_SHUFFLE_BIT)
        target.preservesSignedZeroInfNan32 = facts.preserves32 != 0
        target.preservesSignedZeroInfNan64 = facts.preserves64 != 0
        return target
    }

    /// What the kernel library is told of the device.
    func target(_ scheduleClass: RuntimeConfiguration.ScheduleClass) -> ShaderTarget {
        let items = min(Int(facts.invocations), Int(facts.sizes.0))
        // Vulkan does not say how many units there are.
        let isProcessor = description.kind == .software
        let units = isProcessor ? ProcessInfo.processInfo.activeProcessorCount : 64
        // Elsewhere their size may change from one kernel to the next.
        let hasSubgroups = isProcessor && spirv.subgroupShuffle
        var features = spirv.features
        if !hasSubgroups { features.remove(.subgroups) }
        var target = ShaderTarget(
            // Drivers that run on processors, too, compute a workgroup's items side by side.
            deviceClass: scheduleClass.deviceClass(workgroupSize: items), computeUnits: units,
            maximumWorkgroupSize: items,
            sharedByteCount: Int(facts.shared_bytes), vectorWidth: SPIRVTarget.maximumVectorLanes, features: features)
        target.emulatesWorkgroups = isProcessor
        target.subgroupSize = hasSubgroups ? Int(facts.subgroup_size) : nil
        // Parameters lie in a buffer.
        target.argumentBytes = 1 << 16
        target.maximumVectorLanes = SPIRVTarget.maximumVectorLanes
        target.has8BitStorage = facts.storage8 != 0
        target.has16BitStorage = facts.storage16 != 0
        target.hasInt64 = facts.int64 != 0
        return target
    }

    var maximumGrid: SIMD3<Int> { SIMD3(Int(facts.counts.0), Int(facts.counts.1), Int(facts.counts.2)) }
    var offsetAlignment: Int { max(Int(facts.offset_alignment), 16) }
    /// Whether timestamps can be had, and the nanoseconds of a tick.
    var tick: Double? { facts.timestamp_bits > 0 && facts.timestamp_period > 0 ? facts.timestamp_period : nil }
}

/// Which memory buffers lie in.
struct VulkanMemoryType {
    static let deviceLocal = UInt32(VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT.rawValue)
    private static let coherent = UInt32(
        VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT.rawValue | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT.rawValue)
    private static let cached = UInt32(VK_MEMORY_PROPERTY_HOST_CACHED_BIT.rawValue)

    /// The device's own.
    let device: UInt32
    /// Whether the host may work in it as in its own. Memory that the host sees uncached, as that of cards behind a bus, is
    /// reached through a ring: reads from it are slow.
    let isHosts: Bool
    /// The host's, for copies.
    let staging: UInt32
    /// The host's, for parameters: near the device where there is such memory.
    let parameters: UInt32

    /// Nil where the device lacks one of them.
    ///
    /// - Parameter bits: the types that buffers may lie in.
    init?(_ facts: nt_vk_facts, bits: UInt32) {
        var facts = facts
        let flags: [UInt32] = VulkanDeviceInfo.list(&facts.memory_flags, facts.memory_type_count)
        let heaps: [UInt32] = VulkanDeviceInfo.list(&facts.memory_heap, facts.memory_type_count)
        let sizes: [UInt64] = VulkanDeviceInfo.list(&facts.heap_size, UInt32(VK_MAX_MEMORY_HEAPS))
        func size(_ type: Int) -> UInt64 { sizes[Int(heaps[type])] }
        // Kinds of memory that are for special uses only have other flags beside these.
        let known = VulkanMemoryType.deviceLocal | VulkanMemoryType.coherent | VulkanMemoryType.cached
        let usable = flags.indices.filter { bits >> UInt32($0) & 1 != 0 && flags[$0] & ~known == 0 }
        func first(_ wanted: UInt32, _ preferred: UInt32 = 0, among types: [Int]? = nil) -> Int? {
            let fitting = (types ?? usable).filter { flags[$0] & wanted == wanted }
            return fitting.first { flags[$0] & preferred == preferred } ?? fitting.first
        }
        let own = usable.filter { flags[$0] & VulkanMemoryType.deviceLocal != 0 }
        let largest = own.map(size).max() ?? 0
        let whole = own.filter { size($0) == largest }
        let shared = first(VulkanMemoryType.coherent | VulkanMemoryType.cached, among: whole)
        guard let device = shared ?? whole.first ?? first(VulkanMemoryType.coherent),
            let staging = first(VulkanMemoryType.coherent, VulkanMemoryType.cached),
            let parameters = first(VulkanMemoryType.coherent, VulkanMemoryType.deviceLocal)
        else { return nil }
        self.device = UInt32(device)
        isHosts = shared != nil
        self.staging = UInt32(staging)
        self.parameters = UInt32(parameters)
    }
}
