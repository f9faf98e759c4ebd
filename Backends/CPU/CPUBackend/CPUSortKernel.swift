import CPUKernels
import TensorRuntime

/// Stable sorting of rows (`sort.c`).
final class CPUSortKernel: CPUKernel {
    let spec: KernelSpec
    let operandTypes: [DType?]
    let memory: CPUMemory
    private let plan: nt_sort
    /// The operands of the results that are written.
    private let values: Int?
    private let indices: Int?

    init(_ body: SortKernel, device: CPUDevice) {
        spec = KernelSpec(body)
        operandTypes = body.operands.map(\.dtype)
        values = body.results.firstIndex(of: .values).map { $0 + 1 }
        indices = body.results.firstIndex(of: .indices).map { $0 + 1 }
        let rows = Layout.collapsed(
            extents: Shape(body.shape.dropLast()), strides: [Strides(body.strides.dropLast())],
            boundary: body.shape.rank - 1)
        var plan = nt_sort()
        plan.element = Int32(CPUSortKernel.element(of: body.dtype).rawValue)
        plan.descending = body.descending
        plan.rank = Int32(rows.extents.rank)
        store(rows.extents, in: &plan.rows)
        store(rows.strides[0], in: &plan.row_strides)
        plan.length = Int64(body.length)
        plan.stride = Int64(body.strides[body.shape.rank - 1])
        plan.kept = Int64(body.kept)
        memory = CPUMemory(nt_sort_memory(&plan, Int32(device.threads)), threads: device.threads)
        self.plan = plan
    }

    func run(_ launch: CPULaunch) {
        var workers = memory.workers(launch)
        withUnsafePointer(to: plan) { plan in
            nt_sort_run(
                plan, &workers, launch.operands[0], values.flatMap { launch.operands[$0] },
                indices.flatMap { launch.operands[$0] }?.assumingMemoryBound(to: Int64.self))
        }
    }

    private static func element(of dtype: DType) -> nt_sort_element {
        switch dtype {
        case .float16: nt_sort_f16
        case .bfloat16: nt_sort_bf16
        case .float32: nt_sort_f32
        case .float64: nt_sort_f64
        case .int32: nt_sort_i32
        case .int64: nt_sort_i64
        case .uint8: nt_sort_u8
        case .bool: nt_sort_bool
        }
    }
}
