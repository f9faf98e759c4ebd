import TensorRuntime

/// Runs one fused kernel a row at a time; a program without reductions is a single row.
struct FusedInterpreter {
    private let kernel: FusedKernel
    private let program: FusedProgram
    private let operands: [HostOperand]
    private let scalars: [UInt64]
    private let boundary: Int
    private let rowCount: Int
    /// Element offsets of each access over the inner dimensions, and over the outer ones.
    private let innerOffsets: [[Int]]
    private let outerOffsets: [[Int]]
    /// The values of the row at hand, by step.
    private var values: [HostArray]
    /// All rows' values of the steps that a total folds.
    private var history: [Int: HostArray] = [:]

    init(_ kernel: FusedKernel, operands: [HostOperand], scalars: [UInt64]) {
        self.kernel = kernel
        self.program = kernel.program
        self.operands = operands
        self.scalars = scalars
        let boundary = kernel.program.hasReduction ? kernel.outerRank : 0
        self.boundary = boundary
        let extents = kernel.extents
        rowCount = extents[..<boundary].reduce(1, *)
        let accesses = kernel.inputs + kernel.outputs
        innerOffsets = accesses.map {
            ReferenceInterpreter.offsets(extents: extents[boundary...], strides: $0.strides[boundary...])
        }
        outerOffsets = accesses.map {
            ReferenceInterpreter.offsets(extents: extents[..<boundary], strides: $0.strides[..<boundary])
        }
        values = program.steps.map { HostArray(dtype: $0.dtype) }
        for step in program.steps where step.level == .total {
            for case .value(let index) in step.operands where program.steps[index].level == .row {
                history[index] = HostArray(dtype: program.steps[index].dtype)
            }
        }
    }

    private var innerCount: Int { kernel.extents[boundary...].reduce(1, *) }

    mutating func run() -> [HostWrites] {
        var writes = program.outputs.enumerated().map { position, output in
            HostWrites(
                operand: kernel.inputs.count + position, places: [],
                values: HostArray(dtype: program.steps[output.value].dtype))
        }
        for row in 0..<rowCount {
            for (index, step) in program.steps.enumerated() where step.level != .total {
                values[index] = evaluate(step, row: row, count: step.level == .element ? innerCount : 1)
                history[index]?.append(values[index])
            }
            store(&writes, row: row) { $0 != .total }
        }
        for (index, step) in program.steps.enumerated() where step.level == .total {
            values[index] = evaluate(step, row: 0, count: 1)
        }
        store(&writes, row: 0) { $0 == .total }
        return writes
    }

    private func store(_ writes: inout [HostWrites], row: Int, where level: (FusedProgram.Level) -> Bool) {
        for (position, output) in program.outputs.enumerated() {
            let step = program.steps[output.value]
            guard level(step.level) else { continue }
            let access = kernel.inputs.count + position
            let base = operands[access].offset
            switch step.level {
            case .element:
                let start = base + outerOffsets[access][row]
                writes[position].places += innerOffsets[access].map { start + $0 }
            case .row: writes[position].places.append(base + outerOffsets[access][row])
            case .total: writes[position].places.append(base)
            }
            writes[position].values.append(values[output.value])
        }
    }

    /// The values of a step at the row. Those of the short float types are rounded; wider ones stay as they were computed.
    private func evaluate(_ step: FusedProgram.Step, row: Int, count: Int) -> HostArray {
        var result = computed(step, row: row, count: count)
        if step.dtype.isShortFloat { result.floats = result.floats.map(step.dtype.rounded) }
        return result
    }

    private func computed(_ step: FusedProgram.Step, row: Int, count: Int) -> HostArray {
        switch step.operation {
        case .load(let input):
            let (base, inner) = places(of: input, step, row: row)
            return operands[input].array.gathered(base: base, offsets: inner)
        case .gather(let input):
            return gather(input, step, row: row, count: count)
        case .index(let input):
            let (base, inner) = places(of: input, step, row: row)
            return HostArray(integers: inner.map { Int64(base + $0) }, dtype: step.dtype)
        case .fill:
            return operand(0, of: step).broadcast(to: count)
        case .pointwise(let operation):
            let arguments = step.operands.indices.map { operand($0, of: step) }
            return operation.evaluated(
                on: arguments, count: count, computeType: program.computeType(of: step), dtype: step.dtype)
        case .reduce(let operation):
            guard case .value(let source) = step.operands[0] else {
                preconditionFailure("reference: a reduction folds a value, not a scalar")
            }
            let level = program.steps[source].level
            precondition(
                level.rawValue + 1 == step.level.rawValue,
                "reference: a reduction to level \(step.level) of a value of level \(level)")
            let values = step.level == .total ? history[source]! : values[source]
            return operation.evaluated(on: values, dtype: step.dtype)
        }
    }

    /// Where `step` reads `input` in this row: a base, and offsets over the inner dimensions at the step's level.
    private func places(of input: Int, _ step: FusedProgram.Step, row: Int) -> (base: Int, inner: [Int]) {
        let base = operands[input].offset
        switch step.level {
        case .element: return (base + outerOffsets[input][row], innerOffsets[input])
        case .row: return (base + outerOffsets[input][row], [0])
        case .total: return (base, [0])
        }
    }

    private func gather(_ input: Int, _ step: FusedProgram.Step, row: Int, count: Int) -> HostArray {
        let access = kernel.inputs[input]
        let (base, inner) = places(of: input, step, row: row)
        let indices = operand(0, of: step).broadcast(to: count)
        let array = operands[input].array
        var result = HostArray(dtype: step.dtype)
        for place in 0..<count {
            let index = Int(indices.integers[place])
            let isInside = index >= 0 && index < access.gatherCount
            let offset = base + inner[place] + (isInside ? index * access.gatherStride : 0)
            if step.dtype.isFloat {
                result.floats.append(isInside ? array.floats[offset] : .nan)
            } else {
                result.integers.append(isInside ? array.integers[offset] : 0)
            }
        }
        return result
    }

    /// An operand's values: as many as its level has, or one for a scalar, which in a 16-bit float type is a float32 but
    /// where it is compared.
    private func operand(_ position: Int, of step: FusedProgram.Step) -> HostArray {
        switch step.operands[position] {
        case .value(let index): return values[index]
        case .scalar(let slot):
            let dtype = program.operandType(of: step, at: position)
            if dtype.isFloat {
                let isCompared = step.dtype == .bool
                let computed: DType = dtype == .float64 ? .float64 : isCompared ? dtype : .float32
                return HostArray(floats: [computed.rounded(Double(bitPattern: scalars[slot]))], dtype: dtype)
            }
            return HostArray(integers: [dtype.wrapped(Int64(bitPattern: scalars[slot]))], dtype: dtype)
        }
    }
}

extension HostArray {
    /// A single value repeated `count` times; an array that has that many as it is.
    func broadcast(to count: Int) -> HostArray {
        if self.count == count { return self }
        precondition(self.count == 1, "reference: \(self.count) values where \(count) or one are due")
        if dtype.isFloat { return HostArray(floats: Array(repeating: floats[0], count: count), dtype: dtype) }
        return HostArray(integers: Array(repeating: integers[0], count: count), dtype: dtype)
    }
}
