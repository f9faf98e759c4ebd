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
    /// The pointwise program of the launch (a pointwise kernel, or another's epilogue), and how many operands stand before
    /// those of its inputs that have bindings.
    private var pointwise: (kernel: FusedKernel, operands: Int)? {
        switch body {
        case let kernel as FusedKernel: kernel.program.hasReduction ? nil : (kernel, 0)
        case let kernel as MatmulKernel: (kernel.epilogue, 2)
        case let kernel as ConvolutionKernel: (kernel.epilogue, 2)
        case let kernel as PoolingKernel: (kernel.epilogue, kernel.sourceCount)
        default: nil
        }
    }

    /// Whether the launch reads what lies in `value`'s memory only place by place where it writes `result`, so that the two
    /// may share it.
    ///
    /// - Parameter owner: the value in whose memory another lies; itself where it has its own.
    func reads(_ value: Int, inPlaceOf result: Int, owner: (Int) -> Int) -> Bool {
        guard let (kernel, operands) = pointwise else { return false }
        // An epilogue's first input is the kernel's own result and has no binding.
        let hidden = operands == 0 ? 0 : 1
        let firstOutput = operands + kernel.inputs.count - hidden
        guard let output = bindings.firstIndex(where: { $0.isOutput && $0.target == .value(result) }),
            bindings[output].offset == OffsetExpression()
        else { return false }
        let written = kernel.outputs[output - firstOutput].strides
        for (position, binding) in bindings.enumerated() {
            guard case .value(let target) = binding.target, owner(target) == value else { continue }
            if target != value || binding.isOutput || position < operands { return false }
            let access = kernel.inputs[position - operands + hidden]
            if access.strides != written || access.gatherCount != 0 || binding.offset != OffsetExpression() {
                return false
            }
        }
        return true
    }
}
