import TensorRuntime

/// A kernel is its specification: nothing is compiled here.
final class HostKernel: DeviceKernel {
    let spec: KernelSpec
    /// Where a family has an epilogue, its result lies in a workspace until the epilogue has read it.
    let workspaceByteCount: Int
    var dispatchCount: Int { workspaceByteCount > 0 ? 2 : 1 }

    init(_ spec: KernelSpec) {
        self.spec = spec
        let epilogue = spec.body.feedsProgram ? spec.body.fused : nil
        workspaceByteCount = epilogue.map { max(1, $0.elementCount * $0.program.inputs[0].byteCount) } ?? 0
    }

    func run(_ bindings: [BufferBinding], _ scalars: [UInt64]) {
        let operands = zip(bindings, spec.body.operands).map { Operand($0, $1.dtype ?? .int64, offset: $0.offset) }
        switch spec.body {
        case let body as FusedKernel: body.run(operands, scalars)
        case let body as ScatterAddKernel: body.run(operands)
        case let body as SortKernel: body.run(operands)
        default: runWithEpilogue(operands, bindings[operands.count], scalars)
        }
    }

    private func runWithEpilogue(_ operands: [Operand], _ workspace: BufferBinding, _ scalars: [UInt64]) {
        guard var epilogue = spec.body.fused else { return }
        // A workspace's offset is in bytes.
        let dtype = epilogue.program.inputs[0]
        let result = Operand(workspace, dtype, offset: workspace.offset / dtype.byteCount)
        switch spec.body {
        case let body as MatmulKernel: body.run(operands, into: result)
        case let body as ConvolutionKernel: body.run(operands, into: result)
        case let body as PoolingKernel: body.run(operands, into: result)
        default: break  // The device's description has no other family.
        }
        // Input 0 of the epilogue is the result; its other operands stand behind the family's own.
        epilogue.inputs[0].strides = epilogue.extents.contiguousStrides
        epilogue.run([result] + operands[spec.body.sourceCount...], scalars)
    }
}

/// An operand of a launch: memory, the type of its elements, and which element is its first.
struct Operand {
    private let memory: UnsafeMutableRawPointer?
    let offset: Int
    private let dtype: DType

    init(_ binding: BufferBinding, _ dtype: DType, offset: Int) {
        (memory, self.dtype, self.offset) = ((binding.buffer as? HostBuffer)?.memory, dtype, offset)
    }

    /// Element `place`, counted from the first; what is stored is rounded.
    subscript(place: Int) -> Scalar {
        get { dtype.load(from: memory! + (offset + place) * dtype.byteCount) }
        nonmutating set { dtype.store(newValue, to: memory! + (offset + place) * dtype.byteCount) }
    }
}
