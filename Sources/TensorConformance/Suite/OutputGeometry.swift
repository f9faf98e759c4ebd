import TensorRuntime

/// Where a kernel writes one output, without running it.
struct OutputGeometry {
    /// The operand's position among the bindings.
    let operand: Int
    let dtype: DType
    /// Element places relative to the binding's offset, in the order of the iteration space.
    let places: [Int]

    /// The outputs of `spec`, in the order of their bindings.
    static func outputs(of spec: KernelSpec) -> [OutputGeometry] {
        spec.body.operands.enumerated().compactMap { position, operand in
            guard operand.isOutput, let dtype = operand.dtype else { return nil }
            return OutputGeometry(
                operand: position, dtype: dtype,
                places: ReferenceInterpreter.offsets(extents: operand.extents, strides: operand.strides))
        }
    }
}
