import CPUKernels
import TensorRuntime

/// Batched matrix product with an epilogue; the method and its tiles are chosen in C by the shape (`matmul.c`), a BLAS
/// library for large ones by measurement.
final class CPUMatmulKernel: CPUKernel {
    let spec: KernelSpec
    let operandTypes: [DType?]
    private let plan: nt_matmul
    let memory: CPUMemory
    /// The library that computes the product; nil where the own kernels do.
    private let library: BLAS?
    private let epilogue: CPUEpilogue

    init(_ body: MatmulKernel, device: CPUDevice) throws(TensorError) {
        guard let element = nt_element(body.dtype) else {
            throw TensorError(.unsupported, "cpu: matmul of \(body.dtype) is not supported; cast to float32")
        }
        spec = KernelSpec(body)
        var shape = body.batch
        shape.append(body.m)
        shape.append(body.n)
        epilogue = try CPUEpilogue(
            body.epilogue, dtype: body.result, computedIn: body.accumulator, shape: shape, device: device)
        operandTypes = [body.dtype, body.dtype] + epilogue.bindingTypes
        let rank = body.batch.rank
        var plan = nt_matmul()
        plan.isa = Int32(device.instructionSet.rawValue)
        plan.element = Int32(element.rawValue)
        plan.batch_rank = Int32(rank)
        store(body.batch, in: &plan.batch)
        store(body.aStrides.prefix(rank), in: &plan.a_batch)
        store(body.bStrides.prefix(rank), in: &plan.b_batch)
        (plan.m, plan.n, plan.k) = (Int64(body.m), Int64(body.n), Int64(body.k))
        (plan.rsa, plan.csa) = (Int64(body.aStrides[rank]), Int64(body.aStrides[rank + 1]))
        (plan.rsb, plan.csb) = (Int64(body.bStrides[rank]), Int64(body.bStrides[rank + 1]))
        library = try CPUMatmulKernel.choose(&plan, body, device: device)
        guard nt_matmul_has_routine(&plan) != 0 else {
            throw TensorError(.unsupported, "cpu: there is no routine for matmul of \(body.dtype); cast to float32")
        }
        memory = epilogue.memory(
            of: nt_matmul_memory(&plan), inParts: nt_matmul_tile_memory(&plan), device: device)
        self.plan = plan
    }

    /// Plans the product, and gives the library that computes it: where `nt_matmul_plan` would take one, the measurement says
    /// whether it is.
    private static func choose(
        _ plan: inout nt_matmul, _ body: MatmulKernel, device: CPUDevice
    ) throws(TensorError) -> BLAS? {
        if let blas = try device.blas {
            (plan.sgemm, plan.dgemm) = (blas.library.sgemm, blas.library.dgemm)
            nt_matmul_plan(&plan)
            guard plan.method == Int32(nt_matmul_blas.rawValue) else { return nil }
            let sizeClass = BLASSelection.SizeClass(body.dtype, m: body.m, n: body.n, k: body.k)
            if blas.selection.prefersLibrary(for: sizeClass) { return blas.library }
            (plan.sgemm, plan.dgemm) = (nil, nil)
        }
        nt_matmul_plan(&plan)
        return nil
    }

    var listing: String { "\(spec.listing)\nby \(library.map { "the library \($0.path)" } ?? "own kernels")" }

    func run(_ launch: CPULaunch) {
        epilogue.run(launch, memory, firstBinding: 2) { result, workers, epilogue in
            withUnsafePointer(to: plan) { plan in
                nt_matmul_run(plan, workers, launch.operands[0], launch.operands[1], result, epilogue)
            }
        }
    }
}

extension nt_element {
    /// The C kernels' name of a type; nil where they do not have it.
    init?(_ dtype: DType) {
        switch dtype {
        case .float32: self = nt_element_f32
        case .float64: self = nt_element_f64
        case .int32: self = nt_element_i32
        case .int64: self = nt_element_i64
        case .uint8: self = nt_element_u8
        case .float16: self = nt_element_f16
        case .bfloat16: self = nt_element_bf16
        case .bool: return nil
        }
    }
}

/// Copies extents or strides into one of C's arrays of eight.
func store<Array>(_ values: some Collection<Int>, in array: inout Array) {
    withUnsafeMutableBytes(of: &array) { raw in
        let slots = raw.bindMemory(to: Int64.self)
        for (position, value) in values.enumerated() { slots[position] = Int64(value) }
    }
}
