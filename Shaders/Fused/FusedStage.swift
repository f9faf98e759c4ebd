import KernelIR
import TensorRuntime

/// A fused kernel that is one launch of a plan, with the buffers of its inputs, then outputs.
struct FusedStage {
    var kernel: FusedKernel
    var operands: [ShaderLaunch.Buffer]
    /// Into how many parts the inner dimensions are cut: each stores its own reductions, `[parts, rows]`.
    var parts = 1

    init(_ kernel: FusedKernel) {
        self.kernel = kernel
        self.kernel.program = kernel.program.roundingEachStep
        operands = (0..<kernel.operandCount).map { .operand($0) }
    }

    fileprivate init(kernel: FusedKernel, operands: [ShaderLaunch.Buffer]) {
        self.kernel = kernel
        self.operands = operands
    }

    var rowCount: Int { kernel.extents[..<kernel.outerRank].reduce(1, *) }
    var innerCount: Int { kernel.extents[kernel.outerRank...].reduce(1, *) }

    /// The number of reductions of elements that each step comes after.
    var depths: [Int] {
        var depths: [Int] = []
        for step in kernel.program.steps {
            var depth = 0
            for case .value(let number) in step.operands { depth = max(depth, depths[number]) }
            if case .reduce = step.operation, step.level == .row { depth += 1 }
            depths.append(depth)
        }
        return depths
    }

    /// The steps that outputs are made from.
    var needed: Set<Int> {
        var result = Set(kernel.program.outputs.map(\.value))
        for number in kernel.program.steps.indices.reversed() where result.contains(number) {
            for case .value(let operand) in kernel.program.steps[number].operands { result.insert(operand) }
        }
        return result
    }

    func reductions(_ level: FusedProgram.Level) -> [Int] {
        let needed = needed
        return kernel.program.steps.indices.filter { number in
            guard case .reduce = kernel.program.steps[number].operation else { return false }
            return kernel.program.steps[number].level == level && needed.contains(number)
        }
    }

    /// Whether a step is a sum that is made in float32.
    func isFloat32Sum(_ step: Int) -> Bool {
        guard case .reduce(.sum) = kernel.program.steps[step].operation else { return false }
        return kernel.program.steps[step].dtype.valueScalar == .float32
    }

    /// Whether a reduction of `level` gives an index, for which the order of dimensions matters.
    func yieldsIndex(_ level: FusedProgram.Level) -> Bool {
        reductions(level).contains { number in
            guard case .reduce(let operation) = kernel.program.steps[number].operation else { return false }
            return operation.yieldsIndex
        }
    }
}

extension DType {
    /// The type in which partial results wait: as exact as the kernel computes.
    var workspaceType: DType {
        switch self {
        case .float16, .bfloat16: .float32
        case .uint8: .int32
        case .bool, .int32, .int64, .float32, .float64: self
        }
    }
}

/// Writes a stage that does a part of another's steps, with values known from memory in the place of others.
struct FusedStageBuilder {
    private let source: FusedStage
    private let extents: Shape
    private let outerRank: Int
    /// From the source's levels and strides to the new stage's.
    private let level: (FusedProgram.Level) -> FusedProgram.Level
    private let strides: (Strides) -> Strides
    private var program: FusedProgram
    private var numbers: [Int: Int] = [:]
    private var inputNumbers: [Int: Int] = [:]
    private var inputs: [(FusedKernel.Access, ShaderLaunch.Buffer)] = []
    private var outputs: [(FusedKernel.Access, ShaderLaunch.Buffer)] = []

    init(
        _ source: FusedStage, extents: Shape, outerRank: Int,
        level: @escaping (FusedProgram.Level) -> FusedProgram.Level = { $0 },
        strides: @escaping (Strides) -> Strides = { $0 }
    ) {
        self.source = source
        self.extents = extents
        self.outerRank = outerRank
        self.level = level
        self.strides = strides
        program = FusedProgram(
            inputs: [], steps: [], outputs: [], scalarCount: source.kernel.program.scalarCount)
    }

    /// Adds a load of a value that lies in the workspace.
    private mutating func load(
        _ dtype: DType, from buffer: ShaderLaunch.Buffer, strides: Strides, level: FusedProgram.Level
    ) -> Int {
        program.inputs.append(dtype.workspaceType)
        inputs.append((FusedKernel.Access(strides: strides), buffer))
        program.steps.append(FusedProgram.Step(.load(input: inputs.count - 1), dtype: dtype, level: level))
        return program.steps.count - 1
    }

    /// Takes the value of a step from the workspace.
    mutating func know(_ step: Int, from buffer: ShaderLaunch.Buffer, strides: Strides, level: FusedProgram.Level) {
        numbers[step] = load(source.kernel.program.steps[step].dtype, from: buffer, strides: strides, level: level)
    }

    /// Takes the value of a reduction from its parts in the workspace, folding them.
    mutating func fold(_ step: Int, from buffer: ShaderLaunch.Buffer, strides: Strides) {
        let original = source.kernel.program.steps[step]
        let parts = load(original.dtype, from: buffer, strides: strides, level: .element)
        program.steps.append(
            FusedProgram.Step(original.operation, [.value(parts)], dtype: original.dtype, level: .row))
        numbers[step] = program.steps.count - 1
    }

    /// Adds a step and what it is made from; gives its number in the new program.
    @discardableResult
    mutating func include(_ step: Int) -> Int {
        if let known = numbers[step] { return known }
        var copy = source.kernel.program.steps[step]
        copy.operands = copy.operands.map { operand in
            if case .value(let number) = operand { .value(include(number)) } else { operand }
        }
        switch copy.operation {
        case .load(let input): copy.operation = .load(input: includeInput(input))
        case .gather(let input): copy.operation = .gather(input: includeInput(input))
        case .index(let input): copy.operation = .index(input: includeInput(input))
        case .fill, .pointwise, .reduce: break
        }
        copy.level = level(copy.level)
        program.steps.append(copy)
        numbers[step] = program.steps.count - 1
        return program.steps.count - 1
    }

    private mutating func includeInput(_ input: Int) -> Int {
        if let known = inputNumbers[input] { return known }
        var access = source.kernel.inputs[input]
        access.strides = strides(access.strides)
        program.inputs.append(source.kernel.program.inputs[input])
        inputs.append((access, source.operands[input]))
        inputNumbers[input] = inputs.count - 1
        return inputs.count - 1
    }

    /// Stores what the source's output stores.
    mutating func store(output: Int) {
        var access = source.kernel.outputs[output]
        access.strides = strides(access.strides)
        program.outputs.append(FusedProgram.Output(value: include(source.kernel.program.outputs[output].value)))
        outputs.append((access, source.operands[source.kernel.inputs.count + output]))
    }

    /// Stores a row value of the source to the workspace.
    mutating func store(_ step: Int, to buffer: ShaderLaunch.Buffer, strides: Strides) {
        var number = include(step)
        let original = program.steps[number]
        if original.dtype.workspaceType != original.dtype {
            program.steps.append(
                FusedProgram.Step(
                    .pointwise(.cast), [.value(number)], dtype: original.dtype.workspaceType, level: original.level))
            number = program.steps.count - 1
        }
        program.outputs.append(FusedProgram.Output(value: number))
        outputs.append((FusedKernel.Access(strides: strides), buffer))
    }

    var stage: FusedStage {
        let kernel = FusedKernel(
            program: program, extents: extents, outerRank: outerRank, inputs: inputs.map(\.0),
            outputs: outputs.map(\.0))
        return FusedStage(kernel: kernel, operands: inputs.map(\.1) + outputs.map(\.1))
    }
}
