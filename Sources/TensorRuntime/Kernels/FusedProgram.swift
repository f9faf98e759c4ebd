/// A straight-line program over an iteration space: pointwise steps, loads, gathers and reductions.
///
/// The iteration space has *outer* and *inner* dimensions (see ``FusedKernel``). Every value has a ``Level`` that says
/// along which of them it varies. A reduction folds an ``Level/element`` value over the inner dimensions into a
/// ``Level/row`` value, which later element steps may use again: softmax, normalisations and losses are one program.
/// A reduction of a row value folds the outer dimensions too and gives a ``Level/total``.
///
/// A program without reductions is a pointwise chain: every dimension is outer, and all its values are elements.
///
/// This is *code*: it holds no extent, stride, offset or scalar value, so programs and pipelines are keyed by it.
public struct FusedProgram: Hashable, Sendable {
    /// Along which dimensions a value varies.
    public enum Level: UInt8, CaseIterable, Hashable, Sendable, Comparable {
        /// Along all dimensions.
        case element
        /// Along the outer dimensions only.
        case row
        /// Along none: known only when every row is done, and used only by other totals.
        case total

        public static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    /// Where a step's operand comes from.
    public enum Operand: Hashable, Sendable {
        /// The value of an earlier step.
        case value(Int)
        /// A run-time scalar, by slot, read as the type the step computes in: as float32 where that is float16 or bfloat16,
        /// but for comparisons.
        case scalar(Int)
    }

    /// What a step does.
    public enum Operation: Hashable, Sendable {
        /// Reads input `input` at the current place.
        case load(input: Int)
        /// Reads input `input` at the current place moved by operand 0 (int32 or int64) times the input's gather stride.
        /// An index outside 0..<gather count reads NaN, or 0 in a type without NaN.
        case gather(input: Int)
        /// The int64 number of the current place: input `input`'s offset plus the place's coordinates times its
        /// strides. The input has no buffer.
        case index(input: Int)
        /// Operand 0 alone: fills the level with a scalar.
        case fill
        /// Of as many operands as the operation has, element by element.
        case pointwise(PointwiseOperation)
        /// Folds operand 0: an element value to a row, a row value to a total.
        case reduce(ReductionOperation)
    }

    /// One line of the program: its value is known by the step's number.
    public struct Step: Hashable, Sendable {
        /// What is computed.
        public var operation: Operation
        /// Values of earlier steps, or scalar slots.
        public var operands: [Operand]
        /// The type of the step's value, to which it is rounded: a value that is read in the program is the one that is
        /// stored. float16 and bfloat16 are computed in float32. Comparisons compute in the type of their operands.
        public var dtype: DType
        /// Along which dimensions the value varies: no fewer than those of its operands, but for a reduction.
        public var level: Level

        /// - Parameter operands: as many as the operation takes.
        public init(_ operation: Operation, _ operands: [Operand] = [], dtype: DType, level: Level = .element) {
            self.operation = operation
            self.operands = operands
            self.dtype = dtype
            self.level = level
        }
    }

    /// What the program stores.
    public struct Output: Hashable, Sendable {
        /// The step whose value is stored, at that step's level.
        public var value: Int

        /// - Parameter value: the number of a step.
        public init(value: Int) { self.value = value }
    }

    /// The type of each input's elements; an input read by `index` is int64 and has no buffer.
    public var inputs: [DType]
    /// In the order in which they run; a step names only earlier ones.
    public var steps: [Step]
    /// In the order of their bindings; one step may be stored twice.
    public var outputs: [Output]
    /// The number of scalar slots.
    public var scalarCount: Int

    /// Nothing is checked here. A program that a kernel is made of has been checked by who wrote it.
    public init(inputs: [DType], steps: [Step], outputs: [Output], scalarCount: Int = 0) {
        self.inputs = inputs
        self.steps = steps
        self.outputs = outputs
        self.scalarCount = scalarCount
    }

    /// The program that stores its one input, converting it if the types differ: a copy.
    public static func copy(from source: DType, to destination: DType) -> FusedProgram {
        var steps = [Step(.load(input: 0), dtype: source)]
        if source != destination { steps.append(Step(.pointwise(.cast), [.value(0)], dtype: destination)) }
        return FusedProgram(inputs: [source], steps: steps, outputs: [Output(value: steps.count - 1)])
    }

    /// Whether a value is folded: the inner dimensions then run in one loop for each row.
    public var hasReduction: Bool {
        steps.contains { if case .reduce = $0.operation { true } else { false } }
    }

    /// The type in which a step computes: its first value operand's for comparisons (which have one), its own otherwise.
    public func computeType(of step: Step) -> DType {
        if case .pointwise(let operation) = step.operation, operation.row.rule == .comparison,
            case .value(let index)? = step.operands.first(where: { if case .value = $0 { true } else { false } })
        {
            return steps[index].dtype
        }
        return step.dtype
    }
}

extension FusedProgram {
    /// The type in which each scalar slot is read; float16 and bfloat16 stand for float32 (``Operand/scalar(_:)``).
    public var scalarTypes: [DType] {
        var types = [DType](repeating: .float32, count: scalarCount)
        for step in steps {
            for (position, operand) in step.operands.enumerated() {
                guard case .scalar(let slot) = operand else { continue }
                types[slot] = operandType(of: step, at: position)
            }
        }
        return types
    }

    /// The type in which operand `position` of `step` is read.
    public func operandType(of step: Step, at position: Int) -> DType {
        if case .value(let index) = step.operands[position] { return steps[index].dtype }
        if case .gather = step.operation { return .int64 }
        guard case .pointwise(let operation) = step.operation else { return step.dtype }
        switch operation.row.rule {
        case .random: return .int64
        case .selection where position == 0: return .bool
        case .comparison: return computeType(of: step)
        case .selection, .same, .sameNumber, .sameFloat, .sameInteger, .logical, .conversion: return step.dtype
        }
    }
}

extension FusedProgram: CustomStringConvertible {
    /// One line a step: `%3 row float32 = sum %2`. Elements, rows and totals are told apart; scalars are `s0`, inputs `in0`.
    public var description: String {
        var lines = steps.indices.map(text(ofStep:))
        lines.append("store " + outputs.map { "%\($0.value)" }.joined(separator: " "))
        return lines.joined(separator: "\n")
    }

    /// The step's line.
    package func text(ofStep index: Int) -> String {
        let step = steps[index]
        let name =
            switch step.operation {
            case .load(let input): "load in\(input)"
            case .gather(let input): "gather in\(input)"
            case .index(let input): "index in\(input)"
            case .fill: "fill"
            case .pointwise(let operation): operation.name
            case .reduce(let operation): operation.name
            }
        let operands = step.operands.map { operand in
            switch operand {
            case .value(let value): "%\(value)"
            case .scalar(let slot): "s\(slot)"
            }
        }
        return "%\(index) \(step.level) \(step.dtype) = " + ([name] + operands).joined(separator: " ")
    }
}
