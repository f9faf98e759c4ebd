import KernelIR

/// What the kernel library knows of a device.
public struct ShaderTarget: Hashable, Sendable {
    /// Which kind of schedule suits it.
    public enum DeviceClass: String, Hashable, Sendable, CaseIterable {
        /// Many work-items a workgroup, shared memory, barriers.
        case gpu
        /// One work-item a workgroup, wide vectors, no barriers and no shared memory.
        case cpu
    }

    public var deviceClass: DeviceClass
    public var computeUnits: Int
    public var maximumWorkgroupSize: Int
    public var sharedByteCount: Int
    /// Lanes of float32 in the vectors that suit the device.
    public var vectorWidth: Int
    public var features: KernelRequirements

    public init(
        deviceClass: DeviceClass, computeUnits: Int, maximumWorkgroupSize: Int = 256, sharedByteCount: Int = 32768,
        vectorWidth: Int, features: KernelRequirements = []
    ) {
        self.deviceClass = deviceClass
        self.computeUnits = computeUnits
        self.maximumWorkgroupSize = maximumWorkgroupSize
        self.sharedByteCount = sharedByteCount
        self.vectorWidth = vectorWidth
        self.features = features
    }
}
