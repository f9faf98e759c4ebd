import TensorRuntime

/// What some devices have and others lack.
public struct KernelFeatures: OptionSet, Hashable, Sendable, CustomStringConvertible {
    public let rawValue: Int
    public init(rawValue: Int) { self.rawValue = rawValue }

    /// In memory and in arithmetic.
    public static let float64 = KernelFeatures(rawValue: 1)
    /// Arithmetic in float16; loading and storing it needs ``storage16``.
    public static let float16 = KernelFeatures(rawValue: 2)
    public static let subgroups = KernelFeatures(rawValue: 4)
    /// In memory and in arithmetic.
    public static let int64 = KernelFeatures(rawValue: 8)
    /// Elements of 8 bits in memory: uint8 and bool.
    public static let storage8 = KernelFeatures(rawValue: 16)
    /// Elements of 16 bits in memory: float16 and bfloat16.
    public static let storage16 = KernelFeatures(rawValue: 32)

    private static let names: [(KernelFeatures, String)] = [
        (.float64, "float64"), (.float16, "float16 arithmetic"), (.subgroups, "subgroups"), (.int64, "int64"),
        (.storage8, "8-bit storage"), (.storage16, "16-bit storage"),
    ]

    public var description: String {
        let held = KernelFeatures.names.filter { contains($0.0) }.map(\.1)
        return held.isEmpty ? "nothing" : held.joined(separator: ", ")
    }
}

/// What a device must have to run a kernel.
public struct KernelRequirements: Hashable, Sendable {
    public var features: KernelFeatures
    /// Lanes of the widest vector.
    public var vectorLanes: Int
    /// Bytes of all arguments; a buffer counts as its address and its offset, of 8 bytes each.
    public var argumentByteCount: Int
    /// Bytes of workgroup memory.
    public var sharedByteCount: Int
    /// Work-items of a workgroup.
    public var workgroupItemCount: Int
    /// Work-items that a subgroup must have for the kernel's shuffles; 1 where any number does.
    public var subgroupItemCount: Int
}

/// What a device has for kernels.
public struct KernelTarget: Hashable, Sendable {
    public var features: KernelFeatures
    /// Lanes of the widest vector that the device's language has: 16 in OpenCL C, 4 in SPIR-V for shaders.
    public var maximumVectorLanes: Int
    /// Bytes of all arguments, counted as in ``KernelRequirements/argumentByteCount``.
    public var argumentByteCount: Int
    public var sharedByteCount: Int
    public var maximumWorkgroupSize: Int
    /// Work-items of a subgroup; nil where their number is not known.
    public var subgroupSize: Int?
    /// Whether quotients and square roots of floats are rounded rightly, those of subnormal numbers too.
    public var dividesExactly = true

    public init(
        features: KernelFeatures, maximumVectorLanes: Int = 16, argumentByteCount: Int = 1024,
        sharedByteCount: Int = 32768, maximumWorkgroupSize: Int = 256, subgroupSize: Int? = nil
    ) {
        self.features = features
        self.maximumVectorLanes = maximumVectorLanes
        self.argumentByteCount = argumentByteCount
        self.sharedByteCount = sharedByteCount
        self.maximumWorkgroupSize = maximumWorkgroupSize
        self.subgroupSize = subgroupSize
    }
}

extension Kernel {
    public var requirements: KernelRequirements {
        var features: KernelFeatures = []
        let values = types + variables
        let scalars = values.map(\.scalar) + arguments.map(\.scalar) + arrays.map(\.scalar)
        if scalars.contains(.float64) { features.insert(.float64) }
        if scalars.contains(.float16) { features.insert(.float16) }
        if scalars.contains(.int64) { features.insert(.int64) }
        for buffer in buffers { features.formUnion(buffer.element.storageFeatures) }
        var subgroupItems = 1
        forEachStatement { statement in
            guard case .define(_, let operation) = statement else { return }
            switch operation {
            case .subgroup(.shuffleXor(let mask), _):
                features.insert(.subgroups)
                while subgroupItems <= mask { subgroupItems *= 2 }
            case .subgroup, .builtin(.subgroupLane), .builtin(.subgroupSize): features.insert(.subgroups)
            case .constant, .argument, .builtin(.workgroupID), .builtin(.localID), .builtin(.workgroupCount), .read,
                .load, .loadBits, .loadShared, .unary, .binary, .multiplyAdd, .fusedMultiplyAdd, .select, .convert,
                .bitcast, .splat, .construct, .extract:
                break
            }
        }
        return KernelRequirements(
            features: features, vectorLanes: values.map(\.width).max() ?? 1,
            argumentByteCount: 16 * buffers.count + arguments.reduce(0) { $0 + $1.scalar.byteCount },
            sharedByteCount: sharedByteCount,
            workgroupItemCount: workgroupSize[0] * workgroupSize[1] * workgroupSize[2],
            subgroupItemCount: subgroupItems)
    }

    /// Throws what is wrong with the kernel, if anything is, or what it needs and a device lacks.
    ///
    /// ``legalized(for:)`` makes a kernel that does without 8-, 16- and 64-bit integers and wide vectors.
    public func validate(for target: KernelTarget) throws(KernelError) {
        try validate()
        let needs = requirements
        let missing = needs.features.subtracting(target.features)
        if !missing.isEmpty { throw error(.target, "it needs \(missing), which the device lacks") }
        let limits = [
            ("vectors of", needs.vectorLanes, target.maximumVectorLanes, "lanes"),
            ("arguments of", needs.argumentByteCount, target.argumentByteCount, "bytes"),
            ("shared arrays of", needs.sharedByteCount, target.sharedByteCount, "bytes"),
            ("workgroups of", needs.workgroupItemCount, target.maximumWorkgroupSize, "work-items"),
        ]
        for (what, needed, most, unit) in limits where needed > most {
            throw error(.target, "it needs \(what) \(needed) \(unit), and the device has at most \(most)")
        }
        if let size = target.subgroupSize, size < needs.subgroupItemCount {
            throw error(
                .target,
                "it shuffles in subgroups of \(needs.subgroupItemCount) work-items, and the device's have \(size)")
        }
    }
}

extension DType {
    /// What elements of this type in memory need.
    var storageFeatures: KernelFeatures {
        switch self {
        case .float32, .int32: []
        case .float64: .float64
        case .int64: .int64
        case .float16, .bfloat16: .storage16
        case .uint8, .bool: .storage8
        }
    }
}
