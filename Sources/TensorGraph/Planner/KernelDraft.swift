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
