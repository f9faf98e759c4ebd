import TensorRuntime

/// An offset known only when a plan is bound: a constant plus slice starts times strides, in elements.
struct OffsetExpression: Hashable, Sendable {
    struct Term: Hashable, Sendable {
        /// Index into the snapshot's slice starts.
        var start: Int
        var stride: Int
    }

    var constant = 0
    var terms: [Term] = []

    @inline(__always)
    func value(_ starts: [Int]) -> Int {
        var result = constant
        for term in terms { result += starts[term.start] * term.stride }
        return result
    }
}

/// Where a bound operand lives.
enum PlanSlot: Hashable, Sendable {
    /// The storage of a leaf; its own offset is added when the plan is bound.
    case leaf(node: Int, storage: Int)
    case arena(byteOffset: Int)
    case output(Int)
    /// An operand that is only an index.
    case none
}

/// One launch of a plan: its kernel, its operands, and where its scalars come from.
struct PlanStep: Sendable {
    struct Binding: Sendable {
        var slot: PlanSlot
        var offset: OffsetExpression
        var dtype: DType
    }

    enum ScalarSource: Hashable, Sendable {
        /// The snapshot's scalar, by number.
        case traced(Int)
        /// A number that follows from shapes.
        case constant(Scalar)
    }

    let kernel: any DeviceKernel
    /// In the family's order; the kernel's workspace, if it has one, is the last.
    let bindings: [Binding]
    let scalars: [(source: ScalarSource, dtype: DType)]
    /// What it computes, for dumps and for messages about NaN.
    let label: String
    /// Bindings that are contiguous results, with their element counts, for the NaN check.
    let results: [(binding: Int, count: Int)]
}

/// What evaluates any trace of one signature: kernels in an order, and a place for every intermediate. Immutable.
final class Plan: Sendable {
    /// A block that holds results, or a leaf's block reused for them.
    struct Output: Sendable {
        let byteCount: Int
        /// The leaf storage that is overwritten, if one is donated.
        let donor: Int?
    }

    /// A live node's place: a view of an output or of a leaf.
    struct Result: Sendable {
        let node: Int
        let slot: PlanSlot
        let strides: Strides
        let offset: OffsetExpression
    }

    /// An operand of a launch as it is bound each time: plain numbers.
    struct Operand: Sendable {
        let slot: PlanSlot
        let dtype: DType
        let offset: Int
        /// The offset's terms in ``Plan/terms``.
        let firstTerm: Int
        let termCount: Int
    }

    let steps: [PlanStep]
    /// All launches' operands, one launch after another, and what their offsets depend on.
    let operands: [Operand]
    let terms: [OffsetExpression.Term]
    /// All launches' scalars.
    let scalars: [(source: PlanStep.ScalarSource, dtype: DType)]
    let kernels: [any DeviceKernel]
    /// How many operands and scalars each launch takes.
    let counts: [(operands: Int, scalars: Int)]
    /// Dispatches of one submission.
    let dispatchCount: Int
    let arenaByteCount: Int
    let outputs: [Output]
    let results: [Result]
    /// How many operations run in the form of others because the device lacks their family.
    let decomposedOperations: Int

    init(
        steps: [PlanStep], arenaByteCount: Int, outputs: [Output], results: [Result], decomposedOperations: Int
    ) {
        self.steps = steps
        var operands: [Operand] = []
        var terms: [OffsetExpression.Term] = []
        for binding in steps.lazy.flatMap(\.bindings) {
            operands.append(
                Operand(
                    slot: binding.slot, dtype: binding.dtype, offset: binding.offset.constant, firstTerm: terms.count,
                    termCount: binding.offset.terms.count))
            terms += binding.offset.terms
        }
        self.operands = operands
        self.terms = terms
        scalars = steps.flatMap(\.scalars)
        kernels = steps.map(\.kernel)
        counts = steps.map { ($0.bindings.count, $0.scalars.count) }
        dispatchCount = steps.reduce(0) { $0 + $1.kernel.dispatchCount }
        self.arenaByteCount = arenaByteCount
        self.outputs = outputs
        self.results = results
        self.decomposedOperations = decomposedOperations
    }

    /// About how many bytes of the host's memory the plan and its kernels are.
    var hostByteCount: Int { 1024 + steps.count * 2048 + operands.count * 256 + scalars.count * 32 }

    /// The launches in order, as text: the same in every process.
    var dump: String {
        var lines: [String] = []
        for (index, step) in steps.enumerated() {
            lines.append("\(index): \(step.label)")
            lines += step.kernel.spec.listing.split(separator: "\n").map { "    \($0)" }
            for binding in step.bindings {
                lines.append(
                    "    \(binding.slot) + \(binding.offset.constant) \(binding.offset.terms) \(binding.dtype)")
            }
            let workspace = step.kernel.workspaceByteCount
            if workspace > 0 { lines.append("    the last is a workspace of \(workspace) bytes") }
        }
        lines.append(
            "arena \(arenaByteCount), outputs \(outputs.map(\.byteCount)), donors \(outputs.map { $0.donor ?? -1 })")
        return lines.joined(separator: "\n")
    }
}
