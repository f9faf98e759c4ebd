import COpenCL
import DeviceSupport
import Foundation
import KernelIR
import Shaders
import TensorRuntime

/// A device as a platform lists it, and what it says of itself; nothing of it is opened.
struct OpenCLDeviceInfo: ListedDevice, @unchecked Sendable {
    // Safety: IDs of platforms and devices are valid as long as the process, from any thread.

    let platform: cl_platform_id
    let device: cl_device_id
    let description: DeviceDescription
    let computeUnits: Int
    let maximumWorkgroupSize: Int
    let sharedByteCount: Int
    /// Bytes of all arguments of a kernel.
    let parameterByteCount: Int
    /// Lanes of float32 in the device's registers.
    let nativeWidth: Int
    let features: KernelFeatures
    let isProcessor: Bool
    /// Whether device memory is the host's.
    let isUnified: Bool
    /// Options of every program.
    let buildOptions: String
    /// What a compiled program depends on: platform and driver with their versions.
    let identity: String
    /// By which quirks tell drivers apart.
    let platformName: String
    /// Whether it answers AMD's query for free memory.
    let tellsFreeMemory: Bool

    init(_ device: cl_device_id, platform: cl_platform_id, index: Int, library: OpenCLLibrary) throws(DriverComplaint) {
        func number(_ name: Int32) -> Int { Int(library.integer(of: device, name, as: cl_uint.self) ?? 0) }
        func long(_ name: Int32) -> Int { Int(clamping: library.integer(of: device, name, as: cl_ulong.self) ?? 0) }
        let name = library.text(of: device, CL_DEVICE_NAME)
        let version = library.text(of: device, CL_DEVICE_VERSION)
        guard number(CL_DEVICE_AVAILABLE) != 0 else { throw DriverComplaint("\(name) is not available") }
        guard number(CL_DEVICE_COMPILER_AVAILABLE) != 0 else { throw DriverComplaint("\(name) has no compiler") }
        guard OpenCLDeviceInfo.isRecent(version) else {
            throw DriverComplaint("\(name) has \(version), and OpenCL 1.2 is needed")
        }
        let extensions = Set(library.text(of: device, CL_DEVICE_EXTENSIONS).split(separator: " ").map(String.init))
        let type = library.integer(of: device, CL_DEVICE_TYPE, as: cl_device_type.self) ?? 0
        isUnified = number(CL_DEVICE_HOST_UNIFIED_MEMORY) != 0
        platformName = library.text(ofPlatform: platform, CL_PLATFORM_NAME)
        let texts = [
            name, library.text(of: device, CL_DEVICE_VENDOR), platformName,
            library.text(ofPlatform: platform, CL_PLATFORM_VENDOR),
        ]
        let isSoftware = SoftwareDevice.isNamed(by: texts)
        guard let kind = OpenCLDeviceInfo.kind(type, isUnified: isUnified, isSoftware: isSoftware) else {
            throw DriverComplaint("\(name) runs no programs of ours: it is neither a CPU nor a GPU nor an accelerator")
        }
        self.platform = platform
        self.device = device
        isProcessor = kind == .software
        computeUnits = max(number(CL_DEVICE_MAX_COMPUTE_UNITS), 1)
        maximumWorkgroupSize = Int(library.integer(of: device, CL_DEVICE_MAX_WORK_GROUP_SIZE, as: Int.self) ?? 1)
        sharedByteCount = long(CL_DEVICE_LOCAL_MEM_SIZE)
        nativeWidth = number(CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT)
        // Every device has them, from OpenCL 1.1 on.
        var features: KernelFeatures = [.int64, .storage8, .storage16]
        if extensions.contains("cl_khr_fp64") { features.insert(.float64) }
        if extensions.contains("cl_khr_fp16") { features.insert(.float16) }
        self.features = features
        let floats = library.integer(of: device, CL_DEVICE_SINGLE_FP_CONFIG, as: cl_device_fp_config.self) ?? 0
        let roundsCorrectly = floats & cl_device_fp_config(CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0
        // No warnings: some drivers print their number to standard error.
        buildOptions = "-w -cl-std=CL1.2" + (roundsCorrectly ? " -cl-fp32-correctly-rounded-divide-sqrt" : "")
        let driver = library.text(of: device, CL_DRIVER_VERSION)
        let platformVersion = library.text(ofPlatform: platform, CL_PLATFORM_VERSION)
        identity = [platformName, platformVersion, name, version, driver]
            .joined(separator: "\n")
        let parameters = Int(library.integer(of: device, CL_DEVICE_MAX_PARAMETER_SIZE, as: Int.self) ?? 256)
        parameterByteCount = parameters
        description = DeviceDescription(
            id: DeviceID(backend: "opencl", index: index), name: name, kind: kind,
            // Some platforms name all their libraries behind the first comma.
            driver: "\(platformVersion.prefix { $0 != "," }), driver \(driver)",
            memory: long(CL_DEVICE_GLOBAL_MEM_SIZE),
            maximumAllocation: long(CL_DEVICE_MAX_MEM_ALLOC_SIZE),
            dtypes: Set(DType.allCases).subtracting(features.contains(.float64) ? [] : [.float64]),
            families: [.fused, .matmul, .scatterAdd, .convolution, .pooling, .scan, .sort],
            physicalIDs: OpenCLDeviceInfo.physicalIDs(of: device, extensions: extensions, library: library),
            alignment: 1, maximumOperands: OpenCLDeviceInfo.operandLimit(parameterBytes: parameters),
            platform: platformName)
        tellsFreeMemory = extensions.contains("cl_amd_device_attribute_query")
    }

    /// Whether a version such as `OpenCL 3.0 PoCL` is 1.2 or later.
    private static func isRecent(_ version: String) -> Bool {
        let words = version.split(separator: " ")
        guard words.count >= 2 else { return false }
        let numbers = words[1].split(separator: ".").compactMap { Int($0) }
        guard numbers.count == 2 else { return false }
        return (numbers[0], numbers[1]) >= (1, 2)
    }

    /// What says that it is a CPU is one, even where it says beside that it is a GPU.
    private static func kind(
        _ type: cl_device_type, isUnified: Bool, isSoftware: Bool
    ) -> DeviceDescription.Kind? {
        if isSoftware || type & cl_device_type(CL_DEVICE_TYPE_CPU) != 0 { return .software }
        if type & cl_device_type(CL_DEVICE_TYPE_GPU) != 0 { return isUnified ? .integratedGPU : .discreteGPU }
        return type & cl_device_type(CL_DEVICE_TYPE_ACCELERATOR) != 0 ? .accelerator : nil
    }

    /// An operand is a pointer and an offset, 16 bytes, and strides: 40 bytes are enough for ten of 4 or five of 8.
    private static func operandLimit(parameterBytes: Int) -> Int { min(max((parameterBytes - 64) / 56, 4), 16) }

    /// The device's UUID, which Vulkan knows too, and its place on the bus: what the driver says of them.
    private static func physicalIDs(
        of device: cl_device_id, extensions: Set<String>, library: OpenCLLibrary
    ) -> Set<PhysicalID> {
        var ids: Set<PhysicalID> = []
        if extensions.contains("cl_khr_device_uuid"), let uuid = library.bytes(of: device, CL_DEVICE_UUID_KHR),
            let id = PhysicalID(uuid: uuid)
        {
            ids.insert(id)
        }
        func number(_ name: Int32) -> Int? { library.integer(of: device, name, as: cl_uint.self).map(Int.init) }
        if extensions.contains("cl_khr_pci_bus_info"),
            let place = library.bytes(of: device, CL_DEVICE_PCI_BUS_INFO_KHR), place.count == 16
        {
            let numbers = place.withUnsafeBytes { bytes in
                (0..<4).map { Int(bytes.load(fromByteOffset: 4 * $0, as: UInt32.self)) }
            }
            ids.insert(PhysicalID(domain: numbers[0], bus: numbers[1], device: numbers[2], function: numbers[3]))
        } else if extensions.contains("cl_nv_device_attribute_query"), let bus = number(NT_CL_DEVICE_PCI_BUS_ID_NV),
            let slot = number(NT_CL_DEVICE_PCI_SLOT_ID_NV)
        {
            let domain = number(NT_CL_DEVICE_PCI_DOMAIN_ID_NV) ?? 0
            ids.insert(PhysicalID(domain: domain, bus: bus, device: slot >> 3, function: slot & 7))
        }
        return ids
    }

    /// What the kernel library is told of the device.
    func target(_ scheduleClass: RuntimeConfiguration.ScheduleClass) -> ShaderTarget {
        let deviceClass = scheduleClass.deviceClass(workgroupSize: maximumWorkgroupSize, isProcessor: isProcessor)
        // GPUs load vectors of four; a processor's are those of its registers.
        let width = deviceClass == .gpu ? 4 : min(max(nativeWidth, 4), 16)
        var target = ShaderTarget(
            deviceClass: deviceClass, computeUnits: computeUnits, maximumWorkgroupSize: maximumWorkgroupSize,
            sharedByteCount: sharedByteCount, vectorWidth: width, features: features)
        // Integers of 8, 16 and 64 bits and vectors of 16 lanes are part of OpenCL C 1.2.
        target.argumentBytes = parameterByteCount
        return target
    }
}
