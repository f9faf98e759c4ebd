import CPUKernels
import TensorRuntime

/// Scatter-add in ascending order of the source (`scatter.c`).
final class CPUScatterAddKernel: CPUKernel {
    let spec: KernelSpec
    let operandTypes: [DType?]
    let memory: CPUMemory
    private let plan: nt_scatter

    init(_ body: ScatterAddKernel, device: CPUDevice) throws(TensorError) {
        guard let element = nt_element(body.dtype), nt_scatter_has_routine(Int32(element.rawValue)) != 0 else {
            throw TensorError(.unsupported, "cpu: scatterAdd of \(body.dtype) is not supported; cast to float32")
        }
        spec = KernelSpec(body)
        operandTypes = [body.dtype, .int64, body.dtype]
        let shape = body.sourceShape
        let axis = body.axis
        let outer = Layout.collapsed(
            extents: Shape(shape.prefix(axis)),
            strides: [Strides(body.sourceStrides.prefix(axis)), Strides(body.indexStrides.prefix(axis))],
            boundary: axis)
        let tail = axis + 1
        let inner = Layout.collapsed(
            extents: Shape(shape.dropFirst(tail)),
            strides: [Strides(body.sourceStrides.dropFirst(tail)), Strides(body.indexStrides.dropFirst(tail))],
            boundary: shape.rank - tail)
        var plan = nt_scatter()
        plan.element = Int32(element.rawValue)
        plan.outer_rank = Int32(outer.extents.rank)
        plan.inner_rank = Int32(inner.extents.rank)
        store(outer.extents, in: &plan.outer)
        store(outer.strides[0], in: &plan.outer_source)
        store(outer.strides[1], in: &plan.outer_index)
        store(inner.extents, in: &plan.inner)
        store(inner.strides[0], in: &plan.inner_source)
        store(inner.strides[1], in: &plan.inner_index)
        plan.extent = Int64(shape[axis])
        plan.extent_source = Int64(body.sourceStrides[axis])
        plan.extent_index = Int64(body.indexStrides[axis])
        plan.count = Int64(body.count)
        memory = CPUMemory(nt_scatter_memory(&plan), threads: device.threads)
        self.plan = plan
    }

    func run(_ launch: CPULaunch) {
        var workers = memory.workers(launch)
        withUnsafePointer(to: plan) { plan in
            nt_scatter_run(
                plan, &workers, launch.operands[0],
                launch.operands[1]?.assumingMemoryBound(to: Int64.self), launch.operands[2])
        }
    }
}
