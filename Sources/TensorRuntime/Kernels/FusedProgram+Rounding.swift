extension FusedProgram {
    /// The same program for a device that computes in float32 where a step's type is float16 or bfloat16: what those types
    /// may not hold is made in float32 and rounded by a cast. Other programs are themselves.
    package var roundingEachStep: FusedProgram {
        guard steps.contains(where: { $0.dtype.isShortFloat }) else { return self }
        var rounding = RoundingProgram(self)
        for step in steps { rounding.append(step) }
        var result = self
        result.steps = rounding.steps
        result.outputs = outputs.map { Output(value: rounding.numbers[$0.value]) }
        return result
    }
}

extension FusedProgram {
    /// The same epilogue for a kernel whose result comes in a wider type: it begins by rounding it.
    package func roundingFirstInput(from wide: DType) -> FusedProgram {
        var result = self
        result.inputs[0] = wide
        result.steps = []
        var numbers: [Int] = []
        for var step in steps {
            step.operands = step.operands.map { operand in
                if case .value(let number) = operand { .value(numbers[number]) } else { operand }
            }
            result.steps.append(step)
            if case .load(input: 0) = step.operation {
                let number = result.steps.count - 1
                result.steps[number].dtype = wide
                result.steps.append(Step(.pointwise(.cast), [.value(number)], dtype: step.dtype, level: step.level))
            }
            numbers.append(result.steps.count - 1)
        }
        result.outputs = outputs.map { Output(value: numbers[$0.value]) }
        return result
    }
}

/// A program that is written anew, its short floats computed in float32.
private struct RoundingProgram {
    private let source: FusedProgram
    private(set) var steps: [FusedProgram.Step] = []
    /// The new number of each step that was taken over.
    private(set) var numbers: [Int] = []
    /// The float32 form of a new step.
    private var wide: [Int: Int] = [:]

    init(_ source: FusedProgram) { self.source = source }

    mutating func append(_ step: FusedProgram.Step) {
        numbers.append(written(step))
    }

    /// Writes a step of the source; gives its number.
    private mutating func written(_ step: FusedProgram.Step) -> Int {
        let hasScalar = step.operands.contains { if case .scalar = $0 { true } else { false } }
        switch step.operation {
        case .pointwise(let operation) where operation.row.rule == .comparison && hasScalar:
            let type = source.computeType(of: step)
            return type.isShortFloat ? comparison(step, of: type) : copy(step)
        case _ where !step.dtype.isShortFloat: return copy(step)
        case .load, .gather, .index: return copy(step)
        case .reduce(.maximum), .reduce(.minimum), .reduce(.argmax), .reduce(.argmin): return copy(step)
        case .pointwise(.cast): return cast(step)
        case .pointwise(let operation) where operation.keepsPrecision && !hasScalar: return copy(step)
        case .fill, .reduce(.sum), .reduce(.product), .pointwise: return rounded(step)
        }
    }

    private mutating func add(_ step: FusedProgram.Step) -> Int {
        steps.append(step)
        return steps.count - 1
    }

    private mutating func add(cast value: Int, to dtype: DType) -> Int {
        add(FusedProgram.Step(.pointwise(.cast), [.value(value)], dtype: dtype, level: steps[value].level))
    }

    private func renumbered(_ operand: FusedProgram.Operand) -> FusedProgram.Operand {
        if case .value(let number) = operand { .value(numbers[number]) } else { operand }
    }

    private mutating func copy(_ step: FusedProgram.Step) -> Int {
        var step = step
        step.operands = step.operands.map(renumbered)
        return add(step)
    }

    /// The step in float32, rounded.
    private mutating func rounded(_ step: FusedProgram.Step) -> Int {
        var exact = step
        exact.dtype = .float32
        for position in step.operands.indices { exact.operands[position] = widened(step.operands[position]) }
        let value = add(exact)
        return add(cast: value, to: step.dtype)
    }

    private mutating func widened(_ operand: FusedProgram.Operand) -> FusedProgram.Operand {
        guard case .value(let old) = operand else { return operand }
        let number = numbers[old]
        guard steps[number].dtype.isShortFloat else { return .value(number) }
        if let known = wide[number] { return .value(known) }
        let value = add(cast: number, to: .float32)
        wide[number] = value
        return .value(value)
    }

    /// From a type that is computed otherwise by way of float32, so that the cast that rounds is one from that.
    private mutating func cast(_ step: FusedProgram.Step) -> Int {
        guard case .value(let old) = step.operands[0] else { return rounded(step) }
        let number = numbers[old]
        let from = steps[number].dtype
        let value = from.isShortFloat || from == .float32 ? number : add(cast: number, to: .float32)
        return add(cast: value, to: step.dtype)
    }

    /// Compared are numbers of one type: a scalar is rounded to it.
    private mutating func comparison(_ step: FusedProgram.Step, of type: DType) -> Int {
        var step = step
        for (position, operand) in step.operands.enumerated() {
            guard case .scalar = operand else {
                step.operands[position] = renumbered(operand)
                continue
            }
            let value = add(FusedProgram.Step(.fill, [operand], dtype: .float32, level: step.level))
            step.operands[position] = .value(add(cast: value, to: type))
        }
        return add(step)
    }
}

extension PointwiseOperation {
    /// Whether the result is a number of its operands' type without being rounded.
    fileprivate var keepsPrecision: Bool {
        switch self {
        case .identity, .negate, .abs, .sign, .relu, .floor, .ceil, .round, .trunc, .maximum, .minimum, .select: true
        default: false
        }
    }
}
