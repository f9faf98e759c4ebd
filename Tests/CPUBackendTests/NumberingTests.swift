import CPUBackend
import CPUKernels
import TensorRuntime
import Testing

@Suite struct NumberingTests {
    @Test func cAndSwiftMeanTheSameByEachNumber() {
        let tables = CPUNumbering.tables
        #expect(CPUNumbering.mismatch(in: tables)?.message == nil)
        #expect(
            tables.map(\.swift.count) == [
                PointwiseOperation.allCases.count, ReductionOperation.allCases.count, DType.allCases.count,
                FusedProgram.Level.allCases.count, ConvolutionKernel.Kind.allCases.count,
                PoolingKernel.Kind.allCases.count,
            ])
    }

    /// What happens to each table's row is what a contributor forgets: a row left out, put at the wrong place or changed.
    @Test func aTableThatWasTamperedWithIsRefusedByName() throws {
        for (number, table) in CPUNumbering.tables.enumerated() {
            let middle = table.kernels.count / 2
            let name = table.kernels[middle]
            let others: [(kernels: [String], found: String)] = [
                (
                    table.kernels.filter { $0 != name },
                    table.kernels.dropFirst(middle + 1).first.map { "'\($0)'" } ?? "nothing"
                ),
                (
                    Array(table.kernels[..<middle]) + ["sech sameFloat 1"] + table.kernels[middle...],
                    "'sech sameFloat 1'"
                ),
                (table.kernels.map { $0 == name ? "\($0) 3" : $0 }, "'\(name) 3'"),
                (Array(table.kernels[..<middle]), "nothing"),
            ]
            for (kernels, found) in others {
                var tables = CPUNumbering.tables
                tables[number] = .init(table.subject, place: table.place, swift: table.swift, kernels: kernels)
                let error = try #require(CPUNumbering.mismatch(in: tables))
                #expect(error.kind == .internalFault)
                #expect(
                    error.message
                        == "cpu: \(table.subject) \(middle) is '\(name)' in Swift and \(found) in the C kernels; make them "
                        + "one in \(table.place)")
            }
        }
    }

    @Test func anOperationThatSwiftLacksIsRefusedToo() throws {
        let table = CPUNumbering.tables[0]
        let short = CPUNumbering.Table(
            table.subject, place: table.place, swift: table.swift.dropLast(), kernels: table.kernels)
        let error = try #require(CPUNumbering.mismatch(in: [short]))
        #expect(error.message.contains("is nothing in Swift and 'randomUniform random 3' in the C kernels"))
    }
}

/// A hole in a table of routines is found when a kernel is made, and never called.
@Suite struct RoutineHoleTests {
    private func lacking(_ steps: [nt_step], isa: nt_isa = NT_ISA_BASELINE) -> (isMade: Bool, step: Int32) {
        var description = nt_fused_description()
        description.rank = 1
        description.outer_rank = 1
        description.extents.0 = 4
        description.input_count = 2
        description.output_count = 1
        description.step_count = Int32(steps.count)
        description.scalar_count = 1
        var access = nt_access()
        access.strides.0 = 1
        var other = access
        access.dtype = Int32(NT_F32.rawValue)
        other.dtype = Int32(NT_U8.rawValue)
        var step: Int32 = -1
        let made = withUnsafePointer(to: access) { output in
            [access, other].withUnsafeBufferPointer { inputs in
                steps.withUnsafeBufferPointer { steps in
                    [Int32(steps.count - 1)].withUnsafeBufferPointer { values in
                        description.inputs = inputs.baseAddress
                        description.outputs = output
                        description.output_steps = values.baseAddress
                        description.steps = steps.baseAddress
                        return nt_fused_create(&description, isa, 0, &step)
                    }
                }
            }
        }
        nt_fused_destroy(made)
        return (made != nil, step)
    }

    private func step(
        _ kind: nt_step_kind, _ code: Int32, _ operands: [Int32], _ dtype: nt_dtype = NT_F32
    ) -> nt_step {
        var step = nt_step()
        step.kind = Int32(kind.rawValue)
        step.code = code
        step.dtype = Int32(dtype.rawValue)
        step.operand_count = Int32(operands.count)
        withUnsafeMutableBytes(of: &step.operands) { bytes in
            for (position, operand) in operands.enumerated() {
                bytes.storeBytes(of: operand, toByteOffset: 4 * position, as: Int32.self)
            }
        }
        return step
    }

    @Test func aStepWithoutARoutineIsNamed() {
        let float = step(NT_STEP_LOAD, 0, [])
        let byte = step(NT_STEP_LOAD, 1, [], NT_U8)
        func pointwise(_ operation: PointwiseOperation) -> Int32 { Int32(operation.rawValue) }
        for isa in [NT_ISA_BASELINE, NT_ISA_AVX2, NT_ISA_AVX512] {
            #expect(lacking([float, step(NT_STEP_POINTWISE, pointwise(.tan), [0])], isa: isa) == (true, -1))
            // No function of whole numbers, no logic of numbers, no operation of that number.
            #expect(lacking([byte, step(NT_STEP_POINTWISE, pointwise(.tan), [0], NT_U8)], isa: isa) == (false, 1))
            #expect(lacking([float, step(NT_STEP_POINTWISE, pointwise(.logicalAnd), [0, 0])], isa: isa) == (false, 1))
            #expect(lacking([float, step(NT_STEP_POINTWISE, 1000, [0])], isa: isa) == (false, 1))
            #expect(lacking([float, step(NT_STEP_POINTWISE, -1, [0])], isa: isa) == (false, 1))
            // A table with a routine for the first form alone: two operands of an operation of one.
            #expect(lacking([float, step(NT_STEP_POINTWISE, pointwise(.tan), [0, 0])], isa: isa) == (false, 1))
            // There are gathers by int32 and by int64.
            #expect(lacking([byte, step(NT_STEP_GATHER, 0, [0])], isa: isa) == (false, 1))
            var folded = step(NT_STEP_REDUCE, 6, [0])
            folded.level = Int32(NT_LEVEL_ROW.rawValue)
            #expect(lacking([float, folded], isa: isa) == (false, 1))
        }
    }

    @Test func productsAndScattersWithoutARoutineAreFound() {
        var product = nt_matmul()
        (product.m, product.n, product.k) = (4, 4, 4)
        (product.rsa, product.csa, product.rsb, product.csb) = (4, 1, 4, 1)
        for element in 0..<Int32(nt_element_count.rawValue) {
            product.element = element
            nt_matmul_plan(&product)
            #expect(nt_matmul_has_routine(&product) == 1)
            #expect(nt_scatter_has_routine(element) == 1)
        }
        product.element = Int32(nt_element_f32.rawValue)
        product.method = Int32(nt_matmul_typed.rawValue)
        #expect(nt_matmul_has_routine(&product) == 0)
        product.method = Int32(nt_matmul_blas.rawValue)
        #expect(nt_matmul_has_routine(&product) == 0)
        product.method = Int32(nt_matmul_packed.rawValue)
        product.element = Int32(nt_element_i64.rawValue)
        #expect(nt_matmul_has_routine(&product) == 0)
        for element in [-1, Int32(nt_element_count.rawValue)] {
            product.element = element
            #expect(nt_matmul_has_routine(&product) == 0)
            #expect(nt_scatter_has_routine(element) == 0)
        }
    }
}
