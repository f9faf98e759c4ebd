import KernelIR
import Shaders
import TensorRuntime

extension ShaderLaunch {
    /// Bytes that a launch of a plan may touch of a buffer, from its operand's first element on; the lower bound may be
    /// negative.
    public func reach(of buffer: Buffer, in plan: ShaderPlan, of spec: KernelSpec) -> Range<Int> {
        switch buffer {
        case .workspace(let byteOffset): return 0..<plan.workspaceByteCount - byteOffset
        case .operand(let operand):
            let extent = spec.operandExtents[operand]
            let size = extent.dtype?.byteCount ?? 0
            return extent.lowest * size..<(extent.lowest + extent.count) * size
        }
    }

    /// The launch with those buffers marked as far (``Kernel/Buffer/isFar``) of which it touches more bytes than a device
    /// binds.
    public func reaching(beyond limit: Int, in plan: ShaderPlan, of spec: KernelSpec) -> ShaderLaunch {
        let far = buffers.filter { reach(of: $0.value, in: plan, of: spec).count > limit }
        if far.isEmpty { return self }
        var kernel = build()
        for number in kernel.buffers.indices { kernel.buffers[number].isFar = far[kernel.buffers[number].name] != nil }
        var launch = self
        launch.key.variant += [-2] + kernel.buffers.indices.filter { kernel.buffers[$0].isFar }
        let marked = kernel
        launch.build = { marked }
        return launch
    }
}
