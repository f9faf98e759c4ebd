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

    // MARK: What suits the device

    public var deviceClass: DeviceClass
    public var computeUnits: Int
    /// Lanes of float32 in the vectors that suit the device.
    public var vectorWidth: Int
    /// Whether a processor computes the work-items of a workgroup, some of them side by side, one group after another: shared
    /// memory is as far as any, and a barrier ends a loop over all of them.
    public var emulatesWorkgroups = false

    // MARK: What a kernel may have

    /// Work-items of a workgroup.
    public var maximumWorkgroupSize: Int
    /// Bytes of memory that a workgroup shares.
    public var sharedByteCount: Int
    /// Bytes of all arguments of a kernel; 1,024 are what OpenCL promises.
    public var argumentBytes = 1024
    /// Lanes of the widest vector that the device's language has: 16 in OpenCL C, 4 in SPIR-V for shaders.
    public var maximumVectorLanes = 16
    /// Whether memory is read and written in elements of 8 bits (uint8, bool), of 16 bits (float16, bfloat16).
    public var has8BitStorage = true
    public var has16BitStorage = true
    /// Whether there are integers of 64 bits, in memory and in arithmetic.
    public var hasInt64 = true
    /// Whether there is arithmetic on integers of 8 and 16 bits.
    public var hasInt8Arithmetic = true
    public var hasInt16Arithmetic = true
    /// Work-items of a subgroup; nil where there are no subgroups, or their size is not known.
    public var subgroupSize: Int?
    /// Whether quotients and square roots of floats are rounded rightly; else kernels put them right.
    public var dividesExactly = true
    public var features: KernelFeatures

    public init(
        deviceClass: DeviceClass, computeUnits: Int, maximumWorkgroupSize: Int = 256, sharedByteCount: Int = 32768,
        vectorWidth: Int, features: KernelFeatures = []
    ) {
        self.deviceClass = deviceClass
        self.computeUnits = computeUnits
        self.maximumWorkgroupSize = maximumWorkgroupSize
        self.sharedByteCount = sharedByteCount
        self.vectorWidth = vectorWidth
        self.features = features
    }

    /// Whether there is float64, in memory and in arithmetic.
    public var hasFloat64: Bool {
        get { features.contains(.float64) }
        set { if newValue { features.insert(.float64) } else { features.remove(.float64) } }
    }

    /// The same as the kernels' validator knows it.
    public var kernelTarget: KernelTarget {
        var features = features
        func set(_ feature: KernelFeatures, _ isThere: Bool) {
            if isThere { features.insert(feature) } else { features.remove(feature) }
        }
        set(.storage8, has8BitStorage)
        set(.storage16, has16BitStorage)
        set(.int64, hasInt64)
        var target = KernelTarget(
            features: features, maximumVectorLanes: maximumVectorLanes, argumentByteCount: argumentBytes,
            sharedByteCount: sharedByteCount, maximumWorkgroupSize: maximumWorkgroupSize, subgroupSize: subgroupSize)
        target.dividesExactly = dividesExactly
        return target
    }
}
