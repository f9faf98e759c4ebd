/// Which device: a backend's name and an index among its devices. Parses from and prints as `cpu`, `vulkan:0`.
public struct DeviceID: Hashable, Sendable, CustomStringConvertible {
    /// `cpu`, `opencl`, `vulkan`, or the name of another package's backend.
    public let backend: String
    /// Among the devices of its backend's probe, from 0 on.
    public let index: Int

    /// Says nothing of whether there is such a device: opening it does.
    public init(backend: String, index: Int = 0) {
        self.backend = backend
        self.index = index
    }

    /// Parses `cpu`, `opencl`, `opencl:1`; nil where the text is none of these forms.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard let name = parts.first, !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" }) else {
            return nil
        }
        switch parts.count {
        case 1: self.init(backend: String(name))
        case 2:
            guard let index = Int(parts[1]), index >= 0 else { return nil }
            self.init(backend: String(name), index: index)
        default: return nil
        }
    }

    /// The processor: always there.
    public static let cpu = DeviceID(backend: "cpu")

    public var description: String { backend == "cpu" && index == 0 ? "cpu" : "\(backend):\(index)" }
}

/// What a device is and can do.
public struct DeviceDescription: Hashable, Sendable {
    /// What kind of hardware a device is, by which one is preferred to another.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A GPU with memory of its own, one that shares the processor's, other hardware for such work, or the
        /// processor itself.
        case discreteGPU, integratedGPU, accelerator, cpu
        /// A GPU interface run by a processor (PoCL, lavapipe): usable when named, never chosen by itself.
        case software

        /// Whether `torch.accelerator` would count it.
        public var isAccelerator: Bool { self == .discreteGPU || self == .integratedGPU || self == .accelerator }
    }

    /// Under which it is opened.
    public var id: DeviceID
    /// The hardware's name, as its driver gives it.
    public var name: String
    /// Given by the backend; decides whether a device is taken when nobody names one.
    public var kind: Kind
    /// The software between the runtime and the device: an OpenCL platform, a Vulkan driver; nil where there is none.
    public var platform: String?
    /// The driver's name and version, for people and for the quirk table.
    public var driver: String
    /// Total memory in bytes.
    public var memory: Int
    /// The largest single allocation in bytes.
    public var maximumAllocation: Int
    /// The element types that its kernels take; the others' kernels are refused with a reason.
    public var dtypes: Set<DType>
    /// The kernels that it has. ``KernelFamily/required`` are among them; operations of others are decomposed.
    public var families: Set<KernelFamily>
    /// Families whose kernels lack float16 and bfloat16 although ``dtypes`` has them: the planner casts their operands to
    /// float32 and the results back, and counts that as decomposed operations. Empty where kernels take what is stored.
    public var float32Families: Set<KernelFamily>
    /// What is known of where the device is: one that two backends show has one of them in common, and counts once.
    public var physicalIDs: Set<PhysicalID>
    /// Offsets of leaves are classed by whether they are multiples of this many elements; 1 where alignment is nothing
    /// to the device's kernels.
    public var alignment: Int
    /// The largest number of buffers one fused kernel binds; longer programs are split.
    public var maximumOperands: Int

    /// The arguments are the properties of the same name; without `maximumAllocation` all memory may be one allocation.
    public init(
        id: DeviceID, name: String, kind: Kind, driver: String, memory: Int, maximumAllocation: Int? = nil,
        dtypes: Set<DType>, families: Set<KernelFamily>, physicalIDs: Set<PhysicalID> = [], alignment: Int = 16,
        maximumOperands: Int = 16, platform: String? = nil, float32Families: Set<KernelFamily> = []
    ) {
        self.float32Families = float32Families
        self.platform = platform
        self.id = id
        self.name = name
        self.kind = kind
        self.driver = driver
        self.memory = memory
        self.maximumAllocation = maximumAllocation ?? memory
        self.dtypes = dtypes
        self.families = families
        self.physicalIDs = physicalIDs
        self.alignment = alignment
        self.maximumOperands = maximumOperands
    }
}

extension DeviceDescription {
    /// Why a device so described cannot run `spec`: it lacks the family, or the type of an operand or of a step. Nil where
    /// it has all.
    public func reasonAgainst(_ spec: KernelSpec) -> String? {
        guard families.contains(spec.family) else { return "\(id) has no \(spec.family) kernels" }
        if float32Families.contains(spec.family) {
            // An epilogue may read short floats.
            let own = spec.operandExtents.prefix(spec.body.sourceCount).compactMap(\.dtype)
            if let short = own.first(where: \.isShortFloat) { return "\(id) has no \(spec.family) kernels of \(short)" }
        }
        let used = spec.operandExtents.compactMap(\.dtype) + (spec.code.program?.steps.map(\.dtype) ?? [])
        return used.first { !dtypes.contains($0) }.map { "\(id) has no \($0)" }
    }
}
