/// The name of a kernel family. A backend that meets a name it does not know answers that it is unsupported.
public struct KernelFamily: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The name as messages, listings and plans have it.
    public let rawValue: String

    /// A family of another package has a name of its own choosing.
    public init(rawValue: String) { self.rawValue = rawValue }

    /// Pointwise chains, reductions, softmax, normalisations, losses, optimizer updates, gathers and copies.
    public static let fused = KernelFamily(rawValue: "fused")
    /// Batched matrix products with an epilogue: ``MatmulKernel``.
    public static let matmul = KernelFamily(rawValue: "matmul")
    /// Sums at indices, the gradient of gathers and embeddings: ``ScatterAddKernel``.
    public static let scatterAdd = KernelFamily(rawValue: "scatterAdd")
    /// 2-D convolutions and their gradients, with an epilogue: ``ConvolutionKernel``.
    public static let convolution = KernelFamily(rawValue: "convolution")
    /// 2-D pooling and its gradients, with an epilogue: ``PoolingKernel``.
    public static let pooling = KernelFamily(rawValue: "pooling")
    /// Running sums and their like: ``ScanKernel``.
    public static let scan = KernelFamily(rawValue: "scan")
    /// Stable sorts of rows: ``SortKernel``.
    public static let sort = KernelFamily(rawValue: "sort")

    /// What a device must have.
    public static let required: [KernelFamily] = [.fused, .matmul, .scatterAdd]

    public var description: String { rawValue }
}

/// The part of a kernel that is compiled. Equal codes share a program.
public struct KernelCode: Hashable, Sendable {
    /// The family whose numbers follow.
    public let family: KernelFamily
    /// Dtypes, ranks and flags of the family, in its order.
    public let numbers: [Int]
    /// The fused program, or the epilogue.
    public let program: FusedProgram?

    /// - Parameters:
    ///   - numbers: dtypes, ranks and flags in the family's order.
    ///   - program: nil of a family without one.
    public init(_ family: KernelFamily, _ numbers: [Int], program: FusedProgram? = nil) {
        self.family = family
        self.numbers = numbers
        self.program = program
    }
}

/// Everything about a kernel: its family and that family's one struct of arguments.
public struct KernelSpec: Hashable, Sendable {
    /// That of the body: what a backend looks at first.
    public let family: KernelFamily
    /// The family's arguments, to be cast to its type.
    public let body: any KernelBody

    /// The family follows from the body's type.
    public init(_ body: some KernelBody) {
        self.family = type(of: body).family
        self.body = body
    }

    public static func == (a: KernelSpec, b: KernelSpec) -> Bool {
        func equal<B: KernelBody>(_ x: B) -> Bool { (b.body as? B) == x }
        return a.family == b.family && equal(a.body)
    }

    public func hash(into hasher: inout Hasher) { body.hash(into: &hasher) }

    /// What the kernel's program is keyed by.
    public var code: KernelCode { body.code }
}

extension KernelSpec: CustomStringConvertible {
    /// Family, types and shapes in one line, without the program: `matmul float32 64x784x128 NT`.
    public var description: String { body.summary }

    /// The description, and the program or epilogue line by line.
    package var listing: String { description + (body.fused.map { "\n\($0.program)" } ?? "") }

    /// What each operand of a launch must hold at least, in the order of the bindings.
    public var operandExtents: [OperandExtent] { body.operands.map(OperandExtent.init) }
}
