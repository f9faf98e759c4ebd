import CPUKernels
import TensorRuntime

/// A fused kernel compiled for the CPU's interpreter: `nt_fused`, owned.
///
/// Matmul, convolution and pooling hold one for their epilogue and run it box by box (``Purpose/boxes``).
final class CPUFusedProgram: @unchecked Sendable {
    // Safety: `nt_fused` is immutable once created.

    enum Purpose {
        /// `nt_fused_run`: the whole iteration space, on the pool.
        case wholeSpace
        /// `nt_fused_run_box`: parts of a pointwise program's space, each on one thread.
        case boxes
    }

    let pointer: OpaquePointer
    /// The element type of each operand (inputs, then outputs); nil for an input that is only an index.
    let operandTypes: [DType?]

    init(_ kernel: FusedKernel, instructionSet: nt_isa, purpose: Purpose) throws(TensorError) {
        var kernel = kernel
        kernel.program = kernel.program.roundingEachStep
        let program = kernel.program
        var lacking: Int32 = -1
        guard program.inputs.count == kernel.inputs.count, program.outputs.count == kernel.outputs.count,
            kernel.outerRank <= kernel.extents.rank,
            purpose == .wholeSpace || kernel.outerRank == kernel.extents.rank,
            let pointer = CPUFusedProgram.compile(
                kernel, instructionSet: instructionSet, purpose: purpose, lacking: &lacking)
        else {
            if lacking >= 0 {
                throw TensorError(
                    .unsupported, "cpu: there is no routine for step \(program.text(ofStep: Int(lacking)))")
            }
            throw TensorError(
                .unsupported,
                "cpu: fused program of \(program.inputs.count) inputs, \(program.outputs.count) outputs and "
                    + "\(program.steps.count) steps is malformed or binds more than \(NT_MAX_OPERANDS) operands; "
                    + "split it")
        }
        self.pointer = pointer
        operandTypes = CPUFusedProgram.operandTypes(of: program)
    }

    deinit { nt_fused_destroy(pointer) }

    /// What running it needs.
    var memory: nt_memory { nt_fused_memory(pointer) }

    /// About how many nanoseconds one thread takes for an element.
    var elementCost: Double { nt_fused_element_cost(pointer) }

    private static func operandTypes(of program: FusedProgram) -> [DType?] {
        var types: [DType?] = program.inputs
        for step in program.steps {
            if case .index(let input) = step.operation { types[input] = nil }
        }
        return types + program.outputs.map { program.steps[$0.value].dtype }
    }

    private static func compile(
        _ kernel: FusedKernel, instructionSet: nt_isa, purpose: Purpose, lacking: inout Int32
    ) -> OpaquePointer? {
        let program = kernel.program
        let steps = program.steps.map(nt_step.init)
        let inputs = zip(kernel.inputs, program.inputs).map { nt_access($0, dtype: $1) }
        let outputs = zip(kernel.outputs, program.outputs).map { nt_access($0, dtype: program.steps[$1.value].dtype) }
        let values = program.outputs.map { Int32($0.value) }
        var description = nt_fused_description()
        description.rank = Int32(kernel.extents.rank)
        description.outer_rank = Int32(kernel.outerRank)
        withUnsafeMutableBytes(of: &description.extents) { raw in
            let extents = raw.bindMemory(to: Int64.self)
            for axis in 0..<kernel.extents.rank { extents[axis] = Int64(kernel.extents[axis]) }
        }
        description.input_count = Int32(inputs.count)
        description.output_count = Int32(outputs.count)
        description.step_count = Int32(steps.count)
        description.scalar_count = Int32(program.scalarCount)
        return steps.withUnsafeBufferPointer { steps in
            inputs.withUnsafeBufferPointer { inputs in
                outputs.withUnsafeBufferPointer { outputs in
                    values.withUnsafeBufferPointer { values in
                        description.steps = steps.baseAddress
                        description.inputs = inputs.baseAddress
                        description.outputs = outputs.baseAddress
                        description.output_steps = values.baseAddress
                        return nt_fused_create(
                            &description, instructionSet, purpose == .boxes ? 1 : 0, &lacking)
                    }
                }
            }
        }
    }
}

extension nt_step {
    fileprivate init(_ step: FusedProgram.Step) {
        self.init()
        switch step.operation {
        case .load(let input): (kind, code) = (Int32(NT_STEP_LOAD.rawValue), Int32(input))
        case .gather(let input): (kind, code) = (Int32(NT_STEP_GATHER.rawValue), Int32(input))
        case .index(let input): (kind, code) = (Int32(NT_STEP_INDEX.rawValue), Int32(input))
        case .fill: (kind, code) = (Int32(NT_STEP_FILL.rawValue), 0)
        case .pointwise(let operation):
            (kind, code) = (Int32(NT_STEP_POINTWISE.rawValue), Int32(operation.rawValue))
        case .reduce(let operation): (kind, code) = (Int32(NT_STEP_REDUCE.rawValue), Int32(operation.rawValue))
        }
        dtype = Int32(step.dtype.rawValue)
        level = Int32(step.level.rawValue)
        operand_count = Int32(step.operands.count)
        withUnsafeMutableBytes(of: &operands) { raw in
            let slots = raw.bindMemory(to: Int32.self)
            for (position, operand) in step.operands.enumerated() where position < slots.count {
                switch operand {
                case .value(let index): slots[position] = Int32(index)
                case .scalar(let slot): slots[position] = -1 - Int32(slot)
                }
            }
        }
    }
}

extension nt_access {
    fileprivate init(_ access: FusedKernel.Access, dtype: DType) {
        self.init()
        self.dtype = Int32(dtype.rawValue)
        gather_stride = Int64(access.gatherStride)
        gather_count = Int64(access.gatherCount)
        withUnsafeMutableBytes(of: &strides) { raw in
            let slots = raw.bindMemory(to: Int64.self)
            for axis in 0..<access.strides.rank { slots[axis] = Int64(access.strides[axis]) }
        }
    }
}
