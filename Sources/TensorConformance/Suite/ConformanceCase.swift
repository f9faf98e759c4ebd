import TensorRuntime

/// One row of the catalogue: a kernel, what its operands hold, and how close its results must come.
public struct ConformanceCase: Sendable, CustomStringConvertible {
    /// One bound buffer.
    public struct Operand: Sendable {
        /// Of the buffer's elements.
        public var dtype: DType
        /// Elements that the kernel may touch, from the start of the buffer's payload on.
        public var count: Int
        /// The element of the payload at which the operand starts.
        public var offset: Int
        /// What an input holds; nil for an output.
        public var fill: Fill?
        /// False for an operand that is only an index.
        public var hasBuffer: Bool
        /// The input whose buffer an output shares (a donated buffer).
        public var alias: Int?

        /// The arguments are the properties of the same name; by default an output of its own.
        public init(
            dtype: DType, count: Int, offset: Int = 0, fill: Fill? = nil, hasBuffer: Bool = true, alias: Int? = nil
        ) {
            self.dtype = dtype
            self.count = count
            self.offset = offset
            self.fill = fill
            self.hasBuffer = hasBuffer
            self.alias = alias
        }
    }

    /// What a row exercises; every tag that a device could exercise must be on some row that ran.
    public enum Tag: Hashable, Sendable, CustomStringConvertible {
        /// The program has this operation.
        case pointwise(PointwiseOperation)
        /// The program folds by this operation.
        case reduction(ReductionOperation)
        /// An operand is of this type.
        case dtype(DType)
        /// An operand lies so.
        case layout(LayoutClass)
        /// The kernel is this convolution or gradient.
        case convolution(ConvolutionKernel.Kind)
        /// The kernel is this pooling or gradient.
        case pooling(PoolingKernel.Kind)
        /// The kernel has this part.
        case feature(Feature)

        public var description: String {
            switch self {
            case .pointwise(let operation): "operation \(operation.name)"
            case .reduction(let operation): "reduction \(operation.name)"
            case .dtype(let dtype): "dtype \(dtype)"
            case .layout(let layout): "layout \(layout)"
            case .convolution(let kind): "convolution \(kind)"
            case .pooling(let kind): "pooling \(kind)"
            case .feature(let feature): "feature \(feature)"
            }
        }
    }

    /// How an operand lies in memory.
    public enum LayoutClass: CaseIterable, Hashable, Sendable {
        case contiguous, transposed, offset, broadcast, flipped, stepped, empty, rankZero
    }

    /// Parts of a kernel that no operation's name says.
    public enum Feature: CaseIterable, Hashable, Sendable {
        case gather, index, fill, rowOutput, totalOutput, severalOutputs, donation, epilogue, specialValues
    }

    /// Unique in the catalogue; what a failure is reported under.
    public let name: String
    /// What the device is asked for.
    public let spec: KernelSpec
    /// In the order of the kernel's bindings, inputs first.
    public var operands: [Operand]
    /// What the scalar slots hold.
    public var scalars: [Scalar]
    /// One for each output.
    public var tolerances: [Tolerance]
    /// What the row exercises; the operands' dtypes are always among them.
    public var tags: Set<Tag>
    /// Arithmetic operations of one run, for benchmarks.
    public var operations: Int

    /// The operands' dtypes are added to the tags.
    public init(
        name: String, spec: KernelSpec, operands: [Operand], scalars: [Scalar] = [], tolerances: [Tolerance],
        tags: Set<Tag> = [], operations: Int
    ) {
        self.name = name
        self.spec = spec
        self.operands = operands
        self.scalars = scalars
        self.tolerances = tolerances
        self.tags = tags.union(operands.map { .dtype($0.dtype) })
        self.operations = operations
    }

    /// That of the kernel.
    public var family: KernelFamily { spec.family }
    public var description: String { name }

    /// Bytes that one run reads and writes when it touches each element of its operands once, for benchmarks.
    public var bytes: Int { operands.reduce(0) { $0 + ($1.hasBuffer ? $1.count * $1.dtype.byteCount : 0) } }

    /// Every dtype that the device must have for this row.
    public var dtypes: Set<DType> { Set(operands.filter(\.hasBuffer).map(\.dtype)) }

    /// The scalars' 64-bit slots, as the kernel reads them.
    public var scalarBits: [UInt64] { zip(scalars, spec.body.scalarTypes).map { $0.bits(as: $1) } }

    /// What operand `position` holds before a run; empty for an output of its own.
    func initialValues(of position: Int) -> HostArray {
        let operand = operands[position]
        guard let fill = operand.fill, operand.hasBuffer else { return HostArray(dtype: operand.dtype) }
        return fill.values(count: operand.count, dtype: operand.dtype, seed: seed(of: "\(name)/\(position)"))
    }

    /// What the reference writes to each output.
    public func expected() throws(TensorError) -> [HostWrites] {
        let bound = operands.indices.map { HostOperand(array: initialValues(of: $0), offset: operands[$0].offset) }
        return try ReferenceInterpreter.run(spec, operands: bound, scalars: scalarBits)
    }
}
