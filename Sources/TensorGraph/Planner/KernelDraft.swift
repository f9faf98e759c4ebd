import TensorRuntime

/// A kernel whose operands are values, before memory is placed.
struct KernelDraft {
    struct Binding {
        enum Target: Equatable {
            /// The storage of a node that is no view.
            case value(Int)
            /// No buffer: an index.
            case index
        }

        var target: Target
        var offset: OffsetExpression
        var dtype: DType
        var isOutput: Bool
    }

    var body: any KernelBody
    var bindings: [Binding]
    var scalars: [(source: ScalarSource, dtype: DType)]
    var label: String
    /// Element counts of the outputs, in order.
    var outputCounts: [Int]
}

extension KernelDraft {
    /// Whether the launch reads what lies in `value`'s memory only place by place where it writes `result`, so that the two
    /// may share it.
    ///
    /// - Parameter owner: the value in whose memory another lies; itself where it has its own.
    func reads(_ value: Int, inPlaceOf result: Int, owner: (Int) -> Int) -> Bool {
        guard let kernel = body.fused, !kernel.program.hasReduction else { return false }
        let firstOutput = body.operand(ofOutput: 0)
        guard let output = bindings.firstIndex(where: { $0.isOutput && $0.target == .value(result) }),
            bindings[output].offset == OffsetExpression()
        else { return false }
        let written = kernel.outputs[output - firstOutput].strides
        for (position, binding) in bindings.enumerated() {
            guard case .value(let target) = binding.target, owner(target) == value else { continue }
            // What the family itself reads, it reads all over.
            if target != value || binding.isOutput || position < body.sourceCount { return false }
            let access = kernel.inputs[kernel.inputs.count - firstOutput + position]
            if access.strides != written || access.gatherCount != 0 || binding.offset != OffsetExpression() {
                return false
            }
        }
        return true
    }
}
