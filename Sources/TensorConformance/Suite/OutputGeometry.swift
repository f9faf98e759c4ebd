import TensorRuntime

/// Where a kernel writes one output, without running it.
struct OutputGeometry {
    /// The operand's position among the bindings.
    let operand: Int
    let dtype: DType
    /// Element places relative to the binding's offset, in the order of the iteration space.
    let places: [Int]

    /// The outputs of `spec`, in the order of their bindings; none for a family that the catalogue does not know.
    static func outputs(of spec: KernelSpec) -> [OutputGeometry] {
        switch spec.body {
        case let body as FusedKernel: outputs(of: body, shiftedBy: 0)
        case let body as MatmulKernel: outputs(of: body.epilogue, shiftedBy: 1)
        case let body as ConvolutionKernel: outputs(of: body.epilogue, shiftedBy: 1)
        case let body as PoolingKernel: outputs(of: body.epilogue, shiftedBy: body.sourceCount - 1)
        case let body as ScatterAddKernel: [scatterOutput(of: body)]
        default: []
        }
    }

    private static func outputs(of kernel: FusedKernel, shiftedBy shift: Int) -> [OutputGeometry] {
        let program = kernel.program
        return program.outputs.enumerated().map { position, output in
            let step = program.steps[output.value]
            let strides = kernel.outputs[position].strides
            let rank: Int
            switch step.level {
            case .element: rank = kernel.extents.rank
            case .row: rank = kernel.outerRank
            case .total: rank = 0
            }
            return OutputGeometry(
                operand: kernel.inputs.count + position + shift, dtype: step.dtype,
                places: ReferenceInterpreter.offsets(extents: kernel.extents[..<rank], strides: strides[..<rank]))
        }
    }

    private static func scatterOutput(of kernel: ScatterAddKernel) -> OutputGeometry {
        var shape = kernel.sourceShape
        shape[kernel.axis] = kernel.count
        return OutputGeometry(operand: 2, dtype: kernel.dtype, places: Array(0..<shape.elementCount))
    }
}
